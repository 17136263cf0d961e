/* The outbox in the store. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "fleetgram/base/clock.h"
#include "fleetgram/base/log.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/text.h"
#include "telegram/moves.h"
#include "telegram/parked.h"
#include "telegram/queue.h"

#define SENT_DAYS 7     /* a sent message's id is known for so long */
#define SENT_MOST 10000 /* and so many of them are */
#define PRUNE_EVERY 256 /* messages */
#define FORGET_DAYS 90  /* that a chat refused which nothing waits for */
#define DAY_MS ((int64_t)86400000)
#define BOOT_KEY "outbox.boot" /* of the machine, when the rows were written */
#define BOOT_MAX 64
#define QUEUE_LAST 99 /* the priority of what is set aside */

static const char *const steps[] = {
	"CREATE TABLE outbox(id INTEGER PRIMARY KEY AUTOINCREMENT, key INTEGER NOT NULL, chat "
	"INTEGER NOT NULL,"
	" thread INTEGER NOT NULL, reply_to INTEGER NOT NULL, state INTEGER NOT NULL, edit INTEGER "
	"NOT NULL,"
	" edit_id INTEGER NOT NULL, silent INTEGER NOT NULL, photo INTEGER NOT NULL, priority "
	"INTEGER NOT NULL,"
	" tries INTEGER NOT NULL, created_at INTEGER NOT NULL, html TEXT NOT NULL, keyboard TEXT, "
	"file_name TEXT,"
	" file BLOB);"
	"CREATE INDEX outbox_chat ON outbox(chat, id);"
	"CREATE INDEX outbox_key ON outbox(key, id);"
	"CREATE TABLE outbox_sent(key INTEGER PRIMARY KEY, chat INTEGER NOT NULL, thread INTEGER "
	"NOT NULL,"
	" message_id INTEGER NOT NULL, file INTEGER NOT NULL, sent_at INTEGER NOT NULL);"
	"CREATE TABLE outbox_holds(chat INTEGER PRIMARY KEY, noted_at INTEGER NOT NULL, until "
	"INTEGER NOT NULL);",
	PARKED_TABLE,
	/* In the order in which they go. */
	"CREATE INDEX outbox_order ON outbox(chat, priority, id);"
	"CREATE INDEX outbox_sent_message ON outbox_sent(chat, message_id);"
	"DROP INDEX outbox_chat;",
	MOVES_TABLE,
	"ALTER TABLE outbox ADD COLUMN gone INTEGER NOT NULL DEFAULT 0;",
	("ALTER TABLE outbox ADD COLUMN tried_at INTEGER NOT NULL DEFAULT 0;"
	 "ALTER TABLE outbox ADD COLUMN not_before INTEGER NOT NULL DEFAULT 0;"),
	"ALTER TABLE outbox ADD COLUMN failing_since INTEGER NOT NULL DEFAULT 0;",
	"ALTER TABLE outbox_sent ADD COLUMN repeat INTEGER NOT NULL DEFAULT 0;",
};

/* ?1: now, ?2: QUEUE_ASIDE_MS. More than that is left only when the clock was set back. */
#define IS_DUE "(not_before <= ?1 OR not_before > ?1 + ?2)"

int queue_migrate(struct fg_store *store, struct fg_err *err)
{
	return fg_store_migrate(store, "outbox", steps, FG_ARRAY_LEN(steps), err);
}

void queue_item_finish(struct queue_item *item)
{
	free(item->html);
	free(item->keyboard);
	free(item->file_name);
	free(item->file);
	*item = (struct queue_item){0};
}

/* What names this run of the machine; "" when nothing does. */
static void read_boot(char id[BOOT_MAX])
{
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, id, BOOT_MAX - 1) : 0;

	id[n > 0 ? n : 0] = '\0';
	if (fd >= 0)
		close(fd);
}

/* What was claimed and has not left is what it was before; the states before are one less. */
static int take_back(struct fg_store *store, struct fg_tx *tx, struct fg_err *err)
{
	cleanup_free char *known = fg_store_get(store, BOOT_KEY);
	char boot[BOOT_MAX];

	read_boot(boot);
	if (!boot[0] || !fg_str_equal(known, boot))
		return fg_tx_set(tx, BOOT_KEY, boot, err);
	return fg_tx_exec(tx, err,
		       "UPDATE outbox SET state = state - 1 WHERE edit = 0 AND gone = 0 AND state "
		       "IN (?, ?)",
		       "ii", (int64_t)QUEUE_SENDING, (int64_t)QUEUE_RESENDING) < 0
		       ? -1
		       : 0;
}

