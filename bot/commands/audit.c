/*
 * /audit: who did what, to which containers, and what became of it; and who was refused what.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "chat/audit.h"
#include "commands/format.h"
#include "commands/target.h"
#include "fleetgram/base/clock.h"
#include "fleetgram/base/json.h"

#define SHOWN 10
#define SHOWN_MOST 50
#define STEP 1000 /* rows that are looked at before others have their turn */
#define LINE_MOST 120
#define ABOUT_MOST 160

struct query {
	size_t rows;
	const char *user, *command, *result, *container, *since; /* NULL: any */
	int64_t after_ms;
	int64_t before; /* rows with smaller numbers */
	int64_t own;    /* of one user only; 0: of all, -1: only the local operator's */
};

static const struct mark {
	const char *result, *sign;
} marks[] = {
	{AUDIT_DONE, "✅"},
	{AUDIT_FAILED, "⚠️"},
	{AUDIT_REFUSED, "⛔"},
	{AUDIT_ASKED, "❓"},
	{AUDIT_CANCELLED, "✖️"},
	{AUDIT_INTERRUPTED, "⚡"},
};

static const char *sign_of(const char *result)
{
	for (size_t i = 0; i < FG_ARRAY_LEN(marks); i++)
		if (strcmp(marks[i].result, result) == 0)
			return marks[i].sign;
	return "·";
}

/* Words */

/* A whole number from 1 to most, else 0. */
static int64_t parse_number(const char *s, int64_t most)
{
	char *end;
	long long n = strtoll(s, &end, 10);

	return *s >= '0' && *s <= '9' && !*end && n <= most ? n : 0;
}

static int parse_result(struct command *c, const char *result)
{
	for (size_t i = 0; result && i < FG_ARRAY_LEN(marks); i++)
		if (strcmp(marks[i].result, result) == 0)
			return 0;
	return result ? command_usage(c,
				"result= is one of done, failed, refused, asked, cancelled, interrupted")
		      : 0;
}

static int parse_since(struct command *c, struct query *q)
{
	int64_t ms;

	if (!q->since)
		return 0;
	if (fg_duration_parse(q->since, &ms, &c->err) < 0)
		return fg_wrap(&c->err, "since=");
	q->after_ms = fg_wall_ms() - ms;
	return 0;
}

static int parse(struct command *c, const char **words, struct query *q)
{
	size_t n = c->n;
	const char *before = command_option(words, &n, "before");

	*q = (struct query){
		.rows = SHOWN,
		.user = command_option(words, &n, "user"),
		.command = command_option(words, &n, "command"),
		.result = command_option(words, &n, "result"),
		.container = command_option(words, &n, "container"),
		.since = command_option(words, &n, "since"),
		.before = INT64_MAX,
	};
	if (q->command && *q->command == '/')
		q->command++;
	if (before) {
		q->before = parse_number(before, INT64_MAX);
		if (!q->before)
			return command_usage(c, "before= takes the number of a row");
	}
	if (n > 1)
		return command_usage(c, "that is too much");
	if (n == 1) {
		q->rows = (size_t)parse_number(words[0], SHOWN_MOST);
		if (!q->rows)
			return command_usage(c, "N is a number from 1 to 50");
	}
	/* What a container is called says nothing of whether one may see it. */
	if (c->person.scope)
		q->own = c->person.id;
	return parse_result(c, q->result) < 0 ? -1 : parse_since(c, q);
}

/* Rows */

static bool is_about(const char *targets, const char *glob)
{
	for (const char *end; *targets; targets = *end ? end + 1 : end) {
		cleanup_free char *one = NULL;
		const char *slash;

		end = targets + strcspn(targets, " ");
		one = fg_strndup(targets, (size_t)(end - targets));
		slash = strchr(one, '/');
		if (fg_glob_match(glob, one) || (slash && fg_glob_match(glob, slash + 1)))
			return true;
	}
	return false;
}

/* Those that fit, of the rows numbered from..before - 1. */
static struct fg_rows *find(
	struct command *c, const struct query *q, int64_t from, int64_t before)
{
	return fg_store_query(c->app->store, &c->err,
		"SELECT n, wall_ms, user_id, name, role, chat_id, thread, command, line, targets, result,"
		" error, took_ms FROM audit WHERE n < ?1 AND n >= ?8 AND wall_ms >= ?2"
		" AND (?3 IS NULL OR name = ?3 OR CAST(user_id AS TEXT) = ?3)"
		" AND (?4 IS NULL OR command = ?4) AND (?5 IS NULL OR result = ?5)"
		" AND (?6 IS NULL OR targets <> '') AND (?7 = 0 OR user_id = ?7) ORDER BY n DESC",
		"iissssii", before, q->after_ms, q->user, q->command, q->result, q->container,
		q->own, from);
}

static const char *when(char buf[32], int64_t wall_ms)
{
	time_t seconds = (time_t)(wall_ms / 1000);
	struct tm tm;

	localtime_r(&seconds, &tm);
	strftime(buf, 32, "%Y-%m-%d %H:%M:%S", &tm);
	return buf;
}

