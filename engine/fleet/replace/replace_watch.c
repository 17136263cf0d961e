/*
 * Whether the new one is good: its healthcheck says so, or it stays up; and its last words when it
 * is not.
 */
#include <stdio.h>
#include <string.h>
#include "fleetgram/base/json.h"
#include "fleetgram/base/language.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/text.h"
#include "fleetgram/docker/logs.h"
#include "host.h"
#include "replace/replacing.h"

#define LOOK_FIRST_MS 50 /* between two looks, doubling */
#define LOOK_LAST_MS 500
#define DOUBT_MS 30000 /* how long an engine may say nothing */
#define HEALTH_MARGIN_MS 30000
#define HEALTH_LONGEST_MS (INT64_C(24) * 3600 * 1000)
#define PROBE_DEFAULT_MS 30000 /* the engines' own interval and timeout */
#define PROBE_DEFAULT_RETRIES 3
#define WORDS_LINES 10
#define WORDS_BYTES 500  /* of the log */
#define OUTPUT_BYTES 200 /* of a probe */
#define WORDS_WAIT_MS 5000

static int64_t duration_ms(const cJSON *check, const char *key, int64_t fallback)
{
	int64_t ns = fg_json_i64(check, key, 0);

	return ns > 0 ? ns / 1000000 : fallback;
}

/* Whether it is checked at all, and how long the check may take to decide. */
static bool health_limit(const struct fg_container_info *info, int64_t *ms)
{
	const cJSON *check = fg_json_object(fg_json_object(info->raw, "Config"), "Healthcheck");
	const cJSON *test = fg_json_array(check, "Test");
	const char *kind = cJSON_GetStringValue(cJSON_GetArrayItem(test, 0));
	int64_t retries = fg_json_i64(check, "Retries", 0), round;

	if (!kind || strcmp(kind, "NONE") == 0 ||
		!fg_json_object(fg_json_object(info->raw, "State"), "Health"))
		return false;
	round = duration_ms(check, "Interval", PROBE_DEFAULT_MS) +
		duration_ms(check, "Timeout", PROBE_DEFAULT_MS);
	if (retries <= 0)
		retries = PROBE_DEFAULT_RETRIES;
	if (retries > 1000)
		retries = 1000;
	round = round < HEALTH_LONGEST_MS ? round : HEALTH_LONGEST_MS;
	*ms = duration_ms(check, "StartPeriod", 0);
	*ms = *ms < HEALTH_LONGEST_MS ? *ms : HEALTH_LONGEST_MS;
	*ms += round * (retries + 1) + HEALTH_MARGIN_MS;
	return true;
}

static const char *exit_meaning(const struct fg_container_info *info)
{
	static const struct {
		int code;
		const char *meaning;
	} meanings[] = {
		{0, FG_TEXT("it ended by itself")},
		{125, FG_TEXT("the engine could not run it")},
		{126, FG_TEXT("its command cannot be run")},
		{127, FG_TEXT("its command was not found")},
		{132, FG_TEXT("illegal instruction")},
		{134, FG_TEXT("it aborted")},
		{137, FG_TEXT("killed")},
		{139, FG_TEXT("it crashed: segmentation fault")},
		{143, FG_TEXT("ended by a TERM signal")},
	};

	if (info->oom_killed)
		return fg_tr("out of memory");
	for (size_t i = 0; i < FG_ARRAY_LEN(meanings); i++)
		if (meanings[i].code == info->exit_code)
			return fg_tr(meanings[i].meaning);
	return NULL;
}

static int went_out(const struct fg_container_info *info, const char *how, struct fg_err *err)
{
	const char *meaning = exit_meaning(info);

	return fg_fail(err, FG_EREMOTE, "the new one %s with code %d%s%s%s%s%s", how,
		info->exit_code, meaning ? " (" : "", meaning ? meaning : "", meaning ? ")" : "",
		*info->error ? ": " : "", info->error);
}

/* 1: good; 0: not yet; -1: bad. first: how it was when it came up. */
static int judge(const struct fg_container_info *first, const struct fg_container_info *now,
	bool checked, bool settled, struct fg_err *err)
{
	cleanup_str struct fg_str output = {0};

	if (strcmp(now->state, "restarting") == 0 || now->restart_count > 0 ||
		(first->started_ms > 0 && now->started_ms != first->started_ms &&
			strcmp(now->state, "running") == 0))
		return went_out(now, fg_tr("keeps ending"), err);
	if (strcmp(now->state, "running") != 0)
		return went_out(now, fg_tr("exited"), err);
	if (!checked)
		return settled;
	if (strcmp(now->health, "unhealthy") == 0) {
		fg_str_init(&output, OUTPUT_BYTES);
		fg_text_clean_line(&output, now->health_output, strlen(now->health_output));
		return fg_fail(err, FG_EREMOTE, "the new one is unhealthy%s%s",
			output.len ? fg_tr(": its check says ") : "", output.s ? output.s : "");
	}
	return strcmp(now->health, "healthy") == 0;
}

