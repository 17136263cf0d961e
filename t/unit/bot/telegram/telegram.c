/* One call of the Bot API: every kind of answer, retries, the token's secrecy, health. */
#include <stdlib.h>
#include "fleetgram/base/http.h"
#include "fleetgram/base/log.h"
#include "peer.h"
#include "telegram/telegram.h"
#include "tap.h"

#define TOKEN "7000000001:AAsecret-secret_secret"

static struct telegram_options options = {
	.token = TOKEN,
	.retry = {.attempts = 3, .min_ms = 5, .max_ms = 40, .jitter = 0.1},
	.poll_timeout_ms = 1000,
};

/* A call's error code, 0 when it succeeded. */
static int code_of(struct telegram *tg, const char *method, bool single, struct fg_err *err)
{
	cleanup_json cJSON *params = cJSON_CreateObject(), *result = NULL;
	struct telegram_call call = {
		.method = method, .params = params, .single = single, .timeout_ms = 300};

	*err = (struct fg_err){0};
	fg_json_set_i64(params, "chat_id", 42);
	result = telegram_call(tg, &call, err);
	return result ? 0 : (int)err->code;
}

#define NO(code, description, more) \
	"{\"ok\":false,\"error_code\":" code ",\"description\":\"" description "\"" more "}"

/* What each answer means for a send. */
static const struct {
	const char *name;
	struct peer_answer answer;
	int code, status;
	int64_t retry_after_ms;
	int requests;            /* with three attempts: of a send */
	int repeatable_requests; /* and of what may be repeated */
} answers[] = {
	{"a refusal", {.status = 400, .body = NO("400", "Bad Request: chat not found", "")},
		FG_EREMOTE, 400, 0, 1, 1},
	{"blocked",
		{.status = 403, .body = NO("403", "Forbidden: bot was blocked by the user", "")},
		FG_EREMOTE, 403, 0, 1, 1},
	{"the token", {.status = 401, .body = NO("401", "Unauthorized", "")}, FG_EREMOTE, 401, 0, 1,
		1},
	{"a method that it does not have", {.status = 404, .body = NO("404", "Not Found", "")},
		FG_EREMOTE, 404, 0, 1, 1},
	{"a conflict", {.status = 409, .body = NO("409", "Conflict: terminated by other", "")},
		FG_EREMOTE, 409, 0, 1, 1},
	{"Telegram's own failure", {.status = 500, .body = NO("500", "Internal Server Error", "")},
		FG_EREMOTE, 500, 0, 3, 3},
	{"a flood of hours",
		{.status = 429,
			.body = NO("429", "Too Many Requests: retry after 6775",
				",\"parameters\":{\"retry_after\":6775}")},
		FG_EREMOTE, 429, 6775000, 1, 1},
	{"a flood, by its header",
		{.status = 429, .body = NO("429", "Too Many", ""), .retry_after = "900"},
		FG_EREMOTE, 429, 900000, 1, 1},
	{"a flood of a proxy", {.status = 429, .body = "<html>", .retry_after = "900"}, FG_EREMOTE,
		429, 900000, 1, 1},
	{"the longer of the two",
		{.status = 429,
			.body = NO("429", "x", ",\"parameters\":{\"retry_after\":70}"),
			.retry_after = "900"},
		FG_EREMOTE, 429, 900000, 1, 1},
	{"a part of a second",
		{.status = 429,
			.body = NO("429", "x", ",\"parameters\":{\"retry_after\":99.0001}")},
		FG_EREMOTE, 429, 99001, 1, 1},
	{"nothing but no", {.body = "{\"ok\":false}"}, FG_EREMOTE, 0, 0, 3, 3},
	{"no, with a status", {.status = 400, .body = "{\"ok\":false}"}, FG_EREMOTE, 400, 0, 1, 1},
	{"wrong types",
		{.status = 400,
			.body = "{\"ok\":false,\"error_code\":\"x\",\"description\":7,\"parameters\":[]}"},
		FG_EREMOTE, 400, 0, 1, 1},
	{"a mad error_code", {.status = 403, .body = NO("-99999999999999999999", "x", "")},
		FG_EREMOTE, 403, 0, 1, 1},
	{"a gateway's page", {.status = 502, .body = "<html>502 Bad Gateway</html>"}, FG_ELOST, 502,
		0, 1, 3},
	{"a gateway's time-out", {.status = 504, .body = "<html>"}, FG_ELOST, 0, 0, 1, 3},
	{"unavailable", {.status = 503, .body = ""}, FG_ELOST, 503, 0, 1, 3},
	{"too large for a proxy", {.status = 413, .body = "<html>"}, FG_EREMOTE, 413, 0, 1, 1},
	{"no such method here", {.status = 501, .body = ""}, FG_EREMOTE, 501, 0, 3, 3},
	{"garbage", {.body = "\x01\x02 garbage"}, FG_ELOST, 0, 0, 1, 3},
	{"nothing", {.body = ""}, FG_ELOST, 0, 0, 1, 3},
	{"an array", {.body = "[true]"}, FG_ELOST, 0, 0, 1, 3},
	{"no result", {.body = "{\"ok\":true}"}, FG_ELOST, 0, 0, 1, 3},
	{"ok as a text", {.body = "{\"ok\":\"true\",\"result\":1}"}, FG_ELOST, 0, 0, 1, 3},
	{"half an answer", {.truncate = true}, FG_ELOST, 0, 0, 1, 3},
	{"a dropped connection", {.drop = true}, FG_ELOST, 0, 0, 1, 3},
	{"no answer in time", {.delay_ms = 800}, FG_ELOST, 0, 0, 1, 3},
};

