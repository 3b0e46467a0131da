/* The handlers of the rows VERB in routes.def. */
#include "services/admin-api/http/handlers.h"
#include "services/admin-api/resources/resource.h"
#include "services/admin-api/schema/tables.h"

#define ROUTE(...)
#define VERB(method, path, access, body_limit, resource, verb)                                                         \
    int resource##_##verb(struct exchange *x)                                                                          \
    {                                                                                                                  \
        return resource_##verb(x, resource_##resource());                                                              \
    }
#include "services/admin-api/http/routes.def"
#undef ROUTE
