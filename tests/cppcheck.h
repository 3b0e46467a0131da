/* Given to cppcheck before every file: what its preprocessor and its idea of libraries lack. Never compiled. */
#define __VA_OPT__(...)                __VA_ARGS__
#define json_array_foreach(a, i, v)    for (i = 0; i < json_array_size(a) && (v = json_array_get(a, i)); i++)
#define json_object_foreach(o, k, v)   for (k = json_object_first(o, &v); k; k = json_object_after(o, k, &v))
#include "shared/log/log.h"
#undef LOG_FIELDS
#define LOG_FIELDS(...) ((const struct log_field[]){{.key = NULL}, __VA_ARGS__})
const char *strerrordesc_np(int err);