int queue_recover(struct fg_store *store, struct fg_err *err)
{
	cleanup_tx struct fg_tx tx = {0};
	int64_t unsure, given_up;

	if (fg_tx_begin(store, &tx, err) < 0 || take_back(store, &tx, err) < 0)
		return -1;
	given_up = fg_tx_exec(&tx, err, "DELETE FROM outbox WHERE edit = 0 AND state = ?", "i",
		(int64_t)QUEUE_RESENDING);
	if (given_up < 0)
		return -1;
	unsure = fg_tx_exec(&tx, err, "UPDATE outbox SET state = ? WHERE edit = 0 AND state = ?",
		"ii", (int64_t)QUEUE_UNSURE, (int64_t)QUEUE_SENDING);
	if (unsure < 0 || fg_tx_exec(&tx, err, "UPDATE outbox SET state = ? WHERE edit = 1", "i",
				  (int64_t)QUEUE_WAITING) < 0)
		return -1;
	if (fg_tx_commit(&tx, err) < 0)
		return -1;
	if (unsure)
		fg_warn("%lld messages may have been sent before the last end; they are sent again "
			"and say so",
			(long long)unsure);
	if (given_up)
		fg_warn("%lld messages were sent twice without an answer; they count as sent",
			(long long)given_up);
	return 0;
}

/* Claiming */

static void *copy_blob(struct fg_rows *rows, int column, size_t *len)
{
	const void *data = fg_rows_blob(rows, column, len);
	void *copy;

	if (!data || !*len)
		return NULL;
	copy = fg_alloc(*len);
	memcpy(copy, data, *len);
	return copy;
}

static int read_first(struct fg_tx *tx, int64_t chat, struct queue_item *item,
	enum queue_state *state, struct fg_err *err)
{
	cleanup_rows struct fg_rows *rows = fg_tx_query(tx, err,
		"SELECT id, key, thread, reply_to, state, edit, edit_id, silent, photo, tries, "
		"created_at, html,"
		" keyboard, file_name, file, tried_at, not_before, failing_since FROM outbox WHERE"
		" chat = ?3 AND " IS_DUE " ORDER BY priority, id LIMIT 1",
		"iii", fg_wall_ms(), QUEUE_ASIDE_MS, chat);

	if (!rows)
		return -1;
	if (!fg_rows_next(rows))
		return 0;
	item->id = fg_rows_i64(rows, 0);
	item->key = fg_rows_i64(rows, 1);
	item->chat = chat;
	item->thread = fg_rows_i64(rows, 2);
	item->reply_to = fg_rows_i64(rows, 3);
	*state = (enum queue_state)fg_rows_i64(rows, 4);
	item->edit = fg_rows_i64(rows, 5) != 0;
	item->message_id = fg_rows_i64(rows, 6);
	item->silent = fg_rows_i64(rows, 7) != 0;
	item->photo = fg_rows_i64(rows, 8) != 0;
	item->tries = fg_rows_i64(rows, 9);
	item->created_at = fg_rows_i64(rows, 10);
	item->html = fg_strdup(fg_rows_str(rows, 11));
	item->keyboard = fg_strdup(fg_rows_str(rows, 12));
	item->file_name = fg_strdup(fg_rows_str(rows, 13));
	item->file = copy_blob(rows, 14, &item->file_len);
	item->tried_at = fg_rows_i64(rows, 15);
	item->aside = fg_rows_i64(rows, 16) != 0;
	item->failing_since = fg_rows_i64(rows, 17);
	return 1;
}

/* Which message an edit is for; one that never got out becomes a send. */
static int find_message(struct fg_tx *tx, struct queue_item *item, struct fg_err *err)
{
	cleanup_rows struct fg_rows *rows = NULL;

	if (!item->edit || item->message_id)
		return 0;
	rows = fg_tx_query(tx, err,
		"SELECT message_id, file, repeat FROM outbox_sent WHERE key = ? AND chat = ? AND "
		"message_id != 0",
		"ii", item->key, item->chat);
	if (!rows)
		return -1;
	item->edit = fg_rows_next(rows);
	if (item->edit) {
		item->message_id = fg_rows_i64(rows, 0);
		item->caption = fg_rows_i64(rows, 1) != 0;
		item->marked = fg_rows_i64(rows, 2) != 0;
	}
	return 0;
}

