/*
 * The load of tests/bench/receive: N connections that each PUT one body out of the page cache by sendfile, so that the
 * sender costs next to nothing and both servers get the same; or through TLS, whose certificate it does not look at.
 * Prints one line of JSON. Not a client for anything else.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BODY_FILE  (64L << 20) /* sent over and over until the body is complete */
#define MAX_ANSWER 4096
#define MAX_HEAD   1024
#define TLS_PIECE  (1 << 20)
#define MAX_SENDS  1024
#define BLOCK      4096

struct upload {
    const char *prefix; /* of the path; the connection's index follows */
    int64_t bytes;
    in_port_t port; /* network order */
    int index, source;
    const char *source_bytes; /* of the same file */
    SSL_CTX *tls;             /* NULL: plain */
    int status;               /* of the answer; 0: none */
    int64_t took;             /* ns to the answer */
};

static int64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int connect_to(in_port_t port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = port, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static int write_head(char *head, size_t size, const struct upload *u)
{
    return snprintf(head, size,
                    "PUT %s%d HTTP/1.1\r\nHost: bench\r\nContent-Type: application/octet-stream\r\n"
                    "Connection: close\r\nContent-Length: %" PRId64 "\r\n\r\n",
                    u->prefix, u->index, u->bytes);
}

static int send_head(int fd, const struct upload *u)
{
    char head[MAX_HEAD];
    int len = write_head(head, sizeof(head), u);

    return send(fd, head, (size_t)len, MSG_NOSIGNAL) == len ? 0 : -1;
}

static int send_body(int fd, const struct upload *u)
{
    int64_t left = u->bytes;

    while (left > 0) {
        off_t at = (off_t)((u->bytes - left) % BODY_FILE);
        int64_t room = BODY_FILE - at;
        ssize_t n = sendfile(fd, u->source, &at, (size_t)(left < room ? left : room));

        if (n <= 0)
            return -1;
        left -= n;
    }
    return 0;
}

static int read_status(int fd)
{
    char answer[MAX_ANSWER];
    size_t have = 0;

    while (have < sizeof(answer) - 1) {
        ssize_t n = recv(fd, answer + have, sizeof(answer) - 1 - have, 0);

        if (n <= 0)
            break;
        have += (size_t)n;
        answer[have] = '\0';
        if (strstr(answer, "\r\n\r\n"))
            return have > 12 ? (int)strtol(answer + 9, NULL, 10) : 0;
    }
    return 0;
}

static int send_by_tls(SSL *ssl, const struct upload *u)
{
    char head[MAX_HEAD];
    int len = write_head(head, sizeof(head), u);
    int64_t left = u->bytes;

    if (SSL_write(ssl, head, len) != len)
        return -1;
    while (left > 0) {
        int64_t at = (u->bytes - left) % BODY_FILE;
        int64_t room = BODY_FILE - at < TLS_PIECE ? BODY_FILE - at : TLS_PIECE;
        int n = SSL_write(ssl, u->source_bytes + at, (int)(left < room ? left : room));

        if (n <= 0)
            return -1;
        left -= n;
    }
    return 0;
}

static void run_by_tls(int fd, struct upload *u)
{
    char answer[MAX_ANSWER];
    SSL *ssl = SSL_new(u->tls);

    if (ssl && SSL_set_fd(ssl, fd) == 1 && SSL_connect(ssl) == 1) {
        (void)send_by_tls(ssl, u); /* a refusal in the middle still has its status to read */
        int n = SSL_read(ssl, answer, sizeof(answer) - 1);

        answer[n > 0 ? n : 0] = '\0';
        u->status = n > 12 ? (int)strtol(answer + 9, NULL, 10) : 0;
    }
    SSL_free(ssl);
}

static void *run_upload(void *arg)
{
    struct upload *u = arg;
    int64_t begin = now_ns();
    int fd = connect_to(u->port);

    if (fd < 0)
        return NULL;
    if (u->tls) {
        run_by_tls(fd, u);
    } else if (send_head(fd, u) == 0) {
        (void)send_body(fd, u); /* a refusal in the middle still has its status to read */
        u->status = read_status(fd);
    }
    close(fd);
    u->took = now_ns() - begin;
    return NULL;
}

/* The slowest upload's rate as a share of the fastest one's: they are of one size and begin together. */
static double fairness(const struct upload *uploads, int count)
{
    int64_t least = uploads[0].took, most = least;

    for (int i = 1; i < count; i++) {
        least = uploads[i].took < least ? uploads[i].took : least;
        most = uploads[i].took > most ? uploads[i].took : most;
    }
    return (double)least / (double)most;
}

/* A body file in memory, not compressible and not all alike. */
static int make_source(void)
{
    static uint64_t block[BLOCK];
    uint64_t seed = UINT64_C(0x9e3779b97f4a7c15);
    int fd = memfd_create("body", MFD_CLOEXEC);

    for (long done = 0; fd >= 0 && done < BODY_FILE; done += (long)sizeof(block)) {
        for (size_t i = 0; i < BLOCK; i++) {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            block[i] = seed;
        }
        if (write(fd, block, sizeof(block)) != (ssize_t)sizeof(block))
            return -1;
    }
    return fd;
}

static int run_all(struct upload *uploads, int count)
{
    pthread_t threads[MAX_SENDS];
    int64_t begin = now_ns();
    int failed = 0;

    for (int i = 0; i < count; i++) {
        if (pthread_create(&threads[i], NULL, run_upload, &uploads[i]) != 0) {
            fprintf(stderr, "send: no thread for connection %d\n", i);
            exit(1);
        }
    }
    for (int i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < count; i++) {
        if (uploads[i].status < 200 || uploads[i].status > 299) {
            fprintf(stderr, "send: connection %d was answered %d\n", i, uploads[i].status);
            failed = 1;
        }
    }
    printf("{\"seconds\":%.6f,\"bytes\":%" PRId64 ",\"fairness\":%.3f}\n", (double)(now_ns() - begin) / 1e9,
           uploads[0].bytes * count, fairness(uploads, count));
    return failed;
}

int main(int argc, char **argv)
{
    static struct upload uploads[MAX_SENDS];
    long port, count;
    int64_t bytes;
    int source;
    bool tls = argc == 6 && strcmp(argv[5], "tls") == 0;

    if (argc != 5 && !tls) {
        fprintf(stderr, "usage: bench_send PORT CONNECTIONS BYTES PATH-PREFIX [tls]\n");
        return 2;
    }
    port = strtol(argv[1], NULL, 10);
    count = strtol(argv[2], NULL, 10);
    bytes = strtoll(argv[3], NULL, 10);
    if (port < 1 || port > 65535 || count < 1 || count > MAX_SENDS || bytes < 1) {
        fprintf(stderr, "bench_send: a port, 1 to %d connections and at least 1 byte, please\n", MAX_SENDS);
        return 2;
    }
    source = make_source();
    if (source < 0) {
        fprintf(stderr, "bench_send: no memory for the body: %s\n", strerror(errno));
        return 1;
    }
    void *bytes_of_source = mmap(NULL, BODY_FILE, PROT_READ, MAP_SHARED, source, 0);
    SSL_CTX *context = tls ? SSL_CTX_new(TLS_client_method()) : NULL;

    if (bytes_of_source == MAP_FAILED || (tls && !context)) {
        fprintf(stderr, "bench_send: no memory\n");
        return 1;
    }
    signal(SIGPIPE, SIG_IGN); /* sendfile has no MSG_NOSIGNAL */
    for (int i = 0; i < count; i++)
        uploads[i] = (struct upload){.prefix = argv[4],
                                     .bytes = bytes,
                                     .port = htons((in_port_t)port),
                                     .index = i,
                                     .source = source,
                                     .source_bytes = bytes_of_source,
                                     .tls = context};
    return run_all(uploads, (int)count);
}
