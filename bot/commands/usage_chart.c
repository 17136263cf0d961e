/* Gathering the figures of a chart, and drawing it. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "chart/chart.h"
#include "commands/format.h"
#include "commands/usage_chart.h"
#include "fleetgram/base/clock.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/text.h"

#define SLOTS_MOST 120 /* of a chart; none is shorter than the time between two points */
#define SMALL_PANEL 200

void usage_chart_init(struct usage_chart *u, int64_t span_ms)
{
	int64_t step = span_ms / SLOTS_MOST, now = fg_wall_ms();

	memset(u, 0, sizeof(*u));
	/* Two points may be a little further from one another than they should. */
	if (step < FG_HISTORY_FINE_MS * 3 / 2)
		step = FG_HISTORY_FINE_MS * 3 / 2;
	if (span_ms > FG_HISTORY_FINE * (int64_t)FG_HISTORY_FINE_MS && step < FG_HISTORY_COARSE_MS)
		step = FG_HISTORY_COARSE_MS;
	u->span.n = (size_t)(span_ms / step);
	u->span.to_ms = now;
	u->span.from_ms = now - (int64_t)u->span.n * step;
	u->slots = fg_alloc(u->span.n * sizeof(*u->slots));
	u->cpu = fg_alloc(4 * u->span.n * sizeof(*u->cpu));
	u->memory = u->cpu + u->span.n;
	u->rx = u->memory + u->span.n;
	u->tx = u->rx + u->span.n;
	for (size_t i = 0; i < 4 * u->span.n; i++)
		u->cpu[i] = NAN;
}

void usage_chart_finish(struct usage_chart *u)
{
	free(u->slots);
	free(u->cpu);
	free(u->title);
	free(u->png);
}

static void add(double *sum, double value)
{
	*sum = isnan(*sum) ? value : *sum + value;
}

void usage_chart_add(struct usage_chart *u, struct fg_history *history, const struct fg_item *item)
{
	double limit;
	bool any = false;

	if (fg_history_get(history, item->host->name, item->c.name, &u->span, u->slots, &limit,
		    u->starts, &u->start_count) == 0)
		return;
	for (size_t i = 0; i < u->span.n; i++) {
		const struct fg_slot *slot = &u->slots[i];

		if (!slot->known)
			continue;
		any = true;
		add(&u->cpu[i], slot->cpu_percent);
		add(&u->memory[i], slot->memory_bytes);
		add(&u->rx[i], slot->rx_rate);
		add(&u->tx[i], slot->tx_rate);
	}
	u->memory_limit = limit;
	u->containers += any;
}

void usage_chart_add_all(
	struct usage_chart *u, struct fg_history *history, const struct fg_items *items)
{
	for (size_t i = 0; i < items->n; i++)
		usage_chart_add(u, history, &items->v[i]);
	/* Neither a limit nor a start of one of them is one of all. */
	u->memory_limit = 0;
	u->start_count = 0;
}

void usage_chart_name_fleet(struct usage_chart *u, const char *span)
{
	char count[64];

	u->title = fg_printf("fleet · %s · %s",
		format_count(count, u->containers, "%zu container", "%zu containers"), span);
}

static void draw(void *arg)
{
	struct usage_chart *u = arg;
	struct chart chart = {
		.title = u->title,
		.from_ms = u->span.from_ms,
		.to_ms = u->span.to_ms,
		.n = u->span.n,
		.panels =
			{
				{"CPU", CHART_PERCENT, {{NULL, u->cpu}}, 1, 0},
				{fg_tr("Memory"), CHART_BYTES, {{NULL, u->memory}}, 1,
					u->memory_limit},
				{fg_tr("Network"), CHART_BYTES_PER_SECOND,
					{{fg_tr("received"), u->rx}, {fg_tr("sent"), u->tx}}, 2, 0},
			},
		.panel_count = u->small ? 2 : 3,
		.panel_height = u->small ? SMALL_PANEL : CHART_PANEL,
		.marks = u->starts,
		.mark_count = u->start_count,
		.mark_label = fg_tr("started"),
	};

	u->rc = chart_png(&chart, &u->png, &u->len, &u->err);
}

static double newest(const struct usage_chart *u, const double *v)
{
	for (size_t i = u->span.n; i > 0; i--)
		if (!isnan(v[i - 1]))
			return v[i - 1];
	return 0;
}

cJSON *usage_chart_data(const struct usage_chart *u)
{
	cJSON *data = cJSON_CreateObject(), *points = cJSON_AddArrayToObject(data, "points");

	fg_json_set_i64(data, "from_ms", u->span.from_ms);
	fg_json_set_i64(data, "to_ms", u->span.to_ms);
	for (size_t i = 0; i < u->span.n; i++) {
		cJSON *point = isnan(u->cpu[i]) ? cJSON_CreateNull() : cJSON_CreateObject();

		cJSON_AddItemToArray(points, point);
		if (isnan(u->cpu[i]))
			continue;
		cJSON_AddNumberToObject(point, "cpu_percent", u->cpu[i]);
		cJSON_AddNumberToObject(point, "memory_bytes", u->memory[i]);
		cJSON_AddNumberToObject(point, "rx_bytes_per_second", u->rx[i]);
		cJSON_AddNumberToObject(point, "tx_bytes_per_second", u->tx[i]);
	}
	return data;
}

int usage_chart_show(struct command *c, struct usage_chart *u, const char *span, const char *button,
	const char *line)
{
	cleanup_str struct fg_str caption = {0};
	char percent[FG_HUMAN], memory[FG_HUMAN];

	if (!u->containers)
		return reply_html(c->reply,
			"Nothing is known of %s in the last %s. What runs is measured every 30 s.",
			u->title, span);
	if (fg_task_offload("a chart", draw, u, &c->err) < 0)
		return -1;
	if (u->rc < 0) {
		c->err = u->err;
		return -1;
	}
	fg_str_init(&caption, HTML_MESSAGE);
	html_printf(&caption, "📈 <b>%s</b> · CPU %s · memory %s", u->title,
		format_percent(percent, newest(u, u->cpu)),
		fg_size_human(memory, (int64_t)newest(u, u->memory)));
	reply_photo(c->reply, "chart.png", u->png, u->len, caption.s);
	u->png = NULL;
	keyboard_button(reply_keyboard(c->reply), button, false, "%s", line);
	return 0;
}

bool usage_chart_is_off(struct command *c)
{
	if (c->setup->config->history_enabled)
		return false;
	reply_html(c->reply,
		"📈 The history is off: what containers use is not measured, and there is nothing to draw.\n"
		"<code>history.enabled</code> in the config turns it on.");
	return true;
}