int queue_claim(struct fg_tx *tx, int64_t chat, struct queue_item *item, struct fg_err *err)
{
	enum queue_state state = QUEUE_WAITING;
	int rc = read_first(tx, chat, item, &state, err);

	if (rc <= 0)
		return rc;
	if (find_message(tx, item, err) < 0)
		return -1;
	item->repeat = !item->edit && state >= QUEUE_UNSURE;
	state = item->repeat ? QUEUE_RESENDING : QUEUE_SENDING;
	if (fg_tx_exec(tx, err, "UPDATE outbox SET state = ?, edit = ?, gone = 0 WHERE id = ?",
		    "iii", (int64_t)state, (int64_t)item->edit, item->id) < 0)
		return -1;
	return 1;
}

int queue_gone(struct fg_store *store, int64_t id, bool gone, struct fg_err *err)
{
	return fg_store_note(store, err, "UPDATE outbox SET gone = ? WHERE id = ?", "ii",
		       (int64_t)gone, id) < 0
		       ? -1
		       : 0;
}

/* Settling */

static int drop(struct fg_tx *tx, const struct queue_item *item, struct fg_err *err)
{
	return fg_tx_exec(tx, err, "DELETE FROM outbox WHERE id = ?", "i", item->id) < 0 ? -1 : 0;
}

static int prune(struct fg_tx *tx, struct fg_err *err)
{
	/* A refusal that nothing waits for is as good as forgotten: the next message would ask. */
	if (fg_tx_exec(tx, err,
		    "DELETE FROM outbox_parked WHERE since < ? AND chat NOT IN (SELECT chat FROM "
		    "outbox)",
		    "i", fg_wall_ms() - FORGET_DAYS * DAY_MS) < 0)
		return -1;
	if (fg_tx_exec(tx, err,
		    "DELETE FROM outbox_sent WHERE sent_at < ? OR key <= (SELECT key FROM "
		    "outbox_sent"
		    " ORDER BY key DESC LIMIT 1 OFFSET ?)",
		    "ii", fg_wall_ms() - SENT_DAYS * DAY_MS, (int64_t)SENT_MOST) < 0)
		return -1;
	return fg_tx_exec(tx, err, "DELETE FROM outbox_holds WHERE until < ?", "i", fg_wall_ms()) <
			       0
		       ? -1
		       : 0;
}

static int delivered(
	struct fg_tx *tx, const struct queue_item *item, int64_t message_id, struct fg_err *err)
{
	if (drop(tx, item, err) < 0 || parked_end(tx, item->chat, err) < 0)
		return -1;
	/*
	 * Then what was set aside there may get through as well, in order. What fails for longer
	 * than the longest pause is asked again only when another one of its kind got through.
	 */
	if (fg_tx_exec(tx, err,
		    "UPDATE outbox SET not_before = 1 WHERE chat = ? AND priority = ? AND"
		    " not_before > 1 AND (? OR failing_since > ?)",
		    "iiii", item->chat, (int64_t)QUEUE_LAST, (int64_t)item->aside,
		    fg_wall_ms() - QUEUE_ASIDE_MS) < 0)
		return -1;
	if (message_id && fg_tx_exec(tx, err,
				  "INSERT OR REPLACE INTO outbox_sent(key, chat, thread, "
				  "message_id, file, sent_at, repeat)"
				  " VALUES(?, ?, ?, ?, ?, ?, ?)",
				  "iiiiiii", item->key, item->chat, item->thread, message_id,
				  (int64_t)(item->caption || (!item->edit && item->file_name)),
				  fg_wall_ms(),
				  (int64_t)(item->edit ? item->marked : item->repeat)) < 0)
		return -1;
	return item->id % PRUNE_EVERY == 0 ? prune(tx, err) : 0;
}

/*
 * The row waits again. What was to replace it while it was on its way now takes its place at once:
 * only the newest text of those that wait is sent.
 */
