/*
 * Charts: what happened over a span of time, as a PNG for a phone.
 *
 * A chart has panels below one another over one axis of time. Figures that are not known are gaps.
 * The background is light and opaque, so that it reads the same in a dark chat. Times are of the
 * process's time zone, which the chart names.
 */
#ifndef BOT_CHART_CHART_H
#define BOT_CHART_CHART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "fleetgram/base/err.h"

#define CHART_WIDTH 1080 /* pixels; a panel is CHART_PANEL high */
#define CHART_PANEL 300
#define CHART_PANELS 3
#define CHART_LINES 2

enum chart_unit { CHART_PERCENT, CHART_BYTES, CHART_BYTES_PER_SECOND };

struct chart_line {
	const char *label; /* NULL: the panel's title says it */
	const double *v;   /* n of them; NAN: not known */
};

struct chart_panel {
	const char *title;
	enum chart_unit unit;
	struct chart_line lines[CHART_LINES];
	size_t line_count;
	double limit; /* a line across, which is always in the picture; 0: none */
};

struct chart {
	const char *title;
	int64_t from_ms, to_ms; /* wall clock */
	size_t n;               /* figures of each line, evenly over that time */
	struct chart_panel panels[CHART_PANELS];
	size_t panel_count;
	int panel_height; /* pixels; 0: CHART_PANEL */
	const int64_t *marks; /* moments, drawn through all panels; what they are: mark_label */
	size_t mark_count;
	const char *mark_label;
};

/* The PNG, which the caller frees. Takes some ten milliseconds of CPU: in fg_task_offload(). */
int chart_png(const struct chart *chart, void **data, size_t *len, struct fg_err *err);

/*
 * A round number at or above most (> 0), and the step of two to five parts of it: the top of an
 * axis. Sizes are round in powers of 1024.
 */
double chart_top(double most, enum chart_unit unit, double *step);
/* "250 %", "1.5 MiB", "20 KiB/s". */
#define CHART_LABEL 32
const char *chart_label(char buf[CHART_LABEL], double value, enum chart_unit unit);

#endif
