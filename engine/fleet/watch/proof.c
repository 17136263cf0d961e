/*
 * Proof of life: whether a stream that says nothing has nothing to say.
 *
 * Another stream is opened from where the silent one stands, and is given a moment. If it brings
 * what the silent one did not, that one is dead; if it brings the last event that was taken and no
 * more, there was nothing to say; if not even that, the engine has forgotten it, and only comparing
 * helps.
 */
#include <string.h>
#include "fleetgram/base/mem.h"
#include "watch/follower.h"

#define ANSWER_MS 10000 /* an engine that lives answers by then */
#define REST_MS 300     /* what it has to say follows within that */
#define MOST_MS 2000    /* … or that, when its first word is a while coming */

static int ask(struct proof *p, struct fg_err *err)
{
	cleanup_events struct fg_events *events = NULL;
	int64_t known = p->at_n, now, until;

	fg_task_deadline(fg_now_ms() + ANSWER_MS);
	if (p->at_ns == 0) /* nothing was ever said */
		return fg_engine_ping(p->engine, err);
	p->asked_ms = fg_wall_ms();
	events = fg_events_open(p->engine, p->at_ns, 0, err);
	if (!events)
		return -1;
	p->answered_ms = fg_wall_ms();
	p->date_ms = fg_events_date(events);
	now = fg_now_ms();
	for (until = now + MOST_MS; !p->newer;) {
		cleanup_event struct fg_event ev = {0};
		int rc = fg_events_next(events, &ev, until, err);

		if (rc < 0)
			return err->code == FG_ETIMEOUT ? 0 : -1;
		if (rc == 0)
			return 0;
		if (ev.time_ns != p->at_ns || known-- <= 0)
			p->newer = true;
		p->proven = true;
		until = fg_now_ms() + REST_MS;
	}
	return 0;
}

static void run(void *arg)
{
	struct proof *p = arg;

	p->rc = ask(p, &p->err);
	p->done = true;
}

void proof_begin(struct follower *f)
{
	f->proof = (struct proof){
		.engine = f->host->engine,
		.at_ns = f->cursor.at_ns,
		.at_n = f->cursor.at_n,
		.events = f->state.events,
	};
	f->proof.task = fg_task_spawn("proof of a stream's life", run, &f->proof);
}

void proof_end(struct follower *f)
{
	struct fg_task *task = fg_steal(&f->proof.task);

	if (!task)
		return;
	if (!f->proof.done)
		fg_task_cancel(task);
	fg_task_join(task);
}
