/* Reading rows of a resource: its SELECT and the JSON of a row, by the field rows. */
#ifndef LC_ADMIN_RESOURCES_ROW_H
#define LC_ADMIN_RESOURCES_ROW_H

#include "services/admin-api/resources/jsontext.h"
#include "services/admin-api/resources/resource.h"
#include "services/admin-api/resources/sql.h"

/* "SELECT <fields> FROM <from>"; how many columns that is. */
int row_select(const struct resource *r, struct sql *s, const char *further_columns);
/* The current row as a JSON object. */
void row_text(const struct exchange *x, const struct resource *r, const struct db_rows *row, struct jsontext *t);
/* The object with that id: 1 with *out, 0: none, or negative. */
int row_load(const struct exchange *x, const struct resource *r, struct db_conn *c, int64_t id, json_t **out)
    __attribute__((warn_unused_result));
/* " AND owner = the caller" where a resource has owners; for a WHERE under construction. */
void row_owner(const struct exchange *x, const struct resource *r, struct sql *s);
/* The id of the object that the path's first parameter names: 1, 0 or negative. */
int row_find(const struct exchange *x, const struct resource *r, struct db_conn *c, int64_t *id)
    __attribute__((warn_unused_result));

#endif
