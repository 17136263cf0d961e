/* Telegram's HTML: escaping, measuring, cutting, plain text. */
#include <stdlib.h>
#include "fleetgram/base/mem.h"
#include "fleetgram/base/text.h"
#include "telegram/html.h"
#include "telegram/token.h"
#include "tap.h"

static void test_escape(void)
{
	static const struct {
		const char *in, *text, *line;
	} table[] = {
		{"<b>&\"'", "&lt;b&gt;&amp;&quot;'", "&lt;b&gt;&amp;&quot;'"},
		{"a\nb\tc", "a\nb\tc", "a b c"},
		{"\x1b[31mred\x1b[0m", "red", "red"},
		{"\xff<", "\xef\xbf\xbd&lt;", "\xef\xbf\xbd&lt;"},
		{"", "", ""},
	};

	for (size_t i = 0; i < FG_ARRAY_LEN(table); i++) {
		cleanup_str struct fg_str text, line;

		fg_str_init(&text, 1000);
		fg_str_init(&line, 1000);
		html_text(&text, table[i].in);
		html_line(&line, table[i].in);
		is_str(text.s, table[i].text, "escaped");
		is_str(line.s, table[i].line, "escaped on one line");
	}
}

static void test_caps(void)
{
	bool whole = true, flagged = true;

	for (size_t cap = 0; cap < 14; cap++) {
		cleanup_str struct fg_str out;
		cleanup_free char *plain = NULL;

		fg_str_init(&out, cap);
		html_text(&out, "<&\xc3\xa9>");
		plain = html_plain(out.s);
		whole = whole && strncmp(plain, "<&\xc3\xa9>", strlen(plain)) == 0;
		whole = whole && out.len <= cap;
		flagged = flagged && out.full;
	}
	ok(whole, "a cap never cuts an entity or a character");
	ok(flagged, "what did not fit is flagged");
}

static void test_printf(void)
{
	cleanup_str struct fg_str out;

	fg_str_init(&out, 1000);
	html_printf(&out, "%S%s%S %d %lld %c 100%% [%s]", "<b>", "a<b", "</b>", -5,
		(int64_t)-1001234567890123, '<', NULL);
	is_str(out.s, "<b>a&lt;b</b> -5 -1001234567890123 &lt; 100% []", "every conversion");
}

static void test_length(void)
{
	static const struct {
		const char *html;
		size_t units;
	} table[] = {
		{"", 0},
		{"abc", 3},
		{"<b>a</b>&lt;&amp;", 3},
		{"<a href=\"x>y\">z</a>", 1},
		{"\xf0\x9f\x98\x80", 2},
		{"&#128512;", 2},
		{"&#x41;&#65;", 2},
		{"&nbsp;", 6},
		{"a < b & c", 9},
		{"<", 1},
		{"&", 1},
		{"<b", 2},
		{"\xff\xfe", 2},
		{"<1>", 3},
	};

	for (size_t i = 0; i < FG_ARRAY_LEN(table); i++)
		is_int(html_length(table[i].html), table[i].units, table[i].html);
}

static void free_all(char **pieces, int n)
{
	while (n)
		free(pieces[--n]);
}

static void test_split(void)
{
	char *p[8];
	int n;

	n = html_split("", 10, p, 8);
	ok(n == 1 && !*p[0], "an empty text is one empty piece");
	free_all(p, n);
	n = html_split("one\ntwo\nthree", 9, p, 8);
	is_int(n, 2, "cut at a line end");
	is_str(p[0], "one\ntwo\n", "the last one that fits");
	is_str(p[1], "three", "and the rest");
	free_all(p, n);
	n = html_split("<b>one\n<i>two</i>\nthree</b>", 8, p, 8);
	is_int(n, 2, "tags are closed and reopened");
	is_str(p[0], "<b>one\n<i>two</i>\n</b>", "first piece");
	is_str(p[1], "<b>three</b>", "second piece");
	free_all(p, n);
	n = html_split("<pre><code class=\"language-sh\">aaaa\nbbbb\n</code></pre>c", 5, p, 8);
	is_int(n, 3, "three");
	is_str(p[0], "<pre><code class=\"language-sh\">aaaa\n</code></pre>",
		"attributes come along");
	is_str(p[1], "<pre><code class=\"language-sh\">bbbb\n</code></pre>",
		"no empty pair goes to the next piece");
	is_str(p[2], "c", "the last");
	free_all(p, n);
	n = html_split("ab&amp;\xf0\x9f\x98\x80z", 3, p, 8);
	is_int(n, 2, "no entity and no character is cut");
	is_str(p[0], "ab&amp;", "to the brim");
	is_str(p[1], "\xf0\x9f\x98\x80z", "a pair of surrogates stays one");
	free_all(p, n);
	is_int(html_split("aaaaaaaaaa", 3, p, 3), 0, "more than the limit: nothing");
}

