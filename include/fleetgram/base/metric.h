/*
 * Metrics: counts and durations of what goes on, for whoever scrapes them.
 *
 * A metric is a static object beside the code that counts; it becomes known with its first use, or
 * with fg_metric_show() so that it says 0 before. It has up to FG_METRIC_LABELS labels, whose values
 * are given in the order of their names. A metric keeps at most `most` combinations of them, so that
 * nothing from outside can make it grow: further ones are counted together as "other".
 *
 *	static struct fg_metric polls = {
 *		.name = "fleetgram_telegram_polls", .type = FG_METRIC_COUNTER,
 *		.help = "Long polls that have ended.", .labels = {"result"}};
 *
 *	fg_metric_count(&polls, "ok");
 *
 * Text comes in Prometheus's format 0.0.4 or in OpenMetrics 1.0. Only the loop's thread may count.
 */
#ifndef FLEETGRAM_BASE_METRIC_H
#define FLEETGRAM_BASE_METRIC_H

#include <stdbool.h>
#include <stddef.h>
#include "fleetgram/base/str.h"

#define FG_METRIC_LABELS 3
#define FG_METRIC_MOST 200  /* combinations, where a metric names no number of its own */
#define FG_METRIC_VALUE 128 /* bytes of a label's value; what is longer is cut */

enum fg_metric_type {
	FG_METRIC_COUNTER,
	FG_METRIC_GAUGE,
	FG_METRIC_HISTOGRAM, /* of seconds, over FG_METRIC_BUCKETS */
};

struct fg_metric {
	const char *name; /* with its unit at the end, without "_total" */
	const char *unit; /* "seconds", "bytes"; NULL: none */
	const char *help; /* one line */
	enum fg_metric_type type;
	const char *labels[FG_METRIC_LABELS];
	size_t most; /* 0: FG_METRIC_MOST */
	/* private */
	struct fg_metric *next;
	struct fg_series *series;
	bool known;
};

void fg_metric_show(struct fg_metric *m);

/* A label's value for each label, in their order; NULL is "". Values are cleaned where they are
 * printed. */
void fg_metric_count_labels(struct fg_metric *m, double by, const char *const *values);
void fg_metric_observe_labels(struct fg_metric *m, double seconds, const char *const *values);
#define fg_metric_count(m, ...) \
	fg_metric_count_labels((m), 1, (const char *const[FG_METRIC_LABELS + 1]){__VA_ARGS__})
#define fg_metric_add(m, by, ...) \
	fg_metric_count_labels((m), (by), (const char *const[FG_METRIC_LABELS + 1]){__VA_ARGS__})
#define fg_metric_observe(m, seconds, ...)          \
	fg_metric_observe_labels((m), (seconds),    \
		(const char *const[FG_METRIC_LABELS + 1]){__VA_ARGS__})

/* All that are known, by name. */
void fg_metrics_print(struct fg_str *out, bool openmetrics);

/*
 * What is not counted but looked up when somebody asks: the lines that introduce a metric, then its
 * samples. labels and values as above.
 */
void fg_metric_head(struct fg_str *out, const struct fg_metric *m, bool openmetrics);
void fg_metric_sample_labels(
	struct fg_str *out, const struct fg_metric *m, double value, const char *const *values);
#define fg_metric_sample(out, m, value, ...)            \
	fg_metric_sample_labels((out), (m), (value),    \
		(const char *const[FG_METRIC_LABELS + 1]){__VA_ARGS__})

/* For tests: forget everything that was counted. */
void fg_metrics_forget(void);

#endif
