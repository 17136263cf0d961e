/* Metrics: series by their labels, and the text formats. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "fleetgram/base/mem.h"
#include "fleetgram/base/metric.h"
#include "fleetgram/base/text.h"

/* From a socket's answer to a long pull. */
static const double buckets[] = {
	0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300};

struct fg_series {
	struct fg_series *next;
	char *values[FG_METRIC_LABELS];
	double value; /* of a histogram: the sum */
	double count;
	double within[FG_ARRAY_LEN(buckets)]; /* of each bucket alone */
};

static struct fg_metric *metrics; /* by name */

static size_t label_count(const struct fg_metric *m)
{
	size_t n = 0;

	while (n < FG_METRIC_LABELS && m->labels[n])
		n++;
	return n;
}

static bool same_values(
	const struct fg_metric *m, const struct fg_series *s, const char *const *values)
{
	for (size_t i = 0; i < label_count(m); i++)
		if (strncmp(s->values[i], values[i] ? values[i] : "", FG_METRIC_VALUE) != 0)
			return false;
	return true;
}

static struct fg_series *add_series(struct fg_metric *m, const char *const *values)
{
	struct fg_series *s = fg_alloc(sizeof(*s));

	for (size_t i = 0; i < label_count(m); i++)
		s->values[i] = fg_printf("%.*s", FG_METRIC_VALUE, values[i] ? values[i] : "");
	s->next = m->series;
	m->series = s;
	return s;
}

/* The one that was found moves to the front: what is counted most is found first. */
static struct fg_series *series_of(struct fg_metric *m, const char *const *values)
{
	static const char *const other[FG_METRIC_LABELS] = {"other", "other", "other"};
	size_t n = 0;

	fg_metric_show(m);
	for (struct fg_series **at = &m->series; *at; at = &(*at)->next, n++) {
		struct fg_series *s = *at;

		if (!same_values(m, s, values))
			continue;
		*at = s->next;
		s->next = m->series;
		m->series = s;
		return s;
	}
	if (n < (m->most ? m->most : FG_METRIC_MOST))
		return add_series(m, values);
	for (struct fg_series *s = m->series; s; s = s->next)
		if (same_values(m, s, other))
			return s;
	return add_series(m, other);
}

void fg_metric_show(struct fg_metric *m)
{
	struct fg_metric **at = &metrics;

	if (m->known)
		return;
	while (*at && strcmp((*at)->name, m->name) < 0)
		at = &(*at)->next;
	m->known = true;
	m->next = *at;
	*at = m;
	if (label_count(m) == 0)
		add_series(m, NULL);
}

void fg_metric_count_labels(struct fg_metric *m, double by, const char *const *values)
{
	series_of(m, values)->value += by;
}

void fg_metric_observe_labels(struct fg_metric *m, double seconds, const char *const *values)
{
	struct fg_series *s = series_of(m, values);

	s->value += seconds;
	s->count++;
	for (size_t i = 0; i < FG_ARRAY_LEN(buckets); i++)
		if (seconds <= buckets[i]) {
			s->within[i]++;
			return;
		}
}

void fg_metrics_forget(void)
{
	while (metrics) {
		struct fg_metric *m = metrics;

		metrics = m->next;
		m->known = false;
		while (m->series) {
			struct fg_series *s = m->series;

			m->series = s->next;
			for (size_t i = 0; i < FG_METRIC_LABELS; i++)
				free(s->values[i]);
			free(s);
		}
	}
}

/* The text formats */

static const char *type_name(enum fg_metric_type type)
{
	static const char *const names[] = {
		[FG_METRIC_COUNTER] = "counter",
		[FG_METRIC_GAUGE] = "gauge",
		[FG_METRIC_HISTOGRAM] = "histogram",
	};

	return names[type];
}

