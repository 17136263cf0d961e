/*
 * Looking at a service again and again.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "commands/format.h"
#include "commands/service_watch.h"
#include "commands/swarm_nodes.h"

#define LOOK_MS 1000
#define SILENT_MS 45000           /* a swarm without an answer; a new leader takes up to 9 s */
#define STUCK_MS ((int64_t)30000) /* nothing has moved, and a task says why */
#define SCALE_MS ((int64_t)5 * 60000)
#define ROLL_MS ((int64_t)15 * 60000)
#define FAILED_SHOWN 3
#define FAILURES 3 /* are no accident */

/* What must change for it to be on its way. */
struct mark {
	int64_t running, fresh, completed;
	uint64_t states; /* of all tasks */
	size_t n;
	char update[24];
};

static struct mark mark_of(const struct service_watch *w)
{
	const struct fg_service *s = &w->item->s;
	struct mark m = {
		.running = s->running,
		.fresh = fg_service_fresh(s, &w->tasks),
		.completed = s->completed,
	};

	for (size_t i = 0; i < w->tasks.n; i++)
		for (const char *p = w->tasks.v[i].state; *p; p++)
			m.states = m.states * 31 + (unsigned char)*p + i;
	m.n = w->tasks.n;
	memcpy(m.update, s->update_state, sizeof(m.update));
	return m;
}

static bool is_same(const struct mark *a, const struct mark *b)
{
	return a->running == b->running && a->fresh == b->fresh && a->completed == b->completed &&
	       a->states == b->states && a->n == b->n && strcmp(a->update, b->update) == 0;
}

/* Look once. 1: seen; 0: it is gone; -1: c->err. */
static int look(struct service_watch *w)
{
	struct fg_service now = {0};
	struct fg_service_tasks tasks = {0};
	struct fg_swarm *swarm = w->item->swarm;
	struct fg_err *err = &w->c->err;

	if (fg_swarm_service(swarm, w->item->s.id, &now, err) < 0)
		return err->code == FG_ENOTFOUND ? 0 : -1;
	if (fg_swarm_tasks(swarm, now.id, &tasks, err) < 0) {
		fg_service_finish(&now);
		return -1;
	}
	fg_service_finish(&w->item->s);
	fg_service_tasks_finish(&w->tasks);
	w->item->s = now;
	w->tasks = tasks;
	fg_service_count(&w->item->s, &w->tasks);
	if (w->nodes.n == 0 && swarm_nodes(w->c, swarm, &w->nodes) < 0)
		return -1;
	return 1;
}

static bool any_open(const struct service_watch *w)
{
	for (size_t i = 0; i < w->tasks.n; i++)
		if (fg_service_task_open(&w->tasks.v[i]))
			return true;
	return false;
}

static bool is_rolling(const struct service_watch *w)
{
	const char *update = w->item->s.update_state;

	return w->rolls &&
	       (strcmp(update, "updating") == 0 || strcmp(update, "rollback_started") == 0);
}

/* The swarm says nothing of its update; of a global one, nothing is wanted before it has tasks. */
static enum service_end job_end(const struct fg_service *s)
{
	bool begun = s->mode != FG_SERVICE_GLOBAL_JOB || s->wanted > 0;

	return begun && s->completed >= s->wanted && s->running == 0 ? SERVICE_REACHED
								     : SERVICE_LATE;
}

/* Whether it has come to an end; SERVICE_LATE: not yet. */
static enum service_end end_of(const struct service_watch *w)
{
	const struct fg_service *s = &w->item->s;
	const char *update = s->update_state;

	if (fg_service_is_job(s))
		return job_end(s);
	if (w->rolls && (strcmp(update, "paused") == 0 || strcmp(update, "rollback_paused") == 0))
		return SERVICE_PAUSED;
	if (w->rolls && strcmp(update, "rollback_completed") == 0)
		return w->back ? SERVICE_REACHED : SERVICE_ROLLED_BACK;
	if (is_rolling(w) || s->running != s->wanted || any_open(w))
		return SERVICE_LATE;
	if (w->rolls && fg_service_fresh(s, &w->tasks) != s->wanted)
		return SERVICE_LATE;
	return SERVICE_REACHED;
}

/* How long it may stand still: a task that waits with a reason will hardly go on, least of all when
 * no node will have it. (For as long as another one needs to stop, that may be so in good order.)
 */
