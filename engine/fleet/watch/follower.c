/*
 * A follower's task: open the stream where the last one ended, read it, and open another one when
 * it breaks.
 *
 * Nothing waits in a queue: while what has happened is being handed over, the stream is not read,
 * and the engine waits.
 */
#include <string.h>
#include "fleetgram/base/log.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/retry.h"
#include "watch/follower.h"

#define REPLAY_MS 300       /* silence for that long ends what an engine repeats */
#define SETTLE_MS 2000      /* what a comparison has seen is in the stream by then */
#define REPLAY_MOST_MS 5000 /* … and so does that, whatever comes */
#define LOOK_BACK_MS 600000 /* of a host seen for the first time, for an event to stand at */
#define BATCH_MS 50         /* what comes in quick succession is handed over together */
#define CURSOR_MS 30000     /* where the watch stands is written so often while nothing happens */
#define DOUBT_MS 1000       /* for a stream to bring what another one did */
#define POLL_MS 250         /* between looks whether a proof is there */
#define GARBLED_MOST 16     /* events that cannot be read, of one stream */
#define LONG_ENOUGH 10000   /* a stream that lived so long is opened again at once */
#define SKEW_MS 2000        /* less is the way to us, not the clock */
#define CLOCK_MS 300000 /* the engine is asked for the time so often, whatever its stream says */

static const struct fg_retry patience = {.min_ms = 200, .max_ms = FG_WATCH_AGAIN_MS, .jitter = 0.2};

static void set_live(struct follower *f, bool live, const struct fg_err *why)
{
	if (f->state.live != live)
		f->state.since_ms = fg_now_ms();
	f->state.live = live;
	f->state.why = (struct fg_err){0};
	if (!live && why)
		f->state.why = *why;
}

static int64_t sooner(int64_t a, int64_t b)
{
	return b > 0 && b < a ? b : a;
}

/*
 * What time the engine has, in whole seconds, which it said after it was asked and before the
 * answer was here. An event's time would not do: it may have been on its way for long.
 */
static void note_clock(struct follower *f, int64_t asked_ms, int64_t answered_ms, int64_t date_ms)
{
	int64_t least = asked_ms - date_ms - 1000, most = answered_ms - date_ms;

	f->clock_ms = fg_now_ms();
	if (date_ms > 0)
		f->cursor.skew_ms =
			least < SKEW_MS && most > -SKEW_MS ? 0 : least + (most - least) / 2;
}

/* Events */

/* Whether it was taken before the stream was opened anew; and whether it is one of those at all. */
static bool is_repeated(struct follower *f, const struct fg_event *ev)
{
	if (f->first && f->since_ns > 0 && ev->time_ns != f->since_ns)
		f->cursor.gap = true; /* the engine has forgotten where we were */
	f->first = false;
	if (f->replaying && ev->time_ns / 1000000 + f->cursor.skew_ms > f->opened_wall_ms)
		f->replaying = false;
	if (f->skip > 0 && ev->time_ns == f->since_ns) {
		f->skip--;
		return true;
	}
	return false;
}

static void take(struct follower *f, const struct fg_event *ev)
{
	f->state.events++;
	f->state.event_ms = f->heard_ms = fg_now_ms();
	f->doubt_ms = 0;
	f->unproven = false;
	if (!f->state.live)
		set_live(f, true, NULL);
	if (is_repeated(f, ev))
		return;
	if (ev->time_ns > 0) {
		f->cursor.at_n = ev->time_ns == f->cursor.at_ns ? f->cursor.at_n + 1 : 1;
		f->cursor.at_ns = ev->time_ns;
		f->moved = true;
	}
	/* of a host that may be another one all is found by looking */
	if (f->cursor.known && !f->elsewhere)
		happen_event(f, ev);
}

/* Opening */

static int open_stream(struct follower *f, struct fg_err *err)
{
	int64_t from = f->cursor.at_ns, asked_ms = fg_wall_ms();

	f->since_ns = from;
	f->skip = f->cursor.at_n;
	if (!f->cursor.known) /* so that it stands somewhere */
		from = (fg_wall_ms() - LOOK_BACK_MS) * 1000000;
	f->events = fg_events_open(f->host->engine, from, 0, err);
	fg_host_note(f->host, f->events ? NULL : err);
	if (!f->events)
		return -1;
	f->opened_ms = f->heard_ms = fg_now_ms();
	f->opened_wall_ms = fg_wall_ms();
	note_clock(f, asked_ms, f->opened_wall_ms, fg_events_date(f->events));
	f->first = true;
	f->silent = !f->cursor.known;
	f->replaying = true;
	f->caught_up = false;
	f->compare_ms = f->opened_ms + SETTLE_MS;
	f->prove_ms = f->doubt_ms = 0;
	f->unanswered = f->garbled = 0;
	f->unproven = false;
	if (f->again) {
		f->state.breaks++;
		fg_info("the events of host %s are followed again", f->host->name);
	}
	f->again = true;
	set_live(f, true, NULL);
	return 0;
}

