/*
 * /stats: what containers use right now.
 */
#include <stdlib.h>
#include <string.h>
#include "commands/format.h"
#include "commands/target.h"
#include "fleetgram/base/json.h"
#include "fleetgram/fleet/limits.h"

#define ROWS_MOST 40
#define NAME_WIDTH 10  /* with the other columns that makes 34, a phone's width */
#define TITLE_WIDTH 15 /* HOST/NAME, in place of the name and the limit of memory */
#define WIDTH_TERMINAL 40
#define CALL_TIMEOUT 10000 /* ms */

struct row {
	const struct fg_item *item;
	const struct fg_measure *m;
};

static double cpu_of(const struct row *r)
{
	return r->m->ok && r->m->rates ? r->m->usage.cpu_percent : -1;
}

static int by_cpu(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	double dx = cpu_of(x), dy = cpu_of(y);

	if (dx != dy)
		return dx < dy ? 1 : -1;
	if (x->m->sample.memory_bytes != y->m->sample.memory_bytes)
		return x->m->sample.memory_bytes < y->m->sample.memory_bytes ? 1 : -1;
	return strcmp(x->item->c.name, y->item->c.name);
}

static double memory_share(const struct fg_sample *s)
{
	return s->memory_limit ? 100 * (double)s->memory_bytes / (double)s->memory_limit : 0;
}

/* Phones are too narrow for hosts and all columns. */
struct layout {
	bool titles, limits;
	size_t width, rows;
};

static struct layout choose_layout(const struct command *c, const struct row *rows, size_t n)
{
	bool several = fg_fleet_count(c->setup->fleet) > 1;
	struct layout l = {
		.titles = several,
		.limits = !several || c->reply->terminal,
		.width = 4,
		.rows = c->reply->terminal ? n : ROWS_MOST,
	};
	size_t widest = several ? TITLE_WIDTH : NAME_WIDTH;

	for (size_t i = 0; i < n; i++) {
		size_t len = strlen(rows[i].item->c.name) +
			     (several ? strlen(rows[i].item->host->name) + 1 : 0);

		if (rows[i].m->ok && len > l.width)
			l.width = len;
	}
	if (c->reply->terminal)
		widest = WIDTH_TERMINAL;
	if (l.width > widest)
		l.width = widest;
	return l;
}

static void add_row(struct fg_str *out, const struct row *r, const struct layout *l)
{
	const struct fg_measure *m = r->m;
	cleanup_free char *title = l->titles ? fg_item_title(r->item) : fg_strdup(r->item->c.name);
	char buf[FG_HUMAN], limit[FG_HUMAN];

	format_cell(out, title, l->width, false);
	fg_str_putc(out, ' ');
	format_cell(out, m->rates ? format_percent(buf, m->usage.cpu_percent) : "-", 4, true);
	fg_str_putc(out, ' ');
	format_cell(out,
		m->sample.memory_bytes ? format_bytes(buf, (double)m->sample.memory_bytes) : "-", 4,
		true);
	if (l->limits) {
		fg_str_putc(out, '/');
		format_cell(out,
			m->sample.memory_limit ? format_bytes(limit, (double)m->sample.memory_limit)
					       : "-",
			4, false);
	}
	fg_str_putc(out, ' ');
	format_cell(out, m->rates ? format_bytes(buf, m->usage.rx_rate + m->usage.tx_rate) : "-", 4,
		true);
	if (m->sample.pids)
		fg_str_printf(out, " %3llu\n", (unsigned long long)m->sample.pids);
	else
		fg_str_puts(out, "   -\n");
}

static void add_table(struct command *c, struct fg_str *html, const struct row *rows, size_t n)
{
	struct layout l = choose_layout(c, rows, n);
	cleanup_str struct fg_str table = {0};
	size_t shown = 0;

	fg_str_init(&table, 1024 * 1024);
	format_cell(&table, "NAME", l.width, false);
	fg_str_puts(&table, l.limits ? "  CPU  MEM/LIM   NET PID\n" : "  CPU  MEM  NET PID\n");
	for (size_t i = 0; i < n && shown < l.rows; i++) {
		if (!rows[i].m->ok)
			continue;
		add_row(&table, &rows[i], &l);
		shown++;
	}
	if (!shown)
		return;
	fg_str_puts(html, "<pre>");
	html_text_len(html, table.s, table.len - 1);
	fg_str_puts(html, "</pre>\n");
}