/* Two lines, and a third for what went wrong. */
static void add_row(struct fg_str *html, struct fg_rows *rows)
{
	cleanup_free char *line = format_cut(fg_rows_str(rows, 8), LINE_MOST);
	cleanup_free char *about = format_cut(fg_rows_str(rows, 9), ABOUT_MOST);
	cleanup_free char *error = format_cut(fg_rows_str(rows, 11), LINE_MOST);
	cleanup_free char *name = format_cut(fg_rows_str(rows, 3), 48);
	const char *result = fg_rows_str(rows, 10);
	char at[32], took[FG_HUMAN];

	html_printf(html, "%S <b>%s</b> · %s · #%lld\n", sign_of(result), name,
		when(at, fg_rows_i64(rows, 1)), fg_rows_i64(rows, 0));
	html_printf(html, "<code>/%s</code>%S%s · %s, %s\n", line, *about ? " → " : "", about,
		result, fg_duration_human(took, fg_rows_i64(rows, 12)));
	if (*error)
		html_printf(html, "<i>%s</i>\n", error);
}

static cJSON *row_data(struct fg_rows *rows)
{
	static const struct {
		const char *key;
		int column;
		bool number;
	} columns[] = {
		{"number", 0, true},
		{"user_id", 2, true},
		{"user", 3, false},
		{"role", 4, false},
		{"chat_id", 5, true},
		{"thread", 6, true},
		{"command", 7, false},
		{"line", 8, false},
		{"containers", 9, false},
		{"result", 10, false},
		{"error", 11, false},
		{"duration_ms", 12, true},
	};
	cJSON *data = cJSON_CreateObject();
	char at[FG_RFC3339];

	cJSON_AddStringToObject(data, "at", fg_rfc3339(at, fg_rows_i64(rows, 1)));
	for (size_t i = 0; i < FG_ARRAY_LEN(columns); i++)
		if (columns[i].number)
			fg_json_set_i64(data, columns[i].key, fg_rows_i64(rows, columns[i].column));
		else
			cJSON_AddStringToObject(
				data, columns[i].key, fg_rows_str(rows, columns[i].column));
	return data;
}

static void add_filter(struct fg_str *words, const char *key, const char *value)
{
	cleanup_free char *word = value ? fg_printf("%s=%s", key, value) : NULL;
	cleanup_free char *quoted = word ? words_join((const char *const[]){word}, 1) : NULL;

	if (quoted)
		fg_str_printf(words, " %s", quoted);
}

static void add_buttons(struct command *c, const struct query *q, int64_t oldest, bool more)
{
	cleanup_str struct fg_str words = {0};

	fg_str_init(&words, 2048);
	fg_str_printf(&words, " %zu", q->rows);
	add_filter(&words, "user", q->user);
	add_filter(&words, "command", q->command);
	add_filter(&words, "result", q->result);
	add_filter(&words, "container", q->container);
	add_filter(&words, "since", q->since);
	keyboard_button(reply_keyboard(c->reply), fg_tr("↻ newest"), true, "audit%s", words.s);
	if (more)
		keyboard_button(reply_keyboard(c->reply), fg_tr("▶️ older"), true,
			"audit%s before=%lld", words.s, (long long)oldest);
}

/* What is shown so far. */
struct page {
	struct fg_str *html;
	size_t n;
	int64_t oldest;
	bool more; /* there is an older one that is not shown */
};

static int add_rows(struct command *c, const struct query *q, int64_t from, int64_t before,
	struct page *page)
{
	cleanup_rows struct fg_rows *rows = find(c, q, from, before);

	if (!rows)
		return -1;
	while (fg_rows_next(rows)) {
		if (q->container && !is_about(fg_rows_str(rows, 9), q->container))
			continue;
		page->more = page->n == q->rows;
		if (page->more)
			break;
		add_row(page->html, rows);
		cJSON_AddItemToArray(c->reply->data, row_data(rows));
		page->oldest = fg_rows_i64(rows, 0);
		page->n++;
	}
	return fg_rows_failed(rows, &c->err);
}

/* From the newest one back, in steps: a filter that little fits leads through the whole audit. */
static int walk(struct command *c, const struct query *q, struct page *page)
{
	struct fg_store *store = c->app->store;
	int64_t first = fg_store_i64(store, 1, "SELECT min(n) FROM audit", "");
	int64_t before = fg_store_i64(store, 0, "SELECT max(n) FROM audit", "") + 1, from;

	for (before = before < q->before ? before : q->before; before > first && !page->more;
		before = from) {
		from = before > STEP ? before - STEP : 0;
		if (add_rows(c, q, from, before, page) < 0 || fg_task_sleep(0, &c->err) < 0)
			return -1;
	}
	return 0;
}

static int audit_run(struct command *c)
{
	cleanup_free const char **words = target_words(c);
	struct page page = {0};
	struct query q;

	if (parse(c, words, &q) < 0)
		return -1;
	page.html = reply_add(c->reply);
	c->reply->data = cJSON_CreateArray();
	if (walk(c, &q, &page) < 0)
		return -1;
	if (page.n == 0)
		html_printf(page.html, "Nothing in the audit fits that.\n");
	add_buttons(c, &q, page.oldest, page.more);
	return 0;
}

const struct command_row command_audit = {
	.name = "audit",
	.group = GROUP_ADMIN,
	.role = ROLE_ADMIN,
	.max = -1,
	.usage = "[N] [user=] [command=] [result=] [container=GLOB] [since=1d]",
	.help = "Who did what, and what became of it",
	.more = "The newest first, 10 at a time or N. Everything that was run is here, from chats and "
		"terminals alike, and everything that was refused.\n"
		"result= is done, failed, refused, asked (a question), cancelled (its answer) or "
		"interrupted. user= is a name or an id. Who has a scope sees only what they did "
		"themselves.\n"
		"\n"
		"/audit\n"
		"/audit 30 result=refused since=7d\n"
		"/audit user=ops command=stop container=web*",
	.run = audit_run,
};
