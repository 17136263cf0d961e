/* The bot as a daemon: its tasks, its signals, its ordered end. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>
#include "app.h"
#include "chat/confirm.h"
#include "chat/command.h"
#include "chat/inbox.h"
#include "chat/refused.h"
#include "chat/roles.h"
#include "chat/router.h"
#include "chat/strangers.h"
#include "commands/wave.h"
#include "damaged.h"
#include "files.h"
#include "fleetgram/base/log.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/fleet/replace.h"
#include "fleetgram/fleet/watch.h"
#include "http/health.h"
#include "http/listener.h"
#include "introduction.h"
#include "notify/care.h"
#include "notify/desk.h"
#include "notify/itself.h"
#include "notify/notify.h"
#include "reconcile.h"
#include "reconcile_services.h"
#include "scheduler.h"
#include "sweep.h"
#include "swept.h"
#include "telegram/keyboard.h"
#include "telegram/limiter.h"
#include "telegram/outbox.h"
#include "telegram/poll.h"
#include "telegram/speech.h"
#include "telegram/telegram.h"
#include "trim.h"

#define SETTLE_MS 10000     /* for what a cancelled command left to be put right */
#define FLUSH_MS 2000       /* for the last answers to leave */
#define MISTAKES_CAP ((size_t)64 * 1024)

static const int handled[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1};

struct daemon {
	struct app *app;
	struct listener *listener;
	struct poll poll;
	struct fg_task *polling, *sending, *watching, *sweeping, *scheduling, *beating, *storing;
	struct fg_task *noticing, *caring, *telling;
	struct care *care;
	struct desk *desk;
	uv_signal_t signals[FG_ARRAY_LEN(handled)];
	struct fg_cond signalled;
	int listening; /* signals whose handles are open: they are in this struct, on a task's stack
			*/
	uint64_t watchdog_us; /* how often systemd wants to hear of us; 0: never */
	bool stop, reload;
	bool introduced; /* Telegram has said once who the bot is */
};

static struct telegram_options telegram_options_of(const struct config *config)
{
	return (struct telegram_options){
		.token = config->telegram.token,
		.api_url = config->telegram.api_url,
		.proxy = config->telegram.proxy,
		.retry = config->telegram.retry,
		.poll_timeout_ms = config->telegram.poll_timeout_ms,
	};
}

static struct limiter_rates rates_of(const struct config *config)
{
	return (struct limiter_rates){
		.global_per_second = config->telegram.rate.global_per_second,
		.chat_per_second = config->telegram.rate.chat_per_second,
		.group_per_minute = config->telegram.rate.group_per_minute,
	};
}

/* Signals */

static void log_task(const char *text, void *arg)
{
	(void)arg;
	fg_log(FG_LOG_ASKED, "task %s", text);
}

static void on_signal(uv_signal_t *handle, int number)
{
	struct daemon *d = handle->data;

	if (number == SIGUSR1) {
		fg_log(FG_LOG_ASKED, "%d tasks, %d updates under way, %d messages wait to be sent",
			fg_task_count(), inbox_running(d->app->inbox),
			outbox_depth(d->app->outbox));
		fg_task_list(log_task, NULL);
		return;
	}
	if (number == SIGHUP) {
		d->reload = true;
	} else {
		if (d->stop)
			_exit(1); /* asked twice: at once */
		d->stop = true;
	}
	fg_cond_signal(&d->signalled);
}

static void on_closed(uv_handle_t *handle)
{
	struct daemon *d = handle->data;

	d->listening--;
	fg_cond_signal(&d->signalled);
}

static void listen_for_signals(struct daemon *d)
{
	fg_cond_init(&d->signalled);
	for (size_t i = 0; i < FG_ARRAY_LEN(handled); i++) {
		uv_signal_init(fg_loop(), &d->signals[i]);
		d->signals[i].data = d;
		uv_signal_start(&d->signals[i], on_signal, handled[i]);
		d->listening++;
	}
}

/* Tasks */

/* Who the bot is has to be known before a group's "/stop@name" can be read; what was left over
 * comes before what is new. */
static void poll_task(void *arg)
{
	struct daemon *d = arg;
	struct app *app = d->app;
	struct fg_err err;

	if (introduction_wait(app) < 0)
		return;
	d->introduced = true;
	if (inbox_adopt(app->inbox, telegram_token_id(app->telegram), &err) < 0 ||
		inbox_recover(app->inbox, &err) < 0) {
		fg_error("what an earlier run left cannot be taken up: %s", err.text);
		if (fg_task_canceled())
			return;
	}
	d->poll = (struct poll){
		.tg = app->telegram,
		.take = inbox_take,
		.arg = app->inbox,
		.offset = inbox_offset(app->inbox),
	};
	poll_run(&d->poll);
}

static void reconcile_swarms(struct app *app)
{
	cleanup_setup struct setup *setup = setup_ref(app->setup);

	if (!fg_task_canceled())
		reconcile_services(app, setup->fleet);
}

