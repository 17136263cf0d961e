/* Capped strings: growth, cuts, and what stays after them. */
#include <stdlib.h>
#include "tap.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/str.h"

static void test_empty(void)
{
	struct fg_str b, zeroed = {0};
	char *s;

	fg_str_init(&b, 10);
	is_str(b.s, "", "an empty string is \"\"");
	s = fg_str_take(&b);
	is_str(s, "", "and can be taken");
	free(s);
	fg_str_reset(&b);
	fg_str_truncate(&b, 0);
	fg_str_consume(&b, 5);
	fg_str_finish(&b);
	fg_str_finish(&b);
	is_str(b.s, "", "finishing twice is harmless");
	fg_str_finish(&zeroed);
	is_str(zeroed.s, "", "a zeroed one can be finished");
	is_int(fg_str_puts(&zeroed, "x"), -1, "and has a cap of nothing");
	is_str(zeroed.s, "", "so it stays empty");
	fg_str_init(&b, 0);
	is_int(fg_str_printf(&b, "%d", 1), -1, "a cap of 0 takes nothing");
	is_int(b.len, 0, "no length");
	fg_str_finish(&b);
}

static void test_caps(void)
{
	static const struct {
		size_t cap;
		const char *add, *want;
		bool full;
	} rows[] = {
	        {5, "abcde", "abcde", false},
	        {5, "abcdef", "abcde", true},
	        {4, "ab\xe2\x82\xac", "ab", true},
	        {5, "ab\xe2\x82\xac", "ab\xe2\x82\xac", false},
	        {3, "\xf0\x9f\x90\xb3", "", true},
	        {4, "\xf0\x9f\x90\xb3", "\xf0\x9f\x90\xb3", false},
	        {2, "\xff\xff\xff", "\xff\xff", true},
	        {3, "a\x80\x80\x80\x80", "a\x80\x80", true},
	};

	for (size_t i = 0; i < FG_ARRAY_LEN(rows); i++) {
		struct fg_str a, p;

		fg_str_init(&a, rows[i].cap);
		fg_str_init(&p, rows[i].cap);
		is_int(fg_str_puts(&a, rows[i].add), rows[i].full ? -1 : 0, "puts");
		is_int(fg_str_printf(&p, "%s", rows[i].add), rows[i].full ? -1 : 0, "printf");
		is_str(a.s, rows[i].want, "puts keeps what fits");
		is_str(p.s, rows[i].want, "printf keeps the same");
		ok(a.full == rows[i].full && p.full == rows[i].full, "full is told");
		is_int(a.len, strlen(rows[i].want), "the length is right");
		if (a.full) {
			is_int(fg_str_putc(&a, 'x'), -1, "later additions are dropped");
			is_str(a.s, rows[i].want, "all of them");
		}
		fg_str_finish(&a);
		fg_str_finish(&p);
		ok(!a.full && a.cap == rows[i].cap, "finish keeps the cap only");
	}
}

static void test_growth(void)
{
	cleanup_str struct fg_str b;
	size_t i;

	fg_str_init(&b, 1000000);
	for (i = 0; i < 1000000; i++)
		fg_str_putc(&b, (char)('a' + i % 26));
	is_int(b.len, 1000000, "a million bytes, one by one");
	ok(!b.full && b.room <= 1000001, "exactly full is not over, and no more is allocated");
	is_int(fg_str_putc(&b, 'x'), -1, "one more is");
	fg_str_reset(&b);
	ok(b.len == 0 && b.room > 0 && !b.full, "a reset keeps the memory");
	fg_str_add(&b, "a\0b", 3);
	ok(b.len == 3 && memcmp(b.s, "a\0b", 4) == 0, "NUL bytes are bytes");
}

static void test_edit(void)
{
	cleanup_str struct fg_str b;
	char *s;

	fg_str_init(&b, 8);
	fg_str_printf(&b, "%s-%d", "abc", 42);
	is_str(b.s, "abc-42", "printf");
	fg_str_consume(&b, 2);
	is_str(b.s, "c-42", "consume from the front");
	fg_str_truncate(&b, 100);
	is_str(b.s, "c-42", "truncate to more is nothing");
	fg_str_puts(&b, "0123456789");
	ok(b.full, "over the cap");
	fg_str_truncate(&b, 3);
	is_int(fg_str_puts(&b, " end"), 0, "after a truncation it takes more");
	is_str(b.s, "c-4 end", "and reads so");
	fg_str_consume(&b, 1000);
	is_str(b.s, "", "consume all");
	fg_str_puts(&b, "x");
	s = fg_str_take(&b);
	ok(b.len == 0 && b.room == 0, "taken away");
	is_str(s, "x", "the text is the caller's");
	free(s);
}

static void test_mem(void)
{
	char *p = fg_alloc(0), *s = fg_strndup("abc\0def", 7);

	ok(p && *p == 0, "nothing can be allocated, zeroed");
	is_str(s, "abc", "strndup ends at a NUL");
	ok(fg_strdup(NULL) == NULL && fg_strndup(NULL, 3) == NULL, "NULL stays NULL");
	free(p);
	free(s);
	s = fg_printf("%05d", 42);
	is_str(s, "00042", "printf");
	p = fg_steal(&s);
	ok(s == NULL && p, "stolen");
	free(p);
}

int main(void)
{
	test_empty();
	test_caps();
	test_growth();
	test_edit();
	test_mem();
	return done_testing();
}
