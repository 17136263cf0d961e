/* What may be asked again, and after how long. */
#include <sodium.h>
#include <string.h>
#include "telegram/policy.h"

#define NAMELESS_MS 1000 /* the wait after a 429 that names none */
#define JITTER_MOST_MS 3000

static const struct {
	const char *name;
	bool repeatable;
} methods[] = {
	{"answerCallbackQuery", true},
	{"copyMessage", false},
	{"deleteMessage", true}, /* the second finds nothing */
	{"deleteMyCommands", true},
	{"deleteWebhook", true},
	{"editMessageCaption", true},
	{"editMessageMedia", true},
	{"editMessageReplyMarkup", true},
	{"editMessageText", true},
	{"forwardMessage", false},
	{"getChat", true},
	{"getChatMember", true},
	{"getFile", true},
	{"getMe", true},
	{"getMyCommands", true},
	{"getUpdates", true}, /* by the same offset the same updates */
	{"getWebhookInfo", true},
	{"sendChatAction", true}, /* it only shows for longer */
	{"sendDocument", false},
	{"sendMediaGroup", false},
	{"sendMessage", false},
	{"sendPhoto", false},
	{"setMyCommands", true},
};

bool policy_repeatable(const char *method)
{
	for (size_t i = 0; i < sizeof(methods) / sizeof(*methods); i++)
		if (strcasecmp(methods[i].name, method) == 0)
			return methods[i].repeatable;
	return false;
}

enum policy_class policy_class(const struct fg_err *err)
{
	switch (err->code) {
	case FG_EUNREACHABLE:
		return POLICY_PASSING;
	case FG_ELOST:
		return POLICY_LOST;
	case FG_EREMOTE:
		if (err->status == 429)
			return POLICY_FLOOD;
		return err->status >= 500 || err->status == 0 ? POLICY_PASSING : POLICY_FINAL;
	default:
		return POLICY_FINAL;
	}
}

int64_t policy_pause(const struct fg_retry *retry, int64_t retry_after_ms)
{
	int64_t pause = retry_after_ms > 0 ? retry_after_ms : NAMELESS_MS;
	double most = (double)pause * retry->jitter;

	if (most > JITTER_MOST_MS)
		most = JITTER_MOST_MS;
	return pause + (most >= 1 ? randombytes_uniform((uint32_t)most + 1) : 0);
}

int64_t policy_next(struct policy_state *state, const struct fg_retry *retry, const char *method,
	const struct fg_err *err)
{
	enum policy_class class = policy_class(err);
	int64_t pause;

	if (class == POLICY_FINAL || (class == POLICY_LOST && !policy_repeatable(method)))
		return -1;
	if (class == POLICY_FLOOD) {
		pause = policy_pause(retry, err->retry_after_ms);
		state->waited_ms += pause;
		return state->waited_ms <= POLICY_WAIT_MS ? pause : -1;
	}
	if (++state->failures >= retry->attempts)
		return -1;
	return fg_retry_delay(retry, state->failures, 0);
}
