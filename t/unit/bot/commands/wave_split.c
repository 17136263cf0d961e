/*
 * The words of wave=, what is said of wrong ones, and which host or container is in which wave.
 */
#include <stdio.h>
#include <string.h>
#include "commands/wave_split.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/str.h"
#include "tap.h"

#define MOST 16

static void grammar(void)
{
	static const struct {
		const char *text, *error; /* NULL: it is fine */
	} cases[] = {
		{"1", NULL},
		{"1,rest", NULL},
		{"1,10%,rest", NULL},
		{"100%", NULL},
		{"999999", NULL},
		{"1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1", NULL},
		{"", "\"\" is no wave"},
		{"1,,2", "\"\" is no wave"},
		{"1,", "\"\" is no wave"},
		{"-1", "\"-1\" is no wave"},
		{"1.5", "\"1.5\" is no wave"},
		{"%", "\"%\" is no wave"},
		{"10%%", "\"10%%\" is no wave"},
		{"all", "\"all\" is no wave"},
		{"Rest", "\"Rest\" is no wave"},
		{"0", "a number is 1 to"},
		{"1000000", "a number is 1 to"},
		{"99999999999999999999", "a number is 1 to"},
		{"0%", "a percentage is 1 to 100"},
		{"101%", "a percentage is 1 to 100"},
		{"rest,1", "nothing comes after"},
		{"rest,rest", "nothing comes after"},
		{"1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1", "more than 16 waves"},
	};

	for (size_t i = 0; i < FG_ARRAY_LEN(cases); i++) {
		struct wave_parts parts;
		struct fg_err err = {0};
		int rc = wave_parse(cases[i].text, &parts, &err);

		if (cases[i].error)
			ok(rc < 0 && strstr(err.text, cases[i].error), "\"%s\" is refused: %s",
				cases[i].text, err.text);
		else
			ok(rc == 0 && !parts.v[parts.n - 1].count && !parts.v[parts.n - 1].percent,
				"\"%s\" is taken, and ends with the rest", cases[i].text);
	}
}

/* Items on hosts of so many containers each, and their waves as "1 1 2": of each item, or where
 * `hosts` is long, how many items are in each wave. */
static void partition(void)
{
	static const struct {
		const char *text;
		int hosts[4]; /* containers on each; 0: no more hosts */
		const char *waves;
	} cases[] = {
		{"1", {1, 1, 1}, "1 2 2"},
		{"1,rest", {2, 1, 3}, "1 1 2 2 2 2"},
		{"1,1", {1, 1, 1, 1}, "1 2 3 3"},
		{"2", {1, 1, 1, 1}, "1 1 2 2"},
		{"50%", {1, 1, 1, 1}, "1 1 2 2"},
		{"50%,50%", {1, 1, 1}, "1 2 3"},
		{"99%", {1, 1, 1}, "1 1 2"},
		{"100%", {1, 1, 1}, "1 1 1"},
		{"1%,rest", {1, 1}, "1 2"},
		{"5", {1, 1, 1}, "1 1 1"},
		{"1,5,rest", {1, 1}, "1 2"},
		{"rest", {1, 1}, "1 1"},
		{"1,rest", {1}, "1"},
		/* One host: containers are counted. */
		{"1,rest", {4}, "1 2 2 2"},
		{"1,50%", {4}, "1 2 2 3"},
		{"25%,1", {4}, "1 2 3 3"},
		{"1", {0}, ""},
	};
	struct fg_host hosts[4] = {{0}};

	for (size_t i = 0; i < FG_ARRAY_LEN(cases); i++) {
		struct fg_item items[MOST] = {{0}};
		struct fg_items all = {.v = items};
		cleanup_str struct fg_str said = {0};
		struct wave_parts parts;
		struct fg_err err = {0};
		int wave_of[MOST], count;

		for (size_t h = 0; h < FG_ARRAY_LEN(hosts); h++)
			for (int k = 0; k < cases[i].hosts[h]; k++)
				items[all.n++].host = &hosts[h];
		fg_str_init(&said, 4096);
		if (wave_parse(cases[i].text, &parts, &err) < 0) {
			ok(false, "%s: %s", cases[i].text, err.text);
			continue;
		}
		count = wave_split(&parts, &all, wave_of);
		for (size_t k = 0; k < all.n; k++)
			fg_str_printf(&said, "%s%d", k ? " " : "", wave_of[k]);
		ok(strcmp(said.s, cases[i].waves) == 0, "wave=%s: %s, should be %s", cases[i].text,
			said.s, cases[i].waves);
		ok(count == (all.n ? wave_of[all.n - 1] : 0), "… and as many waves are told");
	}
}

/* 1, a tenth, the rest, of a hundred hosts with two containers each. */
static void many(void)
{
	static struct fg_host hosts[100];
	static struct fg_item items[200];
	struct fg_items all = {.v = items, .n = 200};
	struct wave_parts parts;
	struct fg_err err;
	int wave_of[200], count[4] = {0};
	bool whole = true;

	for (size_t i = 0; i < all.n; i++)
		items[i].host = &hosts[i / 2];
	ok(wave_parse("1,10%,rest", &parts, &err) == 0 && wave_split(&parts, &all, wave_of) == 3,
		"a hundred hosts in three waves");
	for (size_t i = 0; i < all.n; i++) {
		count[wave_of[i]]++;
		whole = whole && (i % 2 == 0 || wave_of[i] == wave_of[i - 1]);
	}
	ok(count[1] == 2 && count[2] == 20 && count[3] == 178, "… of 1, 10 and 89 hosts: %d %d %d",
		count[1], count[2], count[3]);
	ok(whole, "… none of which is in two");
}

int main(void)
{
	grammar();
	partition();
	many();
	return done_testing();
}
