/*
 * Runs every input of a fuzz target many times with a fifth of all allocations refused, those of libraries included:
 * parsers must give up in order, without a crash or a second free. What a target holds of results does not hold then,
 * so its abort ends the input alone; the heap's own abort and signals end the program.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TIMES   40 /* each input */
#define PERCENT 20

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
void replay_run(const uint8_t *data, size_t size);

void *__libc_malloc(size_t size); /* glibc's own, for those who put theirs in front */
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);

static bool armed;
static unsigned long refused;
static uint64_t state = 88172645463325252u; /* xorshift: the same in every run */
static jmp_buf give_up;

static bool refuse(void)
{
    if (!armed)
        return false;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    if (state % 100 >= PERCENT)
        return false;
    ++refused;
    errno = ENOMEM;
    return true;
}

void *malloc(size_t size)
{
    return refuse() ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    return refuse() ? NULL : __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
    return refuse() ? NULL : __libc_realloc(old, size);
}

void __assert_fail(const char *what, const char *file, unsigned line, const char *function) __attribute__((noreturn));

/* jansson 2.14 asserts that its buffer grew; that is its own. */
void __assert_fail(const char *what, const char *file, unsigned line, const char *function)
{
    fprintf(stderr, "%s:%u: %s: %s\n", file, line, function, what);
    if (strcmp(file, "load.c") == 0)
        abort();
    __builtin_trap();
}

void abort(void)
{
    if (armed && refused > 0)
        longjmp(give_up, 1);
    __builtin_trap();
}

void replay_run(const uint8_t *data, size_t size)
{
    LLVMFuzzerTestOneInput(data, size); /* what libraries set up once, they set up in peace */
    for (volatile int i = 0; i < TIMES; ++i) {
        refused = 0;
        if (setjmp(give_up) == 0) {
            armed = true;
            LLVMFuzzerTestOneInput(data, size);
        }
        armed = false;
    }
}
