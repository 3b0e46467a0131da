/* GET /u/<token>.sh: deploy/uploader.sh with this gateway's address and the token in it. */
#ifndef LC_GATEWAY_UPLOADER_H
#define LC_GATEWAY_UPLOADER_H

#include "services/upload-gw/conn.h"

/* `token`: canonical. The address is PUBLIC_URL, never the request's Host. */
void uploader_answer(struct conn *c, const char *token);
/* A refusal as a script that says it and fails: a shell is what reads it. */
void uploader_refuse(struct conn *c, enum gateway_error e);

#endif
