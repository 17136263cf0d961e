/* Metrics: what is counted, what bounds it, and the text that a scraper reads. */
#include <stdlib.h>
#include "tap.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/metric.h"

static struct fg_metric plain = {
	.name = "t_plain", .type = FG_METRIC_COUNTER, .help = "Without labels."};
static struct fg_metric labelled = {.name = "t_labelled",
	.type = FG_METRIC_COUNTER,
	.help = "With two.",
	.labels = {"a", "b"}};
static struct fg_metric narrow = {.name = "t_narrow",
	.type = FG_METRIC_COUNTER,
	.help = "At most two.",
	.labels = {"name"},
	.most = 2};
static struct fg_metric took = {.name = "t_took_seconds",
	.unit = "seconds",
	.type = FG_METRIC_HISTOGRAM,
	.help = "How long.",
	.labels = {"what"}};

static char *printed(bool openmetrics)
{
	struct fg_str out;

	fg_str_init(&out, 1 << 16);
	fg_metrics_print(&out, openmetrics);
	return fg_str_take(&out);
}

#define has(text, part) ok(strstr((text), (part)) != NULL, "what line %d looks for", __LINE__)

static void test_counters(void)
{
	cleanup_free char *text = NULL;

	fg_metric_show(&plain);
	fg_metric_count(&labelled, "x", "y");
	fg_metric_add(&labelled, 2.5, "x", "y");
	fg_metric_count(&labelled, "x", NULL);
	text = printed(false);
	is_str(text,
		"# HELP t_labelled_total With two.\n# TYPE t_labelled_total counter\n"
		"t_labelled_total{a=\"x\",b=\"\"} 1\nt_labelled_total{a=\"x\",b=\"y\"} 3.5\n"
		"# HELP t_plain_total Without labels.\n# TYPE t_plain_total counter\nt_plain_total 0\n",
		"by name, and what was shown says 0");
	fg_metric_count(&plain);
	free(text);
	text = printed(true);
	has(text, "# TYPE t_plain counter\nt_plain_total 1\n");
	fg_metrics_forget();
}

static void test_bounds(void)
{
	cleanup_free char *text = NULL;
	char name[16];

	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		fg_metric_count(&narrow, name);
	}
	text = printed(false);
	has(text, "t_narrow_total{name=\"n0\"} 1\n");
	has(text, "t_narrow_total{name=\"n1\"} 1\n");
	has(text, "t_narrow_total{name=\"other\"} 998\n");
	ok(!strstr(text, "n2"), "no more series than that");
	fg_metrics_forget();
}

static void test_hostile(void)
{
	cleanup_free char *text = NULL;
	char longer[1000];

	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	fg_metric_count(&labelled, "a\"b\\c\nd\xff", longer);
	fg_metric_count(&labelled, "a\"b\\c\nd\xff", longer);
	text = printed(false);
	has(text, "{a=\"a\\\"b\\\\c d\xef\xbf\xbd\",b=\"xxx");
	ok(strlen(text) < 400, "a long value is cut");
	has(text, "xxx\"} 2\n");
	fg_metrics_forget();
}

static void test_histogram(void)
{
	cleanup_free char *text = NULL;

	fg_metric_observe(&took, 0.002, "w");
	fg_metric_observe(&took, 1, "w");
	fg_metric_observe(&took, 1000, "w");
	text = printed(true);
	has(text, "# UNIT t_took_seconds seconds\n");
	has(text, "t_took_seconds_bucket{what=\"w\",le=\"0.001\"} 0\n");
	has(text, "t_took_seconds_bucket{what=\"w\",le=\"0.0025\"} 1\n");
	has(text, "t_took_seconds_bucket{what=\"w\",le=\"1.0\"} 2\n");
	has(text, "t_took_seconds_bucket{what=\"w\",le=\"300.0\"} 2\n");
	has(text, "t_took_seconds_bucket{what=\"w\",le=\"+Inf\"} 3\n");
	has(text, "t_took_seconds_sum{what=\"w\"} 1001.002\n");
	has(text, "t_took_seconds_count{what=\"w\"} 3\n");
	fg_metrics_forget();
}

static void test_looked_up(void)
{
	static const struct fg_metric gauge = {.name = "t_now",
		.type = FG_METRIC_GAUGE,
		.help = "Now.",
		.labels = {"host"}};
	cleanup_str struct fg_str out = {0};

	fg_str_init(&out, 1 << 12);
	fg_metric_head(&out, &gauge, false);
	fg_metric_sample(&out, &gauge, 0.1, "h");
	is_str(out.s, "# HELP t_now Now.\n# TYPE t_now gauge\nt_now{host=\"h\"} 0.1\n",
		"a figure that is looked up");
}

int main(void)
{
	test_counters();
	test_bounds();
	test_hostile();
	test_histogram();
	test_looked_up();
	return done_testing();
}
