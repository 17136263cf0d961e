/*
 * The fleet at a glance, as far as one person may see it: hosts, containers and instances, counted.
 */
#ifndef BOT_COMMANDS_OVERVIEW_H
#define BOT_COMMANDS_OVERVIEW_H

#include "commands/dots.h"
#include "commands/target.h"

struct tally {
	int total, running, stopped, unhealthy; /* the unhealthy ones run, too */
	struct dots dots;
};

struct overview_host {
	struct fg_host *host;
	struct tally containers;
	struct tally stale; /* as last seen at host->listed_ms, when it has not answered */
	bool answered;
};

struct overview {
	struct overview_host *hosts; /* those in scope */
	size_t host_count, down;     /* down: without an answer, and not paused */
	struct fg_items items;              /* containers in scope */
	struct tally containers, instances; /* the missing are in the instances' total */
	struct fg_entries missing;          /* instances in scope whose container is gone */
};

/* probe: ask every host for its version too, which brings latencies up to date. A fleet of which
 * nothing answers is an overview, not an error. */
int overview_take(struct command *c, bool probe, struct overview *out);
void overview_finish(struct overview *o);
#define cleanup_overview __attribute__((cleanup(overview_finish)))

/* "🔴 <b>prod2</b> down for 3m: cannot connect", or its counts. */
void overview_host_html(struct fg_str *html, const struct overview_host *h);

/* The same for all hosts; where there are many, only for those that somebody may have to look
 * after, and one line for the rest. */
void overview_hosts_html(struct fg_str *html, const struct overview *o);

/* The hosts, containers and instances of the health document. */
void overview_data(cJSON *data, const struct overview *o);

/* Whether an instance is in the person's scope; its container is not looked for. */
bool overview_sees(const struct command *c, const struct fg_instance *instance);

#endif