/* What is 0 of something that runs is not counted. */
static void add_memory(struct fg_str *html, const struct fg_sample *s)
{
	char a[FG_HUMAN], b[FG_HUMAN];

	if (!s->memory_bytes) {
		html_printf(html, "Memory: not available\n");
		return;
	}
	html_printf(html, "Memory %s of %s", fg_size_human(a, (int64_t)s->memory_bytes),
		fg_size_human(b, (int64_t)s->memory_limit));
	html_printf(html, " (%s)\n", format_percent(a, memory_share(s)));
}

static void add_processes(struct fg_str *html, const struct fg_sample *s, int64_t limit)
{
	if (s->pids)
		html_printf(html, "Processes %lld", (int64_t)s->pids);
	else
		html_printf(html, "Processes: not available");
	if (limit)
		html_printf(html, ", limit %lld", limit);
	fg_str_putc(html, '\n');
}

static void add_network(struct fg_str *html, const struct fg_sample *s)
{
	char a[FG_HUMAN], b[FG_HUMAN];

	html_printf(html, "Since its start ↓ %s ↑ %s\n", fg_size_human(a, (int64_t)s->rx_bytes),
		fg_size_human(b, (int64_t)s->tx_bytes));
}

/* The network is a namespace's, and is counted without a cgroup. */
static void add_uncounted(struct fg_str *html, const struct fg_sample *s)
{
	html_printf(html,
		"CPU, memory, processes and disk: not available\n"
		"It has no cgroup of its own: so it is where an ordinary user runs Podman on "
		"cgroup v1, or without cgroups that were given to that user. /top shows its "
		"processes.\n");
	add_network(html, s);
}

/* One container gets a line for each thing. limits may be NULL. */
static void add_single(struct fg_str *html, const struct row *r, const struct fg_limits *limits)
{
	int64_t cpus = limits ? limits->v[FG_LIMIT_CPUS] : 0;
	int64_t pids = limits ? limits->v[FG_LIMIT_PIDS] : 0;
	const struct fg_sample *s = &r->m->sample;
	char a[FG_HUMAN], b[FG_HUMAN];
	cleanup_free char *title = target_title(r->item);

	html_printf(html, "📊 <b>%s</b>\n", title);
	if (s->running && !s->counted) {
		add_uncounted(html, s);
		return;
	}
	if (r->m->rates)
		html_printf(html,
			cpus ? "CPU %s of one core (%d here), limit %s\n"
			     : "CPU %s of one core (%d here)%s\n",
			format_percent(a, r->m->usage.cpu_percent), s->online_cpus,
			cpus ? format_cpus(b, cpus) : "");
	add_memory(html, s);
	if (r->m->rates) {
		html_printf(
			html, "Network ↓ %s/s ↑ ", fg_size_human(a, (int64_t)r->m->usage.rx_rate));
		html_printf(html, "%s/s\n", fg_size_human(b, (int64_t)r->m->usage.tx_rate));
	}
	add_network(html, s);
	html_printf(html, "Disk read %s, written %s\n", fg_size_human(a, (int64_t)s->read_bytes),
		fg_size_human(b, (int64_t)s->write_bytes));
	add_processes(html, s, pids);
}

static cJSON *row_data(const struct row *r)
{
	const struct fg_sample *s = &r->m->sample;
	cJSON *data = cJSON_CreateObject();

	cJSON_AddStringToObject(data, "name", r->item->c.name);
	cJSON_AddStringToObject(data, "host", r->item->host->name);
	cJSON_AddStringToObject(data, "id", r->item->c.id);
	if (!r->m->ok) {
		cJSON_AddStringToObject(data, "error", r->m->err.text);
		return data;
	}
	if (r->m->rates) {
		cJSON_AddNumberToObject(data, "cpu_percent", r->m->usage.cpu_percent);
		cJSON_AddNumberToObject(data, "rx_bytes_per_second", r->m->usage.rx_rate);
		cJSON_AddNumberToObject(data, "tx_bytes_per_second", r->m->usage.tx_rate);
	}
	fg_json_set_i64(data, "rx_bytes", (int64_t)s->rx_bytes);
	fg_json_set_i64(data, "tx_bytes", (int64_t)s->tx_bytes);
	if (!s->counted)
		return data;
	if (s->memory_bytes)
		fg_json_set_i64(data, "memory_bytes", (int64_t)s->memory_bytes);
	fg_json_set_i64(data, "memory_limit", (int64_t)s->memory_limit);
	if (s->pids)
		fg_json_set_i64(data, "pids", (int64_t)s->pids);
	fg_json_set_i64(data, "read_bytes", (int64_t)s->read_bytes);
	fg_json_set_i64(data, "write_bytes", (int64_t)s->write_bytes);
	return data;
}

