/*
 * The second reading of a request's head, by our strict parser, before anything is made of the request: H2O takes
 * Content-Length beside Transfer-Encoding, lines that end in LF and more that a proxy in front may read in another way.
 * H2O keeps the head's bytes in front of the body until the request is done. Nothing is read behind a head refused.
 */
#include "shared/loop/server_internal.h"

/* Does H2O's body begin where our head ends, and is it as long as the head says? */
static bool same_body(const h2o_req_t *req, const char *body, const struct head *head)
{
    if (head->chunked)
        return req->entity.base == body;
    return req->entity.len == (size_t)(head->content_length < 0 ? 0 : head->content_length) &&
           (req->entity.len == 0 || req->entity.base == body);
}

bool head_is_strict(h2o_req_t *req)
{
    h2o_socket_t *sock = req->conn->callbacks->get_socket(req->conn);
    struct head head;
    const char *why = "the head could not be read again";
    ssize_t n = sock == NULL ? HEAD_BAD : head_parse(sock->input->bytes, sock->input->size, &head, &why);

    if (n > 0 && same_body(req, sock->input->bytes + n, &head)) {
        if (head.chunked) /* H2O's chunks may end in LF alone: whoever counts them otherwise finds no request behind */
            req->http1_is_persistent = 0;
        return true;
    }
    if (n == HEAD_EXPECTATION)
        h2o_send_error_generic(req, 417, "Expectation Failed", why, H2O_SEND_ERROR_HTTP1_CLOSE_CONNECTION);
    else
        h2o_send_error_400(req, "Bad Request", why, H2O_SEND_ERROR_HTTP1_CLOSE_CONNECTION);
    return false;
}
