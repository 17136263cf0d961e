/* Reading the Bot API's answers, whatever came instead of one. */
#include <math.h>
#include <stdbool.h>
#include <string.h>
#include "fleetgram/base/json.h"
#include "fleetgram/base/text.h"
#include "telegram/answer.h"

#define DESCRIPTION 512
#define RETRY_AFTER_MOST ((int64_t)366 * 86400 * 1000) /* what names more is no time but noise */

/* The larger one of what the body and the header ask for; 0 when neither makes sense. */
static int64_t retry_after(const struct fg_http_response *rs, const cJSON *body)
{
	double seconds = fg_json_double(fg_json_object(body, "parameters"), "retry_after", 0);
	int64_t header = rs->retry_after_ms, ms = 0;

	if (seconds > 0 && seconds * 1000 <= (double)RETRY_AFTER_MOST)
		ms = (int64_t)ceil(seconds * 1000);
	if (header > ms && header <= RETRY_AFTER_MOST)
		ms = header;
	return ms;
}

static void refuse(const struct fg_http_response *rs, const cJSON *body, int64_t *migrate_to,
	struct fg_err *err)
{
	cleanup_str struct fg_str text;
	const char *description =
		fg_json_str(body, "description", "Telegram refused, and did not say why");
	int64_t code = fg_json_i64(body, "error_code", 0);

	fg_str_init(&text, DESCRIPTION);
	fg_text_clean_line(&text, description, strlen(description));
	fg_fail(err, FG_EREMOTE, "%s", text.s);
	err->status = code >= 300 && code <= 999 ? (int)code
		      : rs->status >= 300        ? (int)rs->status
						 : 0;
	err->retry_after_ms = err->status == 429 ? retry_after(rs, body) : 0;
	*migrate_to = fg_json_i64(fg_json_object(body, "parameters"), "migrate_to_chat_id", 0);
}

bool answer_is_gateway(long status)
{
	return status == 502 || status == 503;
}

/* Something that is not the Bot API's JSON. Only a status that a request cannot have passed by
 * means no. */
static void not_an_answer(const struct fg_http_response *rs, struct fg_err *err)
{
	long status = rs->status;
	bool refused = (status >= 400 && status <= 501) || status == 505;

	fg_fail(err, refused ? FG_EREMOTE : FG_ELOST,
		"HTTP %ld without an answer of the Bot API%s%s%s", status,
		rs->server[0] ? " (from " : "", rs->server, rs->server[0] ? ")" : "");
	if (refused || answer_is_gateway(status))
		err->status = (int)status;
	if (status == 429)
		err->retry_after_ms = retry_after(rs, NULL);
}

cJSON *answer_read(const struct fg_http_response *rs, int64_t *migrate_to, struct fg_err *err)
{
	/* One update must not be able to hide the others for ever. */
	cleanup_json cJSON *body = fg_json_parse_pruned(rs->body.s, rs->body.len, NULL);
	const cJSON *ok = fg_json_get(body, "ok");
	cJSON *result;

	*migrate_to = 0;
	if (cJSON_IsFalse(ok)) {
		refuse(rs, body, migrate_to, err);
		return NULL;
	}
	result = cJSON_IsTrue(ok) ? cJSON_DetachItemFromObjectCaseSensitive(body, "result") : NULL;
	if (!result)
		not_an_answer(rs, err);
	return result;
}

void answer_none(const struct fg_http_response *rs, struct fg_err *err)
{
	switch (err->code) {
	case FG_ETIMEOUT:
	case FG_EPROTO:
	case FG_ETOOBIG:
		err->code = rs->sent ? FG_ELOST : FG_EUNREACHABLE;
		break;
	default:
		break;
	}
}
