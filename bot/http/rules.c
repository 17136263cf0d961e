/* What counts as down, and whose uptime can still be true. */
#include <stdlib.h>
#include <string.h>
#include "fleetgram/base/mem.h"
#include "http/rules.h"

enum health_state rules_state(const struct health_facts *facts)
{
	if (facts->telegram == TELEGRAM_DOWN || (facts->hosts > 0 && facts->hosts_up == 0))
		return HEALTH_DOWN;
	if (facts->store_failing || facts->telegram == TELEGRAM_DEGRADED || facts->hosts_up < facts->hosts ||
		facts->unhealthy > 0 || facts->hosts_deaf > 0)
		return HEALTH_DEGRADED;
	return HEALTH_OK;
}

bool rules_deaf(bool live, int64_t stream_ms, int64_t up_ms)
{
	return !live && stream_ms > RULES_DEAF_MS && up_ms > RULES_DEAF_MS;
}

bool rules_running(const char *state)
{
	return strcmp(state, "running") == 0 || strcmp(state, "paused") == 0 ||
	       strcmp(state, "restarting") == 0;
}

void rules_count(struct health_counts *counts, const char *state, const char *health)
{
	counts->total++;
	if (strcmp(state, "missing") == 0)
		counts->missing++;
	else if (rules_running(state))
		counts->running++;
	else
		counts->stopped++;
	if (strcmp(health, "unhealthy") == 0)
		counts->unhealthy++;
}

/* The engines' units. What they say is rounded: one more of the unit is possible. */
static const struct {
	const char *word;
	int64_t ms;
} units[] = {
	{"day", 24LL * 3600 * 1000},
	{"hour", 3600LL * 1000},
	{"minute", 60LL * 1000},
	{"month", 31LL * 24 * 3600 * 1000},
	{"second", 1000},
	{"week", 7LL * 24 * 3600 * 1000},
	{"year", 366LL * 24 * 3600 * 1000},
};

#define MOST_OF_A_UNIT 100000

int64_t rules_longest_uptime(const char *status)
{
	int64_t many = 1;
	char *end;

	if (strncmp(status, "Up ", 3) != 0)
		return -1;
	status += 3;
	if (strncmp(status, "Less than a ", 12) == 0) {
		status += 12;
	} else if (strncmp(status, "About a", 7) == 0) {
		status += 7;
		status += strspn(status, "n ");
	} else {
		many = strtol(status, &end, 10);
		if (end == status || *end != ' ' || many < 0 || many > MOST_OF_A_UNIT)
			return -1;
		status = end + 1;
	}
	for (size_t i = 0; i < FG_ARRAY_LEN(units); i++)
		if (strncmp(status, units[i].word, strlen(units[i].word)) == 0)
			return (many + 1) * units[i].ms;
	return -1;
}