static int64_t patience(const struct service_watch *w)
{
	int64_t ms = SCALE_MS, refused = 2 * w->c->setup->config->update.settle_ms;

	/* What a job does takes its time, and is not seen from here. */
	if (fg_service_is_job(&w->item->s) && w->item->s.running > 0)
		return ROLL_MS;
	for (size_t i = 0; i < w->tasks.n; i++) {
		const struct fg_service_task *t = &w->tasks.v[i];

		if (!fg_service_task_open(t) || !*t->error)
			continue;
		ms = ms < STUCK_MS ? ms : STUCK_MS;
		if (strcmp(t->state, "pending") == 0)
			return refused < STUCK_MS ? refused : STUCK_MS;
	}
	return ms;
}

/* One that fails again and again moves, but not forward. */
static size_t failures(const struct service_watch *w)
{
	size_t n = 0;

	for (size_t i = 0; i < w->tasks.n; i++) {
		const struct fg_service_task *t = &w->tasks.v[i];

		n += t->created_ms >= w->began_ms && *t->error &&
		     (strcmp(t->state, "failed") == 0 || strcmp(t->state, "rejected") == 0);
	}
	return n;
}

/* Of how many tasks it can be said that they are as they are to be. */
static int64_t count_done(const struct service_watch *w)
{
	const struct fg_service *s = &w->item->s;

	if (fg_service_is_job(s))
		return s->completed;
	return w->rolls ? fg_service_fresh(s, &w->tasks) : s->running;
}

static void show(const struct service_watch *w)
{
	const struct fg_service *s = &w->item->s;
	int64_t wanted = s->wanted > 0 ? s->wanted : 0, done = count_done(w);
	cleanup_free char *title = swarm_title(w->item);
	cleanup_str struct fg_str html = {0};
	const char *update = service_update_words(s);

	fg_str_init(&html, 8192);
	html_printf(&html, FG_TEXT("⏳ <b>%s</b>: %s\n"), title, w->doing);
	format_bar(&html, done < wanted ? done : wanted, wanted);
	if (fg_service_is_job(s))
		html_printf(&html, " %d of %d done, %d running", (int)done, (int)wanted,
			(int)s->running);
	else if (w->rolls)
		html_printf(&html, " %d of %d are new, %d running", (int)done, (int)wanted,
			(int)s->running);
	else
		html_printf(&html, " %d of %d running", (int)done, (int)wanted);
	if (w->rolls && *update)
		html_printf(&html, FG_TEXT(" · %s"), update);
	fg_str_putc(&html, '\n');
	service_failures(&html, s, &w->tasks, &w->nodes, w->began_ms, FAILED_SHOWN);
	reply_progress(w->c->reply, html.s);
}

struct watching {
	struct mark last;
	int64_t moved_ms, seen_ms, until_ms; /* monotonic */
};

/* What one look has brought: an end, -1 for none in sight, SERVICE_LATE for going on. */
static int judge(struct service_watch *w, struct watching *at, int seen)
{
	int64_t now = fg_now_ms();
	enum service_end end;
	struct mark mark;

	if (seen == 0)
		return SERVICE_GONE;
	if (seen < 0)
		return now - at->seen_ms > SILENT_MS || fg_task_canceled() ? -1 : SERVICE_LATE;
	at->seen_ms = now;
	end = end_of(w);
	if (end != SERVICE_LATE)
		return (int)end;
	mark = mark_of(w);
	if (!is_same(&mark, &at->last))
		at->moved_ms = now;
	at->last = mark;
	if (now - at->moved_ms >= patience(w))
		return SERVICE_STUCK;
	/* The swarm stops a roll by itself, unless they fail after it had looked; it tries for ever
	 * to have enough. */
	if (!is_rolling(w) && failures(w) >= FAILURES)
		return SERVICE_STUCK;
	show(w);
	return SERVICE_LATE;
}

int service_watch_run(struct service_watch *w)
{
	int64_t now = fg_now_ms();
	struct watching at = {
		.moved_ms = now,
		.seen_ms = now,
		.until_ms = now + (w->rolls ? ROLL_MS : SCALE_MS),
	};

	while (fg_now_ms() < at.until_ms) {
		int end = judge(w, &at, look(w));

		if (end != SERVICE_LATE)
			return end;
		if (w->c->app->stopping)
			return SERVICE_LEFT;
		if (fg_task_sleep(LOOK_MS, &w->c->err) < 0)
			return -1;
	}
	return SERVICE_LATE;
}

void service_watch_finish(struct service_watch *w)
{
	fg_service_tasks_finish(&w->tasks);
	fg_nodes_finish(&w->nodes);
}
