/*
 * /ports: what the hosts' ports lead to, and what stopped containers would like to have.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "commands/format.h"
#include "commands/places.h"
#include "fleetgram/base/json.h"

#define STOPPED_MOST 64 /* looked at for the ports they would have */
#define ROWS_MOST 2000

struct port_row {
	const struct fg_item *item;
	const struct fg_item *rival; /* has the port that a stopped one wants, or wants it too */
	char ip[48];                 /* "": every address */
	int outside, inside, last;   /* last: of a run of ports, else outside */
	char proto[8];
	bool wanted;       /* by a container that does not run */
	bool rival_wanted; /* so does the rival */
};

struct port_rows {
	struct port_row *v;
	size_t n;
	size_t unseen; /* stopped containers that were not looked at */
};

static bool is_everywhere(const char *ip)
{
	return !*ip || strcmp(ip, "0.0.0.0") == 0 || strcmp(ip, "::") == 0;
}

static bool add_row(struct port_rows *rows, const struct port_row *row)
{
	for (size_t i = 0; i < rows->n; i++) {
		const struct port_row *r = &rows->v[i];

		/* the same for IPv4 and IPv6 */
		if (r->item == row->item && r->outside == row->outside &&
			r->inside == row->inside && strcmp(r->ip, row->ip) == 0 &&
			strcmp(r->proto, row->proto) == 0)
			return true;
	}
	if (rows->n == ROWS_MOST)
		return false;
	rows->v[rows->n++] = *row;
	return true;
}

static void add_published(struct port_rows *rows, const struct fg_item *item)
{
	for (size_t i = 0; i < item->c.port_count; i++) {
		const struct fg_port *p = &item->c.ports[i];
		struct port_row row = {.item = item, .outside = p->outside, .inside = p->inside};

		if (!p->outside)
			continue;
		snprintf(row.ip, sizeof(row.ip), "%s", is_everywhere(p->ip) ? "" : p->ip);
		snprintf(row.proto, sizeof(row.proto), "%s", p->proto);
		add_row(rows, &row);
	}
}

/* Stopped ones */

struct look {
	const struct fg_item *item;
	struct fg_container_info info;
};

static void look(void *arg)
{
	struct look *l = arg;
	struct fg_err err;

	/* It may be gone by now, and then it wants nothing. */
	if (fg_container_inspect(l->item->host->engine, l->item->c.id, &l->info, &err) < 0)
		l->info = (struct fg_container_info){0};
}

static int port_number(const char *s, char **end)
{
	unsigned long port = *s >= '0' && *s <= '9' ? strtoul(s, end, 10) : 0;

	return port > 0 && port <= 65535 ? (int)port : 0;
}

/* One of HostConfig.PortBindings: "80/tcp" to its bindings. Ports the engine will choose, and
 * ranges of them, are nobody's yet. */
static void add_bindings(struct port_rows *rows, const struct fg_item *item, const cJSON *bindings)
{
	struct port_row row = {.item = item, .wanted = true};
	char *end = NULL;
	const cJSON *binding;

	row.inside = port_number(bindings->string, &end);
	if (!row.inside || *end != '/')
		return;
	snprintf(row.proto, sizeof(row.proto), "%s", end + 1);
	cJSON_ArrayForEach (binding, bindings) {
		const char *ip = fg_json_str(binding, "HostIp", "");

		row.outside = port_number(fg_json_str(binding, "HostPort", ""), &end);
		if (!row.outside || *end)
			continue;
		snprintf(row.ip, sizeof(row.ip), "%s", is_everywhere(ip) ? "" : ip);
		add_row(rows, &row);
	}
}

static int add_wanted(struct command *c, struct port_rows *rows, const struct fg_items *items)
{
	cleanup_free struct look *looks = fg_alloc(STOPPED_MOST * sizeof(*looks));
	size_t n = 0;
	int rc;

	for (size_t i = 0; i < items->n; i++) {
		if (format_is_up(items->v[i].c.state))
			continue;
		if (n < STOPPED_MOST)
			looks[n++].item = &items->v[i];
		else
			rows->unseen++;
	}
	rc = places_each(c, "ports of a container", look, looks, n, sizeof(*looks));
	for (size_t i = 0; i < n; i++) {
		const cJSON *bindings, *one;

		bindings = fg_json_object(
			fg_json_object(looks[i].info.raw, "HostConfig"), "PortBindings");
		cJSON_ArrayForEach (one, bindings)
			add_bindings(rows, looks[i].item, one);
		fg_container_info_finish(&looks[i].info);
	}
	return rc;
}

/* Order and rivals */

static int by_port(const void *a, const void *b)
{
	const struct port_row *x = a, *y = b;
	int order = strcmp(x->item->host->name, y->item->host->name);

	order = order ? order : x->outside - y->outside;
	order = order ? order : strcmp(x->proto, y->proto);
	order = order ? order : (int)x->wanted - (int)y->wanted;
	order = order ? order : strcmp(x->ip, y->ip);
	return order ? order : strcmp(x->item->c.name, y->item->c.name);
}

static bool collide(const struct port_row *a, const struct port_row *b)
{
	return a->item != b->item && a->item->host == b->item->host && a->outside == b->outside &&
	       strcmp(a->proto, b->proto) == 0 && (!*a->ip || !*b->ip || strcmp(a->ip, b->ip) == 0);
}

