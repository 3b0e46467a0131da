/*
 * What a request of the tus protocol says (tus 1.0.0: core, creation, creation-with-upload, creation-defer-length,
 * checksum). Pure functions on a request's head; any thread.
 */
#ifndef LC_GATEWAY_TUS_REQUEST_H
#define LC_GATEWAY_TUS_REQUEST_H

#include "services/upload-gw/errors.h"
#include "shared/http/head.h"

#define TUS_METADATA_SIZE 4096
#define TUS_NAME_SIZE     1024 /* of a decoded file name; filename_clean judges it */
#define TUS_TOKEN_SIZE    64   /* any spelling of a token */

struct tus_request {
    int64_t offset, length; /* -1: not given */
    bool defers;            /* Upload-Defer-Length: 1 */
    bool content;           /* the type of a part: application/offset+octet-stream */
    const char *why;        /* of TUS_FIELD: what is wrong, static */
};

/* Reads the fields: GATEWAY_OK, TUS_VERSION or TUS_FIELD. */
enum gateway_error tus_request_read(const struct head *h, struct tus_request *out);

struct tus_metadata {
    char name[TUS_NAME_SIZE], token[TUS_TOKEN_SIZE]; /* decoded, NUL-terminated; empty: not there */
    size_t name_len;
    bool has_token;
    char kept[TUS_METADATA_SIZE]; /* as sent, but the token: who knows the upload's address is not to learn it */
};

/* Upload-Metadata: `key base64, key base64, key`. GATEWAY_OK or TUS_FIELD with `*why`. No field: all is empty. */
enum gateway_error tus_metadata_read(const struct head *h, struct tus_metadata *out, const char **why);

#endif
