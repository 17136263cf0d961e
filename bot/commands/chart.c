/*
 * /chart: what a container, or all of them together, has used over time, as a picture.
 */
#include <string.h>
#include "commands/target.h"
#include "commands/usage_chart.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/text.h"

#define SPAN_LEAST ((int64_t)5 * 60 * 1000)
#define SPAN_MOST ((int64_t)24 * 3600 * 1000)
#define FLEET "fleet"

/* words: what picks the same again, for the button. */
static int show(struct command *c, struct usage_chart *u, const char *words, const char *span)
{
	cleanup_free char *line = fg_printf("chart %s %s", words, span);

	c->reply->data = usage_chart_data(u);
	return usage_chart_show(c, u, span, fg_tr("🔄 Refresh"), line);
}

static int chart_fleet(struct command *c, struct usage_chart *u, const char *span)
{
	cleanup_items struct fg_items items = {0};

	if (fg_fleet_list(c->setup->fleet, c->person.scope, NULL, &items, &c->err) < 0)
		return -1;
	usage_chart_add_all(u, c->app->history, &items);
	usage_chart_name_fleet(u, span);
	return show(c, u, FLEET, span);
}

static int chart_one(struct command *c, struct usage_chart *u, size_t n, const char *span)
{
	cleanup_items struct fg_items items = {0};
	cleanup_free char *title = NULL;
	char words[TARGET_WORDS];

	if (target_one(c, c->words, n, &items) < 0)
		return -1;
	usage_chart_add(u, c->app->history, &items.v[0]);
	title = target_title(&items.v[0]);
	u->title = fg_printf("%s · %s", title, span);
	return show(c, u, target_selector(words, &items.v[0]), span);
}

static int run(struct command *c)
{
	const char *span = "1h";
	int64_t span_ms = 3600000;
	struct usage_chart u;
	size_t n = c->n;
	int rc;

	if (n > 1 && fg_duration_parse(c->words[n - 1], &span_ms, NULL) == 0)
		span = c->words[--n];
	if (span_ms < SPAN_LEAST || span_ms > SPAN_MOST)
		return command_usage(c, "a chart is of 5m to 24h");
	if (usage_chart_is_off(c))
		return 0;
	usage_chart_init(&u, span_ms);
	if (n == 1 && strcmp(c->words[0], FLEET) == 0)
		rc = chart_fleet(c, &u, span);
	else
		rc = chart_one(c, &u, n, span);
	usage_chart_finish(&u);
	return rc;
}

const struct command_row command_chart = {
	.name = "chart",
	.group = GROUP_LOOK,
	.role = ROLE_VIEWER,
	.min = 1,
	.max = -1,
	.usage = "NAME|fleet [1h]",
	.help = "CPU, memory and network over time, as a picture",
	.more = "What runs is measured every 30 seconds and remembered for a day: the last two hours "
		"closely, the rest in steps of five minutes. A red line is the limit of memory, a "
		"dotted one a start. \"fleet\" is all that you may see, together.\n"
		"\n"
		"/chart web\n"
		"/chart web 6h\n"
		"/chart fleet 24h",
	.run = run,
};
