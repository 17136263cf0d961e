/* The audit: a chain of rows. */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "chat/audit.h"
#include "fleetgram/base/clock.h"
#include "fleetgram/base/log.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/str.h"

#define ANCHOR "audit.anchor" /* "N HASH" of the last row that was trimmed */
#define HEAD "audit.head"     /* "N HASH" of the newest row: what is missing at the end shows */
#define ORIGIN "0"            /* the hash before the first row */
#define TRIM_EVERY 64         /* rows */
#define HOUR_MS ((int64_t)3600 * 1000)
#define STRANGER_ROWS 10   /* an hour, of one of them */
#define STRANGERS_ROWS 100 /* … and of all */

static const char *const steps[] = {
	"CREATE TABLE audit(n INTEGER PRIMARY KEY, wall_ms INTEGER NOT NULL, user_id INTEGER NOT NULL,"
	" name TEXT NOT NULL, role TEXT NOT NULL, chat_id INTEGER NOT NULL, thread INTEGER NOT NULL,"
	" command TEXT NOT NULL, line TEXT NOT NULL, targets TEXT NOT NULL, result TEXT NOT NULL,"
	" error TEXT NOT NULL, took_ms INTEGER NOT NULL, hash TEXT NOT NULL);"
	"CREATE INDEX audit_user ON audit(user_id, n);"
	"CREATE INDEX audit_strangers ON audit(wall_ms, user_id) WHERE role = 'stranger';"
	"CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit"
	" BEGIN SELECT RAISE(ABORT, 'the audit is append only'); END;"
	"CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit WHEN OLD.n >"
	" coalesce((SELECT CAST(value AS INTEGER) FROM settings WHERE key = 'audit.anchor'), 0)"
	" BEGIN SELECT RAISE(ABORT, 'the audit is append only'); END;",
};

/* A place in the chain. */
struct mark {
	int64_t n;
	char hash[AUDIT_HASH];
};

int audit_setup(struct fg_store *store, struct fg_err *err)
{
	return fg_store_migrate(store, "audit", steps, FG_ARRAY_LEN(steps), err);
}

/* Hashing */

/* With its length in front no text can pass for two. */
static void hash_text(crypto_hash_sha256_state *state, const char *s)
{
	char head[24];
	int n = snprintf(head, sizeof(head), "%zu:", strlen(s));

	crypto_hash_sha256_update(state, (const unsigned char *)head, (unsigned long long)n);
	crypto_hash_sha256_update(state, (const unsigned char *)s, strlen(s));
}

static void hash_i64(crypto_hash_sha256_state *state, int64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%lld", (long long)value);
	hash_text(state, text);
}

static void hash_row(
	char out[AUDIT_HASH], const char *before, int64_t n, const struct audit_row *row)
{
	const char *const texts[] = {row->name, row->role, row->command, row->line, row->targets,
		row->result, row->error};
	const int64_t numbers[] = {
		n, row->wall_ms, row->user_id, row->chat_id, row->thread, row->took_ms};
	unsigned char digest[crypto_hash_sha256_BYTES];
	crypto_hash_sha256_state state;

	crypto_hash_sha256_init(&state);
	hash_text(&state, before);
	for (size_t i = 0; i < FG_ARRAY_LEN(numbers); i++)
		hash_i64(&state, numbers[i]);
	for (size_t i = 0; i < FG_ARRAY_LEN(texts); i++)
		hash_text(&state, texts[i]);
	crypto_hash_sha256_final(&state, digest);
	sodium_bin2hex(out, AUDIT_HASH, digest, sizeof(digest));
}

/* Adding */

/* False: there is no mark in that text. */
static bool mark_parse(struct mark *mark, const char *text)
{
	char *end;

	*mark = (struct mark){.hash = ORIGIN};
	if (!text)
		return false;
	mark->n = strtoll(text, &end, 10);
	snprintf(mark->hash, sizeof(mark->hash), "%s", *end == ' ' ? end + 1 : "");
	return true;
}

