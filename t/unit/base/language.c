/* Languages: reading catalogs, sound and damaged ones, plural forms, and whose language a task has. */
#include <stdlib.h>
#include "tap.h"
#include "fleetgram/base/language.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/str.h"
#include "fleetgram/base/task.h"

#define CATALOG_MAX 4096

struct text {
	const char *original, *translation;
	size_t original_len, translation_len; /* with the NULs within, not that at the end */
};

#define TEXT(original, translation) \
	{original, translation, sizeof(original) - 1, sizeof(translation) - 1}

/* In the order of the originals, as msgfmt writes them. */
static const struct text russian[] = {
	TEXT("", "Language: ru\n"),
	TEXT("%zu day\0%zu days", "%zu день\0%zu дня\0%zu дней"),
	TEXT("cannot open %s: %s", "не открыть %s: %s"),
	TEXT("stop", "остановить"),
	TEXT("two\0twos", "два"),
};

struct catalog {
	unsigned char mo[CATALOG_MAX];
	size_t len;
};

static void put(struct catalog *c, size_t at, uint32_t word)
{
	for (int i = 0; i < 4; i++)
		c->mo[at + i] = (unsigned char)(word >> 8 * i);
}

static void put_text(struct catalog *c, size_t entry, const char *s, size_t len)
{
	put(c, entry, (uint32_t)len);
	put(c, entry + 4, (uint32_t)c->len);
	memcpy(c->mo + c->len, s, len + 1);
	c->len += len + 1;
}

static struct catalog make(const struct text *texts, size_t n)
{
	struct catalog c = {.len = 28 + 16 * n};

	put(&c, 0, 0x950412de);
	put(&c, 8, (uint32_t)n);
	put(&c, 12, 28);
	put(&c, 16, (uint32_t)(28 + 8 * n));
	for (size_t i = 0; i < n; i++)
		put_text(&c, 28 + 8 * i, texts[i].original, texts[i].original_len);
	for (size_t i = 0; i < n; i++)
		put_text(&c, 28 + 8 * n + 8 * i, texts[i].translation, texts[i].translation_len);
	return c;
}

/* A catalog that ends where its memory does, so that a sanitizer sees each byte read beyond. */
static int add(const char *code, const struct catalog *c, size_t len, struct fg_err *err)
{
	unsigned char *mo = fg_alloc(len + 1);
	unsigned char *end = mo + 1;
	int rc;

	memcpy(end, c->mo, len);
	rc = fg_language_add(code, end, len, err);
	if (rc < 0)
		free(mo);
	return rc;
}

static void test_english(void)
{
	is_str(fg_tr("stop"), "stop", "without a language a text is itself");
	is_str(fg_ntr("%zu day", "%zu days", 1), "%zu day", "… one");
	is_str(fg_ntr("%zu day", "%zu days", 2), "%zu days", "… and many");
	is_str(fg_language_code(NULL), "en", "it is English");
	ok(fg_language_find("en") == NULL, "… which is no catalog");
	is_str(fg_language_name(0), "en", "… and the first of all");
}

static void test_damage(void)
{
	struct catalog good = make(russian, FG_ARRAY_LEN(russian)), bad;
	struct text swapped[FG_ARRAY_LEN(russian)];
	struct fg_err err;
	int refused = 0, survived = 0;

	for (size_t len = 0; len < good.len; len++)
		refused += add("xx", &good, len, &err) < 0;
	is_int(refused, (int64_t)good.len, "a catalog cut off anywhere is refused");
	memcpy(swapped, russian, sizeof(swapped));
	swapped[2] = russian[3];
	swapped[3] = russian[2];
	bad = make(swapped, FG_ARRAY_LEN(swapped));
	ok(add("xx", &bad, bad.len, &err) < 0, "… and one that is not in order");
	is_str(err.text, "the texts of xx are damaged", "… which it says");
	bad = good;
	bad.mo[0] ^= 1;
	ok(add("xx", &bad, bad.len, &err) < 0 && strstr(err.text, "no catalog"), "… and another file");
	/* Each number that the reader goes by, made wrong: refused, or read without harm. */
	for (size_t at = 4; at < 28 + 16 * FG_ARRAY_LEN(russian); at++) {
		static const unsigned char wrong[] = {0x01, 0x7f, 0x80, 0xff};

		for (size_t i = 0; i < sizeof(wrong); i++) {
			/* Those that are taken keep their code for good. */
			static char codes[4 * (28 + 16 * FG_ARRAY_LEN(russian))][8];
			char *code = codes[at * 4 + i];

			bad = good;
			bad.mo[at] ^= wrong[i];
			snprintf(code, sizeof(codes[0]), "x%zu", at * 4 + i);
			if (add(code, &bad, bad.len, &err) < 0)
				continue;
			fg_language_set(fg_language_find(code));
			fg_tr("stop");
			fg_tr("zzz");
			fg_ntr("%zu day", "%zu days", 5);
			fg_language_set(NULL);
			survived++;
		}
	}
	ok(survived < FG_LANGUAGES, "a catalog with a wrong number is refused, or harmless (%d)",
		survived);
}

