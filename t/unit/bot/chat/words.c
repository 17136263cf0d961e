/* Words: quoting as people and phones type it, joining back, and command names. */
#include <stdlib.h>
#include "chat/words.h"
#include "fleetgram/base/mem.h"
#include "tap.h"

static const struct row {
	const char *text;
	const char *words[8];
} rows[] = {
	{"", {NULL}},
	{"   \t\n ", {NULL}},
	{"/stop web", {"/stop", "web"}},
	{"  a   b  ", {"a", "b"}},
	{"a\nb", {"a", "b"}},
	{"note \"two words\" x", {"note", "two words", "x"}},
	{"note 'two words'", {"note", "two words"}},
	{"grep=\"a b\"", {"grep=a b"}},
	{"\"\" ''", {"", ""}},
	{"a\\ b", {"a b"}},
	{"\"a\\\"b\"", {"a\"b"}},
	{"'a\\b'", {"a\\b"}},
	{"don't", {"don't"}},
	{"“curly one” ‘curly two’", {"curly one", "curly two"}},
	{"x\xc2\xa0y", {"x", "y"}},
	{"ünï 🐳", {"ünï", "🐳"}},
	{"bad\xff byte", {"bad\xff", "byte"}},
	{"end\\", {"end\\"}},
};

static void test_parse(void)
{
	struct fg_err err;

	for (size_t i = 0; i < FG_ARRAY_LEN(rows); i++) {
		cleanup_words struct words w = {0};
		bool same = words_parse(&w, rows[i].text, &err) == 0;
		size_t n = 0;

		for (; same && rows[i].words[n]; n++)
			same = n < w.n && strcmp(w.v[n], rows[i].words[n]) == 0;
		ok(same && n == w.n && w.v[n] == NULL, "words of row %zu", i);
	}
}

static void test_join(void)
{
	static const char *const nasty[] = {"plain", "two words", "qu\"ote", "it's", "back\\slash", "“curly”", "",
		"tab\there", "a\xc2\xa0" "b", "$(x)", "'", "\"", "\\"};
	cleanup_free char *joined = words_join(nasty, FG_ARRAY_LEN(nasty));
	cleanup_words struct words w = {0};
	struct fg_err err;
	bool same = words_parse(&w, joined, &err) == 0 && w.n == FG_ARRAY_LEN(nasty);

	for (size_t i = 0; same && i < w.n; i++)
		same = strcmp(w.v[i], nasty[i]) == 0;
	ok(same, "joined words parse to themselves: %s", joined);
}

static void test_errors(void)
{
	cleanup_free char *many = fg_alloc(2 * WORDS_MOST + 4), *long_one = fg_alloc(WORDS_BYTES + 2);
	struct words w = {0};
	struct fg_err err;

	for (int i = 0; i < WORDS_MOST + 1; i++)
		memcpy(many + 2 * i, "x ", 2);
	memset(long_one, 'x', WORDS_BYTES + 1);
	ok(words_parse(&w, "say \"hello", &err) < 0 && !w.v, "an open quote: %s", err.text);
	ok(words_parse(&w, many, &err) < 0 && !w.v, "too many words: %s", err.text);
	ok(words_parse(&w, long_one, &err) < 0 && !w.v, "too long: %s", err.text);
}

static const struct command {
	const char *word, *username, *name;
} commands[] = {
	{"/stop", "fleetbot", "stop"},
	{"/Stop@FleetBot", "fleetbot", "stop"},
	{"/stop@other", "fleetbot", NULL},
	{"/stop@fleetbot", NULL, NULL},
	{"/stop@", "fleetbot", NULL},
	{"stop", "fleetbot", NULL},
	{"/", "fleetbot", NULL},
	{"/st-op", "fleetbot", NULL},
	{"/st\xc3\xb6p", "fleetbot", NULL},
	{"/a234567890123456789012345678901x", "b", "a234567890123456789012345678901x"},
	{"/a234567890123456789012345678901xy", "b", NULL},
};

static void test_commands(void)
{
	for (size_t i = 0; i < FG_ARRAY_LEN(commands); i++) {
		char name[COMMAND_NAME] = "";
		bool is = words_command(commands[i].word, commands[i].username, name);

		ok(is == (commands[i].name != NULL) && (!is || strcmp(name, commands[i].name) == 0), "%s for %s",
			commands[i].word, commands[i].username ? commands[i].username : "nobody");
	}
}

static void test_first(void)
{
	static const char *const firsts[][2] = {{"", ""}, {"  ", ""}, {" /list  x", "/list"}, {"/info\xc2\xa0web", "/info"},
		{"\xe3\x80\x80stop\n", "stop"}, {"\"a b\"", "\"a"}, {"\xff x", "\xff"}};

	for (size_t i = 0; i < FG_ARRAY_LEN(firsts); i++) {
		cleanup_free char *first = words_first(firsts[i][0]);

		is_str(first, firsts[i][1], "the first word");
	}
}

int main(void)
{
	test_parse();
	test_join();
	test_errors();
	test_commands();
	test_first();
	return done_testing();
}
