/*
 * Questions to Redis about a token's state. Who asks what is being asked already waits for the next question, which is
 * sent once this one is answered and serves all that came meanwhile: an answer is never older than its request, and a
 * page that polls, or a crowd of them, costs one script at a time. Loop thread of the lane only.
 */
#ifndef LC_GATEWAY_QUESTION_H
#define LC_GATEWAY_QUESTION_H

#include "shared/redis/attempts.h"

struct lane;

/* `cb` runs exactly once, also when Redis is away or memory is out (ADMISSION_UNAVAILABLE); perhaps before this
 * returns. */
void question_ask(struct lane *lane, const char *token_hash, const struct attempts_limits *limits, attempts_cb cb,
                  void *arg);

#endif
