/* What sweeps did: told once, whatever happens in between, and the same failure not again and again. */
#include <string.h>
#include "../fleet/watch/fake.h"
#include "fleetgram/base/http.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/task.h"
#include "notify/audience.h"
#include "notify/digest.h"
#include "notify/notify.h"
#include "swept.h"
#include "tap.h"
#include "telegram/outbox.h"
#include "telegram/scratch.h"

static struct setup setup;
static struct app app = {.setup = &setup};
static char name[] = "one";
static struct fg_host host = {.name = name};
static char told[4096]; /* the last message */
static int messages;
static int64_t counted; /* for the digest */
static bool refuses;

void audience_each(const struct setup *s, const struct fg_subject *subject,
	void (*each)(const struct config_chat *chat, int64_t chat_id, void *arg), void *arg)
{
	static const struct config_chat chat;

	(void)s, (void)subject;
	each(&chat, 42, arg);
}

const struct fg_selector *audience_scope(const struct setup *s, const struct config_chat *chat)
{
	(void)s, (void)chat;
	return NULL;
}

int notify_tell(struct app *a, struct fg_tx *tx, const struct config_chat *chat, int64_t chat_id,
	const struct notice *notice, struct fg_err *err)
{
	(void)a, (void)tx, (void)chat, (void)chat_id;
	if (refuses)
		return fg_fail(err, FG_EIO, "no");
	snprintf(told, sizeof(told), "%s", notice->html);
	messages++;
	return 0;
}

int digest_note_pruned(struct fg_tx *tx, int64_t n, struct fg_err *err)
{
	(void)tx, (void)err;
	counted += n;
	return 0;
}

void outbox_kick(struct outbox *ob)
{
	(void)ob;
}

static void note(const char *of, int result, enum fg_err_code code, const char *error)
{
	struct fg_prune_item item = {
		.host = &host,
		.name = (char *)of,
		.template = (char *)"demo",
		.state = "running",
		.action = FG_PRUNE_REMOVE,
		.used_ms = fg_wall_ms() - 7200000,
		.result = result,
	};

	snprintf(item.id, sizeof(item.id), "id-%s", of);
	if (result <= 0)
		fg_fail(&item.err, code, "%s", error);
	swept_note(&app, &item);
}

static void begin_to_take(const char *of, enum fg_prune_action action)
{
	struct fg_prune_item item = {
		.host = &host,
		.name = (char *)of,
		.template = (char *)"demo",
		.state = "running",
		.action = action,
		.used_ms = fg_wall_ms() - 7200000,
	};

	snprintf(item.id, sizeof(item.id), "%s", fake_find(of)->id);
	swept_begin(&app, &item);
}

static const char *tell(void)
{
	*told = '\0';
	return swept_tell(&app, NULL) < 0 ? "failed" : told;
}

static void test_failures(void)
{
	note("web", -1, FG_EREMOTE, "busy");
	is_str(tell(), "🧹 <b>1 instance could not be pruned</b>\n⚠️ <b>web</b> is not removed: busy",
		"a failure is told, and not as if something had been done");
	note("web", -1, FG_EREMOTE, "busy");
	is_str(tell(), "", "the same again is not");
	note("web", 0, FG_ECONFLICT, "it is in use");
	is_str(tell(), "", "what was left alone is no news");
	note("web", -1, FG_EREMOTE, "broken");
	is_str(tell(), "🧹 <b>1 instance could not be pruned</b>\n⚠️ <b>web</b> is not removed: broken",
		"another one is");
	fg_store_exec(app.store, NULL, "UPDATE swept SET told_ms = told_ms - ?", "i", SWEPT_AGAIN_MS);
	note("web", -1, FG_EREMOTE, "broken");
	ok(*tell() != '\0', "and the same one after a while");
	note("web", 1, 0, NULL);
	note("db", -1, FG_EREMOTE, "busy");
	is_str(tell(),
		"🧹 <b>Pruned 1 instance</b>\n• <b>web</b> is removed: not used for 2h\n"
		"⚠️ <b>db</b> is not removed: busy",
		"what was taken after all");
	is_int(counted, 1, "which the digest counts");
	fg_store_exec(app.store, NULL, "UPDATE swept SET told_ms = told_ms - ?", "i", SWEPT_AGAIN_MS + 1);
	note("web", 1, 0, NULL);
	tell();
	is_int(fg_store_i64(app.store, -1, "SELECT count(*) FROM swept", ""), 0, "nothing is kept for good");
}

static void canceled(void *arg)
{
	(void)arg;
	fg_task_cancel(fg_task_current());
	note("web", 1, 0, NULL);
	note("db", -1, FG_ECANCELED, "canceled");
	is_str(tell(), "failed", "a sweep that is stopped tells nothing");
}

static void test_lost(void)
{
	refuses = true;
	note("web", 1, 0, NULL);
	is_str(tell(), "failed", "a store that takes nothing");
	refuses = false;
	ok(strstr(tell(), "Pruned 1 instance") != NULL, "is told later");
	is_str(tell(), "", "once");
	fg_task_join(fg_task_spawn("canceled", canceled, NULL));
	is_str(tell(),
		"🧹 <b>Pruned 1 instance</b>\n• <b>web</b> is removed: not used for 2h\n"
		"⚠️ <b>db</b>: the sweep was cut short while it was being removed",
		"what it did is told by the next start");
}

/* It was killed while it was at it: the engine knows what became of them. */
static void test_killed(void)
{
	struct fake_container *gone = fake_run("gone"), *there = fake_run("there"), *down = fake_run("down");
	struct fg_err err;

	fg_fleet_add(setup.fleet, &(struct fg_host_options){.name = name, .engine = {.url = fake.url, .timeout_ms = 5000}}, &err);
	begin_to_take("gone", FG_PRUNE_REMOVE);
	begin_to_take("there", FG_PRUNE_REMOVE);
	begin_to_take("down", FG_PRUNE_STOP);
	is_str(tell(), "", "what is under way is not told");
	fake_remove(gone);
	fake_die(down, 143);
	swept_resume(&app);
	is_str(tell(),
		"🧹 <b>Pruned 2 instances</b>\n• <b>down</b> is stopped: not used for 2h\n"
		"• <b>gone</b> is removed: not used for 2h\n"
		"⚠️ <b>there</b>: the sweep was cut short while it was being removed",
		"what a killed process had begun is found out");
	swept_resume(&app);
	is_str(tell(), "", "once");
	begin_to_take("there", FG_PRUNE_REMOVE);
	snprintf(there->name, sizeof(there->name), "web");
	fg_store_exec(app.store, NULL, "UPDATE swept SET id = 'id-web' WHERE begun = 1", "");
	note("web", 1, 0, NULL);
	ok(strstr(tell(), "<b>web</b> is removed") != NULL, "what has ended in order is told as ever");
	swept_resume(&app);
	is_str(tell(), "", "and not asked for");
}

static void run(void *arg)
{
	(void)arg;
	app.store = scratch_store();
	setup.fleet = fg_fleet_create();
	ok(swept_setup(app.store, NULL) == 0, "set up");
	is_str(tell(), "", "nothing to tell");
	test_failures();
	test_lost();
	fake_open();
	test_killed();
	fake_close();
	fg_fleet_unref(setup.fleet);
	fg_store_close(app.store);
	fg_http_finish();
	scratch_finish();
}

int main(void)
{
	fg_loop_run("main", run, NULL);
	return done_testing();
}