static void test_texts(void)
{
	static const struct {
		size_t n;
		const char *want;
	} days[] = {{0, "0 дней"}, {1, "1 день"}, {2, "2 дня"}, {4, "4 дня"}, {5, "5 дней"},
		{11, "11 дней"}, {12, "12 дней"}, {14, "14 дней"}, {21, "21 день"}, {22, "22 дня"},
		{25, "25 дней"}, {101, "101 день"}, {111, "111 дней"}, {1002, "1002 дня"}};
	static struct catalog good;
	struct fg_err err;
	char buf[64];

	good = make(russian, FG_ARRAY_LEN(russian));
	ok(fg_language_add("ru", good.mo, good.len, &err) == 0, "a sound catalog");
	ok(fg_language_add("ru", good.mo, good.len, &err) < 0, "… is added once");
	fg_language_set(fg_language_find("ru"));
	is_str(fg_language_code(fg_language_now()), "ru", "… and spoken");
	for (size_t i = 1; i < FG_ARRAY_LEN(russian); i++)
		is_str(fg_tr(russian[i].original), russian[i].translation, "a text is found");
	is_str(fg_tr("stopp"), "stopp", "what is not in it stays English");
	is_str(fg_tr(""), "", "… and its header is no text");
	for (size_t i = 0; i < FG_ARRAY_LEN(days); i++)
		is_str(fg_nprintf(buf, sizeof(buf), days[i].n, "%zu day", "%zu days", days[i].n),
			days[i].want, days[i].want);
	is_str(fg_ntr("two", "twos", 5), "два", "an entry with too few forms gives what it has");
	fg_fail(&err, FG_EIO, "cannot open %s: %s", "/x", "нет");
	is_str(err.text, "не открыть /x: нет", "an error is in the language");
	fg_language_set(NULL);
	fg_fail(&err, FG_EIO, "cannot open %s: %s", "/x", "no");
	is_str(err.text, "cannot open /x: no", "… and English without");
}

/* Tasks */

static void note(void *arg)
{
	snprintf(arg, 8, "%s", fg_language_code(fg_language_now()));
}

static void main_task(void *arg)
{
	char spawned[8], started[8], elsewhere[8];
	struct fg_task *task;

	(void)arg;
	is_str(fg_language_code(fg_language_now()), "en", "a task begins with English");
	fg_language_set(fg_language_find("ru"));
	task = fg_task_spawn("spawned", note, spawned);
	fg_task_start("started", note, started);
	fg_task_join(task);
	is_str(spawned, "ru", "a task that works for another inherits its language");
	fg_task_sleep(1, NULL);
	is_str(started, "en", "… one on its own does not");
	is_str(fg_language_code(fg_language_now()), "ru", "after a wait it is the same");
	fg_task_offload("a thread", note, elsewhere, NULL);
	is_str(elsewhere, "ru", "a thread speaks for its task");
}

int main(void)
{
	test_english();
	test_texts();
	test_damage();
	fg_loop_run("main", main_task, NULL);
	is_str(fg_language_code(fg_language_now()), "en", "outside of tasks it is English");
	return done_testing();
}
