/* Drawing: panels, axes, lines, marks. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cairo.h>
#include "chart/chart.h"
#include "fleetgram/base/language.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/text.h"

#define HEAD 96   /* above the first panel: the title */
#define FOOT 96   /* below the last: the times, and whose */
#define LEFT 170  /* beside a panel: what its lines are worth */
#define RIGHT 36
#define CAPTION 56 /* of a panel, above its lines */
#define TEXT 30
#define SMALL 26
#define FONT "DejaVu Sans"
#define TITLE_MOST 200 /* bytes; of more only those are in the picture */
#define PNG_MOST ((size_t)8 * 1024 * 1024)

#ifdef __SANITIZE_ADDRESS__
/* fontconfig keeps what it knows of fonts at offsets instead of pointers: it looks like a leak. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:libfontconfig";
}
#endif

struct color {
	double r, g, b;
};

static const struct color page = {1, 1, 1}, ink = {.11, .12, .14}, quiet = {.36, .40, .44},
			  grid = {.88, .90, .92}, limit_color = {.77, .15, .11},
			  mark_color = {.54, .35, .80};
static const struct color line_colors[CHART_LINES] = {{.07, .40, .80}, {.90, .45, .05}};

struct canvas {
	cairo_t *cr;
	const struct chart *chart;
	double x, w; /* of the panels' lines */
	double y, h; /* of the panel that is drawn */
};

static void use(cairo_t *cr, const struct color *c)
{
	cairo_set_source_rgb(cr, c->r, c->g, c->b);
}

/* align: 0 begins at x, 1 ends there, 0.5 is centred. y: of its base line. Returns its width. */
static double put_text(
	cairo_t *cr, double x, double y, double size, double align, const char *text)
{
	cairo_text_extents_t extents;

	cairo_set_font_size(cr, size);
	cairo_text_extents(cr, text, &extents);
	cairo_move_to(cr, x - align * extents.x_advance, y);
	cairo_show_text(cr, text);
	return extents.x_advance;
}

/* The title in the width there is. It comes from elsewhere, and cairo draws nothing at all after a
 * text that is no UTF-8. */
static void put_title(cairo_t *cr, const char *foreign)
{
	cleanup_str struct fg_str clean;
	cairo_text_extents_t extents;
	const char *title;
	double size = 40;

	fg_str_init(&clean, TITLE_MOST);
	fg_text_clean_line(&clean, foreign, strlen(foreign));
	title = clean.s;
	cairo_select_font_face(cr, FONT, CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_BOLD);
	cairo_set_font_size(cr, size);
	cairo_text_extents(cr, title, &extents);
	if (extents.x_advance > CHART_WIDTH - 2 * RIGHT)
		size *= (CHART_WIDTH - 2 * RIGHT) / extents.x_advance;
	use(cr, &ink);
	put_text(cr, RIGHT, 62, size, 0, title);
	cairo_select_font_face(cr, FONT, CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_NORMAL);
}

static double x_of(const struct canvas *c, int64_t ms)
{
	return c->x + c->w * (double)(ms - c->chart->from_ms) /
			       (double)(c->chart->to_ms - c->chart->from_ms);
}

/* Times */

static const int64_t time_steps[] = {60, 300, 600, 900, 1800, 3600, 7200, 10800, 14400, 21600, 43200,
	86400, 172800};

/* At most six labels: the smallest step for that. Seconds. */
static int64_t time_step(const struct chart *chart)
{
	int64_t seconds = (chart->to_ms - chart->from_ms) / 1000;

	for (size_t i = 0; i < FG_ARRAY_LEN(time_steps); i++)
		if (seconds / time_steps[i] <= 6)
			return time_steps[i];
	return seconds / 6;
}

/* The first full step in the time zone's own hours. */
static int64_t first_time(const struct chart *chart, int64_t step)
{
	time_t from = (time_t)(chart->from_ms / 1000);
	struct tm tm;
	int64_t local;

	localtime_r(&from, &tm);
	local = from + tm.tm_gmtoff;
	return (local + step - 1) / step * step - tm.tm_gmtoff;
}