static void test_answers(struct telegram *tg)
{
	for (size_t i = 0; i < FG_ARRAY_LEN(answers); i++) {
		struct peer_answer a = answers[i].answer;
		struct fg_err err;

		peer_reset();
		a.times = 10;
		peer_script(a);
		telegram_configure(tg, &options);
		is_int(code_of(tg, "sendMessage", false, &err), answers[i].code, answers[i].name);
		is_int(err.status, answers[i].status, "its status");
		is_int(err.retry_after_ms, answers[i].retry_after_ms, "its retry_after");
		ok(err.text[0] && !strstr(err.text, "AAsecret"), "its words: %s", err.text);
		is_int(peer_count("sendMessage"), answers[i].requests,
			"a send is repeated only when it had no effect");
		peer_reset();
		peer_script(a);
		telegram_configure(tg, &options);
		code_of(tg, "editMessageText", false, &err);
		is_int(peer_count("editMessageText"), answers[i].repeatable_requests,
			"what may be repeated is");
		peer_reset();
		peer_script(a);
		telegram_configure(tg, &options);
		code_of(tg, "editMessageText", true, &err);
		is_int(peer_count("editMessageText"), 1, "a single call is never repeated");
	}
	peer_reset();
}

/* A malformed token gets a 404 to whatever it asks; a server that lacks a method says so as well. */
static void test_not_found(struct telegram *tg)
{
	static const struct peer_answer no = {.status = 404, .body = NO("404", "Not Found", "")};
	struct peer_answer a = no;
	struct fg_err err;

	peer_reset();
	telegram_configure(tg, &options);
	a.method = "setMyCommands";
	peer_script(a);
	is_int(code_of(tg, "setMyCommands", false, &err), FG_EREMOTE, "a method is missing");
	ok(!telegram_token_refused(&err), "which is no refusal of the token");
	is_int(code_of(tg, "sendMessage", false, &err), 0, "others go on");
	a.method = "getUpdates";
	peer_script(a);
	is_int(code_of(tg, "getUpdates", true, &err), FG_EREMOTE, "what every server has is missing");
	ok(telegram_token_refused(&err), "that is the token");
	is_int(code_of(tg, "sendMessage", false, &err), FG_EREMOTE, "nothing more is asked");
	is_int(peer_count("sendMessage"), 1, "for a while");
	telegram_configure(tg, &options);
	peer_reset();
}

