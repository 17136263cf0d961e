/* The end of the work on an update. */
#include <string.h>
#include "chat/audit.h"
#include "chat/confirm.h"
#include "chat/finish.h"
#include "chat/inbox.h"
#include "fleetgram/base/log.h"
#include "fleetgram/base/metric.h"
#include "telegram/outbox.h"

/*
 * Do it until the store takes it or the bot stops: an answer must not be lost because the disk was
 * full for a moment. What a stop leaves undone is taken up at the next start.
 */
static void insist(struct fg_store *store, int (*once)(void *arg, struct fg_err *err), void *arg,
	const char *what)
{
	static const struct fg_retry pace = {.min_ms = 500, .max_ms = 30000, .jitter = 0.1};
	struct fg_err err;
	enum fg_log_level level = FG_LOG_DEBUG;
	int failures = 0;

	while (once(arg, &err) < 0) {
		/* Of a full disk the store itself has told; many answers may wait for it. */
		if (!failures && !fg_store_problem(store))
			level = FG_LOG_ERROR;
		if (++failures == 1)
			fg_log(level, "%s has to wait: %s", what, err.text);
		if (fg_task_canceled() ||
			fg_task_sleep(fg_retry_delay(&pace, failures, 0), &err) < 0)
			return;
	}
	if (failures)
		fg_log(level == FG_LOG_ERROR ? FG_LOG_INFO : level, "%s is in the store after all",
			what);
}

/* Its row in the audit, when there is something to tell. */
static int audit(struct fg_tx *tx, const struct command *c, struct fg_err *err)
{
	bool failed = c->outcome && (strcmp(c->outcome, AUDIT_FAILED) == 0 ||
					    strcmp(c->outcome, AUDIT_REFUSED) == 0);
	struct audit_row row = {
		.wall_ms = fg_wall_ms(),
		.user_id = c->person.id,
		.name = c->person.name,
		.role = role_name(c->person.role),
		.chat_id = c->chat_id,
		.thread = c->reply->thread,
		.command = c->row ? c->row->name : "",
		.line = c->line,
		.targets = c->about,
		.result = c->outcome,
		.error = failed ? c->err.text : "",
		.took_ms = c->began_ms ? fg_now_ms() - c->began_ms : 0,
	};

	return c->outcome ? audit_add(tx, &row, err) : 0;
}

/* The one transaction at a command's end: its answer, its update, its confirmation. */
static int finish_once(void *arg, struct fg_err *err)
{
	cleanup_tx struct fg_tx tx = {0};
	struct command *c = arg;

	if (fg_tx_begin(c->app->store, &tx, err) == 0 && reply_commit(c->reply, &tx, err) == 0 &&
		(!c->confirm_id || confirm_use(&tx, c->confirm_id, err) == 0) &&
		audit(&tx, c, err) == 0 && inbox_done(&tx, c->update_id, err) == 0 &&
		fg_tx_commit(&tx, err) == 0)
		return 0;
	return -1;
}

static struct fg_metric commands = {
	.name = "fleetgram_commands",
	.help = "Chat commands that have ended, by their result as the audit has it.",
	.type = FG_METRIC_COUNTER,
	.labels = {"command", "result"},
	.most = 400,
};

static struct fg_metric command_seconds = {
	.name = "fleetgram_command_duration_seconds",
	.unit = "seconds",
	.help = "How long chat commands took, from the update to the answer in the outbox.",
	.type = FG_METRIC_HISTOGRAM,
	.labels = {"command"},
};

static void count(const struct command *c)
{
	if (!c->row || !c->outcome)
		return;
	fg_metric_count(&commands, c->row->name, c->outcome);
	if (c->began_ms)
		fg_metric_observe(&command_seconds, (double)(fg_now_ms() - c->began_ms) / 1000,
			c->row->name);
}

void finish_command(struct command *c)
{
	count(c);
	insist(c->app->store, finish_once, c, "an answer");
	outbox_kick(c->app->outbox);
}

struct silence {
	struct app *app;
	int64_t update_id;
};

static int silence_once(void *arg, struct fg_err *err)
{
	cleanup_tx struct fg_tx tx = {0};
	struct silence *silence = arg;

	if (fg_tx_begin(silence->app->store, &tx, err) < 0 ||
		inbox_done(&tx, silence->update_id, err) < 0)
		return -1;
	return fg_tx_commit(&tx, err);
}

void finish_silently(struct app *app, int64_t update_id)
{
	insist(app->store, silence_once, &(struct silence){app, update_id}, "an update's end");
}

static int refuse_once(void *arg, struct fg_err *err)
{
	cleanup_tx struct fg_tx tx = {0};
	struct command *c = arg;

	if (fg_tx_begin(c->app->store, &tx, err) < 0 || audit(&tx, c, err) < 0 ||
		inbox_done(&tx, c->update_id, err) < 0)
		return -1;
	return fg_tx_commit(&tx, err);
}

void finish_refused(struct command *c, const char *why)
{
	c->outcome = AUDIT_REFUSED;
	fg_fail(&c->err, FG_EDENIED, "%s", why);
	count(c);
	insist(c->app->store, refuse_once, c, "an update's end");
}

void finish_terminal(struct command *c)
{
	cleanup_tx struct fg_tx tx = {0};
	struct fg_err err;

	if (fg_tx_begin(c->app->store, &tx, &err) < 0 || audit(&tx, c, &err) < 0 ||
		fg_tx_commit(&tx, &err) < 0)
		fg_error("/%s is not in the audit: %s", c->line, err.text);
}
