/*
 * The watch: a follower for each host of the fleet.
 */
#include <string.h>
#include "fleetgram/base/language.h"
#include "fleetgram/base/log.h"
#include "fleetgram/base/mem.h"
#include "watch/follower.h"

struct fg_watch *fg_watch_create(const struct fg_watch_options *options, struct fg_err *err)
{
	struct fg_watch *watch;

	if (seen_migrate(options->store, err) < 0)
		return NULL;
	watch = fg_alloc(sizeof(*watch));
	watch->options = *options;
	if (watch->options.proof_ms <= 0)
		watch->options.proof_ms = FG_WATCH_PROOF_MS;
	fg_list_init(&watch->followers);
	fg_lock_init(&watch->changing);
	return watch;
}

void fg_watch_destroy(struct fg_watch *watch)
{
	free(watch);
}

static struct follower *find(const struct fg_watch *watch, const char *host)
{
	struct follower *f;

	fg_list_each (&watch->followers, f, link)
		if (strcmp(f->host->name, host) == 0)
			return f;
	return NULL;
}

static void start(struct fg_watch *watch, struct fg_host *host, const struct fg_watch_state *before)
{
	/* whoever has asked for a new config, what is written of the host is for everybody */
	cleanup_language const struct fg_language *language = fg_language_set(NULL);
	struct follower *f = fg_alloc(sizeof(*f));
	cleanup_free char *name = fg_printf("watch %s", host->name);

	f->watch = watch;
	f->fleet = fg_fleet_ref(host->fleet);
	f->host = host;
	f->state.since_ms = fg_now_ms();
	if (before) {
		f->state.event_ms = before->event_ms;
		f->state.events = before->events;
		f->state.happenings = before->happenings;
		f->state.breaks = before->breaks;
	}
	fg_list_append(&watch->followers, &f->link);
	f->task = fg_task_spawn(name, follower_run, f);
}

/* What was told is in the store; where the stream stands beyond that spares the next one work. */
static void end(struct follower *f)
{
	struct fg_err err;

	fg_task_cancel(f->task);
	fg_task_join(f->task);
	fg_list_remove(&f->link);
	if (f->loaded && batch_note(f, &err) < 0)
		fg_debug("where the watch of host %s stands is not noted: %s", f->host->name,
			err.text);
	batch_clear(&f->batch);
	free(f->batch.v);
	seen_finish(&f->seen);
	free(f->cursor.url);
	fg_fleet_unref(f->fleet);
	free(f);
}

static void end_all(struct fg_watch *watch)
{
	struct follower *f;

	fg_list_each (&watch->followers, f, link)
		fg_task_cancel(f->task);
	while (!fg_list_empty(&watch->followers))
		end(fg_list_first(&watch->followers, struct follower, link));
}

void fg_watch_stop(struct fg_watch *watch)
{
	if (fg_lock_take(&watch->changing, "the watch", FG_NEVER, NULL) < 0)
		return;
	end_all(watch);
	fg_lock_release(&watch->changing);
}

/* What is put back one day is another story then. */
static void forget_others(struct fg_watch *watch, struct fg_fleet *fleet)
{
	size_t n = fg_fleet_count(fleet);
	cleanup_free const char **names = fg_alloc((n + 1) * sizeof(*names));
	struct fg_err err;

	for (size_t i = 0; i < n; i++)
		names[i] = fg_fleet_host(fleet, i)->name;
	if (seen_keep(watch->options.store, names, n, &err) < 0)
		fg_warn("what was seen of hosts that are gone is not forgotten: %s", err.text);
}

/* Those of hosts that stay hand their figures on. */
void fg_watch_follow(struct fg_watch *watch, struct fg_fleet *fleet)
{
	size_t n = fg_fleet_count(fleet);
	cleanup_free struct fg_watch_state *before = fg_alloc((n + 1) * sizeof(*before));
	cleanup_free bool *known = fg_alloc((n + 1) * sizeof(*known));

	if (fg_lock_take(&watch->changing, "the watch", FG_NEVER, NULL) < 0)
		return;
	fg_fleet_ref(fleet);
	for (size_t i = 0; i < n; i++)
		known[i] = fg_watch_state(watch, fg_fleet_host(fleet, i)->name, &before[i]);
	end_all(watch);
	forget_others(watch, fleet);
	for (size_t i = 0; i < n; i++)
		start(watch, fg_fleet_host(fleet, i), known[i] ? &before[i] : NULL);
	fg_fleet_unref(fleet);
	fg_lock_release(&watch->changing);
}

bool fg_watch_state(const struct fg_watch *watch, const char *host, struct fg_watch_state *out)
{
	const struct follower *f = find(watch, host);

	if (f)
		*out = f->state;
	return f != NULL;
}
