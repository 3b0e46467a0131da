/*
 * Runs a fuzz target over files instead of libFuzzer: each argument is a file or a directory of files, options of
 * libFuzzer are passed over. An input that aborts the program is the failure; finding no input at all is one too.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define INPUT_MAX (1 << 20) /* bytes of one input */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
void replay_run(const uint8_t *data, size_t size);

__attribute__((weak)) void replay_run(const uint8_t *data, size_t size) /* starve.c has another */
{
    LLVMFuzzerTestOneInput(data, size);
}

/* The input is handed over in memory of its own size, so that a sanitizer sees a read beyond it. */
static int replay_file(const char *path)
{
    static uint8_t buffer[INPUT_MAX];
    FILE *file = fopen(path, "rb");
    uint8_t *input;
    size_t size;

    if (!file) {
        perror(path);
        return -1;
    }
    size = fread(buffer, 1, sizeof(buffer), file);
    if (ferror(file) || !feof(file)) {
        fprintf(stderr, "%s: unreadable, or longer than %d bytes\n", path, INPUT_MAX);
        fclose(file);
        return -1;
    }
    fclose(file);
    input = malloc(size ? size : 1);
    if (!input)
        return -1;
    memcpy(input, buffer, size);
    fprintf(stderr, "%s\n", path); /* the last one named is the one that aborted */
    replay_run(input, size);
    free(input);
    return 1;
}

/* How many inputs ran, or -1. */
static int replay_directory(const char *path)
{
    struct dirent **entries = NULL;
    int n = scandir(path, &entries, NULL, alphasort);
    int ran = n < 0 ? -1 : 0;

    if (n < 0)
        perror(path);
    for (int i = 0; i < n; i++) {
        char name[4096];

        if (ran >= 0 && entries[i]->d_name[0] != '.') {
            snprintf(name, sizeof(name), "%s/%s", path, entries[i]->d_name);
            ran = replay_file(name) < 0 ? -1 : ran + 1;
        }
        free(entries[i]);
    }
    free(entries);
    return ran;
}

int main(int argc, char **argv)
{
    int total = 0;

    for (int i = 1; i < argc; i++) {
        struct stat st;
        int ran;

        if (argv[i][0] == '-')
            continue;
        ran = stat(argv[i], &st) == 0 && S_ISDIR(st.st_mode) ? replay_directory(argv[i]) : replay_file(argv[i]);
        if (ran < 0)
            return EXIT_FAILURE;
        total += ran;
    }
    fprintf(stderr, "%d inputs\n", total);
    return total > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