/* The last lines of its log, those that fit, on one line. */
static void last_words(struct replacing *r, bool tty, struct fg_str *out)
{
	struct fg_log_options options = {.tail = WORDS_LINES};
	int64_t deadline = fg_now_ms() + WORDS_WAIT_MS;
	cleanup_logs struct fg_logs *logs = NULL;
	char *lines[WORDS_LINES] = {NULL};
	struct fg_log_line line;
	size_t n = 0, from, size = 0;

	logs = fg_logs_open(r->host->engine, r->new_id, tty, &options, NULL);
	while (logs && fg_logs_next(logs, &line, deadline, NULL) > 0) {
		cleanup_str struct fg_str text = {0};

		fg_str_init(&text, WORDS_BYTES / 2);
		fg_text_clean_line(&text, line.text, line.len);
		if (!text.len)
			continue;
		if (n == WORDS_LINES) {
			free(lines[0]);
			memmove(lines, lines + 1, (n - 1) * sizeof(*lines));
			n--;
		}
		lines[n++] = fg_str_take(&text);
	}
	for (from = n; from > 0 && size + strlen(lines[from - 1]) + 3 <= WORDS_BYTES; from--)
		size += strlen(lines[from - 1]) + 3;
	for (size_t i = 0; i < n; i++) {
		if (i >= from)
			fg_str_printf(out, "%s%s", i > from ? " | " : "", lines[i]);
		free(lines[i]);
	}
}

static int bad(struct replacing *r, bool tty, struct fg_err *err)
{
	cleanup_str struct fg_str words = {0};
	struct fg_err why = *err;

	fg_str_init(&words, WORDS_BYTES);
	last_words(r, tty, &words);
	if (!words.len)
		return -1;
	return fg_fail(err, why.code, "%s; the end of its log: %s", why.text, words.s);
}

/* Look at it once. An engine that is slow, or just being restarted, says nothing about the
 * container: for a while it is asked again. 1: info is new; 0: no answer yet. */
static int look(struct replacing *r, struct fg_container_info *info, int64_t *silent_since,
	struct fg_err *err)
{
	int rc = replacing_noted(
		r, fg_container_inspect(r->host->engine, r->new_id, info, err), err);
	int64_t now = fg_now_ms();

	if (rc >= 0) {
		*silent_since = 0;
		return 1;
	}
	if (!*silent_since)
		*silent_since = now;
	if ((err->code == FG_ETIMEOUT || host_is_dead(err)) && !fg_task_canceled() &&
		now - *silent_since < DOUBT_MS)
		return 0;
	return fg_wrap(err, "the new one cannot be looked at");
}

int replace_watch(struct replacing *r, int64_t settle_ms, struct fg_err *err)
{
	cleanup_info struct fg_container_info first = {0};
	int64_t begun = fg_now_ms(), pause = LOOK_FIRST_MS, limit = settle_ms, silent = 0;
	bool checked = false;
	int rc = 0;

	for (;;) {
		cleanup_info struct fg_container_info now = {0};
		int64_t left;

		rc = look(r, &now, &silent, err);
		if (rc < 0)
			return -1;
		if (rc > 0 && !first.raw) {
			first = now;
			memset(&now, 0, sizeof(now));
			checked = health_limit(&first, &limit);
		}
		left = begun + limit - fg_now_ms();
		if (rc > 0)
			rc = judge(&first, now.raw ? &now : &first, checked,
				fg_now_ms() - begun >= settle_ms, err);
		if (rc == 0 && checked && left <= 0)
			rc = fg_fail(
				err, FG_ETIMEOUT, "the new one did not become healthy in time");
		if (rc != 0)
			break;
		if (fg_task_sleep(left > 0 && left < pause ? left : pause, err) < 0)
			return -1;
		pause = pause * 2 < LOOK_LAST_MS ? pause * 2 : LOOK_LAST_MS;
	}
	return rc < 0 ? bad(r, first.tty, err) : 0;
}
