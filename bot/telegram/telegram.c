/* One call of the Bot API: its request, its answer, its retries. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "fleetgram/base/http.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/log.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/metric.h"
#include "fleetgram/base/text.h"
#include "telegram/answer.h"
#include "telegram/policy.h"
#include "telegram/state.h"

#define URL_MAX 4096
/* A hundred updates of the largest messages, and more. */
#define ANSWER_CAP ((size_t)16 * 1024 * 1024)
#define FIELDS_MOST 32

/* Whatever a person put into the config: no byte of it can end the token's place in the path. */
static void add_token(struct fg_str *out, const char *token)
{
	for (; *token; token++) {
		if (*token == ':')
			fg_str_putc(out, ':');
		else
			fg_url_escape(out, (char[]){*token, '\0'});
	}
}

static struct telegram_config *config_create(const struct telegram_options *options)
{
	struct telegram_config *config = fg_alloc(sizeof(*config));
	cleanup_str struct fg_str base;
	size_t n = strlen(options->api_url);

	while (n && options->api_url[n - 1] == '/')
		n--;
	fg_str_init(&base, URL_MAX);
	fg_str_add(&base, options->api_url, n);
	fg_str_puts(&base, "/bot");
	add_token(&base, options->token);
	fg_log_secret(options->token);
	fg_log_secret(base.s + n + strlen("/bot"));
	config->base = fg_str_take(&base);
	config->proxy = fg_strdup(options->proxy);
	config->token_id = strtoll(options->token, NULL, 10);
	config->retry = options->retry;
	config->poll_timeout_ms = options->poll_timeout_ms;
	config->users = 1;
	return config;
}

static void config_release(struct telegram_config *config)
{
	if (--config->users)
		return;
	free(config->base);
	free(config->proxy);
	free(config);
}

struct telegram *telegram_create(const struct telegram_options *options)
{
	struct telegram *tg = fg_alloc(sizeof(*tg));

	tg->config = config_create(options);
	fg_cond_init(&tg->changed);
	health_reset(tg);
	return tg;
}

void telegram_destroy(struct telegram *tg)
{
	if (!tg)
		return;
	config_release(tg->config);
	free(tg);
}

void telegram_configure(struct telegram *tg, const struct telegram_options *options)
{
	struct telegram_config *old = tg->config;

	tg->config = config_create(options);
	tg->generation++;
	tg->refused_until_ms = 0;
	if (strcmp(old->base, tg->config->base) != 0) {
		health_reset(tg);
		if (old->token_id != tg->config->token_id) {
			tg->id = 0;
			tg->username[0] = '\0';
		}
	}
	config_release(old);
	fg_cond_broadcast(&tg->changed);
}

struct fg_retry telegram_retry(const struct telegram *tg)
{
	return tg->config->retry;
}

int64_t telegram_poll_timeout(const struct telegram *tg)
{
	return tg->config->poll_timeout_ms;
}

unsigned telegram_generation(const struct telegram *tg)
{
	return tg->generation;
}

struct fg_cond *telegram_changed(struct telegram *tg)
{
	return &tg->changed;
}

int64_t telegram_token_id(const struct telegram *tg)
{
	return tg->config->token_id;
}

/* A parameter as a form has it: strings as they are, the rest as JSON. Caller frees. */
static char *field_text(const cJSON *item)
{
	return cJSON_IsString(item) ? fg_strdup(item->valuestring) : fg_json_print(item);
}

/* A call with a file: a form with a field a parameter, and the file. */
static int perform_form(const struct telegram_call *call, struct fg_http_request *rq,
	struct fg_http_response *rs, struct fg_err *err)
{
	struct fg_http_part *parts = fg_alloc(sizeof(*parts) * (FIELDS_MOST + 1));
	char **texts = fg_alloc(sizeof(*texts) * FIELDS_MOST);
	const cJSON *item;
	size_t n = 0;
	int rc;