static int wait_again(struct fg_tx *tx, const struct queue_item *item, enum queue_state state,
	bool edit, struct fg_err *err)
{
	int64_t merged = 0;

	if (state == QUEUE_WAITING)
		merged = fg_tx_exec(tx, err,
			"UPDATE outbox SET (html, keyboard, created_at) = (SELECT html, keyboard, "
			"created_at"
			" FROM outbox n WHERE n.key = outbox.key AND n.id > outbox.id AND n.edit = "
			"1"
			" ORDER BY n.id DESC LIMIT 1) WHERE id = ? AND EXISTS (SELECT 1 FROM "
			"outbox n"
			" WHERE n.key = outbox.key AND n.id > outbox.id AND n.edit = 1)",
			"i", item->id);
	if (merged < 0)
		return -1;
	if (merged &&
		fg_tx_exec(tx, err, "DELETE FROM outbox WHERE key = ? AND id > ? AND edit = 1",
			"ii", item->key, item->id) < 0)
		return -1;
	return fg_tx_exec(tx, err,
		       "UPDATE outbox SET state = ?1, edit = ?2, edit_id = edit_id * ?2, thread = "
		       "?3, reply_to = ?4,"
		       " tries = tries + 1, tried_at = ?6, failing_since = ?7 WHERE id = ?5",
		       "iiiiiii", (int64_t)state, (int64_t)edit, item->thread, item->reply_to,
		       item->id, fg_wall_ms(), item->failing_since) < 0
		       ? -1
		       : 0;
}

static enum queue_state unsent_state(const struct queue_item *item)
{
	return item->repeat ? QUEUE_UNSURE : QUEUE_WAITING;
}

static int kept(struct fg_tx *tx, const struct queue_item *item,
	const struct queue_outcome *outcome, struct fg_err *err)
{
	int64_t now = fg_wall_ms();

	if (outcome->hold_ms && fg_tx_exec(tx, err,
					"INSERT INTO outbox_holds(chat, noted_at, until)"
					" VALUES(?, ?, ?) ON CONFLICT DO UPDATE SET noted_at ="
					" excluded.noted_at, until = excluded.until"
					" WHERE excluded.until > until",
					"iii", outcome->hold_all ? (int64_t)0 : item->chat, now,
					now + outcome->hold_ms) < 0)
		return -1;
	return wait_again(tx, item, unsent_state(item), item->edit, err);
}

/* With all of its key. */
static int set_aside(
	struct fg_tx *tx, const struct queue_item *item, int64_t hold_ms, struct fg_err *err)
{
	if (wait_again(tx, item, unsent_state(item), item->edit, err) < 0)
		return -1;
	return fg_tx_exec(tx, err, "UPDATE outbox SET priority = ?, not_before = ? WHERE key = ?",
		       "iii", (int64_t)QUEUE_LAST, fg_wall_ms() + hold_ms, item->key) < 0
		       ? -1
		       : 0;
}

static int doubted(struct fg_tx *tx, const struct queue_item *item, struct fg_err *err)
{
	if (item->edit) /* a second time does no harm */
		return wait_again(tx, item, QUEUE_WAITING, true, err);
	return wait_again(tx, item, QUEUE_UNSURE, false, err);
}

static int lost(struct fg_tx *tx, const struct queue_item *item, struct fg_err *err)
{
	if (item->edit || !item->repeat)
		return doubted(tx, item, err);
	fg_warn("a message to chat %lld was sent twice without an answer; it counts as sent",
		(long long)item->chat);
	return drop(tx, item, err);
}

static int chat_gone(
	struct fg_tx *tx, const struct queue_item *item, const char *why, struct fg_err *err)
{
	if (wait_again(tx, item, unsent_state(item), item->edit, err) < 0)
		return -1;
	return parked_add(tx, item->chat, why, err);
}

/*
 * The ids of the old group's messages mean nothing in the new one: edits become sends there. What
 * is on its way stays, lest another lane takes it as well: it hears of the move itself, or arrives.
 */
static int move_rows(struct fg_tx *tx, int64_t old, int64_t new, struct fg_err *err)
{
	if (fg_tx_exec(tx, err,
		    "UPDATE outbox SET edit = 0, edit_id = 0 WHERE chat = ? AND edit_id != 0 AND "
		    "state IN (?, ?)",
		    "iii", old, (int64_t)QUEUE_WAITING, (int64_t)QUEUE_UNSURE) < 0 ||
		fg_tx_exec(tx, err,
			"UPDATE outbox SET chat = ?, thread = 0, reply_to = 0 WHERE chat = ? AND "
			"state IN (?, ?)",
			"iiii", new, old, (int64_t)QUEUE_WAITING, (int64_t)QUEUE_UNSURE) < 0)
		return -1;
	return fg_tx_exec(tx, err,
		       "UPDATE outbox_sent SET chat = ?, thread = 0, message_id = 0 WHERE chat = ?",
		       "ii", new, old) < 0
		       ? -1
		       : 0;
}

