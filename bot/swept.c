/* Results of sweeps: kept until they are told. */
#include <stdio.h>
#include <string.h>
#include "commands/format.h"
#include "fleetgram/base/clock.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/language.h"
#include "fleetgram/base/log.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/task.h"
#include "fleetgram/docker/container.h"
#include "notify/audience.h"
#include "notify/digest.h"
#include "notify/notify.h"
#include "swept.h"
#include "telegram/html.h"
#include "telegram/outbox.h"

#define TOLD_MOST 15 /* named in a message */

#define LOOK_MS 5000  /* an engine has so long to say what became of one */
#define RESUME_MOST 64

/* told_ms: 0: nobody was told yet; of what is only begun it says nothing. Results: what became of
 * it; BEGUN: nothing was known of it before. */
enum { BEGUN = 2, TAKEN = 1, FAILED = 0, CUT_SHORT = -1 };

static const char *const steps[] = {
	"CREATE TABLE swept(host TEXT NOT NULL, id TEXT NOT NULL, name TEXT NOT NULL,"
	" template TEXT NOT NULL, state TEXT NOT NULL, removes INTEGER NOT NULL,"
	" aged INTEGER NOT NULL, used_ms INTEGER NOT NULL, result INTEGER NOT NULL,"
	" error TEXT NOT NULL, told_ms INTEGER NOT NULL, PRIMARY KEY(host, id)) WITHOUT ROWID;",
	/* it was about to be taken, and what became of it is not known yet */
	"ALTER TABLE swept ADD COLUMN begun INTEGER NOT NULL DEFAULT 0;",
};

int swept_setup(struct fg_store *store, struct fg_err *err)
{
	return fg_store_migrate(store, "swept", steps, FG_ARRAY_LEN(steps), err);
}

void swept_begin(struct app *app, const struct fg_prune_item *item)
{
	struct fg_err err;

	if (fg_store_exec(app->store, &err,
		    "INSERT INTO swept VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, '', ?10, 1)"
		    " ON CONFLICT(host, id) DO UPDATE SET name = ?3, template = ?4, state = ?5,"
		    " removes = ?6, aged = ?7, used_ms = ?8, begun = 1",
		    "sssssiiiii", item->host->name, item->id, item->name, item->template,
		    item->state, (int64_t)(item->action == FG_PRUNE_REMOVE),
		    (int64_t)(item->reason == FG_PRUNE_AGE), item->used_ms, (int64_t)BEGUN,
		    fg_wall_ms()) < 0)
		fg_error("pruning: it is not noted that %s on %s is taken: %s", item->name,
			item->host->name, err.text);
}

struct unfinished {
	char *host;
	char id[FG_ID_SIZE];
	bool removes;
};

static size_t find_unfinished(struct app *app, struct unfinished v[RESUME_MOST])
{
	cleanup_rows struct fg_rows *rows = fg_store_query(app->store, NULL,
		"SELECT host, id, removes FROM swept WHERE begun = 1 LIMIT ?", "i",
		(int64_t)RESUME_MOST);
	size_t n = 0;

	for (; rows && n < RESUME_MOST && fg_rows_next(rows); n++) {
		v[n].host = fg_strdup(fg_rows_str(rows, 0));
		snprintf(v[n].id, sizeof(v[n].id), "%s", fg_rows_str(rows, 1));
		v[n].removes = fg_rows_i64(rows, 2) != 0;
	}
	return n;
}

/* Whether the engine says that it was taken; one that says nothing leaves it open. */
static bool was_taken(struct app *app, const struct unfinished *u)
{
	struct fg_fleet *fleet = fg_fleet_ref(app->setup->fleet);
	struct fg_host *host = fg_fleet_find(fleet, u->host);
	cleanup_info struct fg_container_info info = {0};
	int64_t before = fg_task_deadline(fg_now_ms() + LOOK_MS);
	struct fg_err err = {0};
	int rc = host ? fg_container_inspect(host->engine, u->id, &info, &err) : -1;

	fg_task_deadline(before);
	fg_fleet_unref(fleet);
	if (rc < 0)
		return err.code == FG_ENOTFOUND;
	return !u->removes && strcmp(info.state, "running") != 0 &&
	       strcmp(info.state, "paused") != 0 && strcmp(info.state, "restarting") != 0;
}