/* In order: of several rivals the one that runs comes first. */
static void find_rivals(struct port_rows *rows)
{
	for (size_t i = 0; i < rows->n; i++) {
		struct port_row *row = &rows->v[i];

		for (size_t k = 0; row->wanted && !row->rival && k < rows->n; k++) {
			const struct port_row *other = &rows->v[k];

			if (!collide(row, other))
				continue;
			row->rival = other->item;
			row->rival_wanted = other->wanted;
		}
	}
}

/* 30000 to 30099 of one container are one line. */
static void join_runs(struct port_rows *rows)
{
	size_t kept = 0;

	for (size_t i = 0; i < rows->n; i++) {
		struct port_row row = rows->v[i], *before = kept ? &rows->v[kept - 1] : NULL;

		row.last = row.outside;
		if (before && before->item == row.item && before->wanted == row.wanted &&
			!row.rival && !before->rival && before->last + 1 == row.outside &&
			before->inside - before->outside == row.inside - row.outside &&
			strcmp(before->ip, row.ip) == 0 && strcmp(before->proto, row.proto) == 0)
			before->last = row.outside;
		else
			rows->v[kept++] = row;
	}
	rows->n = kept;
}

/* Showing */

static cJSON *row_data(const struct port_row *row)
{
	cJSON *data = cJSON_CreateObject();

	cJSON_AddStringToObject(data, "host", row->item->host->name);
	cJSON_AddStringToObject(data, "ip", row->ip);
	cJSON_AddNumberToObject(data, "published", row->outside);
	cJSON_AddStringToObject(data, "proto", row->proto);
	cJSON_AddNumberToObject(data, "port", row->inside);
	cJSON_AddStringToObject(data, "name", row->item->c.name);
	cJSON_AddStringToObject(data, "id", row->item->c.id);
	cJSON_AddStringToObject(data, "state", row->item->c.state);
	cJSON_AddStringToObject(data, "taken_by", row->rival ? row->rival->c.name : "");
	return data;
}

static void add_line(struct fg_str *html, const struct port_row *row)
{
	cleanup_free char *name = format_cut(row->item->c.name, 48);
	bool v6 = strchr(row->ip, ':') != NULL, run = row->last > row->outside;
	char to[16] = "", into[16] = "";

	if (run) {
		snprintf(to, sizeof(to), "–%d", row->last);
		snprintf(into, sizeof(into), "–%d", row->inside + row->last - row->outside);
	}
	html_printf(html, "%S <code>%S%s%S%S%d%s/%s</code> → <b>%s</b> %d%s",
		row->wanted ? "🔴" : format_dot(row->item->c.state, row->item->c.health),
		v6 ? "[" : "", row->ip, v6 ? "]" : "", *row->ip ? ":" : "", row->outside, to,
		row->proto, name, row->inside, into);
	if (row->rival) {
		cleanup_free char *rival = format_cut(row->rival->c.name, 48);

		html_printf(html,
			row->rival_wanted ? " · ⚠️ also wanted by <b>%s</b>"
					  : " · ⚠️ taken by <b>%s</b>",
			rival);
	} else if (row->wanted) {
		html_printf(html, " · %s", row->item->c.state);
	}
	fg_str_putc(html, '\n');
}

static void show(struct command *c, const struct port_rows *rows, size_t published,
	const struct fg_items *items)
{
	struct fg_str *html = reply_add(c->reply);
	bool titled = fg_fleet_count(c->setup->fleet) > 1;
	char count[64];

	if (!rows->n)
		html_printf(html, "🔌 No ports are published.\n");
	else
		html_printf(html, "🔌 <b>%s</b> published\n",
			format_count(count, published, "%zu port", "%zu ports"));
	for (size_t i = 0; i < rows->n; i++) {
		const struct fg_host *host = rows->v[i].item->host;

		if (titled && (i == 0 || rows->v[i - 1].item->host != host))
			html_printf(html, "\n🖥 <b>%s</b>\n", host->name);
		add_line(html, &rows->v[i]);
	}
	if (rows->unseen)
		html_printf(html, "%s that do not run were not looked at.\n",
			format_count(count, rows->unseen, "%zu container", "%zu containers"));
	target_silent(html, items);
}

static int ports_run(struct command *c)
{
	cleanup_items struct fg_items items = {0};
	cleanup_free struct port_row *v = fg_alloc(ROWS_MOST * sizeof(*v));
	cleanup_free char *joined = words_join(c->words, c->n);
	struct port_rows rows = {.v = v};
	size_t published = 0;

	if (command_pick(c, c->words, c->n, true, &items) < 0)
		return -1;
	for (size_t i = 0; i < items.n; i++)
		add_published(&rows, &items.v[i]);
	published = rows.n;
	if (add_wanted(c, &rows, &items) < 0)
		return -1;
	qsort(rows.v, rows.n, sizeof(*rows.v), by_port);
	find_rivals(&rows);
	c->reply->data = cJSON_CreateArray();
	for (size_t i = 0; i < rows.n; i++)
		cJSON_AddItemToArray(c->reply->data, row_data(&rows.v[i]));
	join_runs(&rows);
	show(c, &rows, published, &items);
	keyboard_button(reply_keyboard(c->reply), "↻", true, "ports%s%s", c->n ? " " : "", joined);
	return 0;
}

const struct command_row command_ports = {
	.name = "ports",
	.group = GROUP_LOOK,
	.role = ROLE_VIEWER,
	.max = -1,
	.usage = "[SEL]",
	.help = "Published ports and what is behind them",
	.more = "Also what stopped containers would publish, marked when another one has the port.\n"
		"\n"
		"/ports\n"
		"/ports web\n"
		"/ports prod1/*",
	.run = ports_run,
};