static void test_cut(void)
{
	static const struct {
		const char *html, *cut;
		size_t max;
	} table[] = {
		{"<b>abc</b>", "<b>abc</b>", 3},
		{"<b>abcd</b>", "<b>ab</b>…", 3},
		{"ab\ncd", "ab\n…", 4},
		{"abc", "…", 1},
	};

	for (size_t i = 0; i < FG_ARRAY_LEN(table); i++) {
		cleanup_free char *cut = html_cut(table[i].html, table[i].max);

		is_str(cut, table[i].cut, "cut to size");
		ok(html_length(cut) <= table[i].max, "and not over it");
	}
}

static void test_plain(void)
{
	static const struct {
		const char *html, *plain;
	} table[] = {
		{"<b>a</b> &lt;x&gt; &amp;&quot;", "a <x> &\""},
		{"see<pre>code\nmore</pre>after", "see\ncode\nmore\nafter"},
		{"see\n<pre>code</pre>\nafter", "see\ncode\nafter"},
		{"&#128512;&#xe9;&#8364;", "\xf0\x9f\x98\x80\xc3\xa9\xe2\x82\xac"},
		{"1 < 2 & 3 &bogus; &#xd800;", "1 < 2 & 3 &bogus; &#xd800;"},
		{"<blockquote expandable>q</blockquote>", "q"},
	};

	for (size_t i = 0; i < FG_ARRAY_LEN(table); i++) {
		cleanup_free char *plain = html_plain(table[i].html);

		is_str(plain, table[i].plain, "plain text");
	}
}

/* A property over random nested HTML */

static uint32_t seed = 12345;

static uint32_t dice(uint32_t sides)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % sides;
}

static void grow(struct fg_str *out, int depth)
{
	static const char *const tags[][2] = {{"<b>", "</b>"}, {"<i>", "</i>"},
		{"<a href=\"x>&amp;\">", "</a>"}, {"<pre>", "</pre>"}, {"<code>", "</code>"},
		{"<blockquote expandable>", "</blockquote>"}};
	static const char *const bits[] = {"a", "bc", "\n", " ", "&lt;", "&amp;", "&#128512;",
		"\xc3\xa9", "\xf0\x9f\x98\x80", "long words", "\n\n"};

	for (uint32_t n = dice(8); n; n--) {
		if (depth < 5 && dice(3) == 0) {
			uint32_t tag = dice(FG_ARRAY_LEN(tags));

			fg_str_puts(out, tags[tag][0]);
			grow(out, depth + 1);
			fg_str_puts(out, tags[tag][1]);
		} else {
			fg_str_puts(out, bits[dice(FG_ARRAY_LEN(bits))]);
		}
	}
}

/* Only characters and entities: what must survive a cut. */
static void add_content(struct fg_str *out, const char *html)
{
	for (size_t left = strlen(html); left;) {
		struct token t = token_next(html, left);

		if (t.kind == TOKEN_CHAR || t.kind == TOKEN_ENTITY)
			fg_str_add(out, html, t.len);
		html += t.len;
		left -= t.len;
	}
}

static bool balanced(const char *html)
{
	struct token open[64];
	size_t depth = 0, left = strlen(html);

	while (left) {
		struct token t = token_next(html, left);

		if (t.kind == TOKEN_OPEN) {
			open[depth++] = t;
		} else if (t.kind == TOKEN_CLOSE) {
			if (!depth || open[depth - 1].name_len != t.name_len ||
				memcmp(open[depth - 1].name, t.name, t.name_len) != 0)
				return false;
			depth--;
		}
		html += t.len;
		left -= t.len;
	}
	return depth == 0;
}

static void test_property(void)
{
	int unbalanced = 0, too_long = 0, changed = 0, none = 0;

	for (int round = 0; round < 3000; round++) {
		cleanup_str struct fg_str html, want, got;
		char *pieces[512];
		size_t max = 2 + dice(20);
		int n;

		fg_str_init(&html, 1 << 20);
		fg_str_init(&want, 1 << 20);
		fg_str_init(&got, 1 << 20);
		grow(&html, 0);
		n = html_split(html.s, max, pieces, 512);
		none += n == 0;
		add_content(&want, html.s);
		for (int i = 0; i < n; i++) {
			unbalanced += !balanced(pieces[i]);
			too_long += html_length(pieces[i]) > max;
			add_content(&got, pieces[i]);
		}
		changed += strcmp(want.s, got.s) != 0;
		free_all(pieces, n);
	}
	is_int(unbalanced, 0, "random pieces are balanced");
	is_int(too_long, 0, "within the limit");
	is_int(changed, 0, "and in a row they are the whole text");
	is_int(none, 0, "there always are pieces");
}

int main(void)
{
	test_escape();
	test_caps();
	test_printf();
	test_length();
	test_split();
	test_cut();
	test_plain();
	test_property();
	return done_testing();
}
