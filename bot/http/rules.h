/*
 * The rules of health that need no engine to be tested: what counts as down, whose uptime can still
 * be true.
 */
#ifndef BOT_HTTP_RULES_H
#define BOT_HTTP_RULES_H

#include "http/health.h"

struct health_facts {
	enum telegram_state telegram;
	size_t hosts, hosts_up;
	int unhealthy; /* instances */
	bool store_failing;
	size_t hosts_deaf; /* up, but what happens there is not heard: rules_deaf() */
};

/* Without any host nobody is missed, so only Telegram counts. */
enum health_state rules_state(const struct health_facts *facts);

#define RULES_DEAF_MS 30000 /* a stream that broke is open again long before that */

/* Whether a host that has been up for up_ms should be heard by now, and is not: its event stream has
 * been live, or not, for stream_ms. */
bool rules_deaf(bool live, int64_t stream_ms, int64_t up_ms);

bool rules_running(const char *state); /* the engine's State.Running: paused and restarting too */
void rules_count(struct health_counts *counts, const char *state, const char *health);

/*
 * The longest that a container can have been up by the engine's sentence ("Up 3 minutes
 * (healthy)"), in ms; -1 when the sentence does not tell. A start that is remembered from before
 * and would be longer ago is out of date: it was restarted.
 */
int64_t rules_longest_uptime(const char *status);

#endif