static void each_time(struct canvas *c, void (*draw)(struct canvas *c, int64_t at_s, int64_t step))
{
	int64_t step = time_step(c->chart);

	for (int64_t at = first_time(c->chart, step); at * 1000 <= c->chart->to_ms; at += step)
		draw(c, at, step);
}

static void draw_time_line(struct canvas *c, int64_t at_s, int64_t step)
{
	double x = x_of(c, at_s * 1000);

	(void)step;
	use(c->cr, &grid);
	cairo_move_to(c->cr, x, c->y);
	cairo_line_to(c->cr, x, c->y + c->h);
	cairo_stroke(c->cr);
}

static void draw_time(struct canvas *c, int64_t at_s, int64_t step)
{
	time_t at = (time_t)at_s;
	char text[32];
	struct tm tm;
	double x = x_of(c, at_s * 1000);

	localtime_r(&at, &tm);
	strftime(text, sizeof(text), step >= 86400 ? "%d %b" : "%H:%M", &tm);
	x = x < c->x + 40 ? c->x + 40 : x > c->x + c->w - 40 ? c->x + c->w - 40 : x;
	put_text(c->cr, x, c->y, SMALL, 0.5, text);
}

static void draw_foot(struct canvas *c, double y)
{
	time_t to = (time_t)(c->chart->to_ms / 1000);
	char text[64], line[96];
	struct tm tm;

	use(c->cr, &quiet);
	c->y = y + 34;
	each_time(c, draw_time);
	localtime_r(&to, &tm);
	strftime(text, sizeof(text), "until %d %b %Y %H:%M", &tm);
	snprintf(line, sizeof(line), "%s %s", text, tm.tm_zone ? tm.tm_zone : "");
	put_text(c->cr, c->x + c->w, y + 76, SMALL, 1, line);
	if (c->chart->mark_count && c->chart->mark_label) {
		use(c->cr, &mark_color);
		snprintf(line, sizeof(line), "┆ %s", c->chart->mark_label);
		put_text(c->cr, c->x, y + 76, SMALL, 0, line);
	}
}

/* Panels */

static double most_of(const struct chart *chart, const struct chart_panel *panel)
{
	double most = panel->limit;

	for (size_t k = 0; k < panel->line_count; k++)
		for (size_t i = 0; i < chart->n; i++)
			if (panel->lines[k].v[i] > most)
				most = panel->lines[k].v[i];
	return most;
}

static void draw_values(
	struct canvas *c, const struct chart_panel *panel, double top, double step)
{
	char label[CHART_LABEL];

	for (double v = 0; v <= top * (1 + 1e-9); v += step) {
		double y = c->y + c->h * (1 - v / top);

		use(c->cr, &grid);
		cairo_move_to(c->cr, c->x, y);
		cairo_line_to(c->cr, c->x + c->w, y);
		cairo_stroke(c->cr);
		use(c->cr, &quiet);
		put_text(c->cr, c->x - 14, y + 9, SMALL, 1, chart_label(label, v, panel->unit));
	}
}

static void draw_marks(struct canvas *c)
{
	static const double dashes[] = {4, 6};

	use(c->cr, &mark_color);
	cairo_set_dash(c->cr, dashes, 2, 0);
	for (size_t i = 0; i < c->chart->mark_count; i++) {
		double x = x_of(c, c->chart->marks[i]);

		cairo_move_to(c->cr, x, c->y);
		cairo_line_to(c->cr, x, c->y + c->h);
		cairo_stroke(c->cr);
	}
	cairo_set_dash(c->cr, NULL, 0, 0);
}

static void draw_limit(struct canvas *c, double limit, double top)
{
	static const double dashes[] = {14, 10};
	double y = c->y + c->h * (1 - limit / top);

	use(c->cr, &limit_color);
	cairo_set_dash(c->cr, dashes, 2, 0);
	cairo_move_to(c->cr, c->x, y);
	cairo_line_to(c->cr, c->x + c->w, y);
	cairo_stroke(c->cr);
	cairo_set_dash(c->cr, NULL, 0, 0);
}