static int compare(struct follower *f, bool full, int *found, struct fg_err *err)
{
	if (compare_all(f, full, found, err) < 0 || batch_flush(f, err) < 0)
		return -1;
	return 0;
}

/*
 * What the engine had to repeat was read. If that does not go back to where the watch stood, or the
 * watch stood nowhere, each container is looked at; until that is done the store knows that it is
 * not.
 */
static int catch_up(struct follower *f, struct fg_err *err)
{
	int found;

	f->replaying = false;
	if (f->cursor.known && (f->since_ns == 0 || f->first))
		f->cursor.gap = true;
	f->moved = true;
	if (f->cursor.known && batch_flush(f, err) < 0)
		return -1;
	if (!f->cursor.known || f->cursor.gap || f->elsewhere) {
		if (f->cursor.known)
			fg_info("host %s has forgotten some of its events: all containers are compared",
				f->host->name);
		if (compare_all(f, true, &found, err) < 0) {
			/* half of another engine among what was seen of the last one is neither */
			f->loaded = f->loaded && !f->elsewhere;
			return fg_wrap(err, "cannot compare the containers");
		}
	}
	f->cursor.gap = f->elsewhere = f->first = false;
	free(f->cursor.url);
	f->cursor.url = fg_strdup(f->host->url);
	f->moved = true;
	if (batch_flush(f, err) < 0)
		return -1;
	f->silent = false;
	f->caught_up = true;
	f->state.sure_ms = fg_now_ms();
	return 0;
}

/* Proof of life */

/* An engine that stands still keeps its streams, and may go on. 0: it is worth waiting for. */
static int unanswered(struct follower *f, const struct fg_err *err)
{
	struct fg_retry again = {
		.min_ms = 1000, .max_ms = f->watch->options.proof_ms, .jitter = 0.2};

	if (err->code != FG_ETIMEOUT)
		return -1;
	f->prove_ms = fg_now_ms() + fg_retry_delay(&again, ++f->unanswered, 0);
	set_live(f, false, err);
	return 0;
}

static int judge(struct follower *f, struct fg_err *err)
{
	struct proof *p = &f->proof;
	int found = 0;

	proof_end(f);
	fg_host_note(f->host, p->rc < 0 ? &p->err : NULL);
	if (p->rc < 0) {
		*err = p->err;
		return unanswered(f, err);
	}
	note_clock(f, p->asked_ms, p->answered_ms, p->date_ms);
	f->unanswered = 0;
	f->prove_ms = 0;
	f->heard_ms = fg_now_ms();
	if (p->newer) {
		if (f->state.events == p->events)
			f->doubt_ms = f->heard_ms + DOUBT_MS;
		return 0;
	}
	if (!p->proven && compare(f, !f->unproven, &found, err) < 0)
		return unanswered(f, err);
	f->unproven = !p->proven;
	if (found > 0) { /* it may be about to tell */
		f->doubt_ms = fg_now_ms() + DOUBT_MS;
		return 0;
	}
	set_live(f, true, NULL);
	f->state.sure_ms = fg_now_ms();
	return 0;
}

/* What has to be done at some time */

static bool is_caught_up(const struct follower *f, int64_t now)
{
	return !f->replaying || now >= f->heard_ms + REPLAY_MS ||
	       now >= f->opened_ms + REPLAY_MOST_MS;
}

static int64_t next_proof(const struct follower *f)
{
	if (f->proof.task)
		return fg_now_ms() + POLL_MS;
	if (f->prove_ms)
		return f->prove_ms;
	return sooner(f->heard_ms + f->watch->options.proof_ms, f->clock_ms + CLOCK_MS);
}

static int64_t next_due(const struct follower *f)
{
	int64_t at = !f->caught_up ? f->heard_ms + REPLAY_MS
		     : f->doubt_ms ? f->doubt_ms
				   : next_proof(f);

	at = sooner(at, f->compare_ms);
	at = sooner(at, f->health_ms);
	return sooner(at, f->moved ? f->written_ms + CURSOR_MS : 0);
}

