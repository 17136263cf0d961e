/* The rules of health: states, counts, drift, and uptimes that cannot be. */
#include "fleetgram/base/mem.h"
#include "http/rules.h"
#include "tap.h"

static const struct {
	const char *name;
	struct health_facts facts;
	enum health_state state;
} states[] = {
	{"all is well", {TELEGRAM_OK, 2, 2, 0, false, 0}, HEALTH_OK},
	{"no Telegram is wanted", {TELEGRAM_DISABLED, 1, 1, 0, false, 0}, HEALTH_OK},
	{"no hosts at all", {TELEGRAM_OK, 0, 0, 0, false, 0}, HEALTH_OK},
	{"one of two hosts is down", {TELEGRAM_OK, 2, 1, 0, false, 0}, HEALTH_DEGRADED},
	{"an instance is unhealthy", {TELEGRAM_OK, 1, 1, 1, false, 0}, HEALTH_DEGRADED},
	{"Telegram backs off", {TELEGRAM_DEGRADED, 1, 1, 0, false, 0}, HEALTH_DEGRADED},
	{"a host's events are not heard", {TELEGRAM_OK, 2, 2, 0, false, 1}, HEALTH_DEGRADED},
	{"the store cannot be written", {TELEGRAM_OK, 1, 1, 0, true, 0}, HEALTH_DEGRADED},
	{"the only host is down", {TELEGRAM_OK, 1, 0, 0, false, 0}, HEALTH_DOWN},
	{"no host of three answers", {TELEGRAM_OK, 3, 0, 0, false, 0}, HEALTH_DOWN},
	{"Telegram is down", {TELEGRAM_DOWN, 2, 2, 0, false, 0}, HEALTH_DOWN},
	{"down beats the store", {TELEGRAM_DOWN, 1, 1, 0, true, 0}, HEALTH_DOWN},
	{"down beats degraded", {TELEGRAM_DEGRADED, 1, 0, 3, false, 0}, HEALTH_DOWN},
};

static const struct {
	const char *status;
	int64_t longest;
} uptimes[] = {
	{"Up Less than a second", 2000},
	{"Up 1 second", 2000},
	{"Up 45 seconds", 46000},
	{"Up About a minute", 120000},
	{"Up 3 minutes (healthy)", 240000},
	{"Up About an hour (Paused)", 7200000},
	{"Up 47 hours", 48 * 3600000LL},
	{"Up 2 days", 3 * 86400000LL},
	{"Up 3 weeks", 4 * 7 * 86400000LL},
	{"Up 5 months", 6 * 31 * 86400000LL},
	{"Up 2 years", 3 * 366 * 86400000LL},
	{"Up", -1},
	{"Up ", -1},
	{"Up 3", -1},
	{"Up 3 fortnights", -1},
	{"Up -3 minutes", -1},
	{"Up 99999999999999999999 years", -1},
	{"Exited (0) 3 minutes ago", -1},
	{"Restarting (1) 5 seconds ago", -1},
	{"Created", -1},
	{"", -1},
};

static void test_counts(void)
{
	static const char *const all[] = {"created", "running", "paused", "restarting", "removing",
		"exited", "dead", "missing"};
	struct health_counts counts = {0};

	for (size_t i = 0; i < FG_ARRAY_LEN(all); i++)
		rules_count(&counts, all[i], i == 1 ? "unhealthy" : "healthy");
	is_int(counts.total, 8, "each state counts");
	is_int(counts.running, 3, "three have a process or will have one again");
	is_int(counts.stopped, 4, "four have none");
	is_int(counts.missing, 1, "one is not there");
	is_int(counts.unhealthy, 1, "one is unhealthy");
}

static void test_deaf(void)
{
	ok(!rules_deaf(true, 3600000, 3600000), "a live stream is heard");
	ok(rules_deaf(false, 31000, 3600000), "one that is not is missed after a while");
	ok(!rules_deaf(false, 29000, 3600000), "not at once");
	ok(!rules_deaf(false, 3600000, 2000), "nor of a host that has just come back");
}

int main(void)
{
	for (size_t i = 0; i < FG_ARRAY_LEN(states); i++)
		is_str(health_state_name(rules_state(&states[i].facts)),
			health_state_name(states[i].state), states[i].name);
	for (size_t i = 0; i < FG_ARRAY_LEN(uptimes); i++)
		is_int(rules_longest_uptime(uptimes[i].status), uptimes[i].longest,
			uptimes[i].status);
	test_counts();
	test_deaf();
	return done_testing();
}
