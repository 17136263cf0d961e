/* Charts as they are seen: the PNG is read again, and its colours are looked for. */
#include <math.h>
#include <stdlib.h>
#include <cairo.h>
#include "tap.h"
#include "chart/chart.h"
#include "fleetgram/base/mem.h"

#define N 20
#define FROM ((int64_t)1700000000000)
#define SPAN ((int64_t)3600 * 1000)

struct box {
	int left, right, top, bottom; /* of what was found; left > right: nothing was */
	int columns;                  /* that have some of it */
};

typedef bool (*is_color)(int r, int g, int b);

static double steady[N], unknown[N], gap[N], one[N], stairs[N];
static cairo_surface_t *seen;
static double first_x, last_x; /* of a line's figures; of all charts of N */

static bool is_blue(int r, int g, int b)
{
	return r < 80 && g < 140 && b > 150;
}

static bool is_orange(int r, int g, int b)
{
	return r > 180 && g > 80 && g < 150 && b < 80;
}

static bool is_red(int r, int g, int b)
{
	return r > 160 && g < 100 && b < 100;
}

static bool is_violet(int r, int g, int b)
{
	return r > 110 && r < 170 && g < 130 && b > 170;
}

static bool is_dark(int r, int g, int b)
{
	return r < 80 && g < 80 && b < 80;
}

static bool is_drawn(int r, int g, int b)
{
	return r < 250 || g < 250 || b < 250;
}

struct png {
	void *data;
	size_t len, at;
};

static cairo_status_t take(void *arg, unsigned char *data, unsigned int len)
{
	struct png *png = arg;

	if (len > png->len - png->at)
		return CAIRO_STATUS_READ_ERROR;
	memcpy(data, (const char *)png->data + png->at, len);
	png->at += len;
	return CAIRO_STATUS_SUCCESS;
}

/* least: pixels that its panels are high. */
static bool draw_of(const struct chart *chart, const char *what, int least)
{
	struct png png = {0};
	struct fg_err err;

	cairo_surface_destroy(seen);
	seen = NULL;
	if (!ok(chart_png(chart, &png.data, &png.len, &err) == 0, "%s", what))
		return false;
	seen = cairo_image_surface_create_from_png_stream(take, &png);
	free(png.data);
	return ok(cairo_surface_status(seen) == CAIRO_STATUS_SUCCESS &&
			  cairo_image_surface_get_width(seen) == CHART_WIDTH &&
			  cairo_image_surface_get_height(seen) > least,
		"… is a picture of that size");
}

static bool draw(const struct chart *chart, const char *what)
{
	return draw_of(chart, what, (int)chart->panel_count * CHART_PANEL);
}

static struct box look(int x0, int x1, int y0, int y1, is_color is)
{
	const unsigned char *data = cairo_image_surface_get_data(seen);
	int stride = cairo_image_surface_get_stride(seen);
	struct box box = {.left = x1, .right = -1, .top = y1, .bottom = -1};

	for (int x = x0; x < x1; x++) {
		bool any = false;

		for (int y = y0; y < y1; y++) {
			const uint32_t *p =
				(const uint32_t *)(const void *)(data + y * stride + x * 4);

			if (!is((int)(*p >> 16 & 255), (int)(*p >> 8 & 255), (int)(*p & 255)))
				continue;
			any = true;
			box.top = y < box.top ? y : box.top;
			box.bottom = y > box.bottom ? y : box.bottom;
		}
		if (!any)
			continue;
		box.columns++;
		box.left = x < box.left ? x : box.left;
		box.right = x;
	}
	return box;
}

/* The k-th of n panels, without its caption; head and foot are of the same height. */
static struct box panel(int k, int n, is_color is)
{
	int head = (cairo_image_surface_get_height(seen) - n * CHART_PANEL) / 2;

	return look(0, CHART_WIDTH, head + k * CHART_PANEL + 50, head + (k + 1) * CHART_PANEL, is);
}

/* Where the i-th figure is. */
static int x_of(double i)
{
	return (int)(first_x + (last_x - first_x) * i / (N - 1));
}

static int between(double i, double j, is_color is)
{
	return look(x_of(i) + 6, x_of(j) - 6, 150, 96 + CHART_PANEL, is).columns;
}

static struct chart chart_of(const double *v)
{
	return (struct chart){
		.title = "web · 1h",
		.from_ms = FROM,
		.to_ms = FROM + SPAN,
		.n = N,
		.panels = {{"CPU", CHART_PERCENT, {{NULL, v}}, 1, 0}},
		.panel_count = 1,
	};
}

static void test_line(void)
{
	struct chart chart = chart_of(steady);
	struct box line, low, high;

	if (!draw(&chart, "a line"))
		return;
	line = panel(0, 1, is_blue);
	ok(line.right - line.left > CHART_WIDTH / 2, "… goes all the way");
	is_int(line.columns, line.right - line.left + 1, "… without a gap");
	ok(line.bottom - line.top < 8, "… level");
	is_int(panel(0, 1, is_red).columns, 0, "… under no limit");
	is_int(panel(0, 1, is_violet).columns, 0, "… with no mark");
	ok(look(0, CHART_WIDTH, 0, 80, is_dark).columns > 30, "… below its title");
	first_x = line.left;
	last_x = line.right;

	chart = chart_of(stairs);
	if (!draw(&chart, "a line that rises"))
		return;
	low = look(x_of(1), x_of(8), 150, 96 + CHART_PANEL, is_blue);
	high = look(x_of(11), x_of(18), 150, 96 + CHART_PANEL, is_blue);
	ok(low.columns && high.columns && high.bottom < low.top - 50,
		"… ends higher than it began");
}