int queue_move(struct fg_tx *tx, int64_t old, int64_t new, struct fg_err *err)
{
	static const char *const also[] = {
		"UPDATE OR IGNORE outbox_holds SET chat = ? WHERE chat = ?",
		/* What refused was the old one: the new one is tried at once. */
		"UPDATE OR IGNORE outbox_parked SET chat = ?, probe_at = 0 WHERE chat = ?",
	};

	if (moves_note(tx, old, new, err) < 0 || move_rows(tx, old, new, err) < 0)
		return -1;
	for (size_t i = 0; i < FG_ARRAY_LEN(also); i++)
		if (fg_tx_exec(tx, err, also[i], "ii", new, old) < 0)
			return -1;
	if (fg_tx_exec(tx, err, "DELETE FROM outbox_parked WHERE chat = ?", "i", old) < 0)
		return -1;
	return parked_trim(tx, new, err);
}

static int migrated(
	struct fg_tx *tx, const struct queue_item *item, int64_t chat, struct fg_err *err)
{
	if (wait_again(tx, item, unsent_state(item), item->edit, err) < 0)
		return -1;
	return queue_move(tx, item->chat, chat, err);
}

int queue_settle(struct fg_tx *tx, const struct queue_item *item,
	const struct queue_outcome *outcome, struct fg_err *err)
{
	switch (outcome->result) {
	case QUEUE_NONE:
		return 0;
	case QUEUE_DELIVERED:
		return delivered(tx, item, outcome->message_id, err);
	case QUEUE_DROPPED:
		return drop(tx, item, err);
	case QUEUE_KEPT:
		return kept(tx, item, outcome, err);
	case QUEUE_ASIDE:
		return set_aside(tx, item, outcome->hold_ms, err);
	case QUEUE_DOUBTED:
		return doubted(tx, item, err);
	case QUEUE_LOST:
		return lost(tx, item, err);
	case QUEUE_AS_SEND:
		return wait_again(tx, item, QUEUE_WAITING, false, err);
	case QUEUE_CHAT_GONE:
		return chat_gone(tx, item, outcome->why, err);
	case QUEUE_MIGRATED:
		return migrated(tx, item, outcome->chat, err);
	}
	return 0;
}

/* Looking over the whole */

int queue_heads(struct fg_store *store, void (*head)(const struct queue_head *head, void *arg),
	void *arg, struct fg_err *err)
{
	int64_t now = fg_wall_ms();
	/* From chat to chat along the index, however many rows each has. */
	cleanup_rows struct fg_rows *rows = fg_store_query(store, err,
		"WITH RECURSIVE c(chat) AS (SELECT min(chat) FROM outbox UNION ALL"
		" SELECT (SELECT min(chat) FROM outbox WHERE chat > c.chat) FROM c WHERE c.chat IS "
		"NOT NULL)"
		" SELECT o.chat, o.id, o.priority, coalesce(p.probe_at, 0), o.not_before"
		" FROM c JOIN outbox o ON o.id = coalesce("
		"(SELECT id FROM outbox WHERE chat = c.chat AND " IS_DUE
		" ORDER BY priority, id LIMIT 1),"
		" (SELECT id FROM outbox WHERE chat = c.chat ORDER BY not_before, id LIMIT 1))"
		" LEFT JOIN outbox_parked p ON p.chat = c.chat",
		"ii", now, QUEUE_ASIDE_MS);

	if (!rows)
		return -1;
	while (fg_rows_next(rows)) {
		struct queue_head h = {fg_rows_i64(rows, 0), fg_rows_i64(rows, 1),
			fg_rows_i64(rows, 2), parked_wait(fg_rows_i64(rows, 3))};
		int64_t aside = fg_rows_i64(rows, 4) - now;

		if (aside <= QUEUE_ASIDE_MS && h.wait_ms < aside)
			h.wait_ms = aside;
		head(&h, arg);
	}
	return 0;
}

int queue_holds(struct fg_store *store, void (*hold)(int64_t chat, int64_t left_ms, void *arg),
	void *arg, struct fg_err *err)
{
	int64_t now = fg_wall_ms();
	cleanup_rows struct fg_rows *rows = fg_store_query(store, err,
		"SELECT chat, noted_at, until FROM outbox_holds WHERE until > ?", "i", now);

	if (!rows)
		return -1;
	while (fg_rows_next(rows)) {
		int64_t noted_at = fg_rows_i64(rows, 1), until = fg_rows_i64(rows, 2);

		/* A clock that was set back must not make the wait longer than it was. */
		hold(fg_rows_i64(rows, 0), until - (now > noted_at ? now : noted_at), arg);
	}
	return 0;
}
