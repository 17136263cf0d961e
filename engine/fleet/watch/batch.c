/*
 * Batches: what has happened, handed over in the transaction that moves the watch on.
 */
#include <stdio.h>
#include <string.h>
#include "deed_own.h"
#include "fleetgram/base/log.h"
#include "fleetgram/base/retry.h"
#include "watch/follower.h"

#define STUCK_MS 2000

static const struct fg_retry patience = {.min_ms = 200, .max_ms = 10000, .jitter = 0.2};

static char *copy(const char *s)
{
	return fg_strdup(s ? s : "");
}

static void happening_finish(struct fg_happening *h)
{
	free((char *)h->id);
	free((char *)h->name);
	free((char *)h->image);
	free((char *)h->before);
	free((char *)h->health);
	cJSON_Delete((cJSON *)h->labels);
	memset(h, 0, sizeof(*h));
}

struct fg_happening *batch_add(struct follower *f, enum fg_happened what, const struct seen *s,
	int64_t at_ms, cJSON *labels)
{
	struct batch *b = &f->batch;
	struct fg_happening *h;

	if (b->n == b->room) {
		b->room = b->room ? b->room * 2 : 16;
		b->v = fg_realloc(b->v, b->room, sizeof(*b->v));
	}
	h = &b->v[b->n];
	*h = (struct fg_happening){
		.what = what,
		.host = f->host,
		.id = copy(s->id),
		.name = copy(s->name),
		.image = copy(s->image),
		.before = copy(""),
		.labels = labels,
		.at_ms = at_ms,
		.after_ms = at_ms,
		.missed = f->replaying,
		.exit_code = -1,
		.ran_ms = -1,
		.health = copy(""),
	};
	b->n++;
	return h;
}

void batch_clear(struct batch *batch)
{
	for (size_t i = 0; i < batch->n; i++)
		happening_finish(&batch->v[i]);
	batch->n = 0;
	if (batch->room > 2 * FG_WATCH_BATCH) { /* there were many at once */
		free(batch->v);
		*batch = (struct batch){0};
	}
}

/* When there were no deeds at all, nobody has to be asked about each. */
static void note_ours(struct follower *f)
{
	struct fg_deeds *deeds = f->watch->options.deeds;
	int64_t first = fg_wall_ms();

	for (size_t i = 0; i < f->batch.n; i++)
		if (f->batch.v[i].after_ms + f->cursor.skew_ms < first)
			first = f->batch.v[i].after_ms + f->cursor.skew_ms;
	if (!deeds || f->batch.n == 0 || !deeds_any(deeds, f->host->name, first))
		return;
	for (size_t i = 0; i < f->batch.n; i++) {
		struct fg_happening *h = &f->batch.v[i];
		int64_t at = h->at_ms + f->cursor.skew_ms;

		h->ours = deeds_caused(deeds, h->what, h->host->name, h->id, h->name,
			&(struct deed_time){
				.at_ms = at,
				.after_ms = h->after_ms + f->cursor.skew_ms,
				.since_ms = h->ran_ms >= 0 ? at - h->ran_ms : 0,
			});
	}
}

static int write_once(struct follower *f, struct fg_err *err)
{
	struct fg_watch_options *o = &f->watch->options;
	cleanup_tx struct fg_tx tx = {0};

	if (fg_tx_begin(o->store, &tx, err) < 0 ||
		seen_write(&tx, f->host->name, &f->seen, &f->cursor, err) < 0)
		return -1;
	if (f->batch.n > 0 && o->take(&tx, f->batch.v, f->batch.n, o->arg, err) < 0)
		return -1;
	return fg_tx_commit(&tx, err);
}

static const char *const words[] = {
	[FG_HAPPENED_CREATED] = "was created",
	[FG_HAPPENED_DIED] = "died",
	[FG_HAPPENED_HEALTH] = "is",
	[FG_HAPPENED_OOM] = "ran out of memory",
	[FG_HAPPENED_PAUSED] = "was paused",
	[FG_HAPPENED_REMOVED] = "was removed",
	[FG_HAPPENED_RENAMED] = "has a new name",
	[FG_HAPPENED_STARTED] = "started",
	[FG_HAPPENED_UNPAUSED] = "goes on",
};

static void log_happening(const struct fg_happening *h)
{
	char code[32] = "";

	if (h->what == FG_HAPPENED_DIED)
		snprintf(code, sizeof(code), " (%d)", h->exit_code);
	fg_debug("host %s: %s %s%s%s%s%s%s%s", h->host->name, h->name, words[h->what],
		*h->health ? " " : "", h->health, code, h->asked ? ", asked" : "",
		h->ours ? ", ours" : "", h->missed ? ", missed" : "");
}

static void written(struct follower *f)
{
	bool any = f->batch.n > 0;

	for (size_t i = 0; i < f->batch.n; i++)
		log_happening(&f->batch.v[i]);
	seen_written(&f->seen);
	f->cursor.known = true;
	f->moved = false;
	f->written_ms = fg_now_ms();
	f->state.happenings += (int64_t)f->batch.n;
	batch_clear(&f->batch);
	if (any && f->watch->options.taken)
		f->watch->options.taken(f->watch->options.arg);
}

/* A stream that is not read for long makes the engine slow for everybody: it is given up, and the
 * store waited for without it. */
static bool is_stuck(const struct follower *f, int64_t begun)
{
	return f->events && fg_now_ms() > begun + STUCK_MS;
}

int batch_flush(struct follower *f, struct fg_err *err)
{
	int64_t begun = fg_now_ms();
	int failures = 0;

	if (f->silent)
		batch_clear(&f->batch);
	if (f->batch.n == 0 && !f->moved && !seen_dirty(&f->seen))
		return 0;
	note_ours(f);
	while (write_once(f, err) < 0) {
		if (fg_task_canceled())
			return -1;
		if (is_stuck(f, begun))
			return fg_wrap(err, "what happens cannot be written down");
		if (failures++ == 0)
			fg_warn("what happened on host %s has to wait: %s", f->host->name,
				err->text);
		if (fg_task_sleep(fg_retry_delay(&patience, failures, 0), err) < 0)
			return -1;
	}
	if (failures)
		fg_info("what happened on host %s is told now", f->host->name);
	written(f);
	return 0;
}

int batch_note(struct follower *f, struct fg_err *err)
{
	if (f->batch.n > 0 || (!f->moved && !seen_dirty(&f->seen)))
		return 0;
	if (!f->cursor.known || !f->caught_up) /* half of it is no place to stand at */
		return 0;
	if (write_once(f, err) < 0)
		return -1;
	written(f);
	return 0;
}