static void test_gap(void)
{
	struct chart chart = chart_of(gap);

	if (!draw(&chart, "a gap"))
		return;
	is_int(between(8, 12, is_blue), 0, "… has no line");
	ok(between(0, 8, is_blue) == x_of(8) - x_of(0) - 12, "… but before");
	ok(between(12, 19, is_blue) == x_of(19) - x_of(12) - 12, "… and after");

	chart = chart_of(unknown);
	if (!draw(&chart, "a chart of which nothing is known"))
		return;
	is_int(panel(0, 1, is_blue).columns, 0, "… has no line");
	ok(panel(0, 1, is_drawn).columns > CHART_WIDTH / 2, "… but a grid");

	chart = chart_of(one);
	if (draw(&chart, "a single figure")) {
		struct box dot = panel(0, 1, is_blue);

		ok(dot.columns >= 4 && dot.columns <= 12, "… is a dot");
		ok(abs((dot.left + dot.right) / 2 - x_of(5)) <= 3, "… in its place");
	}
	chart = chart_of(steady);
	chart.n = 1;
	if (draw(&chart, "one of one"))
		ok(panel(0, 1, is_blue).columns >= 4, "… is a dot, too");
}

static void test_limit(void)
{
	struct chart chart = chart_of(steady);
	struct box line, limit;

	chart.panels[0].limit = 400;
	if (!draw(&chart, "a limit"))
		return;
	line = panel(0, 1, is_blue);
	limit = panel(0, 1, is_red);
	ok(limit.columns > CHART_WIDTH / 3, "… is a line across");
	ok(limit.bottom - limit.top < 8, "… level");
	ok(limit.bottom < line.top - 50, "… above what is used");
}

static void test_marks(void)
{
	static const int64_t marks[] = {FROM + SPAN / 2};
	struct chart chart = chart_of(steady);

	chart.panels[1] = (struct chart_panel){
		"Network", CHART_BYTES_PER_SECOND, {{"in", steady}, {"out", stairs}}, 2, 0};
	chart.panel_count = 2;
	chart.marks = marks;
	chart.mark_count = 1;
	chart.mark_label = "started";
	if (!draw(&chart, "a mark"))
		return;
	for (int k = 0; k < 2; k++) {
		struct box mark = panel(k, 2, is_violet);

		ok(mark.columns >= 1 && mark.columns <= 4, "… is one line in panel %d", k);
		ok(abs(mark.left - x_of((N - 1) / 2.)) <= 4, "… at its time");
		ok(mark.bottom - mark.top > CHART_PANEL / 2, "… from top to bottom");
	}
	ok(panel(1, 2, is_blue).columns > 100 && panel(1, 2, is_orange).columns > 100,
		"two lines have two colours");
	is_int(panel(0, 2, is_orange).columns, 0, "… and one has one");
}

static void test_small(void)
{
	struct chart chart = chart_of(steady);
	int whole;

	chart.panels[1] = (struct chart_panel){"Memory", CHART_BYTES, {{NULL, stairs}}, 1, 0};
	chart.panel_count = 2;
	if (!draw(&chart, "a chart"))
		return;
	whole = cairo_image_surface_get_height(seen);
	chart.panel_height = CHART_PANEL - 100;
	if (!draw_of(&chart, "a small one", 2 * (CHART_PANEL - 100)))
		return;
	is_int(cairo_image_surface_get_height(seen), whole - 200, "… is lower");
	ok(look(0, CHART_WIDTH, 0, whole - 200, is_blue).columns > CHART_WIDTH / 2, "… and has its lines");
}

static void test_titles(void)
{
	char *endless = fg_alloc(20001);
	const char *titles[] = {"bad \xff\xc3( bytes", "\xed\xa0\x80",
		"two\nlines\tand\x1b[31m more",
		"\xe2\x80\xae"
		"bew",
		"<b>&amp;%s%n", "", endless};

	memset(endless, 'W', 20000);
	for (size_t i = 0; i < FG_ARRAY_LEN(titles); i++) {
		struct chart chart = chart_of(steady);
		char what[32];

		chart.title = titles[i];
		snprintf(what, sizeof(what), "hostile title %zu", i);
		if (!draw(&chart, what))
			continue;
		ok(between(0, 19, is_blue) == x_of(19) - x_of(0) - 12, "… changes no line");
		is_int(look(CHART_WIDTH - 30, CHART_WIDTH, 0, 96, is_drawn).columns, 0,
			"… stays inside");
		if (*titles[i])
			ok(look(0, CHART_WIDTH, 0, 96, is_drawn).columns > 0, "… is written");
	}
	free(endless);
}

int main(void)
{
	for (int i = 0; i < N; i++) {
		steady[i] = 100;
		unknown[i] = NAN;
		gap[i] = i > 8 && i < 12 ? NAN : 100;
		one[i] = i == 5 ? 100 : NAN;
		stairs[i] = i < 10 ? 20 : 100;
	}
	test_line();
	test_gap();
	test_limit();
	test_marks();
	test_small();
	test_titles();
	cairo_surface_destroy(seen);
	return done_testing();
}
