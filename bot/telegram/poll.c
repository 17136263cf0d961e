/* The poll loop. */
#include <inttypes.h>
#include "fleetgram/base/json.h"
#include "fleetgram/base/log.h"
#include "telegram/policy.h"
#include "telegram/poll.h"

/* A half-open connection would hang for ever: this much is waited beyond the poll's own time. */
#define GRACE_MS 10000
#define BACKOFF_MOST_MS 30000
/* An empty answer sooner than that is slowed down, lest the two of us spin. */
#define IDLE_LEAST_MS 500

/* One request in a task of its own, since a reload has to be able to end it. */
struct ask {
	struct telegram *tg;
	struct telegram_call call;
	cJSON *result;
	struct fg_err err;
	bool done;
};

struct loop {
	struct poll *poll;
	unsigned generation; /* of the options in use */
	int64_t bot;         /* whose offset it is */
	int failures;        /* in a row */
	int said;            /* the status that was last said */
	bool conflict;       /* the last one was a 409 */
	bool begun;          /* some poll has succeeded */
};

static void ask_run(void *arg)
{
	struct ask *ask = arg;

	ask->result = telegram_call(ask->tg, &ask->call, &ask->err);
	ask->done = true;
	fg_cond_broadcast(telegram_changed(ask->tg));
}

static cJSON *make_params(const struct loop *l, int64_t timeout_ms)
{
	static const char *const allowed[] = {"message", "callback_query", "my_chat_member"};
	cJSON *params = cJSON_CreateObject();

	if (l->poll->offset)
		fg_json_set_i64(params, "offset", l->poll->offset);
	fg_json_set_i64(params, "timeout", timeout_ms / 1000);
	cJSON_AddItemToObject(params, "allowed_updates", cJSON_CreateStringArray(allowed, 3));
	return params;
}

/* The answer; NULL with err: it failed, or the options changed meanwhile (FG_ECANCELED as for a
 * cancel). */
static cJSON *ask(struct loop *l, struct fg_err *err)
{
	struct telegram *tg = l->poll->tg;
	bool wait = l->begun && (l->failures == 0 || l->conflict);
	int64_t timeout_ms = wait ? telegram_poll_timeout(tg) : 0;
	cleanup_json cJSON *params = make_params(l, timeout_ms);
	struct ask ask = {
		.tg = tg,
		.call =
			{
				.method = "getUpdates",
				.params = params,
				.single = true,
				.fresh = l->failures > 0,
				.timeout_ms = timeout_ms + GRACE_MS,
			},
	};
	struct fg_task *task = fg_task_spawn("getUpdates", ask_run, &ask);

	while (!ask.done && l->generation == telegram_generation(tg))
		if (fg_cond_wait(telegram_changed(tg), "updates", FG_NEVER, NULL) < 0)
			break;
	if (!ask.done)
		fg_task_cancel(task);
	fg_task_join(task);
	if (!ask.result)
		*err = ask.err;
	return ask.result;
}

/* What the next offset is after this batch; 0 when it holds no update_id at all. */
static int64_t next_offset(const cJSON *updates)
{
	const cJSON *update;
	int64_t next = 0, id;

	cJSON_ArrayForEach (update, updates) {
		id = fg_json_i64(update, "update_id", 0);
		if (id > 0 && id < INT64_MAX && id >= next)
			next = id + 1;
	}
	return next;
}

/* Hand a batch over. A batch without any id could never be confirmed, and would come for ever. */
static int take(struct loop *l, const cJSON *updates, struct fg_err *err)
{
	int64_t next = next_offset(updates);

	if (!cJSON_IsArray(updates) || (updates->child && next == 0))
		return fg_fail(err, FG_EPROTO,
			"getUpdates answered with something that is no list of updates");
	if (!updates->child)
		return 0;
	if (l->poll->take(l->poll->arg, updates, err) < 0)
		return fg_wrap(err, "cannot keep the updates");
	l->poll->offset = next;
	return 0;
}

/* Say what is wrong: once in a row of failures, and again when it becomes something to act on. */
static void say(struct loop *l, const struct fg_err *err)
{
	bool act = telegram_token_refused(err) || l->conflict;

	if (l->failures > 1 && (!act || l->said == err->status)) {
		fg_debug("polling fails: %s", err->text);
		return;
	}
	l->said = err->status;
	if (telegram_token_refused(err))
		fg_error("Telegram refuses the token (%s): put in a valid one and reload; asking "
			 "again every %d s",
			err->text, TELEGRAM_REFUSED_MS / 1000);
	else if (l->conflict)
		fg_error("cannot poll, somebody else has this bot's updates: %s", err->text);
	else
		fg_warn("polling fails: %s; it goes on trying", err->text);
}

static int64_t pause_after(const struct loop *l, const struct fg_err *err)
{
	struct fg_retry retry = telegram_retry(l->poll->tg);

	if (telegram_token_refused(err))
		return TELEGRAM_REFUSED_MS;
	if (policy_class(err) == POLICY_FLOOD)
		return policy_pause(&retry, err->retry_after_ms);
	if (retry.max_ms > BACKOFF_MOST_MS)
		retry.max_ms = BACKOFF_MOST_MS;
	return fg_retry_delay(&retry, l->failures, 0);
}

/* Until the pause is over or the options have changed; -1: cancelled. */
static int pause_for(struct loop *l, int64_t ms)
{
	int64_t deadline = fg_now_ms() + ms;
	struct fg_err err;

	while (fg_now_ms() < deadline && l->generation == telegram_generation(l->poll->tg)) {
		if (fg_cond_wait(telegram_changed(l->poll->tg), "the next poll", deadline, &err) <
				0 &&
			err.code == FG_ECANCELED)
			return -1;
	}
	return 0;
}

static void note_success(struct loop *l)
{
	if (l->failures)
		fg_info("polling works again after %d failures", l->failures);
	l->failures = 0;
	l->conflict = false;
	l->begun = true;
}

/* After a reload: begin anew, with another bot from its first update. */
static void adopt_options(struct loop *l)
{
	l->generation = telegram_generation(l->poll->tg);
	if (telegram_token_id(l->poll->tg) != l->bot)
		l->poll->offset = 0;
	l->bot = telegram_token_id(l->poll->tg);
	l->failures = 0;
	l->begun = l->conflict = false;
}

static int step(struct loop *l)
{
	struct telegram *tg = l->poll->tg;
	int64_t begun_ms = fg_now_ms();
	cleanup_json cJSON *updates = NULL;
	struct fg_err err = {0};
	int rc;

	if (l->generation != telegram_generation(tg))
		adopt_options(l);
	updates = ask(l, &err);
	if (fg_task_canceled())
		return -1;
	if (!updates && l->generation != telegram_generation(tg))
		return 0;
	if (updates)
		telegram_note_poll(tg, NULL);
	rc = updates ? take(l, updates, &err) : -1;
	if (rc == 0) {
		bool hasty = l->begun && !updates->child && fg_now_ms() - begun_ms < IDLE_LEAST_MS;

		note_success(l);
		return hasty ? pause_for(l, IDLE_LEAST_MS) : 0;
	}
	if (err.code == FG_ECANCELED)
		return -1;
	if (!updates)
		telegram_note_poll(tg, &err);
	l->failures++;
	l->conflict = err.code == FG_EREMOTE && err.status == 409;
	say(l, &err);
	return pause_for(l, pause_after(l, &err));
}

void poll_run(void *arg)
{
	struct loop l = {.poll = arg};

	l.bot = telegram_token_id(l.poll->tg);
	l.generation = telegram_generation(l.poll->tg);
	while (step(&l) == 0)
		;
}
