/* What may be asked again, and when. */
#include "fleetgram/base/mem.h"
#include "telegram/policy.h"
#include "tap.h"

static const struct fg_retry retry = {.attempts = 3, .min_ms = 100, .max_ms = 1000, .jitter = 0.1};

/* How often a call is repeated that always fails this way. */
static int repeats(const char *method, struct fg_err err)
{
	struct policy_state state = {0};
	int n = 0;

	while (n < 1000 && policy_next(&state, &retry, method, &err) >= 0)
		n++;
	return n;
}

static void test_classes(void)
{
	static const struct {
		const char *name;
		struct fg_err err;
		int send, read;
	} table[] = {
		{"no connection", {.code = FG_EUNREACHABLE}, 2, 2},
		{"lost", {.code = FG_ELOST}, 0, 2},
		{"cancelled", {.code = FG_ECANCELED}, 0, 0},
		{"senseless", {.code = FG_EINVAL}, 0, 0},
		{"a 400", {.code = FG_EREMOTE, .status = 400}, 0, 0},
		{"a 401", {.code = FG_EREMOTE, .status = 401}, 0, 0},
		{"a 500", {.code = FG_EREMOTE, .status = 500}, 2, 2},
		{"no reason", {.code = FG_EREMOTE}, 2, 2},
		{"a 429 of hours", {.code = FG_EREMOTE, .status = 429, .retry_after_ms = 42055000},
			0, 0},
	};

	for (size_t i = 0; i < FG_ARRAY_LEN(table); i++) {
		is_int(repeats("sendMessage", table[i].err), table[i].send, table[i].name);
		is_int(repeats("editMessageText", table[i].err), table[i].read,
			"the same where a repeat does no harm");
	}
}

static void test_floods(void)
{
	struct fg_err flood = {.code = FG_EREMOTE, .status = 429, .retry_after_ms = 7000};
	struct fg_err away = {.code = FG_EUNREACHABLE};
	struct policy_state state = {0};
	int64_t least = INT64_MAX, most = 0;
	int waits;

	for (int i = 0; i < 1000; i++) {
		int64_t pause = policy_pause(&retry, 7000);

		least = pause < least ? pause : least;
		most = pause > most ? pause : most;
	}
	ok(least >= 7000 && most > 7000 && most <= 7700,
		"jitter only adds to retry_after (%d to %d)", (int)least, (int)most);
	ok(policy_pause(&retry, 0) >= 1000, "a 429 that names no time is given some");
	policy_next(&state, &retry, "sendMessage", &flood);
	policy_next(&state, &retry, "sendMessage", &flood);
	is_int(state.failures, 0, "floods use up no attempt");
	ok(policy_next(&state, &retry, "sendMessage", &away) >= 0,
		"so that others can still be repeated");
	waits = repeats("sendMessage", flood);
	ok(waits == 7 || waits == 8, "they are waited out for a minute in all");
}

static void test_methods(void)
{
	static const char *const harmless[] = {"getUpdates", "getMe", "editMessageText",
		"editMessageCaption", "editMessageReplyMarkup", "deleteMessage",
		"answerCallbackQuery", "sendChatAction", "setMyCommands", "getMyCommands"};
	static const char *const once[] = {
		"sendMessage", "sendDocument", "sendPhoto", "sendSomethingNew", ""};

	for (size_t i = 0; i < FG_ARRAY_LEN(harmless); i++)
		ok(policy_repeatable(harmless[i]), "%s may be repeated", harmless[i]);
	for (size_t i = 0; i < FG_ARRAY_LEN(once); i++)
		ok(!policy_repeatable(once[i]), "'%s' may not", once[i]);
}

int main(void)
{
	test_methods();
	test_classes();
	test_floods();
	return done_testing();
}
