/*
 * Sparklines: what an instance has used over the last day, as small pictures in its row of the
 * page.
 *
 * A picture is SVG in the page itself, drawn from the history in quarters of an hour; its top is
 * the limit where there is one, which is a line across then. Beside it stands the newest figure;
 * what the picture says is told in its title, too, for who does not see it.
 */
#ifndef BOT_HTTP_SPARK_H
#define BOT_HTTP_SPARK_H

#include "fleetgram/base/str.h"
#include "http/health.h"

#define SPARK_SLOTS 96 /* of a day */
#define SPARK_READS 50 /* series of one page that are read from the store; the rest are in memory \
			*/

struct sparks {
	struct fg_history *history;
	struct fg_span span;
	struct fg_slot slots[SPARK_SLOTS];
	int reads; /* that are left */
};

void sparks_init(struct sparks *s, struct fg_history *history);
/* The cells of CPU and of memory. */
void spark_cells(struct sparks *s, struct fg_str *out, const struct health_instance *it);

#endif
