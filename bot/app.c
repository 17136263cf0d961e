/* The application's parts, opened in order and closed in the opposite one. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>
#include "app.h"
#include "chat/audit.h"
#include "chat/grants.h"
#include "damaged.h"
#include "fleetgram/base/http.h"
#include "fleetgram/base/log.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/fleet/pause.h"
#include "fleetgram/fleet/replace.h"
#include "notify/incidents.h"
#include "notify/mutes.h"
#include "setup.h"
#include "statedir.h"

static void apply_process_settings(const struct app *app, const struct config *config)
{
	enum fg_log_level level = config->log.level;

	if (app->terminal && level == FG_LOG_INFO)
		level = FG_LOG_WARN;
	fg_log_setup(level, config->log.format == CONFIG_LOG_JSON);
	if (config->timezone) {
		setenv("TZ", config->timezone, 1);
		tzset();
	}
}

/* One daemon a state folder: the lock is held until the descriptor is closed. */
static int take_lock(struct app *app, struct fg_err *err)
{
	cleanup_free char *path = fg_printf("%s/lock", app->setup->config->state_dir);
	int fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);

	if (fd < 0)
		return fg_fail(err, FG_EIO, "cannot open %s: %s", path, strerror(errno));
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		close(fd);
		return fg_fail(err, FG_ECONFLICT, "another Fleetgram runs on %s",
			app->setup->config->state_dir);
	}
	app->lock_fd = fd;
	return 0;
}

/* A damaged database is moved only by the one who holds the lock: others would move it from under
 * a daemon that has it open. */
static int open_store(struct app *app, struct fg_err *err)
{
	cleanup_free char *path = fg_printf("%s/fleetgram.db", app->setup->config->state_dir);
	struct fg_err why;

	if (app->serves &&
		(take_lock(app, err) < 0 || damaged_set_aside(path, err) < 0))
		return -1;
	app->store = fg_store_open(path, err);
	if (app->store)
		return 0;
	if (!app->serves && fg_store_damaged(path, 100, &why))
		return fg_fail(err, FG_EIO,
			"%s is damaged (%s): the bot sets it aside and begins a new one when it starts",
			path, why.text);
	return -1;
}

int app_open(struct app *app, const char *config_path, struct fg_err *err)
{
	app->lock_fd = -1;
	app->started_ms = fg_now_ms();
	app->config_path = config_path;
	app->setup = setup_load(config_path, err);
	if (!app->setup)
		return -1;
	apply_process_settings(app, app->setup->config);
	if (statedir_make(app->setup->config->state_dir, err) < 0)
		return -1;
	if (open_store(app, err) < 0 || audit_setup(app->store, err) < 0 ||
		grants_setup(app->store, err) < 0 || mutes_setup(app->store, err) < 0 ||
		incidents_setup(app->store, err) < 0)
		return -1;
	fg_pauses_read(app->store, app->setup->fleet);
	app->registry = fg_registry_create(app->store, err);
	if (!app->registry)
		return -1;
	app->deeds = fg_deeds_create(app->store, err);
	if (!app->deeds)
		return -1;
	fg_fleet_note_deeds(app->setup->fleet, app->deeds);
	app->activity = fg_activity_create(app->registry, err);
	if (!app->activity)
		return -1;
	app->history = fg_history_create(app->store, err);
	if (!app->history)
		return -1;
	app->usage = fg_usage_cache_create();
	app->images = fg_image_checks_create();
	return 0;
}

void app_close(struct app *app)
{
	fg_fleet_leave();
	fg_replace_settle(FG_NEVER); /* what is put back has its own bound, and needs the store */
	fg_image_checks_destroy(app->images);
	fg_usage_cache_destroy(app->usage);
	fg_history_destroy(app->history);
	fg_activity_destroy(app->activity);
	fg_deeds_destroy(app->deeds);
	if (app->registry)
		fg_registry_destroy(app->registry);
	fg_store_close(app->store);
	if (app->lock_fd >= 0)
		close(app->lock_fd);
	if (app->setup)
		setup_unref(app->setup);
	fg_http_finish();
}

int app_reload(struct app *app, struct fg_str *mistakes, struct fg_err *err)
{
	struct setup *fresh = setup_load_told(app->config_path, mistakes, err), *old = app->setup;

	if (!fresh)
		return -1;
	if (strcmp(fresh->config->state_dir, old->config->state_dir) != 0)
		fg_warn("state_dir cannot change while the bot runs: it stays %s until a restart",
			old->config->state_dir);
	apply_process_settings(app, fresh->config);
	fg_fleet_note_deeds(fresh->fleet, app->deeds);
	fg_fleet_inherit(fresh->fleet, old->fleet);
	fg_pauses_read(app->store, fresh->fleet);
	app->setup = fresh;
	setup_unref(old);
	return 0;
}