/* Whole numbers as such, others with as many digits as tell a double. */
static void put_number(struct fg_str *out, double value)
{
	if (isnan(value) || isinf(value))
		fg_str_puts(out, isnan(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf");
	else if (value == floor(value) && fabs(value) < 1e15)
		fg_str_printf(out, "%.0f", value);
	else
		fg_str_printf(out, "%.15g", value);
}

static void put_value(struct fg_str *out, const char *value)
{
	cleanup_str struct fg_str clean = {0};

	fg_str_init(&clean, 4 * FG_METRIC_VALUE);
	fg_text_clean_line(&clean, value, strnlen(value, FG_METRIC_VALUE));
	for (const char *p = clean.s; *p; p++) {
		if (*p == '\\' || *p == '"')
			fg_str_putc(out, '\\');
		fg_str_putc(out, *p);
	}
}

/* NAME{LABEL="VALUE",…}; le: of a bucket, NULL: none */
static void put_series(struct fg_str *out, const struct fg_metric *m, const char *suffix,
	const char *const *values, const char *le)
{
	char before = '{';

	fg_str_puts(out, m->name);
	fg_str_puts(out, suffix);
	for (size_t i = 0; i < label_count(m); i++) {
		fg_str_printf(out, "%c%s=\"", before, m->labels[i]);
		put_value(out, values[i] ? values[i] : "");
		fg_str_putc(out, '"');
		before = ',';
	}
	if (le) {
		fg_str_printf(out, "%cle=\"%s\"", before, le);
		before = ',';
	}
	if (before == ',')
		fg_str_putc(out, '}');
	fg_str_putc(out, ' ');
}

static void put_line(struct fg_str *out, const struct fg_metric *m, const char *suffix,
	const char *const *values, const char *le, double value)
{
	put_series(out, m, suffix, values, le);
	put_number(out, value);
	fg_str_putc(out, '\n');
}

static void put_histogram(struct fg_str *out, const struct fg_metric *m, const struct fg_series *s)
{
	const char *const *values = (const char *const *)s->values;
	double sum = 0;

	for (size_t i = 0; i < FG_ARRAY_LEN(buckets); i++) {
		cleanup_free char *le = buckets[i] == floor(buckets[i])
						? fg_printf("%.1f", buckets[i])
						: fg_printf("%g", buckets[i]);

		sum += s->within[i];
		put_line(out, m, "_bucket", values, le, sum);
	}
	put_line(out, m, "_bucket", values, "+Inf", s->count);
	put_line(out, m, "_sum", values, NULL, s->value);
	put_line(out, m, "_count", values, NULL, s->count);
}

/* The two formats differ in what they call a counter: OpenMetrics names the family without
 * "_total", and only it has units. */
void fg_metric_head(struct fg_str *out, const struct fg_metric *m, bool openmetrics)
{
	const char *suffix = m->type == FG_METRIC_COUNTER && !openmetrics ? "_total" : "";

	fg_str_printf(out, "# HELP %s%s %s\n", m->name, suffix, m->help);
	fg_str_printf(out, "# TYPE %s%s %s\n", m->name, suffix, type_name(m->type));
	if (openmetrics && m->unit)
		fg_str_printf(out, "# UNIT %s %s\n", m->name, m->unit);
}

void fg_metric_sample_labels(
	struct fg_str *out, const struct fg_metric *m, double value, const char *const *values)
{
	put_line(out, m, m->type == FG_METRIC_COUNTER ? "_total" : "", values, NULL, value);
}

void fg_metrics_print(struct fg_str *out, bool openmetrics)
{
	for (const struct fg_metric *m = metrics; m; m = m->next) {
		fg_metric_head(out, m, openmetrics);
		for (const struct fg_series *s = m->series; s; s = s->next) {
			if (m->type == FG_METRIC_HISTOGRAM)
				put_histogram(out, m, s);
			else
				fg_metric_sample_labels(
					out, m, s->value, (const char *const *)s->values);
		}
	}
}