static void watch_task(void *arg)
{
	struct app *app = arg;

	reconcile_all(app);
	reconcile_swarms(app);
	if (!fg_task_canceled())
		itself_started(app->itself);
	trim_memory();
	if (!fg_task_canceled())
		health_run(app->health);
}

/* systemd's watchdog is fed by the loop itself, while polls go round: one of them that hangs starves
 * it. */
static void beat_task(void *arg)
{
	struct daemon *d = arg;
	bool polls = true;

	while (fg_task_sleep((int64_t)(d->watchdog_us / 2000), NULL) == 0) {
		bool still = !d->introduced || telegram_polls(d->app->telegram);

		if (still)
			sd_notify(0, "WATCHDOG=1");
		else if (polls)
			fg_error("no poll of Telegram has ended for too long: the watchdog is left alone");
		polls = still;
	}
}

/* Reload */

static void happenings_taken(void *app)
{
	notify_kick(((struct app *)app)->notify);
}

/* Charts mark starts, and all the rest is for the operators. */
static int take_happenings(struct fg_tx *tx, const struct fg_happening *v, size_t n, void *arg,
	struct fg_err *err)
{
	struct app *app = arg;

	for (size_t i = 0; i < n; i++)
		if (v[i].what == FG_HAPPENED_STARTED)
			fg_history_started(app->history, v[i].host->name, v[i].name, v[i].at_ms);
	return notify_take(tx, v, n, app->notify, err);
}

static struct fg_watch *watch_create(struct app *app, struct fg_err *err)
{
	struct fg_watch_options options = {
		.store = app->store,
		.deeds = app->deeds,
		.take = take_happenings,
		.taken = happenings_taken,
		.arg = app,
	};

	return fg_watch_create(&options, err);
}

/* Put what hangs on the config on the new one. */
static void renew(struct daemon *d)
{
	const struct config *config = d->app->setup->config;
	struct telegram_options options = telegram_options_of(config);
	struct limiter_rates rates = rates_of(config);
	struct fg_err err;

	if (inbox_adopt(d->app->inbox, strtoll(options.token, NULL, 10), &err) < 0)
		fg_error("the updates of another bot are not forgotten: %s", err.text);
	telegram_configure(d->app->telegram, &options);
	if (d->introduced && !*telegram_username(d->app->telegram))
		introduction_start(d->app);
	else if (d->introduced)
		introduction_menu(d->app);
	limiter_configure(d->app->limiter, &rates);
	outbox_kick(d->app->outbox);
	sweep_kick(d->app->sweep);
	scheduler_kick(d->app->scheduler);
	desk_kick(d->desk);
	notify_kick(d->app->notify);
	fg_watch_follow(d->app->watch, d->app->setup->fleet);
	care_kick(d->care);
	if (listener_renew(&d->listener, d->app, &err) < 0)
		fg_error("health checks stay as they were: %s", err.text);
	fg_info("the config was read again");
}

int daemon_reload(struct daemon *d, struct fg_str *mistakes, struct fg_err *err)
{
	cleanup_setup struct setup *before = setup_ref(d->app->setup);
	int rc;

	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%lld", (long long)uv_hrtime() / 1000);
	rc = app_reload(d->app, mistakes, err);
	if (rc == 0 && !d->app->setup->config->telegram.token) {
		setup_unref(d->app->setup);
		d->app->setup = setup_ref(before);
		rc = fg_fail(err, FG_EINVAL, "the new config has no token");
	}
	if (rc < 0)
		fg_error("the old config stays: %s", err->text);
	else
		renew(d);
	sd_notify(0, "READY=1");
	return rc;
}

/* Whoever sent the signal sees no answer. */
static void reload_on_signal(struct daemon *d)
{
	cleanup_str struct fg_str mistakes = {0};
	struct fg_err err;

	fg_str_init(&mistakes, MISTAKES_CAP);
	if (daemon_reload(d, &mistakes, &err) < 0)
		itself_refused(d->app->itself, &err, mistakes.s);
}

/* Start and stop */

static const struct fg_language *language_of(int64_t chat, int64_t thread, void *arg)
{
	struct app *app = arg;

	return roles_language(app->setup->roles, chat > 0 ? chat : 0, chat, thread);
}

static int open_parts(struct daemon *d, struct fg_err *err)
{
	struct app *app = d->app;
	const struct config *config = app->setup->config;
	struct telegram_options options = telegram_options_of(config);
	struct limiter_rates rates = rates_of(config);

	if (!config->telegram.token)
		return fg_fail(err, FG_EINVAL,
			"no bot token: put one into FLEETGRAM_TOKEN or telegram.token_file (@BotFather gives them)");
	app->telegram = telegram_create(&options);
	app->limiter = limiter_create(&rates);
	app->health = health_create(app);
	app->sweep = sweep_create(app);
	app->scheduler = scheduler_create(app, err);
	if (!app->scheduler)
		return -1;
	app->outbox = outbox_create(app->store, app->telegram, app->limiter, err);
	if (!app->outbox || keyboard_setup(app->store, err) < 0 ||
		confirm_setup(app->store, err) < 0 || strangers_setup(app->store, err) < 0 ||
		swept_setup(app->store, err) < 0 || wave_setup(app->store, err) < 0)
		return -1;
	if (damaged_tell(app, err) < 0)
		return -1;
	app->notify = notify_create(app, err);
	if (!app->notify)
		return -1;
	app->watch = watch_create(app, err);
	if (!app->watch)
		return -1;
	d->desk = desk_create(app, err);
	d->care = d->desk ? care_create(app, err) : NULL;
	if (!d->care)
		return -1;
	outbox_on_parked(app->outbox, refused_tell, app);
	speech_ask(language_of, app);
	app->inbox = inbox_create(app, &router_handlers, err);
	if (!app->inbox)
		return -1;
	if (*config->http.listen) {
		d->listener = listener_create(app, err);
		if (!d->listener)
			return -1;
	}
	return 0;
}

