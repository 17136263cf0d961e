/* The policy of pruning: whose rules hold, and what is taken by them. */
#include <string.h>
#include "fleetgram/base/json.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/fleet/prune.h"
#include "tap.h"

#define HOUR ((int64_t)3600 * 1000)
#define NOW (1000 * HOUR)

static cJSON *json(const char *text)
{
	return text ? fg_json_parse(text, strlen(text), NULL) : NULL;
}

/* Rules */

static const struct {
	const char *what, *defaults, *templates, *spec;
	bool enabled, in_use;
	int64_t idle_ms, max_age_ms;
	enum fg_prune_action action;
	double cpu;
	int64_t bytes;
} rules_cases[] = {
	{"nothing said", NULL, "{\"web\":{}}", NULL, false, false, 24 * HOUR, 168 * HOUR, FG_PRUNE_STOP, 1, 1024},
	{"a template enables itself", NULL, "{\"web\":{\"prune\":{\"enabled\":true}}}", NULL, true, false, 24 * HOUR,
		168 * HOUR, FG_PRUNE_STOP, 1, 1024},
	{"each field of a template", NULL,
		"{\"web\":{\"prune\":{\"enabled\":true,\"in_use\":true,\"idle\":\"30m\",\"max_age\":\"2h\",\"action\":\"remove\","
		"\"quiet\":{\"cpu_percent\":2.5,\"bytes_per_second\":\"4k\"}}}}",
		NULL, true, true, HOUR / 2, 2 * HOUR, FG_PRUNE_REMOVE, 2.5, 4096},
	{"0 as a string", NULL, "{\"web\":{\"prune\":{\"idle\":\"0\"}}}", NULL, false, false, 0, 168 * HOUR, FG_PRUNE_STOP, 1, 1024},
	{"0 as a number", NULL, "{\"web\":{\"prune\":{\"max_age\":0,\"quiet\":{\"cpu_percent\":0,\"bytes_per_second\":0}}}}", NULL,
		false, false, 24 * HOUR, 0, FG_PRUNE_STOP, 0, 0},
	{"defaults go under", "{\"prune\":{\"enabled\":true,\"idle\":\"1h\",\"quiet\":{\"cpu_percent\":7}}}",
		"{\"web\":{\"prune\":{\"idle\":\"2h\",\"quiet\":{\"bytes_per_second\":9}}}}", NULL, true, false, 2 * HOUR, 168 * HOUR,
		FG_PRUNE_STOP, 7, 9},
	{"null takes away what the defaults say", "{\"prune\":{\"enabled\":true,\"idle\":\"1h\"}}",
		"{\"web\":{\"prune\":{\"idle\":null}}}", NULL, true, false, 24 * HOUR, 168 * HOUR, FG_PRUNE_STOP, 1, 1024},
	{"… all of it", "{\"prune\":{\"enabled\":true,\"idle\":\"1h\"}}", "{\"web\":{\"prune\":null}}", NULL, false, false, 24 * HOUR,
		168 * HOUR, FG_PRUNE_STOP, 1, 1024},
	{"today's template wins over the spec", NULL, "{\"web\":{\"prune\":{\"idle\":\"1h\"}}}",
		"{\"prune\":{\"enabled\":true,\"idle\":\"9h\"}}", false, false, HOUR, 168 * HOUR, FG_PRUNE_STOP, 1, 1024},
	{"… also when it says nothing any more", NULL, "{\"web\":{}}", "{\"prune\":{\"enabled\":true}}", false, false, 24 * HOUR,
		168 * HOUR, FG_PRUNE_STOP, 1, 1024},
	{"a template that is gone: the spec", "{\"prune\":{\"idle\":\"1h\"}}", "{\"other\":{}}",
		"{\"prune\":{\"enabled\":true,\"idle\":\"9h\",\"action\":\"remove\"}}", true, false, 9 * HOUR, 168 * HOUR,
		FG_PRUNE_REMOVE, 1, 1024},
	{"no templates at all", NULL, NULL, "{\"prune\":{\"max_age\":\"5h\"}}", false, false, 24 * HOUR, 5 * HOUR, FG_PRUNE_STOP, 1,
		1024},
	{"nonsense says nothing", NULL,
		"{\"web\":{\"prune\":{\"enabled\":1,\"idle\":\"soon\",\"max_age\":7,\"action\":\"burn\",\"in_use\":\"yes\","
		"\"quiet\":{\"cpu_percent\":-1,\"bytes_per_second\":-4}}}}",
		NULL, false, false, 24 * HOUR, 168 * HOUR, FG_PRUNE_STOP, 1, 1024},
	{"nonsense in another place", "{\"prune\":7}", "{\"web\":{\"prune\":[]}}", "{\"prune\":true}", false, false, 24 * HOUR,
		168 * HOUR, FG_PRUNE_STOP, 1, 1024},
};

