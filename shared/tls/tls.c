/* OpenSSL behind tls.h. Its error queue belongs to the thread: it is emptied before each call whose error is asked. */
#include "shared/tls/tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509err.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Forward secrecy and authenticated encryption only (RFC 9325 4.2). */
#define CIPHERS "ECDHE+AESGCM:ECDHE+CHACHA20"
#define GROUPS  "X25519:P-256:P-384"
/* Records are read so many at a time: fewer system calls. Given back as soon as it is empty. */
#define READ_AHEAD (64 * 1024)

struct tls {
    pthread_mutex_t lock;
    SSL_CTX *context; /* sessions hold it, too */
};

struct tls_session {
    SSL *ssl;
    bool broken;
};

/* RFC 7301 3.2: a client that offers protocols and not this one is told so. */
static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_len, const unsigned char *in,
                           unsigned in_len, void *arg)
{
    static const unsigned char http[] = "\x08http/1.1";
    unsigned char *chosen = NULL;
    (void)ssl;
    (void)arg;
    if (SSL_select_next_proto(&chosen, out_len, http, sizeof(http) - 1, in, in_len) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

/* A key with a passphrase is refused rather than asked for on a terminal. */
static int no_passphrase(char *out, int size, int writing, void *arg)
{
    (void)out;
    (void)size;
    (void)writing;
    (void)arg;
    return -1;
}

static int set_rules(SSL_CTX *x)
{
    SSL_CTX_set_options(x, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA | SSL_OP_NO_RENEGOTIATION |
                               SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET | SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(x, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(x, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(x, 0);
    SSL_CTX_set_read_ahead(x, 1);
    SSL_CTX_set_default_read_buffer_len(x, READ_AHEAD);
    SSL_CTX_set_default_passwd_cb(x, no_passphrase);
    SSL_CTX_set_alpn_select_cb(x, choose_protocol, NULL);
    return SSL_CTX_set_min_proto_version(x, TLS1_2_VERSION) == 1 && SSL_CTX_set_cipher_list(x, CIPHERS) == 1 &&
                   SSL_CTX_set1_groups_list(x, GROUPS) == 1
               ? 0
               : -EINVAL;
}

/* OpenSSL's words say what a file lacks; this, what to give. */
static const char *advice(enum tls_file which, unsigned long code)
{
    if (ERR_SYSTEM_ERROR(code))
        return "name a file that this user may read";
    if (ERR_GET_LIB(code) == ERR_LIB_X509 && ERR_GET_REASON(code) == X509_R_KEY_VALUES_MISMATCH)
        return "the key is another certificate's: give the two that were made together";
    static const char *const what[] = {
        [TLS_NONE] = "",
        [TLS_CERT] = "give the certificate and then its chain as PEM (-----BEGIN CERTIFICATE-----)",
        [TLS_KEY] = "give the key as PEM without a passphrase (-----BEGIN PRIVATE KEY-----)",
        [TLS_AUTHORITIES] = "give the authorities' certificates as PEM (-----BEGIN CERTIFICATE-----)"};
    return what[which];
}

static int refuse(enum tls_file which, const char *file, enum tls_file *fault, char *why, size_t why_size)
{
    unsigned long code = ERR_peek_error();
    const char *reason = ERR_SYSTEM_ERROR(code) ? strerror(ERR_GET_REASON(code)) : ERR_reason_error_string(code);
    *fault = which;
    snprintf(why, why_size, "%s: %s: %s", file, reason != NULL ? reason : "it cannot be read as PEM",
             advice(which, code));
    ERR_clear_error();
    return -EINVAL;
}

static int load(const char *cert_file, const char *key_file, SSL_CTX **out, enum tls_file *fault, char *why,
                size_t why_size)
{
    ERR_clear_error();
    *fault = TLS_NONE;
    SSL_CTX *x = SSL_CTX_new(TLS_server_method());
    int err = x == NULL ? -ENOMEM : set_rules(x);
    if (err < 0)
        snprintf(why, why_size, "OpenSSL refuses its settings");
    else if (SSL_CTX_use_certificate_chain_file(x, cert_file) != 1)
        err = refuse(TLS_CERT, cert_file, fault, why, why_size);
    else if (SSL_CTX_use_PrivateKey_file(x, key_file, SSL_FILETYPE_PEM) != 1 || SSL_CTX_check_private_key(x) != 1)
        err = refuse(TLS_KEY, key_file, fault, why, why_size);
    if (err < 0) {
        SSL_CTX_free(x);
        return err;
    }
    *out = x;
    return 0;
}

int tls_check_authorities(const char *file, char *why, size_t why_size)
{
    enum tls_file fault;
    ERR_clear_error();
    STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(file);
    if (names == NULL)
        return refuse(TLS_AUTHORITIES, file, &fault, why, why_size);
    sk_X509_NAME_pop_free(names, X509_NAME_free);
    return 0;
}

int tls_new(const char *cert_file, const char *key_file, struct tls **out, enum tls_file *fault, char *why,
            size_t why_size)
{
    struct tls *t = calloc(1, sizeof(*t));
    int err = t == NULL ? -ENOMEM : load(cert_file, key_file, &t->context, fault, why, why_size);
    if (err < 0) {
        free(t);
        return err;
    }
    pthread_mutex_init(&t->lock, NULL);
    *out = t;
    return 0;
}

int tls_reload(struct tls *t, const char *cert_file, const char *key_file, enum tls_file *fault, char *why,
               size_t why_size)
{
    SSL_CTX *fresh;
    int err = load(cert_file, key_file, &fresh, fault, why, why_size);
    if (err < 0)
        return err;
    pthread_mutex_lock(&t->lock);
    SSL_CTX *former = t->context;
    t->context = fresh;
    pthread_mutex_unlock(&t->lock);
    SSL_CTX_free(former);
    return 0;
}

int64_t tls_expires(struct tls *t)
{
    struct tm end;
    pthread_mutex_lock(&t->lock);
    const X509 *c = SSL_CTX_get0_certificate(t->context);
    bool known = c != NULL && ASN1_TIME_to_tm(X509_get0_notAfter(c), &end) == 1;
    pthread_mutex_unlock(&t->lock);
    return known ? timegm(&end) : 0;
}

void tls_free(struct tls *t)
{
    if (t == NULL)
        return;
    SSL_CTX_free(t->context);
    pthread_mutex_destroy(&t->lock);
    free(t);
}

struct tls_session *tls_session_new(struct tls *t, int fd)
{
    struct tls_session *s = calloc(1, sizeof(*s));
    if (s == NULL)
        return NULL;
    pthread_mutex_lock(&t->lock);
    s->ssl = SSL_new(t->context);
    pthread_mutex_unlock(&t->lock);
    if (s->ssl == NULL || SSL_set_fd(s->ssl, fd) != 1) {
        tls_session_free(s);
        return NULL;
    }
    SSL_set_accept_state(s->ssl);
    return s;
}

void tls_session_free(struct tls_session *s)
{
    if (s == NULL)
        return;
    SSL_free(s->ssl);
    free(s);
}

int tls_handshake(struct tls_session *s)
{
    ERR_clear_error();
    int result = SSL_do_handshake(s->ssl);
    if (result == 1)
        return 0;
    switch (SSL_get_error(s->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        return -EAGAIN;
    case SSL_ERROR_WANT_WRITE:
        return -EINPROGRESS;
    default:
        s->broken = true;
        return -EPROTO;
    }
}

/* After a call that gave nothing: 0 at the other side's end. */
static ssize_t outcome(struct tls_session *s)
{
    switch (SSL_get_error(s->ssl, 0)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE: /* an answer to a key update that will go out with the next call */
        return -EAGAIN;
    case SSL_ERROR_ZERO_RETURN:
        return 0;
    default:
        s->broken = true;
        return -ECONNRESET;
    }
}

ssize_t tls_recv(struct tls_session *s, void *buffer, size_t size)
{
    size_t got = 0, n;
    while (got < size && !s->broken) {
        ERR_clear_error();
        if (SSL_read_ex(s->ssl, (char *)buffer + got, size - got, &n) == 1) { /* one record at most */
            got += n;
            continue;
        }
        ssize_t why = outcome(s);
        return got > 0 ? (ssize_t)got : why;
    }
    return got > 0 ? (ssize_t)got : -ECONNRESET;
}

ssize_t tls_send(struct tls_session *s, const void *bytes, size_t len)
{
    size_t n;
    if (s->broken)
        return -ECONNRESET;
    ERR_clear_error();
    if (SSL_write_ex(s->ssl, bytes, len, &n) == 1)
        return (ssize_t)n;
    ssize_t why = outcome(s);
    return why == 0 ? -ECONNRESET : why;
}

bool tls_holds(const struct tls_session *s)
{
    return SSL_has_pending(s->ssl) == 1;
}

void tls_end(struct tls_session *s)
{
    if (s->broken || SSL_in_init(s->ssl) || (SSL_get_shutdown(s->ssl) & SSL_SENT_SHUTDOWN) != 0)
        return;
    ERR_clear_error();
    (void)SSL_shutdown(s->ssl); /* 0 or -1: the other side's is not waited for */
}