static int mark_set(struct fg_tx *tx, const char *key, const struct mark *mark, struct fg_err *err)
{
	char text[24 + AUDIT_HASH];

	snprintf(text, sizeof(text), "%lld %s", (long long)mark->n, mark->hash);
	return fg_tx_set(tx, key, text, err);
}

/* The newest row, inside the transaction: no other process can append meanwhile. */
static int find_last(struct fg_tx *tx, struct mark *last, struct fg_err *err)
{
	cleanup_rows struct fg_rows *rows = fg_tx_query(tx, err,
		"SELECT n, hash FROM audit UNION ALL"
		" SELECT 0, value FROM settings WHERE key = ? ORDER BY n DESC LIMIT 1",
		"s", ANCHOR);

	*last = (struct mark){.hash = ORIGIN};
	if (!rows)
		return -1;
	if (!fg_rows_next(rows))
		return fg_rows_failed(rows, err);
	if (fg_rows_i64(rows, 0) == 0) {
		mark_parse(last, fg_rows_str(rows, 1));
		return 0;
	}
	last->n = fg_rows_i64(rows, 0);
	snprintf(last->hash, sizeof(last->hash), "%s", fg_rows_str(rows, 1));
	return 0;
}

/* A text of a row, never NULL, cut at a character's end. */
static char *kept(const char *s, size_t cap)
{
	struct fg_str text;

	fg_str_init(&text, cap);
	fg_str_puts(&text, s ? s : "");
	return fg_str_take(&text);
}

int audit_add(struct fg_tx *tx, const struct audit_row *given, struct fg_err *err)
{
	cleanup_free char *name = kept(given->name, 256), *line = kept(given->line, AUDIT_LINE),
			  *error = kept(given->error, FG_ERR_TEXT);
	struct audit_row row = *given;
	struct mark last, before;

	row.name = name;
	row.line = line;
	row.error = error;
	row.role = row.role ? row.role : "";
	row.command = row.command ? row.command : "";
	row.targets = row.targets ? row.targets : "";
	if (find_last(tx, &last, err) < 0)
		return -1;
	before = last;
	last.n++;
	hash_row(last.hash, before.hash, last.n, &row);
	if (fg_tx_exec(tx, err,
		    "INSERT INTO audit(n, wall_ms, user_id, name, role, chat_id, thread, command, line,"
		    " targets, result, error, took_ms, hash) VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
		    "iiissiisssssis", last.n, row.wall_ms, row.user_id, row.name, row.role,
		    row.chat_id, row.thread, row.command, row.line, row.targets, row.result,
		    row.error, row.took_ms, last.hash) < 0 ||
		mark_set(tx, HEAD, &last, err) < 0)
		return -1;
	return last.n % TRIM_EVERY ? 0
				   : audit_trim(tx, AUDIT_ROWS, err);
}

int audit_add_stranger(struct fg_tx *tx, const struct audit_row *row, struct fg_err *err)
{
	cleanup_rows struct fg_rows *rows = fg_tx_query(tx, err,
		"SELECT count(*), coalesce(sum(user_id = ?), 0) FROM audit"
		" WHERE role = 'stranger' AND wall_ms > ?",
		"ii", row->user_id, row->wall_ms - HOUR_MS);
	bool enough;

	if (!rows)
		return -1;
	if (!fg_rows_next(rows))
		return fg_rows_failed(rows, err);
	enough = fg_rows_i64(rows, 0) >= STRANGERS_ROWS || fg_rows_i64(rows, 1) >= STRANGER_ROWS;
	fg_rows_close(fg_steal(&rows));
	return enough ? 0 : audit_add(tx, row, err);
}

/* Trimming */

/* The newest row that is to go: 1 with its number and hash, 0: none is. */
static int find_cut(struct fg_tx *tx, int64_t rows, struct mark *cut, struct fg_err *err)
{
	cleanup_rows struct fg_rows *found = fg_tx_query(tx, err,
		"SELECT n, hash FROM audit WHERE n <= (SELECT max(n) FROM audit) - ?"
		" ORDER BY n DESC LIMIT 1",
		"i", rows);

	if (!found)
		return -1;
	if (!fg_rows_next(found))
		return fg_rows_failed(found, err);
	cut->n = fg_rows_i64(found, 0);
	snprintf(cut->hash, sizeof(cut->hash), "%s", fg_rows_str(found, 1));
	return 1;
}