static void add_failures(struct fg_str *html, const struct row *rows, size_t n)
{
	int shown = 0, failed = 0;

	for (size_t i = 0; i < n; i++) {
		cleanup_free char *title = NULL;

		if (rows[i].m->ok || ++failed > 5)
			continue;
		title = target_title(rows[i].item);
		html_printf(html, "⚠️ <b>%s</b>: %s\n", title, rows[i].m->err.text);
		shown++;
	}
	if (failed > shown)
		html_printf(html, "⚠️ … and %d more\n", failed - shown);
}

/* The engine's samples know of no limit but that of memory. */
static bool read_limits(struct command *c, struct fg_item *item, struct fg_limits *limits)
{
	cleanup_info struct fg_container_info info = {0};

	if (target_inspect(c, item, &info) < 0) {
		c->err = (struct fg_err){0};
		return false;
	}
	*limits = fg_limits_of(&info);
	return true;
}

static void show(struct command *c, const struct row *rows, size_t n, struct fg_items *items)
{
	struct fg_str *html = reply_add(c->reply);
	struct fg_limits limits;
	char count[64];

	if (n == 1 && items->n == 1 && rows[0].m->ok) {
		bool known = read_limits(c, &items->v[0], &limits);

		add_single(html, &rows[0], known ? &limits : NULL);
	} else if (n) {
		html_printf(html, "📊 <b>%s</b>, busiest first\n",
			format_count(count, n, "%zu running container", "%zu running containers"));
		add_table(c, html, rows, n);
		if (!c->reply->terminal && n > ROWS_MOST)
			html_printf(html, "… and %d more\n", (int)(n - ROWS_MOST));
	} else if (items->n == 1) {
		html_printf(html, "<b>%s</b> is not running, so it uses nothing.\n",
			items->v[0].c.name);
	} else {
		html_printf(html, "Nothing is running.\n");
	}
	add_failures(html, rows, n);
	target_silent(html, items);
	c->reply->data = cJSON_CreateArray();
	for (size_t i = 0; i < n; i++)
		cJSON_AddItemToArray(c->reply->data, row_data(&rows[i]));
}

static int stats_run(struct command *c)
{
	cleanup_items struct fg_items items = {0};
	cleanup_free const struct fg_item **up = NULL;
	cleanup_free struct fg_measure *measures = NULL;
	cleanup_free struct row *rows = NULL;
	cleanup_free char *words = words_join(c->words, c->n);
	size_t n = 0;

	if (command_pick(c, c->words, c->n, true, &items) < 0)
		return -1;
	up = fg_alloc((items.n + 1) * sizeof(*up));
	for (size_t i = 0; i < items.n; i++)
		if (strcmp(items.v[i].c.state, "running") == 0 ||
			strcmp(items.v[i].c.state, "paused") == 0)
			up[n++] = &items.v[i];
	measures = fg_alloc((n + 1) * sizeof(*measures));
	rows = fg_alloc((n + 1) * sizeof(*rows));
	if (n && fg_usage_measure(c->app->usage, up, n, CALL_TIMEOUT, measures, &c->err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		rows[i] = (struct row){.item = up[i], .m = &measures[i]};
	qsort(rows, n, sizeof(*rows), by_cpu);
	show(c, rows, n, &items);
	keyboard_button(reply_keyboard(c->reply), "↻", true, "stats%s%s", c->n ? " " : "", words);
	return 0;
}

const struct command_row command_stats = {
	.name = "stats",
	.group = GROUP_LOOK,
	.role = ROLE_VIEWER,
	.max = -1,
	.usage = "[SEL]",
	.help = "CPU, memory, network and processes of what runs",
	.more = "CPU: 100% is one core. MEM: without the cache that can be dropped, beside the "
		"limit (what the host has, where there is none). NET: both ways together, a "
		"second. PID: processes. What the host does not count is a dash.\n"
		"\n"
		"/stats\n"
		"/stats label=tier:front\n"
		"/stats web",
	.run = stats_run,
};