static void test_retry_after_noise(struct telegram *tg)
{
	static const char *const noise[] = {
		"-5", "0", "\"7\"", "null", "1e300", "99999999999999999999", "[]"};

	for (size_t i = 0; i < FG_ARRAY_LEN(noise); i++) {
		cleanup_free char *body =
			fg_printf(NO("429", "x", ",\"parameters\":{\"retry_after\":%s}"), noise[i]);
		struct fg_err err;

		peer_reset();
		peer_script((struct peer_answer){.status = 429, .body = body});
		is_int(code_of(tg, "sendMessage", true, &err), FG_EREMOTE,
			"a senseless retry_after");
		is_int(err.retry_after_ms, 0, noise[i]);
	}
}

static void test_flood_waited_out(struct telegram *tg)
{
	struct fg_err err;
	int64_t gap;

	peer_reset();
	peer_script((struct peer_answer){.status = 429,
		.times = 1,
		.body = NO("429", "Too Many Requests: retry after 1",
			",\"parameters\":{\"retry_after\":1}")});
	peer_script((struct peer_answer){.status = 500, .body = NO("500", "x", ""), .times = 2});
	is_int(code_of(tg, "sendMessage", false, &err), 0,
		"a short flood is waited out, and uses up no attempt");
	is_int(peer_count("sendMessage"), 4, "a flood, two failures, success");
	gap = peer_nth("sendMessage", 1)->at_ms - peer_nth("sendMessage", 0)->at_ms;
	ok(gap >= 1000, "retry_after is not undershot (%lld ms)", (long long)gap);
}

static void test_unreachable(void)
{
	struct telegram_options o = options;
	struct telegram *tg;
	struct fg_err err;

	o.api_url = "http://127.0.0.1:1";
	tg = telegram_create(&o);
	is_int(code_of(tg, "sendMessage", false, &err), FG_EUNREACHABLE,
		"nobody listens: it never left");
	ok(!strstr(err.text, "AAsecret"), "and no token in it: %s", err.text);
	telegram_destroy(tg);
	o.api_url = "http://nowhere.invalid";
	tg = telegram_create(&o);
	is_int(code_of(tg, "sendMessage", true, &err), FG_EUNREACHABLE, "no such host");
	telegram_destroy(tg);
}

static void test_good(struct telegram *tg)
{
	cleanup_json cJSON *params = cJSON_CreateObject(), *result = NULL, *big = NULL;
	struct telegram_call call = {.method = "sendMessage", .params = params};
	struct telegram_file file = {.field = "document",
		.name = "a \"b\".txt",
		.type = "text/plain",
		.data = "\0\1\2x",
		.len = 4};
	const struct peer_request *rq;
	struct fg_err err;

	peer_reset();
	fg_json_set_i64(params, "chat_id", -1001234567890123);
	cJSON_AddStringToObject(params, "text", "h\xc3\xa9 <b>");
	result = telegram_call(tg, &call, &err);
	ok(cJSON_IsObject(result), "the result is handed over");
	rq = peer_nth("sendMessage", 0);
	is_int(rq->chat, -1001234567890123, "a 64-bit id arrives exactly");
	is_str(fg_json_str(rq->params, "text", ""), "h\xc3\xa9 <b>", "so does the text");
	call.method = "sendDocument";
	call.file = &file;
	cJSON_Delete(fg_steal(&result));
	result = telegram_call(tg, &call, &err);
	rq = peer_nth("sendDocument", 0);
	ok(result && memmem(rq->body, rq->len, "\r\n\r\n-1001234567890123\r\n", 21) &&
			memmem(rq->body, rq->len, "\r\n\r\nh\xc3\xa9 <b>\r\n", 13) &&
			memmem(rq->body, rq->len, "\0\1\2x", 4),
		"with a file it goes as a form");
	peer_script((struct peer_answer){
		.body = "{\"ok\":true,\"result\":{\"message_id\":9007199254740993}}"});
	call = (struct telegram_call){.method = "getChat"};
	big = telegram_call(tg, &call, &err);
	is_int(fg_json_i64(big, "message_id", 0), 9007199254740993,
		"a number too large for a double");
	ok(telegram_get_me(tg, &err) == 0 && telegram_id(tg) == 7000000001, "getMe tells the id");
	is_str(telegram_username(tg), "peer_bot", "and the name");
}

