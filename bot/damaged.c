/* A database that is damaged when the bot starts: set aside, and the admins are told. */
#include <systemd/sd-daemon.h>
#include "chat/roles.h"
#include "damaged.h"
#include "fleetgram/base/log.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/text.h"
#include "telegram/html.h"
#include "telegram/outbox.h"

#define CHECK_MS ((int64_t)10 * 60 * 1000) /* what is larger is not read to its end before the start */
#define EXTEND_MS 10000                    /* systemd is asked for more time so often */
#define TOLD "store.told_aside" /* the last one that was told of: the note of it may still be there */

/* One look at a file, on a thread: a large one takes longer than the loop may stand still. */
struct looking {
	const char *path;
	struct fg_err why;
	int damaged;
};

static void look(void *arg)
{
	struct looking *looking = arg;

	looking->damaged = fg_store_damaged(looking->path, CHECK_MS, &looking->why);
}

static void extend_task(void *arg)
{
	(void)arg;
	do {
		sd_notifyf(0, "EXTEND_TIMEOUT_USEC=%lld", (long long)EXTEND_MS * 3000);
	} while (fg_task_sleep(EXTEND_MS, NULL) == 0);
}

int damaged_set_aside(const char *path, struct fg_err *err)
{
	struct looking looking = {.path = path};
	struct fg_task *extending = fg_task_spawn("more time to start", extend_task, NULL);
	int rc = fg_task_offload("the check of the database", look, &looking, err);
	cleanup_free char *aside = NULL;

	fg_task_cancel(extending);
	fg_task_join(extending);
	if (rc < 0)
		return -1;
	if (!looking.damaged) {
		if (looking.why.code)
			fg_error("%s cannot be checked: %s", path, looking.why.text);
		return 0;
	}
	aside = fg_store_set_aside(path, err);
	if (!aside)
		return -1;
	fg_error("%s is damaged (%s): it is kept as %s, and a new one is begun", path,
		looking.why.text, aside);
	return 0;
}

struct telling {
	struct fg_tx *tx;
	const char *aside;
	int rc;
	struct fg_err *err;
};

static void tell_admin(int64_t chat, void *arg)
{
	struct telling *t = arg;
	cleanup_str struct fg_str html = {0};
	struct outbox_message m = {.chat_id = chat, .priority = OUTBOX_NOTICE};

	fg_str_init(&html, HTML_MESSAGE * 2);
	html_printf(&html,
		"⚠️ My database was damaged, so I have begun a new one. The old file is kept: "
		"<code>%s</code>.\nInstances come back from their containers' labels. Their "
		"history, the audit, and what was under way or waited to be sent are only in the "
		"old file: what you asked for last may have to be asked for again. If you have a "
		"/backup, <code>fleetgram registry import</code> takes it back.",
		t->aside);
	m.html = html.s;
	if (t->rc == 0 && outbox_push(t->tx, &m, t->err) < 0)
		t->rc = -1;
}

static int tell(struct app *app, const char *aside, struct fg_err *err)
{
	cleanup_tx struct fg_tx tx = {0};
	struct telling t = {.tx = &tx, .aside = aside, .err = err};

	if (fg_tx_begin(app->store, &tx, err) < 0)
		return -1;
	roles_each_admin(app->setup->roles, tell_admin, &t);
	if (t.rc < 0 ||
		fg_tx_set(&tx, TOLD, aside, err) < 0)
		return -1;
	return fg_tx_commit(&tx, err);
}

/* It is told in the transaction that says so, and then the note goes: a crash at any moment makes
 * it neither none nor two. */
int damaged_tell(struct app *app, struct fg_err *err)
{
	cleanup_free char *path = fg_printf("%s/fleetgram.db", app->setup->config->state_dir);
	cleanup_free char *aside = fg_store_aside(path), *told = fg_store_get(app->store, TOLD);

	if (!aside)
		return 0;
	if (!fg_str_equal(told, aside) && tell(app, aside, err) < 0)
		return -1;
	fg_store_aside_told(path);
	return 0;
}