static void close_parts(struct daemon *d)
{
	struct app *app = d->app;

	speech_ask(NULL, NULL);
	listener_destroy(d->listener);
	if (app->inbox)
		inbox_destroy(app->inbox);
	if (app->outbox)
		outbox_destroy(app->outbox);
	if (app->health)
		health_destroy(app->health);
	sweep_destroy(app->sweep);
	scheduler_destroy(app->scheduler);
	care_destroy(d->care);
	fg_watch_destroy(app->watch);
	notify_destroy(app->notify);
	desk_destroy(d->desk);
	if (app->limiter)
		limiter_destroy(app->limiter);
	telegram_destroy(app->telegram);
}

static void end(struct fg_task *task)
{
	if (!task)
		return;
	fg_task_cancel(task);
	fg_task_join(task);
}

static void stop(struct daemon *d)
{
	int64_t grace = d->app->setup->config->shutdown_grace_ms, until = fg_now_ms() + grace;
	struct fg_err err;

	fg_info("stopping: commands under way have %lld s to finish", (long long)grace / 1000);
	sd_notify(0, "STOPPING=1");
	d->app->stopping = true;
	end(d->polling);
	end(d->scheduling);
	end(d->caring);
	inbox_drain(d->app->inbox, until);
	scheduler_drain(d->app->scheduler, until);
	fg_instance_settle(fg_now_ms() + SETTLE_MS);
	fg_replace_settle(fg_now_ms() + SETTLE_MS);
	fg_watch_stop(d->app->watch);
	if (fg_history_save(d->app->history, &err) < 0)
		fg_warn("what containers have used of late is forgotten: %s", err.text);
	itself_stopping(d->app->itself);
	outbox_flush(d->app->outbox, fg_now_ms() + FLUSH_MS);
	end(d->beating);
	end(d->watching);
	end(d->sweeping);
	end(d->telling);
	end(d->noticing);
	end(d->storing);
	end(d->sending);
	for (size_t i = 0; i < FG_ARRAY_LEN(handled); i++)
		uv_close((uv_handle_t *)&d->signals[i], on_closed);
	fg_task_cancel_all();
}

int app_run(struct app *app)
{
	struct daemon d = {.app = app};
	struct fg_err err;

	files_raise();
	if (open_parts(&d, &err) < 0) {
		fg_error("%s", err.text);
		close_parts(&d);
		return err.code == FG_EINVAL ? 2 : 1;
	}
	listen_for_signals(&d);
	app->daemon = &d;
	d.sending = fg_task_spawn("outbox", outbox_run, app->outbox);
	d.watching = fg_task_spawn("health", watch_task, app);
	d.sweeping = fg_task_spawn("sweep", sweep_run, app->sweep);
	d.scheduling = fg_task_spawn("scheduler", scheduler_run, app->scheduler);
	d.telling = fg_task_spawn("notifications", notify_run, app->notify);
	d.caring = fg_task_spawn("care", care_run, d.care);
	d.noticing = fg_task_spawn("desk", desk_run, d.desk);
	d.storing = fg_task_spawn("store", fg_store_watch, app->store);
	fg_watch_follow(app->watch, app->setup->fleet);
	d.polling = fg_task_spawn("poll", poll_task, &d);
	if (sd_watchdog_enabled(0, &d.watchdog_us) > 0)
		d.beating = fg_task_spawn("watchdog", beat_task, &d);
	fg_info("Fleetgram %s has started", FLEETGRAM_VERSION);
	sd_notify(0, "READY=1");
	while (!d.stop) {
		if (!d.reload && fg_cond_wait(&d.signalled, "a signal", FG_NEVER, &err) < 0)
			break;
		if (d.reload && !d.stop) {
			d.reload = false;
			reload_on_signal(&d);
		}
	}
	app->daemon = NULL;
	stop(&d);
	/* What still runs was cancelled and uses the parts: they close when it has ended. */
	while (fg_task_count() > 1)
		fg_task_sleep(1, NULL);
	while (d.listening > 0)
		fg_cond_wait(&d.signalled, "the loop to let go of the signals", FG_NEVER, NULL);
	close_parts(&d);
	fg_info("stopped");
	return 0;
}
