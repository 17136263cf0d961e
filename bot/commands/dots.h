/*
 * How many of some containers have which dot: the one-line summary over lists, hosts and projects.
 */
#ifndef BOT_COMMANDS_DOTS_H
#define BOT_COMMANDS_DOTS_H

#include "fleetgram/base/str.h"

#define DOTS_KINDS 6

struct dots {
	int n[DOTS_KINDS]; /* by the order in which they are shown */
};

/* One more container; its dot is that of format_dot(). */
void dots_count(struct dots *dots, const char *state, const char *health);
/* "🟢 12 🔴 1"; "none" when there are none. */
void dots_html(struct fg_str *html, const struct dots *dots);

#endif
