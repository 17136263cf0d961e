/* The scale of a chart's axis. */
#include <math.h>
#include "tap.h"
#include "chart/chart.h"

int main(void)
{
	static const struct {
		double most;
		enum chart_unit unit;
		double top, step;
		const char *label;
	} rows[] = {
		{0, CHART_PERCENT, 1, .25, "1 %"},
		{0, CHART_BYTES_PER_SECOND, 1024, 256, "1 KiB/s"},
		{-5, CHART_PERCENT, 1, .25, "1 %"},
		{3, CHART_PERCENT, 3, 1, "3 %"},
		{97, CHART_PERCENT, 100, 25, "100 %"},
		{101, CHART_PERCENT, 150, 50, "150 %"},
		{799, CHART_PERCENT, 800, 200, "800 %"},
		{64 << 20, CHART_BYTES, 80 << 20, 20 << 20, "80 MiB"},
		{1536, CHART_BYTES_PER_SECOND, 1536, 512, "1.5 KiB/s"},
		{900, CHART_BYTES, 1000, 250, "1000 B"},
		{3.2e12, CHART_BYTES, 3 * 1099511627776., 1099511627776., "3 TiB"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char label[CHART_LABEL];
		double step, top = chart_top(rows[i].most, rows[i].unit, &step);

		ok(fabs(step - rows[i].step) < 1e-6 * step, "the step at %g is %g", rows[i].most, step);
		ok(fabs(top - rows[i].top) < 1e-6 * top, "the top is %g", top);
		is_str(chart_label(label, top, rows[i].unit), rows[i].label, "its label");
	}
	return done_testing();
}