	cJSON_ArrayForEach (item, call->params) {
		if (n == FIELDS_MOST)
			break;
		texts[n] = field_text(item);
		parts[n] =
			(struct fg_http_part){item->string, texts[n], strlen(texts[n]), NULL, NULL};
		n++;
	}
	parts[n] = (struct fg_http_part){call->file->field, call->file->data, call->file->len,
		call->file->name, call->file->type};
	rq->parts = parts;
	rq->part_count = n + 1;
	rc = fg_http_perform(rq, rs, err);
	while (n)
		free(texts[--n]);
	free(texts);
	free(parts);
	return rc;
}

static int perform_json(const struct telegram_call *call, struct fg_http_request *rq,
	struct fg_http_response *rs, struct fg_err *err)
{
	static const char *const headers[] = {"Content-Type: application/json", NULL};
	cleanup_json_text char *body = call->params ? fg_json_print(call->params) : fg_strdup("{}");

	rq->headers = headers;
	rq->body = body;
	rq->body_len = strlen(body);
	return fg_http_perform(rq, rs, err);
}

static struct fg_metric requests = {
	.name = "fleetgram_telegram_requests",
	.help = "Calls of the Bot API by their outcome: ok, the API's error code, unreachable or lost.",
	.type = FG_METRIC_COUNTER,
	.labels = {"method", "status"},
};

static struct fg_metric request_seconds = {
	.name = "fleetgram_telegram_request_duration_seconds",
	.unit = "seconds",
	.help = "How long calls of the Bot API took; a poll is meant to take long.",
	.type = FG_METRIC_HISTOGRAM,
	.labels = {"method"},
	.most = 30,
};

static struct fg_metric retries = {
	.name = "fleetgram_telegram_retries",
	.help = "Calls of the Bot API that were made again at once by the retry policy.",
	.type = FG_METRIC_COUNTER,
	.labels = {"method"},
};

/* err NULL: it went well. */
static void count_request(const char *method, const struct fg_err *err, int64_t begun_ms)
{
	char status[16] = "ok";

	if (err && err->status)
		snprintf(status, sizeof(status), "%d", err->status);
	else if (err)
		snprintf(status, sizeof(status), "%s",
			err->code == FG_EUNREACHABLE ? "unreachable"
			: err->code == FG_ECANCELED  ? "canceled"
						     : "lost");
	fg_metric_count(&requests, method, status);
	fg_metric_observe(&request_seconds, (double)(fg_now_ms() - begun_ms) / 1000, method);
}

/* Every server has these: a 404 to them is how a malformed token is refused, while one to any other
 * method says only that this server does not have it. */
static bool is_everywhere(const char *method)
{
	return strcmp(method, "getMe") == 0 || strcmp(method, "getUpdates") == 0;
}

static cJSON *attempt(struct telegram *tg, const struct telegram_config *config,
	const struct telegram_call *call, struct fg_err *err)
{
	cleanup_response struct fg_http_response rs = {0};
	cleanup_free char *url = fg_printf("%s/%s", config->base, call->method);
	struct fg_http_request rq = {
		.method = "POST",
		.url = url,
		.proxy = config->proxy,
		.timeout_ms = call->timeout_ms,
		.cap = ANSWER_CAP,
		.idempotent = policy_repeatable(call->method),
		.fresh = call->fresh,
		.before_body = call->before_body,
		.before_body_arg = call->before_body_arg,
	};
	int64_t begun = fg_now_ms(), migrate_to = 0;
	int rc = call->file ? perform_form(call, &rq, &rs, err) : perform_json(call, &rq, &rs, err);
	cJSON *result = NULL;

	if (rc == 0)
		result = answer_read(&rs, &migrate_to, err);
	else
		answer_none(&rs, err);
	count_request(call->method, result ? NULL : err, begun);
	tg->migrated_to = migrate_to;
	if (!result) {
		fg_log_redact(err->text);
		if (err->code == FG_EREMOTE && err->status == 404 && is_everywhere(call->method))
			err->status = 401;
		health_note_flood(tg, err);
		if (telegram_token_refused(err) && config == tg->config)
			tg->refused_until_ms = fg_now_ms() + TELEGRAM_REFUSED_MS;
	}
	return result;
}