static void test_rules(void)
{
	for (size_t i = 0; i < FG_ARRAY_LEN(rules_cases); i++) {
		cleanup_json cJSON *defaults = json(rules_cases[i].defaults), *templates = json(rules_cases[i].templates);
		cleanup_json cJSON *doc = cJSON_CreateObject();
		struct fg_instance instance = {.doc = doc, .template = "web"};
		struct fg_prune_config config = {
			.rules = {.idle_ms = 24 * HOUR, .max_age_ms = 168 * HOUR, .quiet = {1, 1024}},
			.defaults = defaults,
			.templates = templates,
		};
		struct fg_prune_rules r;

		if (rules_cases[i].spec)
			cJSON_AddItemToObject(doc, "spec", json(rules_cases[i].spec));
		fg_prune_rules_of(&config, &instance, &r);
		ok(r.enabled == rules_cases[i].enabled && r.in_use == rules_cases[i].in_use &&
				r.idle_ms == rules_cases[i].idle_ms && r.max_age_ms == rules_cases[i].max_age_ms &&
				r.action == rules_cases[i].action && r.quiet.cpu_percent == rules_cases[i].cpu &&
				r.quiet.bytes_per_second == rules_cases[i].bytes,
			"rules: %s", rules_cases[i].what);
	}
}

/* Decisions. Letters of a case: off, in_use, remove; foreign, protected, missing, busy, down, unmeasured. */
static const struct {
	const char *letters;
	int idle, max_age;  /* hours of the thresholds */
	int unused, age;    /* hours since its last use and its making */
	enum fg_prune_reason want;
} cases[] = {
	{"", 2, 10, 1, 5, FG_PRUNE_USED},
	{"", 2, 10, 2, 5, FG_PRUNE_IDLE},
	{"", 2, 10, 3, 50, FG_PRUNE_IDLE},
	{"", 2, 10, 1, 50, FG_PRUNE_USED},
	{"i", 2, 10, 1, 50, FG_PRUNE_AGE},
	{"i", 2, 10, 1, 10, FG_PRUNE_AGE},
	{"i", 2, 10, 1, 9, FG_PRUNE_USED},
	{"i", 2, 10, 3, 50, FG_PRUNE_IDLE},
	{"", 0, 10, 500, 5, FG_PRUNE_USED},
	{"", 0, 10, 500, 10, FG_PRUNE_AGE},
	{"", 0, 10, 0, 10, FG_PRUNE_USED},
	{"i", 0, 10, 0, 10, FG_PRUNE_AGE},
	{"", 2, 0, 1, 500, FG_PRUNE_USED},
	{"i", 2, 0, 1, 500, FG_PRUNE_USED},
	{"", 2, 0, 2, 500, FG_PRUNE_IDLE},
	{"", 0, 0, 500, 500, FG_PRUNE_OFF},
	{"ir", 0, 0, 500, 500, FG_PRUNE_OFF},
	{"o", 2, 10, 500, 500, FG_PRUNE_OFF},
	{"oi", 2, 10, 1, 500, FG_PRUNE_OFF},
	/* stopped ones: nothing is left to be stopped, and nothing to be measured */
	{"d", 2, 10, 500, 500, FG_PRUNE_STOPPED},
	{"di", 2, 10, 1, 500, FG_PRUNE_STOPPED},
	{"dr", 2, 10, 500, 500, FG_PRUNE_IDLE},
	{"dru", 2, 10, 500, 500, FG_PRUNE_IDLE},
	{"dr", 2, 10, 1, 500, FG_PRUNE_USED},
	{"dru", 0, 10, 500, 500, FG_PRUNE_AGE},
	/* what is not known does not count as quiet; what goes even in use needs not be known */
	{"u", 2, 10, 500, 500, FG_PRUNE_UNMEASURED},
	{"ur", 2, 10, 500, 5, FG_PRUNE_UNMEASURED},
	{"u", 0, 10, 500, 500, FG_PRUNE_UNMEASURED},
	{"u", 2, 10, 1, 500, FG_PRUNE_USED},
	{"ui", 2, 10, 1, 500, FG_PRUNE_AGE},
	/* hands off */
	{"r", 2, 10, 500, 500, FG_PRUNE_IDLE},
	{"f", 2, 10, 500, 500, FG_PRUNE_FOREIGN},
	{"fr", 2, 10, 500, 500, FG_PRUNE_FOREIGN},
	{"p", 2, 10, 500, 500, FG_PRUNE_PROTECTED},
	{"pri", 2, 10, 500, 500, FG_PRUNE_PROTECTED},
	{"pdr", 2, 10, 500, 500, FG_PRUNE_PROTECTED},
	{"m", 2, 10, 500, 500, FG_PRUNE_MISSING},
	{"mdr", 2, 10, 500, 500, FG_PRUNE_MISSING},
	{"b", 2, 10, 500, 500, FG_PRUNE_BUSY},
	{"bri", 2, 10, 500, 500, FG_PRUNE_BUSY},
	{"bdr", 2, 10, 500, 500, FG_PRUNE_BUSY},
	{"fpmbo", 2, 10, 500, 500, FG_PRUNE_FOREIGN},
	/* clocks that were set back */
	{"", 2, 10, -5, -5, FG_PRUNE_USED},
	{"", 0, 10, -5, 500, FG_PRUNE_USED},
};

