/*
 * The month (1 to 12) of a column of microseconds as an SQL expression that both databases know: integer division
 * only. Days since 0000-03-01, day of the 400-year era, year of the era, day of the year that begins in March.
 */
#ifndef LC_ADMIN_RESOURCES_MONTH_H
#define LC_ADMIN_RESOURCES_MONTH_H

#define MONTH_DAY(us) "((" us " / 86400000000 + 719468) % 146097)"
#define MONTH_YEAR(us)                                                                                                 \
    "((" MONTH_DAY(us) " - " MONTH_DAY(us) " / 1460 + " MONTH_DAY(us) " / 36524 - " MONTH_DAY(us) " / 146096) / 365)"
#define MONTH_OF_YEAR(us)                                                                                              \
    "(" MONTH_DAY(us) " - (365 * " MONTH_YEAR(us) " + " MONTH_YEAR(us) " / 4 - " MONTH_YEAR(us) " / 100))"
#define MONTH_OF(us) "(((5 * " MONTH_OF_YEAR(us) " + 2) / 153 + 2) % 12 + 1)"

/* The filters year, year__lt|lte|gt|gte, month and its likes. */
#define YEAR_FILTERS(us)                                                                                               \
    {.name = "year", .type = FILTER_YEAR, .expression = us},                                                           \
        {.name = "year__exact", .type = FILTER_YEAR, .expression = us},                                                \
        {.name = "year__lt", .type = FILTER_YEAR, .expression = us, .op = OP_LT},                                      \
        {.name = "year__lte", .type = FILTER_YEAR, .expression = us, .op = OP_LE},                                     \
        {.name = "year__gt", .type = FILTER_YEAR, .expression = us, .op = OP_GT},                                      \
        {.name = "year__gte", .type = FILTER_YEAR, .expression = us, .op = OP_GE},                                     \
        {.name = "month", .type = FILTER_NUMBER, .expression = MONTH_OF(us)},                                          \
        {.name = "month__exact", .type = FILTER_NUMBER, .expression = MONTH_OF(us)},                                   \
        {.name = "month__lt", .type = FILTER_NUMBER, .expression = MONTH_OF(us), .op = OP_LT},                         \
        {.name = "month__lte", .type = FILTER_NUMBER, .expression = MONTH_OF(us), .op = OP_LE},                        \
        {.name = "month__gt", .type = FILTER_NUMBER, .expression = MONTH_OF(us), .op = OP_GT},                         \
    {                                                                                                                  \
        .name = "month__gte", .type = FILTER_NUMBER, .expression = MONTH_OF(us), .op = OP_GE                           \
    }

#endif
