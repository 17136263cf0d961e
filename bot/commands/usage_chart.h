/*
 * A chart of what a container, or several together, have used, from the history.
 */
#ifndef BOT_COMMANDS_USAGE_CHART_H
#define BOT_COMMANDS_USAGE_CHART_H

#include "chat/command.h"
#include "commands/target.h"
#include "fleetgram/fleet/history.h"

/* What is to be drawn; the arrays have span.n figures. */
struct usage_chart {
	struct fg_span span;
	struct fg_slot *slots;
	double *cpu, *memory, *rx, *tx;
	double memory_limit;
	int64_t starts[FG_HISTORY_STARTS];
	size_t start_count;
	size_t containers; /* of which something is known */
	char *title;       /* set by the caller, and freed by usage_chart_finish() */
	bool small;        /* CPU and memory alone, and lower */
	/* of the drawing, which is done on another thread */
	void *png;
	size_t len;
	int rc;
	struct fg_err err;
};

void usage_chart_init(struct usage_chart *u, int64_t span_ms);
void usage_chart_finish(struct usage_chart *u);

/* Put what is known of a container, or of each, on top of what is there. */
void usage_chart_add(struct usage_chart *u, struct fg_history *history, const struct fg_item *item);
void usage_chart_add_all(
	struct usage_chart *u, struct fg_history *history, const struct fg_items *items);
/* "fleet · 3 containers · 24h" as its title. */
void usage_chart_name_fleet(struct usage_chart *u, const char *span);

/* The same for programs; caller deletes. */
cJSON *usage_chart_data(const struct usage_chart *u);

/* A part of the reply: the picture, with a button to line, or that nothing is known. */
int usage_chart_show(struct command *c, struct usage_chart *u, const char *span, const char *button,
	const char *line);

/* True: nothing is measured, and the reply has a part that says so. */
bool usage_chart_is_off(struct command *c);

#endif