/* A gap ends a line; a single figure between gaps is a dot. */
static void draw_line(struct canvas *c, const double *v, const struct color *color, double top)
{
	size_t n = c->chart->n;

	use(c->cr, color);
	cairo_set_line_width(c->cr, 4);
	for (size_t i = 0; i < n; i++) {
		double x = c->x + c->w * ((double)i + 0.5) / (double)n;
		double y = c->y + c->h * (1 - v[i] / top);
		bool goes_on = i + 1 < n && !isnan(v[i + 1]);

		if (isnan(v[i]))
			continue;
		if (i == 0 || isnan(v[i - 1])) {
			cairo_move_to(c->cr, x, y);
			if (!goes_on) {
				cairo_arc(c->cr, x, y, 4, 0, 2 * M_PI);
				cairo_fill(c->cr);
			}
		} else {
			cairo_line_to(c->cr, x, y);
			if (!goes_on)
				cairo_stroke(c->cr);
		}
	}
	cairo_set_line_width(c->cr, 2);
}

static void draw_caption(struct canvas *c, const struct chart_panel *panel)
{
	double x = c->x, y = c->y - 18;
	char label[CHART_LABEL], text[64];

	use(c->cr, &ink);
	x += put_text(c->cr, x, y, TEXT, 0, panel->title) + 28;
	for (size_t k = 0; k < panel->line_count; k++) {
		if (!panel->lines[k].label)
			continue;
		use(c->cr, &line_colors[k]);
		x += put_text(c->cr, x, y, SMALL, 0, panel->lines[k].label) + 22;
	}
	if (panel->limit > 0) {
		use(c->cr, &limit_color);
		snprintf(text, sizeof(text), fg_tr("limit %s"),
			chart_label(label, panel->limit, panel->unit));
		put_text(c->cr, c->x + c->w, y, SMALL, 1, text);
	}
}

static void draw_panel(struct canvas *c, const struct chart_panel *panel)
{
	double step, top = chart_top(most_of(c->chart, panel), panel->unit, &step);

	draw_caption(c, panel);
	each_time(c, draw_time_line);
	draw_values(c, panel, top, step);
	draw_marks(c);
	if (panel->limit > 0)
		draw_limit(c, panel->limit, top);
	for (size_t k = 0; k < panel->line_count; k++)
		draw_line(c, panel->lines[k].v, &line_colors[k], top);
}

/* The file */

struct file {
	unsigned char *data;
	size_t len;
};

static cairo_status_t add_bytes(void *arg, const unsigned char *data, unsigned int len)
{
	struct file *f = arg;

	if (f->len + len > PNG_MOST)
		return CAIRO_STATUS_WRITE_ERROR;
	f->data = fg_realloc(f->data, f->len + len, 1);
	memcpy(f->data + f->len, data, len);
	f->len += len;
	return CAIRO_STATUS_SUCCESS;
}

int chart_png(const struct chart *chart, void **data, size_t *len, struct fg_err *err)
{
	int panel = chart->panel_height ? chart->panel_height : CHART_PANEL;
	int height = HEAD + (int)chart->panel_count * panel + FOOT;
	cairo_surface_t *surface =
		cairo_image_surface_create(CAIRO_FORMAT_RGB24, CHART_WIDTH, height);
	struct canvas c = {.cr = cairo_create(surface),
		.chart = chart,
		.x = LEFT,
		.w = CHART_WIDTH - LEFT - RIGHT,
		.h = panel - CAPTION - 24};
	struct file file = {0};
	cairo_status_t status;

	use(c.cr, &page);
	cairo_paint(c.cr);
	cairo_set_line_width(c.cr, 2);
	put_title(c.cr, chart->title);
	for (size_t i = 0; i < chart->panel_count; i++) {
		c.y = HEAD + (double)i * panel + CAPTION;
		draw_panel(&c, &chart->panels[i]);
	}
	draw_foot(&c, HEAD + (double)chart->panel_count * panel);
	status = cairo_status(c.cr);
	cairo_destroy(c.cr);
	if (status == CAIRO_STATUS_SUCCESS)
		status = cairo_surface_write_to_png_stream(surface, add_bytes, &file);
	cairo_surface_destroy(surface);
	if (status != CAIRO_STATUS_SUCCESS) {
		free(file.data);
		return fg_fail(err, FG_EIO, "the chart cannot be drawn: %s",
			cairo_status_to_string(status));
	}
	*data = file.data;
	*len = file.len;
	return 0;
}
