/* The notifier: one task that goes through what is to be done, again whenever there is news. */
#include <string.h>
#include "fleetgram/base/log.h"
#include "fleetgram/base/mem.h"
#include "notify/course.h"
#include "notify/state.h"
#include "telegram/live.h"

#define LOOKS 8         /* containers that are looked at closely at a time */
#define PAUSE_MS 5      /* between two rounds, however much happens */
#define TROUBLE_MS 2000 /* after a round that failed */

struct notify *notify_create(struct app *app, struct fg_err *err)
{
	struct notify *n = fg_alloc(sizeof(*n));

	n->app = app;
	fg_cond_init(&n->wake);
	fg_list_init(&n->outages);
	fg_list_init(&n->boards);
	fg_list_init(&n->looks);
	fg_group_init(&n->looking, LOOKS);
	if (ledger_setup(app->store, err) < 0 || live_setup(app->store, err) < 0) {
		free(n);
		return NULL;
	}
	return n;
}

void notify_destroy(struct notify *n)
{
	if (!n)
		return;
	fg_fleet_on_change(n->app->setup->fleet, NULL, NULL);
	bulletin_finish(n);
	hosts_finish(n);
	free(n);
}

void notify_kick(struct notify *n)
{
	n->kicked = true;
	fg_cond_signal(&n->wake);
}

/* Everything once; when to come again (monotonic ms). */
static int go_round(struct notify *n, int64_t *next, struct fg_err *err)
{
	static int (*const turns[])(struct notify *, int64_t *, struct fg_err *) = {
		settle_turn, detail_turn, hosts_turn, tell_turn, bulletin_turn};

	for (size_t i = 0; i < FG_ARRAY_LEN(turns); i++)
		if (turns[i](n, next, err) < 0)
			return -1;
	return 0;
}

static void note_trouble(struct notify *n, const struct fg_err *err)
{
	if (err && !n->troubled && !fg_task_canceled())
		fg_error("notifications have to wait: %s", err->text);
	if (!err && n->troubled)
		fg_info("notifications go on");
	n->troubled = err != NULL;
}

void notify_run(void *arg)
{
	struct notify *n = arg;

	while (!fg_task_canceled()) {
		int64_t next = FG_NEVER;
		struct fg_err err = {0};
		int rc;

		n->kicked = false;
		rc = go_round(n, &next, &err);
		note_trouble(n, rc < 0 ? &err : NULL);
		if (rc < 0)
			next = fg_now_ms() + TROUBLE_MS;
		if (fg_task_canceled() || fg_task_sleep(rc < 0 ? TROUBLE_MS : PAUSE_MS, NULL) < 0)
			break;
		while (!n->kicked && fg_now_ms() < next && !fg_task_canceled())
			fg_cond_wait(&n->wake, "something to tell", next, NULL);
	}
	fg_group_cancel(&n->looking);
	fg_group_wait(&n->looking, FG_NEVER, NULL);
}

/* In transactions of others */

int notify_take(struct fg_tx *tx, const struct fg_happening *v, size_t count, void *notify,
	struct fg_err *err)
{
	struct notify *n = notify;
	cleanup_setup struct setup *setup = setup_ref(n->app->setup);
	cleanup_ledger struct ledger l = {0};
	int64_t doubtful;

	ledger_begin(&l, tx, setup->config);
	for (size_t i = 0; i < count; i++)
		if (course_happened(&l, &v[i], err) < 0)
			return -1;
	doubtful = hosts_doubt(n, &l);
	if (ledger_write(&l, err) < 0)
		return -1;
	return doubtful ? hosts_doubt_all(&l, v[0].host->name, err) : 0;
}

int notify_report(struct notify *n, struct fg_tx *tx, const struct incident_report *report,
	struct fg_err *err)
{
	cleanup_setup struct setup *setup = setup_ref(n->app->setup);
	cleanup_ledger struct ledger l = {0};
	int opened;

	ledger_begin(&l, tx, setup->config);
	opened = course_report(&l, report, err);
	return opened < 0 || ledger_write(&l, err) < 0 ? -1 : opened;
}

int notify_recovered(struct notify *n, struct fg_tx *tx, enum incident_kind kind, const char *host,
	const char *id, int64_t at_ms, struct fg_err *err)
{
	cleanup_setup struct setup *setup = setup_ref(n->app->setup);
	cleanup_ledger struct ledger l = {0};

	ledger_begin(&l, tx, setup->config);
	if (course_recovered(&l, kind, host, id, at_ms, err) < 0)
		return -1;
	return ledger_write(&l, err);
}

int notify_replaced(
	struct notify *n, struct fg_tx *tx, const char *host, const char *id, struct fg_err *err)
{
	cleanup_setup struct setup *setup = setup_ref(n->app->setup);
	cleanup_ledger struct ledger l = {0};

	ledger_begin(&l, tx, setup->config);
	if (course_replaced(&l, host, id, err) < 0)
		return -1;
	return ledger_write(&l, err);
}

int notify_gone(struct notify *n, struct fg_tx *tx, enum incident_kind kind, const char *host,
	const char *id, struct fg_err *err)
{
	cleanup_setup struct setup *setup = setup_ref(n->app->setup);
	cleanup_ledger struct ledger l = {0};

	ledger_begin(&l, tx, setup->config);
	if (course_gone(&l, kind, host, id, err) < 0)
		return -1;
	return ledger_write(&l, err);
}