int audit_trim(struct fg_tx *tx, int64_t rows, struct fg_err *err)
{
	struct mark cut;
	int rc = find_cut(tx, rows, &cut, err);

	if (rc <= 0)
		return rc;
	if (mark_set(tx, ANCHOR, &cut, err) < 0 ||
		fg_tx_exec(tx, err, "DELETE FROM audit WHERE n <= ?", "i", cut.n) < 0)
		return -1;
	return 0;
}

/* Verifying */

static int broken(struct audit_check *out, int64_t n, const char *why)
{
	out->broken = n;
	snprintf(out->why, sizeof(out->why), "%s", why);
	return 0;
}

/* Text that is not there, or has become something else, cannot pass for what was hashed. */
static const char *text_of(struct fg_rows *rows, int column)
{
	const char *s = fg_rows_str(rows, column);

	return s ? s : "";
}

/* The row under the cursor, whose columns begin at 2. False: out says why it does not fit. */
static bool fits_chain(struct fg_rows *rows, struct mark *last, struct audit_check *out)
{
	struct audit_row row = {
		.wall_ms = fg_rows_i64(rows, 3),
		.user_id = fg_rows_i64(rows, 4),
		.name = text_of(rows, 5),
		.role = text_of(rows, 6),
		.chat_id = fg_rows_i64(rows, 7),
		.thread = fg_rows_i64(rows, 8),
		.command = text_of(rows, 9),
		.line = text_of(rows, 10),
		.targets = text_of(rows, 11),
		.result = text_of(rows, 12),
		.error = text_of(rows, 13),
		.took_ms = fg_rows_i64(rows, 14),
	};
	int64_t n = fg_rows_i64(rows, 2);
	char hash[AUDIT_HASH];

	if (n != last->n + 1) {
		broken(out, last->n + 1, "it is missing");
		return false;
	}
	hash_row(hash, last->hash, n, &row);
	if (strcmp(hash, text_of(rows, 15)) != 0) {
		broken(out, n, "its content, or the row before it, is not what it was");
		return false;
	}
	last->n = n;
	memcpy(last->hash, hash, sizeof(hash));
	out->first = out->first ? out->first : n;
	out->rows++;
	return true;
}

int audit_verify(struct fg_store *store, struct audit_check *out, struct fg_err *err)
{
	/* One statement sees one state, whatever a daemon does meanwhile. */
	cleanup_rows struct fg_rows *rows = fg_store_query(store, err,
		"SELECT s.anchor, s.head, a.n, wall_ms, user_id, name, role, chat_id, thread, command,"
		" line, targets, result, error, took_ms, hash FROM"
		" (SELECT (SELECT value FROM settings WHERE key = ?) AS anchor,"
		" (SELECT value FROM settings WHERE key = ?) AS head) s"
		" LEFT JOIN audit a ON 1 ORDER BY a.n",
		"ss", ANCHOR, HEAD);
	struct mark last = {.hash = ORIGIN}, head = last;
	bool begun = false;

	*out = (struct audit_check){0};
	if (!rows)
		return -1;
	while (fg_rows_next(rows)) {
		if (!begun) {
			mark_parse(&last, fg_rows_str(rows, 0));
			mark_parse(&head, fg_rows_str(rows, 1));
			begun = true;
		}
		if (fg_rows_i64(rows, 2) && !fits_chain(rows, &last, out))
			return 0;
	}
	if (fg_rows_failed(rows, err) < 0)
		return -1;
	if (last.n < head.n)
		return broken(out, last.n + 1, "it is missing at the end");
	if (last.n > head.n || strcmp(last.hash, head.hash) != 0)
		return broken(out, last.n, "the chain should end elsewhere");
	snprintf(out->last, sizeof(out->last), "%s", last.n ? last.hash : "");
	return 0;
}