static void test_refused(struct telegram *tg)
{
	struct fg_err err;

	peer_reset();
	peer_script((struct peer_answer){.status = 401, .body = NO("401", "Unauthorized", "")});
	code_of(tg, "sendMessage", false, &err);
	is_int(code_of(tg, "sendMessage", false, &err), FG_EREMOTE, "after a 401 every call fails");
	ok(telegram_token_refused(&err), "in the same way");
	is_int(peer_count("sendMessage"), 1, "and asks nobody");
	telegram_configure(tg, &options);
	is_int(code_of(tg, "sendMessage", false, &err), 0, "until there are new options");
}

static void test_migration(struct telegram *tg)
{
	struct fg_err err;

	peer_reset();
	peer_script((struct peer_answer){.status = 400,
		.body = NO("400", "Bad Request: group chat was upgraded to a supergroup chat",
			",\"parameters\":{\"migrate_to_chat_id\":-1009876543210}")});
	code_of(tg, "sendMessage", false, &err);
	is_int(telegram_migrated_to(tg, &err), -1009876543210, "where a group went");
	peer_script((struct peer_answer){
		.status = 400, .body = NO("400", "Bad Request: chat not found", "")});
	code_of(tg, "sendMessage", false, &err);
	is_int(telegram_migrated_to(tg, &err), 0, "other refusals tell of no move");
}

static void state_is(struct telegram *tg, enum telegram_state state, const char *name)
{
	struct telegram_health h;

	telegram_health(tg, &h);
	is_str(telegram_state_name(h.state), telegram_state_name(state), name);
}

static void test_health(void)
{
	struct telegram *tg = telegram_create(&options);
	struct fg_err lost = {.code = FG_ELOST, .text = "reset"},
		      refused = {.code = FG_EREMOTE, .status = 401, .text = "Unauthorized"},
		      conflict = {.code = FG_EREMOTE, .status = 409, .text = "Conflict"};
	struct telegram_health h;

	state_is(NULL, TELEGRAM_DISABLED, "no bot");
	state_is(tg, TELEGRAM_DEGRADED, "no poll yet");
	telegram_note_poll(tg, NULL);
	state_is(tg, TELEGRAM_OK, "a poll has succeeded");
	telegram_note_poll(tg, &lost);
	state_is(tg, TELEGRAM_DEGRADED, "one has failed");
	telegram_note_poll(tg, &refused);
	state_is(tg, TELEGRAM_DOWN, "the token is refused");
	telegram_health(tg, &h);
	ok(strstr(h.problem, "the token is refused") != NULL, "in words: %s", h.problem);
	telegram_note_poll(tg, &conflict);
	telegram_note_poll(tg, &conflict);
	state_is(tg, TELEGRAM_DEGRADED, "two conflicts");
	telegram_note_poll(tg, &conflict);
	state_is(tg, TELEGRAM_DEGRADED, "three in a row do not make it down before its time");
	telegram_note_poll(tg, NULL);
	state_is(tg, TELEGRAM_OK, "it is over");
	options.api_url = peer.url;
	telegram_configure(tg, &options);
	peer_reset();
	telegram_note_poll(tg, NULL);
	peer_script((struct peer_answer){
		.status = 429, .body = NO("429", "x", ",\"parameters\":{\"retry_after\":600}")});
	code_of(tg, "sendMessage", true, &lost);
	telegram_health(tg, &h);
	ok(h.state == TELEGRAM_DEGRADED && h.retry_after_ms > 590000, "a flood shows");
	telegram_destroy(tg);
}