void swept_resume(struct app *app)
{
	struct unfinished v[RESUME_MOST];
	size_t n = find_unfinished(app, v);
	struct fg_err err;

	for (size_t i = 0; i < n; i++) {
		int64_t result = was_taken(app, &v[i]) ? TAKEN : CUT_SHORT;

		if (!fg_task_canceled() &&
			fg_store_exec(app->store, &err,
				"UPDATE swept SET result = ?, error = '', told_ms = 0, begun = 0"
				" WHERE host = ? AND id = ?",
				"iss", result, v[i].host, v[i].id) < 0)
			fg_error("pruning: what became of %s on %s is not told: %s", v[i].id,
				v[i].host, err.text);
		free(v[i].host);
	}
}

void swept_note(struct app *app, const struct fg_prune_item *item)
{
	int64_t now = fg_wall_ms(), result = item->result > 0 ? TAKEN : FAILED;
	struct fg_err err;

	if (item->result == 0)
		return;
	if (item->result < 0 && item->err.code == FG_ECANCELED)
		result = CUT_SHORT;
	if (fg_store_note(app->store, &err,
		    "INSERT INTO swept VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 0, 0)"
		    " ON CONFLICT(host, id) DO UPDATE SET name = ?3, template = ?4, state = ?5,"
		    " removes = ?6, aged = ?7, used_ms = ?8, result = ?9, error = ?10, begun = 0,"
		    " told_ms = iif(result < 1 AND result = ?9 AND error = ?10"
		    " AND told_ms BETWEEN ?11 AND ?12, told_ms, 0)",
		    "sssssiiiisii", item->host->name, item->id, item->name, item->template,
		    item->state, (int64_t)(item->action == FG_PRUNE_REMOVE),
		    (int64_t)(item->reason == FG_PRUNE_AGE), item->used_ms, result,
		    result == FAILED ? item->err.text : "", now - SWEPT_AGAIN_MS, now) < 0)
		fg_error("pruning: what became of %s on %s is not told: %s", item->name,
			item->host->name, err.text);
}

/* One of them, for as long as its row lasts. */
struct swept {
	const char *host, *id, *name, *template, *state, *error;
	bool removes, aged;
	int64_t used_ms, result;
};

static struct swept swept_of(struct fg_rows *rows)
{
	return (struct swept){
		.host = fg_rows_str(rows, 0),
		.id = fg_rows_str(rows, 1),
		.name = fg_rows_str(rows, 2),
		.template = fg_rows_str(rows, 3),
		.state = fg_rows_str(rows, 4),
		.removes = fg_rows_i64(rows, 5) != 0,
		.aged = fg_rows_i64(rows, 6) != 0,
		.used_ms = fg_rows_i64(rows, 7),
		.result = fg_rows_i64(rows, 8),
		.error = fg_rows_str(rows, 9),
	};
}

/* Whether a chat may hear of it. The registry does not know all that a scope may exclude by. */
static bool sees(struct app *app, const struct fg_selector *scope, const struct swept *s)
{
	cleanup_instance struct fg_instance instance = {0};
	struct fg_subject subject = {
		.name = s->name,
		.host = s->host,
		.state = s->state,
		.health = "",
		.image = "",
		.template = s->template,
		.project = "",
		.id = s->id,
	};

	if (!scope)
		return true;
	if (fg_registry_find_name(app->registry, s->host, s->name, &instance, NULL) > 0) {
		subject.image = instance.image;
		subject.labels = fg_json_object(fg_json_object(instance.doc, "spec"), "labels");
	}
	return !fg_selector_excludes(scope) && fg_selector_match(scope, &subject);
}