/*
 * A token that was refused is asked with again only after a while, whoever asks: bots have been
 * removed for hammering on.
 */
static bool is_refused(const struct telegram *tg, struct fg_err *err)
{
	if (fg_now_ms() >= tg->refused_until_ms)
		return false;
	fg_fail(err, FG_EREMOTE, "the token was refused a moment ago");
	err->status = 401;
	err->retry_after_ms = 0;
	return true;
}

/* The method's own, else the one that ends first. */
static struct telegram_hold *hold_of(struct telegram *tg, const char *method)
{
	struct telegram_hold *place = &tg->holds[0];

	for (size_t i = 0; i < TELEGRAM_HOLDS; i++) {
		if (strcmp(tg->holds[i].method, method) == 0)
			return &tg->holds[i];
		if (tg->holds[i].until_ms < place->until_ms)
			place = &tg->holds[i];
	}
	snprintf(place->method, sizeof(place->method), "%s", method);
	place->until_ms = 0;
	return place;
}

/*
 * Many may have the same to ask at once, the answers to pressed buttons most of all: what one was told
 * to wait the others wait, too, or they would keep each other out for ever. -1: cancelled, or it is
 * too long.
 */
static int wait_for_turn(struct telegram *tg, const char *method, struct policy_state *state,
	struct fg_err *err)
{
	int64_t left;

	while ((left = hold_of(tg, method)->until_ms - fg_now_ms()) > 0) {
		state->waited_ms += left;
		if (state->waited_ms > POLICY_WAIT_MS) {
			fg_fail(err, FG_EREMOTE, "Telegram wants to be left alone");
			err->status = 429;
			err->retry_after_ms = left;
			return -1;
		}
		if (fg_task_sleep(left, err) < 0)
			return -1;
	}
	return 0;
}

cJSON *telegram_call(struct telegram *tg, const struct telegram_call *call, struct fg_err *err)
{
	struct telegram_config *config = tg->config;
	struct policy_state state = {0};
	struct fg_err own, waited;
	cJSON *result = NULL;
	int64_t pause;

	if (!err)
		err = &own;
	if (is_refused(tg, err))
		return NULL;
	config->users++;
	while (call->single || wait_for_turn(tg, call->method, &state, err) == 0) {
		result = attempt(tg, config, call, err);
		if (result || call->single)
			break;
		pause = policy_next(&state, &config->retry, call->method, err);
		if (pause < 0)
			break;
		fg_metric_count(&retries, call->method);
		fg_debug("Telegram, %s: %s; again in %lld ms", call->method, err->text,
			(long long)pause);
		if (policy_class(err) == POLICY_FLOOD) {
			hold_of(tg, call->method)->until_ms = fg_now_ms() + pause;
			state.waited_ms -= pause; /* it is counted where it is waited */
			continue;
		}
		if (fg_task_sleep(pause, &waited) < 0) {
			if (waited.code == FG_ECANCELED)
				*err = waited;
			break;
		}
	}
	config_release(config);
	if (!result && err->code != FG_EREMOTE)
		fg_wrap(err, "Telegram, %s", call->method);
	return result;
}

int64_t telegram_migrated_to(const struct telegram *tg, const struct fg_err *err)
{
	return err->code == FG_EREMOTE && err->status == 400 ? tg->migrated_to : 0;
}

bool telegram_token_refused(const struct fg_err *err)
{
	return err->code == FG_EREMOTE && err->status == 401;
}

int telegram_get_me(struct telegram *tg, struct fg_err *err)
{
	struct telegram_call call = {.method = "getMe"};
	cleanup_json cJSON *me = telegram_call(tg, &call, err);
	const char *name = fg_json_str(me, "username", "");
	size_t n;

	if (!me)
		return -1;
	tg->id = fg_json_i64(me, "id", 0);
	n = fg_utf8_cut(name, strlen(name), sizeof(tg->username) - 1);
	memcpy(tg->username, name, n);
	tg->username[n] = '\0';
	return 0;
}

const char *telegram_username(const struct telegram *tg)
{
	return tg->username;
}

int64_t telegram_id(const struct telegram *tg)
{
	return tg->id;
}