struct slow_call {
	struct telegram *tg;
	const char *method; /* NULL: sendMessage */
	int code;
};

static void call_slowly(void *arg)
{
	struct slow_call *c = arg;
	struct fg_err err;

	c->code = code_of(c->tg, c->method ? c->method : "sendMessage", false, &err);
}

static void test_cancel_and_reload(struct telegram *tg)
{
	struct slow_call c = {.tg = tg, .code = -1};
	struct telegram_options o = options;
	struct fg_task *task;

	peer_reset();
	peer_script((struct peer_answer){.delay_ms = 200});
	task = fg_task_spawn("call", call_slowly, &c);
	fg_task_sleep(50, NULL);
	o.token = "7000000002:AAother";
	telegram_configure(tg, &o);
	is_int(telegram_token_id(tg), 7000000002, "a reload changes the token");
	fg_task_join(task);
	is_int(c.code, 0, "a call that runs ends with its old options");
	peer_script((struct peer_answer){.delay_ms = 200});
	task = fg_task_spawn("call", call_slowly, &c);
	fg_task_sleep(50, NULL);
	fg_task_cancel(task);
	fg_task_join(task);
	is_int(c.code, FG_ECANCELED, "a call can be cancelled");
	peer_script((struct peer_answer){
		.status = 429, .body = NO("429", "x", ",\"parameters\":{\"retry_after\":30}")});
	task = fg_task_spawn("call", call_slowly, &c);
	fg_task_sleep(100, NULL);
	fg_task_cancel(task);
	fg_task_join(task);
	is_int(c.code, FG_ECANCELED, "also while it waits to ask again");
}

/* One that is told to wait speaks for all that would call the same. */
static void test_wait_together(struct telegram *tg)
{
	struct slow_call c[5];
	struct fg_task *tasks[FG_ARRAY_LEN(c)];
	int64_t begun = fg_now_ms();

	telegram_configure(tg, &options);
	peer_reset();
	peer_script((struct peer_answer){
		.status = 429, .body = NO("429", "x", ",\"parameters\":{\"retry_after\":1}")});
	for (size_t i = 0; i < FG_ARRAY_LEN(c); i++) {
		c[i] = (struct slow_call){.tg = tg, .code = -1, .method = "answerCallbackQuery"};
		tasks[i] = fg_task_spawn("call", call_slowly, &c[i]);
		if (i == 0)
			fg_task_sleep(200, NULL);
	}
	for (size_t i = 0; i < FG_ARRAY_LEN(c); i++) {
		fg_task_join(tasks[i]);
		is_int(c[i].code, 0, "a call that had to wait succeeds");
	}
	is_int(peer_count("answerCallbackQuery"), 1 + (int)FG_ARRAY_LEN(c), "nobody has called while they had to wait");
	ok(fg_now_ms() - begun >= 1000, "all have waited");
}

static void run(void *arg)
{
	struct telegram *tg;

	(void)arg;
	peer_start();
	options.api_url = peer.url;
	tg = telegram_create(&options);
	test_answers(tg);
	test_not_found(tg);
	test_retry_after_noise(tg);
	test_flood_waited_out(tg);
	test_unreachable();
	test_good(tg);
	test_refused(tg);
	test_migration(tg);
	test_health();
	test_cancel_and_reload(tg);
	test_wait_together(tg);
	telegram_destroy(tg);
	fg_http_finish();
	peer_stop();
}

int main(void)
{
	fg_loop_run("test", run, NULL);
	fg_log_finish();
	return done_testing();
}
