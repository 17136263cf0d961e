/*
 * The Bot API as a client: one call, its retries, and what is known of Telegram's health.
 *
 * Every call goes through telegram_call(). It repeats what may be repeated, by the policy of the
 * config (policy.h): reads and edits after any passing failure, sends only when they cannot have
 * had their effect (no connection, or Telegram's own error answer). A server's retry_after is never
 * undershot; short ones are waited out here without using up an attempt, long ones are handed to
 * the caller, who keeps what waits. Nothing that is logged or returned contains the token.
 */
#ifndef BOT_TELEGRAM_TELEGRAM_H
#define BOT_TELEGRAM_TELEGRAM_H

#include <stdbool.h>
#include <stdint.h>
#include <cjson/cJSON.h>
#include "fleetgram/base/err.h"
#include "fleetgram/base/retry.h"
#include "fleetgram/base/task.h"

struct telegram;

struct telegram_options {
	const char *token, *api_url, *proxy; /* proxy may be NULL */
	struct fg_retry retry;
	int64_t poll_timeout_ms;
};

/* Everything in options is copied; the token becomes a secret of the log. */
struct telegram *telegram_create(const struct telegram_options *options);
void telegram_destroy(struct telegram *tg); /* NULL is fine; no call may be running */
/* New options from a reload; the token may differ. Calls that run go on with the old ones. */
void telegram_configure(struct telegram *tg, const struct telegram_options *options);

struct fg_retry telegram_retry(const struct telegram *tg);
int64_t telegram_poll_timeout(const struct telegram *tg); /* ms */
/* Grows with every telegram_configure(), which also wakes the condition. */
unsigned telegram_generation(const struct telegram *tg);
struct fg_cond *telegram_changed(struct telegram *tg);
/* The number that the token begins with, which is the bot's id; 0 when it begins with none. */
int64_t telegram_token_id(const struct telegram *tg);

/* A file that goes with a call, as multipart/form-data. */
struct telegram_file {
	const char *field;       /* "document", "photo" */
	const char *name, *type; /* type: content type; NULL: by the name */
	const void *data;
	size_t len;
};

struct telegram_call {
	const char *method;
	const cJSON *params;              /* an object; NULL: none */
	const struct telegram_file *file; /* NULL: none */
	bool single; /* no retries here at all: the caller decides (the outbox, the poll loop) */
	bool fresh;  /* on a connection of its own */
	/* Of what may not be repeated: as fg_http_request has it. An error of it is the call's. */
	int (*before_body)(void *arg, struct fg_err *err);
	void *before_body_arg;
	int64_t timeout_ms; /* of one attempt; 0: 30 s */
};

/*
 * The `result` of the answer, which the caller deletes; NULL on an error:
 * - FG_EREMOTE: Telegram said no, and did nothing. status is its error_code (0: it gave none), text
 *   its description; retry_after_ms is set with a 429 (0: it named no time). Also a 4xx, 500, 501 or
 *   505 without JSON, and a 429 of whoever stands in front.
 * - FG_EUNREACHABLE: it never left.
 * - FG_ELOST: it left and no usable answer came, so it may have had its effect: reset, time-out after
 *   sending, garbage, a gateway's page. With a 502 or 503 that is unlikely; status has it then.
 * - FG_ECANCELED, FG_EINVAL.
 */
cJSON *telegram_call(struct telegram *tg, const struct telegram_call *call, struct fg_err *err);

/*
 * The chat that a group became, from a 400 with migrate_to_chat_id; 0 when err is no such error.
 * Ask right after the call that failed, before the task waits for anything.
 */
int64_t telegram_migrated_to(const struct telegram *tg, const struct fg_err *err);

/*
 * Telegram does not accept the token: a 401, which a malformed one's 404 is made into. For
 * TELEGRAM_REFUSED_MS after it every call fails so without being sent, unless telegram_configure()
 * comes first.
 */
#define TELEGRAM_REFUSED_MS 60000
bool telegram_token_refused(const struct fg_err *err);

/* What /health says. */
enum telegram_state { TELEGRAM_OK, TELEGRAM_DEGRADED, TELEGRAM_DOWN, TELEGRAM_DISABLED };

struct telegram_health {
	enum telegram_state state;
	int64_t last_poll_ms;   /* monotonic, of the last poll that succeeded; -1: none yet */
	int64_t retry_after_ms; /* how much longer Telegram asked us to hold back; 0: it does not */
	char problem[256];      /* in words, or "" */
};

/*
 * Judged by polls alone. Down: no poll succeeded for three poll time-outs (at least 5 s), the token
 * is refused, or another poller or a webhook took three polls in a row. Degraded: no poll has
 * succeeded yet, the last one failed, or Telegram asked to hold back. tg NULL: disabled.
 */
void telegram_health(const struct telegram *tg, struct telegram_health *out);
/* Whether the poll loop goes round, with or without success: false after several polls' time in
 * which none has ended, nor has work on an update begun (for which the next poll may have to wait).
 * For the watchdog. */
bool telegram_polls(const struct telegram *tg);
void telegram_note_work(struct telegram *tg); /* it has begun; NULL is fine */
/* The poll loop says how a poll went; NULL: well. */
void telegram_note_poll(struct telegram *tg, const struct fg_err *err);
const char *telegram_state_name(enum telegram_state state); /* "ok" … */

/* The bot itself, from getMe; "" and 0 before it was asked. */
int telegram_get_me(struct telegram *tg, struct fg_err *err);
const char *telegram_username(const struct telegram *tg);
int64_t telegram_id(const struct telegram *tg);

#endif