static void add_line(struct fg_str *html, const struct swept *s, bool named)
{
	const char *host = named ? s->host : "", *slash = named ? "/" : "";
	char idle[FG_HUMAN];

	if (s->result == CUT_SHORT) {
		html_printf(html,
			s->removes
				? "\n⚠️ <b>%s%s%s</b>: the sweep was cut short while it was being removed"
				: "\n⚠️ <b>%s%s%s</b>: the sweep was cut short while it was being stopped",
			host, slash, s->name);
		return;
	}
	format_age(idle, fg_wall_ms() - s->used_ms);
	html_printf(html,
		s->result == TAKEN ? "\n• <b>%s%s%s</b> is " : "\n⚠️ <b>%s%s%s</b> is not ", host,
		slash, s->name);
	fg_str_puts(html, fg_tr(s->removes ? "removed" : "stopped"));
	if (s->result == TAKEN)
		html_printf(html,
			s->aged ? ": too old, last used %s ago" : ": not used for %s", idle);
	else
		html_printf(html, ": %s", s->error);
}

struct telling {
	struct app *app;
	struct fg_tx *tx;
	struct fg_err *err;
	int rc;
};

static void add_title(struct fg_str *html, size_t done, size_t all)
{
	if (done)
		html_printf(html,
			fg_ntr("🧹 <b>Pruned %d instance</b>", "🧹 <b>Pruned %d instances</b>",
				done),
			(int)done);
	else
		html_printf(html,
			fg_ntr("🧹 <b>%d instance could not be pruned</b>",
				"🧹 <b>%d instances could not be pruned</b>", all),
			(int)all);
}

static void tell(const struct config_chat *chat, int64_t chat_id, void *arg)
{
	struct telling *t = arg;
	struct app *app = t->app;
	const struct fg_selector *scope = audience_scope(app->setup, chat);
	bool named = fg_fleet_count(app->setup->fleet) > 1;
	cleanup_rows struct fg_rows *rows = NULL;
	cleanup_str struct fg_str html = {0}, lines = {0};
	struct notice notice = {0};
	size_t shown = 0, done = 0, all = 0;

	if (t->rc == 0)
		rows = fg_tx_query(t->tx, t->err,
			"SELECT * FROM swept WHERE told_ms = 0 ORDER BY result DESC, host, name", "");
	t->rc = rows ? 0 : -1;
	fg_str_init(&lines, 2 * HTML_MESSAGE);
	while (rows && fg_rows_next(rows)) {
		struct swept s = swept_of(rows);

		if (!sees(app, scope, &s))
			continue;
		all++;
		done += s.result == TAKEN;
		if (shown < TOLD_MOST && ++shown)
			add_line(&lines, &s, named);
	}
	if (all == 0)
		return;
	fg_str_init(&html, 3 * HTML_MESSAGE);
	add_title(&html, done, all);
	fg_str_puts(&html, lines.s);
	if (all > shown)
		html_printf(&html, "\n… and %d more", (int)(all - shown));
	notice.html = html.s;
	t->rc = notify_tell(app, t->tx, chat, chat_id, &notice, t->err);
}

int swept_tell(struct app *app, struct fg_err *err)
{
	cleanup_tx struct fg_tx tx = {0};
	struct telling t = {.app = app, .tx = &tx, .err = err};
	int64_t now = fg_wall_ms(), done;

	if (fg_store_i64(app->store, 0, "SELECT EXISTS(SELECT 1 FROM swept WHERE told_ms = 0)",
		    "") == 0)
		return 0;
	if (fg_tx_begin(app->store, &tx, err) < 0)
		return -1;
	audience_each(app->setup, NULL, tell, &t);
	if (t.rc < 0)
		return -1;
	done = fg_tx_exec(&tx, err, "DELETE FROM swept WHERE told_ms = 0 AND result = 1", "");
	if (done < 0 || digest_note_pruned(&tx, done, err) < 0 ||
		fg_tx_exec(&tx, err, "DELETE FROM swept WHERE told_ms BETWEEN 1 AND ?", "i",
			now - SWEPT_AGAIN_MS) < 0 ||
		fg_tx_exec(&tx, err, "UPDATE swept SET told_ms = ? WHERE told_ms = 0", "i", now) < 0 ||
		fg_tx_commit(&tx, err) < 0)
		return -1;
	outbox_kick(app->outbox);
	return 0;
}
