/* What the Bot API answered, told apart from what only looks like an answer. */
#ifndef BOT_TELEGRAM_ANSWER_H
#define BOT_TELEGRAM_ANSWER_H

#include <cjson/cJSON.h>
#include "fleetgram/base/http.h"

/*
 * The `result`, which the caller deletes, or NULL and err as telegram_call() has it. *migrate_to is
 * the new id of a group that moved, else 0.
 */
cJSON *answer_read(const struct fg_http_response *rs, int64_t *migrate_to, struct fg_err *err);

/*
 * The HTTP status of a gateway that has nobody behind it, or not for now. Such a request may have had
 * its effect, but seldom has: it fails as FG_ELOST, and with this status.
 */
bool answer_is_gateway(long status);

/* The error of a request that got no HTTP answer, in telegram_call()'s terms. */
void answer_none(const struct fg_http_response *rs, struct fg_err *err);

#endif
