/* The outbox's intake: new messages, and new texts for old ones. */
#include "fleetgram/base/clock.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/mem.h"
#include "telegram/moves.h"
#include "telegram/outbox.h"
#include "telegram/parked.h"
#include "telegram/queue.h"

#define FILE_MOST ((size_t)50 * 1024 * 1024) /* what a bot may upload */

static int64_t insert(
	struct fg_tx *tx, const struct outbox_message *m, bool edit, struct fg_err *err)
{
	cleanup_json_text char *keyboard = m->keyboard ? fg_json_print(m->keyboard) : NULL;
	int64_t chat = moves_target(tx, m->chat_id), id;
	/* Its messages and topics are not those of the chat it has become. */
	int64_t same = chat == m->chat_id;

	if (m->file.name && m->file.len > FILE_MOST)
		return fg_fail(err, FG_ETOOBIG, "%s is larger than the 50 MB that Telegram takes",
			m->file.name);
	if (fg_tx_exec(tx, err,
		    "INSERT INTO outbox(key, chat, thread, reply_to, state, edit, edit_id, silent, "
		    "photo, priority,"
		    " tries, created_at, html, keyboard, file_name, file)"
		    " VALUES(0, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?, ?, ?, ?)",
		    "iiiiiiiiiisssb", chat, m->thread * same, m->reply_to * same,
		    (int64_t)QUEUE_WAITING, (int64_t)(edit && (same || !m->edit_id)),
		    m->edit_id * same, (int64_t)m->silent, (int64_t)m->file.photo,
		    (int64_t)m->priority, fg_wall_ms(), m->html ? m->html : "", keyboard,
		    m->file.name, m->file.data, m->file.len) < 0)
		return -1;
	id = fg_tx_insert_id(tx);
	return parked_trim(tx, chat, err) < 0 ? -1 : id;
}

/*
 * What was said under the key before has to leave before what is said now: it becomes as urgent,
 * even if it was set aside (which stays known). Else the repeat of a first message could come after
 * its own edit.
 */
static int hurry(struct fg_tx *tx, int64_t key, enum outbox_priority priority, struct fg_err *err)
{
	return fg_tx_exec(tx, err,
		       "UPDATE outbox SET priority = min(priority, ?1), not_before = min(not_before, 1)"
		       " WHERE key = ?2 AND (priority > ?1 OR not_before > 1)",
		       "ii", (int64_t)priority, key) < 0
		       ? -1
		       : 0;
}

/* A row that waits gets the new text where it is; how often it failed tells of Telegram, not of the
 * text. */
static int rewrite(struct fg_tx *tx, int64_t id, const struct outbox_message *m, struct fg_err *err)
{
	cleanup_json_text char *keyboard = m->keyboard ? fg_json_print(m->keyboard) : NULL;

	return fg_tx_exec(tx, err,
		       "UPDATE outbox SET html = ?, keyboard = ?, created_at = ? WHERE id = ?",
		       "ssii", m->html ? m->html : "", keyboard, fg_wall_ms(), id) < 0
		       ? -1
		       : 0;
}

static int set_key(struct fg_tx *tx, int64_t id, int64_t key, struct fg_err *err)
{
	return fg_tx_exec(tx, err, "UPDATE outbox SET key = ? WHERE id = ?", "ii", key, id) < 0 ? -1
												: 0;
}

/* What is known of a key. */
struct known {
	int64_t id;   /* of its newest row; 0: none */
	bool waiting; /* that row's text can still be changed */
	int64_t key, chat, thread;
};

/* The first row: id, state, key, chat, thread. */
static int read_known(struct fg_rows *rows, struct known *k)
{
	if (!rows)
		return -1;
	if (fg_rows_next(rows)) {
		k->id = fg_rows_i64(rows, 0);
		k->waiting = k->id && fg_rows_i64(rows, 1) == QUEUE_WAITING;
		k->key = fg_rows_i64(rows, 2);
		k->chat = fg_rows_i64(rows, 3);
		k->thread = fg_rows_i64(rows, 4);
	}
	return 0;
}

static int look_up(struct fg_tx *tx, int64_t key, struct known *k, struct fg_err *err)
{
	cleanup_rows struct fg_rows *rows = fg_tx_query(tx, err,
		"SELECT id, state, key, chat, thread FROM outbox WHERE key = ?1 UNION ALL"
		" SELECT 0, 0, key, chat, thread FROM outbox_sent WHERE key = ?1 ORDER BY 1 DESC"
		" LIMIT 1",
		"i", key);

	return read_known(rows, k);
}

/* The same by the message that is to be edited: whoever edits it next, it is under one key. */
static int look_up_message(
	struct fg_tx *tx, const struct outbox_message *m, struct known *k, struct fg_err *err)
{
	cleanup_rows struct fg_rows *rows = fg_tx_query(tx, err,
		"WITH sent AS (SELECT key, chat, thread FROM outbox_sent WHERE chat = ?1 AND"
		" message_id = ?2 ORDER BY key DESC LIMIT 1)"
		" SELECT id, state, key, chat, thread FROM outbox WHERE chat = ?1 AND edit_id = ?2"
		" UNION ALL SELECT id, state, key, chat, thread FROM outbox"
		" WHERE key = (SELECT key FROM sent)"
		" UNION ALL SELECT 0, 0, key, chat, thread FROM sent ORDER BY 1 DESC LIMIT 1",
		"ii", m->chat_id, m->edit_id);

	return read_known(rows, k);
}

int64_t outbox_push(struct fg_tx *tx, const struct outbox_message *m, struct fg_err *err)
{
	struct known k = {0};
	int64_t id;

	if (m->edit_id && look_up_message(tx, m, &k, err) < 0)
		return -1;
	if (k.key && hurry(tx, k.key, m->priority, err) < 0)
		return -1;
	if (k.waiting)
		return rewrite(tx, k.id, m, err) < 0 ? -1 : k.key;
	id = insert(tx, m, m->edit_id != 0, err);
	if (id < 0 || set_key(tx, id, k.key ? k.key : id, err) < 0)
		return fg_wrap(err, "cannot keep a message");
	return k.key ? k.key : id;
}

int outbox_replace(
	struct fg_tx *tx, int64_t key, const struct outbox_message *m, struct fg_err *err)
{
	struct outbox_message edit = {
		.html = m->html, .keyboard = m->keyboard, .priority = m->priority};
	struct known k = {0};
	int64_t id;

	if (look_up(tx, key, &k, err) < 0 || hurry(tx, key, m->priority, err) < 0)
		return -1;
	if (k.waiting)
		return rewrite(tx, k.id, m, err);
	if (k.chat) {
		edit.chat_id = k.chat;
		edit.thread = k.thread;
		id = insert(tx, &edit, true, err);
	} else {
		id = insert(tx, m, m->edit_id != 0, err);
	}
	if (id < 0 || set_key(tx, id, key, err) < 0)
		return fg_wrap(err, "cannot keep a message");
	return 0;
}
