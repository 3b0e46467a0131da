/*
 * Wire records from arbitrary bytes. What decodes is encoded again and must come back the same; the first byte
 * chooses the record.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proto/records.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ROUND_TRIP(name)                                                                                               \
    static void round_trip_##name(const void *data, size_t size)                                                       \
    {                                                                                                                  \
        static struct record_##name first, second;                                                                     \
        void *bytes = NULL;                                                                                            \
        size_t len = 0;                                                                                                \
                                                                                                                       \
        if (record_##name##_decode(data, size, &first) != 0)                                                           \
            return;                                                                                                    \
        if (record_##name##_encode(&first, &bytes, &len) != 0 || record_##name##_decode(bytes, len, &second) != 0 ||   \
            memcmp(&first, &second, sizeof(first)) != 0)                                                               \
            abort();                                                                                                   \
        free(bytes);                                                                                                   \
    }

ROUND_TRIP(finished)
ROUND_TRIP(manifest)
ROUND_TRIP(state)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const round_trips[])(const void *, size_t) = {round_trip_finished, round_trip_manifest,
                                                                round_trip_state};

    if (size > 0)
        round_trips[data[0] % 3](data + 1, size - 1);
    return 0;
}
