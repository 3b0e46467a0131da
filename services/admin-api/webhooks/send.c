/* libcurl, kept on a short leash; see send.h. */
#include "services/admin-api/webhooks/send.h"

#include <curl/curl.h>
#include <errno.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shared/digest/digest.h"

#define ANSWER_MOST 65536 /* bytes of an answer's head or body that are read; nobody looks at them */
#define HEADER_SIZE 256

struct sending {
    const struct send_options *options;
    size_t taken;
    char refused[ADDRESS_TEXT_SIZE]; /* an address that the guard did not allow */
};

int send_setup(void)
{
    return curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? 0 : -ENOMEM;
}

int send_signature(const char *secret, int64_t seconds, const char *body, size_t len, char out[SEND_SIGNATURE_SIZE])
{
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned mac_len = 0;
    char *text = NULL;
    int head = asprintf(&text, "%" PRId64 ".", seconds);
    char *whole = head < 0 ? NULL : realloc(text, (size_t)head + len + 1);
    if (whole == NULL) {
        if (head >= 0)
            free(text);
        return -ENOMEM;
    }
    memcpy(whole + head, body, len);
    const unsigned char *done = HMAC(EVP_sha256(), secret, (int)strlen(secret), (const unsigned char *)whole,
                                     (size_t)head + len, mac, &mac_len);
    free(whole);
    if (done == NULL || mac_len != DIGEST_SIZE)
        return -ENOMEM;
    memcpy(out, "v1=", 3);
    digest_hex(mac, DIGEST_SIZE, out + 3);
    return 0;
}

/* The address as it will be connected to: after every name was looked up. */
static curl_socket_t on_open(void *arg, curlsocktype purpose, struct curl_sockaddr *to)
{
    struct sending *s = arg;
    struct address a;
    if (purpose == CURLSOCKTYPE_IPCXN && guard_allows(s->options->guard, &to->addr))
        return socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
    if (address_of_peer(&to->addr, &a) == 0)
        address_text(&a, s->refused);
    return CURL_SOCKET_BAD;
}

static size_t on_bytes(char *bytes, size_t size, size_t count, void *arg)
{
    struct sending *s = arg;
    (void)bytes;
    s->taken += size * count;
    return s->taken > ANSWER_MOST ? 0 : size * count; /* 0: libcurl gives up */
}

static struct curl_slist *add(struct curl_slist *list, bool *full, const char *name, const char *value)
{
    char line[HEADER_SIZE];
    snprintf(line, sizeof(line), "%s: %s", name, value);
    struct curl_slist *more = *full ? NULL : curl_slist_append(list, line);
    *full |= more == NULL;
    return more == NULL ? list : more;
}

static struct curl_slist *headers_of(const struct send_request *r)
{
    char id[24], seconds[24], signature[SEND_SIGNATURE_SIZE];
    bool full = send_signature(r->secret, r->now_us / 1000000, r->body, r->len, signature) < 0;
    struct curl_slist *list = NULL;
    snprintf(id, sizeof(id), "%" PRId64, r->id);
    snprintf(seconds, sizeof(seconds), "%" PRId64, r->now_us / 1000000);
    const char *const rows[][2] = {
        {"Content-Type", "application/json"},
        {"User-Agent", "logs-collector/" LC_VERSION},
        {"X-LC-Event", r->event},
        {"X-LC-Delivery", id},
        {"X-LC-Timestamp", seconds},
        {"X-LC-Signature", signature},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); ++i)
        list = add(list, &full, rows[i][0], rows[i][1]);
    list = full ? list : curl_slist_append(list, "Expect:");
    if (full)
        curl_slist_free_all(list);
    return full ? NULL : list;
}

static CURLcode set_up(CURL *curl, const struct send_request *r, struct sending *s, struct curl_slist *headers)
{
    CURLcode code = curl_easy_setopt(curl, CURLOPT_URL, r->url);
#define SET(option, value) code = code == CURLE_OK ? curl_easy_setopt(curl, option, value) : code
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_PROXY, "");
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_TIMEOUT_MS, (long)s->options->timeout_ms);
    SET(CURLOPT_CONNECTTIMEOUT_MS, (long)s->options->timeout_ms);
    SET(CURLOPT_OPENSOCKETFUNCTION, on_open);
    SET(CURLOPT_OPENSOCKETDATA, s);
    SET(CURLOPT_WRITEFUNCTION, on_bytes);
    SET(CURLOPT_WRITEDATA, s);
    SET(CURLOPT_HEADERFUNCTION, on_bytes);
    SET(CURLOPT_HEADERDATA, s);
    SET(CURLOPT_HTTPHEADER, headers);
    SET(CURLOPT_POST, 1L);
    SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->len);
    SET(CURLOPT_POSTFIELDS, r->body);
    if (s->options->ca_file[0] != '\0')
        SET(CURLOPT_CAINFO, s->options->ca_file);
#undef SET
    return code;
}

/* libcurl's own words, not its error buffer's: that would name hosts. */
static int judge(CURLcode code, const struct sending *s, struct send_answer *out)
{
    bool taken = out->status >= 200 && out->status < 300;
    bool cut = code == CURLE_WRITE_ERROR && s->taken > ANSWER_MOST; /* a long answer is an answer */
    if (code != CURLE_OK && s->refused[0] != '\0' && out->status == 0)
        snprintf(out->why, sizeof(out->why),
                 "its address %s is not a public one: add its network to WEBHOOK_ALLOW_NETS if it shall be reached",
                 s->refused);
    else if (code != CURLE_OK && !cut)
        snprintf(out->why, sizeof(out->why), "%s", curl_easy_strerror(code));
    else if (out->status >= 300 && out->status < 400)
        snprintf(out->why, sizeof(out->why), "it answered %d: redirects are not followed, give the final address",
                 (int)out->status);
    else if (!taken)
        snprintf(out->why, sizeof(out->why), "it answered %d", (int)out->status);
    return out->why[0] == '\0' ? 0 : -EIO;
}

int send_signed(const struct send_options *options, const struct send_request *request, struct send_answer *out)
{
    struct sending s = {.options = options};
    struct curl_slist *headers = headers_of(request);
    CURL *curl = headers == NULL ? NULL : curl_easy_init();
    long status = 0;

    *out = (struct send_answer){.status = 0};
    CURLcode code = curl == NULL ? CURLE_OUT_OF_MEMORY : set_up(curl, request, &s, headers);
    if (code == CURLE_OK)
        code = curl_easy_perform(curl);
    if (curl != NULL)
        (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    out->status = status;
    curl_easy_cleanup(curl);
    curl_slist_free_all(headers);
    return judge(code, &s, out);
}