/* -1: the stream is of no use any more. */
static int do_due(struct follower *f, struct fg_err *err)
{
	int64_t now = fg_now_ms();
	int found;

	if (!f->caught_up)
		return is_caught_up(f, now) ? catch_up(f, err) : 0;
	if (f->compare_ms && now >= f->compare_ms) {
		f->compare_ms = 0;
		if (compare(f, false, &found, err) < 0) {
			f->compare_ms = fg_now_ms() + SETTLE_MS;
			fg_wrap(err, "cannot compare the containers");
			return unanswered(f, err);
		}
	}
	if (f->health_ms && now >= f->health_ms)
		happen_health(f);
	if (f->doubt_ms && now >= f->doubt_ms)
		return fg_fail(
			err, FG_ELOST, "it has said nothing while there was something to say");
	if (f->proof.task) {
		if (f->proof.done && judge(f, err) < 0)
			return -1;
	} else if (!f->doubt_ms && now >= next_proof(f)) {
		proof_begin(f);
	}
	if (f->moved && now >= f->written_ms + CURSOR_MS)
		return batch_flush(f, err);
	return 0;
}

/* Reading */

/* One that is too long, or is none. What it said is found by comparing. */
static int skip_garbled(struct follower *f, const struct fg_err *err)
{
	if ((err->code != FG_ETOOBIG && err->code != FG_EPROTO) || f->garbled++ >= GARBLED_MOST)
		return -1;
	fg_warn("an event of host %s cannot be read: %s", f->host->name, err->text);
	f->cursor.gap = true;
	f->caught_up = f->first = false;
	return 0;
}

/* Until it breaks; always -1. */
static int read_stream(struct follower *f, struct fg_err *err)
{
	int64_t begun = 0;

	for (;;) {
		cleanup_event struct fg_event ev = {0};
		int rc;

		if (do_due(f, err) < 0)
			return -1;
		rc = fg_events_next(
			f->events, &ev, f->batch.n > 0 ? fg_now_ms() : next_due(f), err);
		if (rc == 0)
			return fg_fail(err, FG_ELOST, "the engine has ended it");
		if (rc < 0 && err->code != FG_ETIMEOUT && skip_garbled(f, err) < 0)
			return -1;
		if (rc > 0) {
			if (f->batch.n == 0)
				begun = fg_now_ms();
			take(f, &ev);
			if (f->batch.n < FG_WATCH_BATCH && fg_now_ms() < begun + BATCH_MS)
				continue;
		}
		if (f->batch.n > 0 && batch_flush(f, err) < 0)
			return -1;
		if (f->caught_up && f->state.event_ms > f->state.sure_ms)
			f->state.sure_ms = f->state.event_ms;
	}
}

static int follow(struct follower *f, struct fg_err *err)
{
	struct fg_err unused;
	bool was = f->state.live;
	int rc = open_stream(f, err);

	if (rc == 0)
		rc = read_stream(f, err);
	proof_end(f);
	fg_events_close(fg_steal(&f->events));
	if (!fg_task_canceled())
		fg_log(was || f->state.live ? FG_LOG_WARN : FG_LOG_DEBUG,
			"the events of host %s have stopped: %s", f->host->name, err->text);
	set_live(f, false, err);
	if (f->batch.n > 0 && !fg_task_canceled())
		batch_flush(f, &unused);
	return rc;
}

static int load(struct follower *f, struct fg_err *err)
{
	seen_finish(&f->seen);
	free(f->cursor.url);
	f->cursor = (struct cursor){0};
	if (seen_load(f->watch->options.store, f->host->name, &f->seen, &f->cursor, err) < 0)
		return fg_wrap(err, "cannot read where the watch stands");
	f->elsewhere = f->cursor.known && strcmp(f->cursor.url, f->host->url) != 0;
	f->loaded = true;
	f->written_ms = fg_now_ms();
	return 0;
}

void follower_run(void *follower)
{
	struct follower *f = follower;
	struct fg_err err;
	int failures = 0;

	fg_task_deadline(FG_NEVER);
	while (!fg_task_canceled()) {
		int64_t begun = fg_now_ms();

		if (f->loaded || load(f, &err) == 0)
			follow(f, &err);
		else
			set_live(f, false, &err);
		if (fg_task_canceled())
			break;
		failures = fg_now_ms() - begun > LONG_ENOUGH ? 1 : failures + 1;
		fg_task_sleep(fg_retry_delay(&patience, failures, 0), NULL);
	}
}
