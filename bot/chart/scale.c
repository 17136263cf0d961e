/* The scale of an axis: its top, its steps, and what is written beside them. */
#include <math.h>
#include <stdio.h>
#include "chart/chart.h"

/* The unit of 1024^k that a value is told in, with its divisor. */
static int power_of(double value, double *divisor)
{
	int k = 0;

	*divisor = 1;
	while (value / *divisor >= 1024 && k < 5) {
		*divisor *= 1024;
		k++;
	}
	return k;
}

double chart_top(double most, enum chart_unit unit, double *step)
{
	static const double rounds[] = {1, 2, 2.5, 5, 10};
	double divisor = 1, tens, raw;

	if (!(most > 0))
		most = unit == CHART_PERCENT ? 1 : 1024;
	if (unit != CHART_PERCENT)
		power_of(most, &divisor);
	raw = most / divisor / 4;
	tens = pow(10, floor(log10(raw)));
	*step = 10 * tens * divisor;
	for (size_t i = 0; i < sizeof(rounds) / sizeof(rounds[0]); i++)
		if (rounds[i] * tens >= raw) {
			*step = rounds[i] * tens * divisor;
			break;
		}
	return ceil(most / *step - 1e-9) * *step;
}

const char *chart_label(char buf[CHART_LABEL], double value, enum chart_unit unit)
{
	static const char *const names[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
	double divisor;
	int k;

	if (unit == CHART_PERCENT) {
		snprintf(buf, CHART_LABEL, "%.4g %%", value);
		return buf;
	}
	k = power_of(value, &divisor);
	snprintf(buf, CHART_LABEL, "%.4g %s%s", value / divisor, names[k],
		unit == CHART_BYTES_PER_SECOND ? "/s" : "");
	return buf;
}