static bool has(const char *letters, char c)
{
	return strchr(letters, c) != NULL;
}

static enum fg_prune_reason decide(const char *letters, int idle, int max_age, int unused, int age)
{
	struct fg_prune_rules rules = {
		.enabled = !has(letters, 'o'),
		.in_use = has(letters, 'i'),
		.idle_ms = idle * HOUR,
		.max_age_ms = max_age * HOUR,
		.action = has(letters, 'r') ? FG_PRUNE_REMOVE : FG_PRUNE_STOP,
	};
	struct fg_prune_subject subject = {
		.managed = !has(letters, 'f'),
		.protected = has(letters, 'p'),
		.missing = has(letters, 'm'),
		.busy = has(letters, 'b'),
		.up = !has(letters, 'd'),
		.measured = !has(letters, 'u'),
		.created_ms = NOW - age * HOUR,
		.used_ms = NOW - unused * HOUR,
		.now_ms = NOW,
		.every_ms = HOUR / 12,
	};

	return fg_prune_decide(&rules, &subject);
}

static void test_cases(void)
{
	for (size_t i = 0; i < FG_ARRAY_LEN(cases); i++)
		ok(decide(cases[i].letters, cases[i].idle, cases[i].max_age, cases[i].unused, cases[i].age) == cases[i].want,
			"[%s] idle %dh max_age %dh: unused %dh, %dh old", cases[i].letters, cases[i].idle, cases[i].max_age,
			cases[i].unused, cases[i].age);
}

/* Every combination of all that can stand against it: taken only when nothing does. */
static void test_combinations(void)
{
	static const char letters[] = "ofpmbdru";
	int wrong = 0, taken = 0;

	for (unsigned int set = 0; set < 1u << (sizeof(letters) - 1); set++) {
		char chosen[sizeof(letters)] = "";
		bool against, takes;
		size_t n = 0;

		for (size_t i = 0; letters[i]; i++)
			if (set & (1u << i))
				chosen[n++] = letters[i];
		against = strpbrk(chosen, "ofpmb") != NULL || (has(chosen, 'd') && !has(chosen, 'r')) ||
			  (has(chosen, 'u') && !has(chosen, 'd'));
		takes = fg_prune_takes(decide(chosen, 2, 10, 5, 5));
		taken += takes;
		if (takes == against) {
			diag("[%s] is %s", chosen, takes ? "taken" : "left");
			wrong++;
		}
	}
	is_int(wrong, 0, "no combination is taken against a reason, nor left without one");
	is_int(taken, 4, "… idle: up with either action, down with remove, measured or not");
}

int main(void)
{
	test_rules();
	test_cases();
	test_combinations();
	for (int reason = FG_PRUNE_IDLE; reason <= FG_PRUNE_USED; reason++)
		ok(*fg_prune_reason_text(reason), "reason %d has words", reason);
	return done_testing();
}
