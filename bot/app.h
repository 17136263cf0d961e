/*
 * The application: what everything in the bot shares, and the order in which it starts and stops.
 */
#ifndef BOT_APP_H
#define BOT_APP_H

#include <stdbool.h>
#include "fleetgram/base/store.h"
#include "fleetgram/base/task.h"
#include "fleetgram/fleet/deed.h"
#include "fleetgram/fleet/history.h"
#include "fleetgram/fleet/image.h"
#include "fleetgram/fleet/prune.h"
#include "fleetgram/fleet/registry.h"
#include "fleetgram/fleet/usage.h"
#include "setup.h"

struct daemon;

struct app {
	struct setup *setup;
	struct fg_store *store;
	struct fg_registry *registry;
	struct fg_usage_cache *usage;
	struct fg_activity *activity;
	struct fg_deeds *deeds;
	struct fg_image_checks *images;
	struct fg_history *history;
	struct telegram *telegram; /* NULL in console, exec and check */
	struct limiter *limiter;
	struct outbox *outbox;
	struct inbox *inbox;
	struct health *health;
	struct sweep *sweep;
	struct scheduler *scheduler; /* NULL where there is no daemon, as those that follow */
	struct notify *notify;
	struct fg_watch *watch; /* hands over to notify */
	struct fg_meter *meter;
	struct hold *hold;
	struct itself *itself;
	const char *config_path; /* NULL: none was given or found */
	int64_t started_ms;      /* monotonic */
	int lock_fd; /* holds the state folder; -1: other modes share it */
	bool serves; /* the daemon: it alone may put another database in the old one's place */
	bool terminal; /* console or exec: a person looks on, and only warnings are logged */
	bool stopping;
	struct daemon *daemon; /* NULL in console, exec and check */
};

/*
 * The parts that every mode needs: config, state folder, store, registry, fleet. -1: err; the
 * errors of a config go to stderr and err says how many. Runs in a task. The daemon (serves) takes
 * the state folder's lock first: a second one is FG_ECONFLICT, and a damaged database is set aside.
 * Any other mode shares a store that a daemon has open.
 */
int app_open(struct app *app, const char *config_path, struct fg_err *err);
void app_close(struct app *app);

/* The bot: runs until a signal ends it. Returns the exit code. */
int app_run(struct app *app);

/* What HUP does, in the daemon: the config is read again, and what hangs on it is renewed. */
int daemon_reload(struct daemon *d, struct fg_str *mistakes, struct fg_err *err);

/* Read the config again (HUP, /reload); a bad one is refused and the old one stays. Its mistakes are
 * logged, and added to the text. */
int app_reload(struct app *app, struct fg_str *mistakes, struct fg_err *err);

#endif
