/* The log parser: frames and terminals, whole and in pieces, friendly and hostile. */
#include "fleetgram/base/mem.h"
#include "fleetgram/base/str.h"
#include "fleetgram/docker/logs.h"
#include "tap.h"

#define T1 "2026-01-02T03:04:05.123456789Z "
#define T2 "2026-01-02T03:04:06.000000000Z "
#define T1_MS INT64_C(1767323045123)
#define T2_MS INT64_C(1767323046000)
#define PART 16384

static void frame(struct fg_str *b, int stream, const char *data, size_t len)
{
	char head[8] = {(char)stream, 0, 0, 0, (char)(len >> 24), (char)(len >> 16),
	        (char)(len >> 8), (char)len};

	fg_str_add(b, head, 8);
	fg_str_add(b, data, len);
}

static void frame_text(struct fg_str *b, int stream, const char *text)
{
	frame(b, stream, text, strlen(text));
}

/* A part of n bytes c after a time, framed or not. */
static void long_part(
        struct fg_str *b, bool tty, const char *stamp, char c, size_t n, const char *end)
{
	struct fg_str part;
	cleanup_free char *fill = fg_alloc(n + 1);

	memset(fill, c, n);
	fg_str_init(&part, 1 << 20);
	fg_str_puts(&part, stamp);
	fg_str_add(&part, fill, n);
	fg_str_puts(&part, end);
	if (tty)
		fg_str_add(b, part.s, part.len);
	else
		frame(b, 1, part.s, part.len);
	fg_str_finish(&part);
}

/* All lines as text, "1@123 abc|": stream, ms, bytes (NUL as 0), "~" when cut, at most 40 bytes of
 * each. */
static void drain(struct fg_log_parser *p, struct fg_str *out)
{
	struct fg_log_line l;

	while (fg_log_parser_next(p, &l)) {
		fg_str_printf(out, "%d@%" PRId64 " ", l.stream, l.time_ms);
		if (l.len > 40)
			fg_str_printf(out, "%.4s..%zu", l.text, l.len);
		else
			for (size_t i = 0; i < l.len; i++)
				fg_str_putc(out, l.text[i] ? l.text[i] : '0');
		fg_str_puts(out, l.cut ? "~|" : "|");
		if (l.text[l.len] != '\0')
			fg_str_puts(out, "(no NUL)");
	}
}

/* Feed in pieces of `step` bytes; the lines, or the error's text when it failed. */
static char *lines(bool tty, const struct fg_str *in, size_t step, struct fg_err *err)
{
	struct fg_log_parser *p = fg_log_parser_create(tty);
	struct fg_str out;
	int rc = 0;

	*err = (struct fg_err){0};
	fg_str_init(&out, 1 << 20);
	for (size_t at = 0; at < in->len && rc == 0; at += step) {
		rc = fg_log_parser_feed(
		        p, in->s + at, in->len - at < step ? in->len - at : step, err);
		drain(p, &out);
	}
	if (rc == 0)
		fg_log_parser_end(p);
	drain(p, &out);
	fg_log_parser_destroy(p);
	return fg_str_take(&out);
}

static void expect(bool tty, struct fg_str *in, const char *want, const char *name)
{
	struct fg_err err;
	cleanup_free char *got = lines(tty, in, in->len ? in->len : 1, &err);

	is_str(got, want, name);
	fg_str_reset(in);
}

static void test_frames(void)
{
	cleanup_str struct fg_str b;
	char want[128];

	fg_str_init(&b, 1 << 20);
	frame_text(&b, 1, T1 "hello\n");
	frame_text(&b, 2, T2 "oops\r\n");
	snprintf(want, sizeof(want), "1@%" PRId64 " hello|2@%" PRId64 " oops|", T1_MS, T2_MS);
	expect(false, &b, want, "one frame a line, both streams");
	expect(false, &b, "", "no bytes, no lines");
	frame_text(&b, 1, T1 "\n");
	frame_text(&b, 1, "");
	frame_text(&b, 0, T1 "x\n");
	snprintf(want, sizeof(want), "1@%" PRId64 " |1@%" PRId64 " x|", T1_MS, T1_MS);
	expect(false, &b, want, "an empty line, an empty frame, stream 0");
	frame_text(&b, 1, "no time here\n");
	frame_text(&b, 1, "2026-01-02");
	expect(false, &b, "1@0 no time here|1@0 2026-01-02|", "frames without a time");
	frame_text(&b, 1, T1 "2026-01-02T03:04:06Z of its own\n");
	snprintf(want, sizeof(want), "1@%" PRId64 " 2026-01-02T03:04:06Z of its own|", T1_MS);
	expect(false, &b, want, "the container's own time stays");
	frame_text(&b, 1, T1 "a\nb\nc");
	snprintf(want, sizeof(want), "1@%" PRId64 " a|1@%" PRId64 " b|1@%" PRId64 " c|", T1_MS,
	        T1_MS, T1_MS);
	expect(false, &b, want, "several lines in a frame share its time, the last has no end");
	frame(&b, 1, "a\0b\xff\n", 5);
	expect(false, &b, "1@0 a0b\xff|", "NUL and bad UTF-8 come through");
	frame_text(&b, 1, "2026-01-02T03:04:05+02:00 podman\n");
	expect(false, &b, "1@1767315845000 podman|", "whole seconds and an offset");
}

static void test_bare(void)
{
	struct fg_log_parser *p = fg_log_parser_create(false);
	cleanup_str struct fg_str in, out;

	fg_str_init(&in, 4096);
	fg_str_init(&out, 4096);
	frame_text(&in, 1, T1 "x\n");
	frame_text(&in, 1, "2026-01-02 y, ");
	frame_text(&in, 2, "oops\n");
	frame_text(&in, 1, "2026-01-03 z\nend");
	fg_log_parser_bare(p);
	for (size_t i = 0; i < in.len; i++)
		ok(fg_log_parser_feed(p, in.s + i, 1, NULL) == 0, "byte %zu is taken", i);
	fg_log_parser_end(p);
	drain(p, &out);
	is_str(out.s, "1@0 " T1 "x|2@0 oops|1@0 2026-01-02 y, 2026-01-03 z|1@0 end|",
		"what a command writes has no times of the engine's: its own stay");
	fg_log_parser_destroy(p);
}

static void test_parts(void)
{
	cleanup_str struct fg_str b;
	char want[128];

	fg_str_init(&b, 1 << 20);
	for (int tty = 0; tty < 2; tty++) {
		long_part(&b, tty, T1, 'a', PART, "");
		long_part(&b, tty, T1, 'b', 10, "\n");
		long_part(&b, tty, T2, 'c', 3, "\n");
		snprintf(want, sizeof(want), "1@%" PRId64 " aaaa..16384~|1@%" PRId64 " ccc|", T1_MS,
		        T2_MS);
		expect(tty, &b, want,
		        tty ? "a TTY's split line is joined, and cut"
		            : "a split line is joined, and cut");
		long_part(&b, tty, T1, 'a', PART, "\n");
		long_part(&b, tty, T2, 'b', 1, "\n");
		snprintf(want, sizeof(want), "1@%" PRId64 " aaaa..16384|1@%" PRId64 " b|", T1_MS,
		        T2_MS);
		expect(tty, &b, want, "a line of just the size of a part is one, and whole");
	}
	long_part(&b, false, T1, 'a', 5, "");
	long_part(&b, false, T1, 'b', 5, "\n");
	snprintf(want, sizeof(want), "1@%" PRId64 " aaaaabbbbb|", T1_MS);
	expect(false, &b, want, "parts with one time are one line");
	long_part(&b, false, T1, 'a', 5, "");
	long_part(&b, false, T2, 'b', 5, "\n");
	snprintf(want, sizeof(want), "1@%" PRId64 " aaaaa|1@%" PRId64 " bbbbb|", T1_MS, T2_MS);
	expect(false, &b, want, "what died in mid-line is not joined with its successor");
	frame_text(&b, 1, T1 "out");
	frame_text(&b, 2, T1 "err\n");
	frame_text(&b, 1, T1 "put\n");
	snprintf(want, sizeof(want), "2@%" PRId64 " err|1@%" PRId64 " output|", T1_MS, T1_MS);
	expect(false, &b, want, "the streams do not mix");
	fg_str_puts(&b, T1 "one\r\n" T2 "two\r\nthree");
	snprintf(
	        want, sizeof(want), "1@%" PRId64 " one|1@%" PRId64 " two|1@0 three|", T1_MS, T2_MS);
	expect(true, &b, want, "a TTY's lines");
}

static void test_pieces(void)
{
	cleanup_str struct fg_str b, tty;
	struct fg_err err;
	cleanup_free char *whole = NULL, *whole_tty = NULL;
	bool same = true, same_tty = true;

	fg_str_init(&b, 1 << 20);
	fg_str_init(&tty, 1 << 20);
	frame_text(&b, 1, T1 "hello\n");
	frame_text(&b, 2, T2 "part");
	frame_text(&b, 1, "plain\nlines\n");
	frame_text(&b, 2, T2 "ial\r\n");
	frame_text(&b, 1, T1);
	frame_text(&b, 2, "2026-01-02T");
	long_part(&tty, true, T1, 'a', PART, "");
	long_part(&tty, true, T1, 'b', 10, "\r\n");
	fg_str_puts(&tty, T2 "end\n2026- no time\n");
	whole = lines(false, &b, b.len, &err);
	whole_tty = lines(true, &tty, tty.len, &err);
	for (size_t at = 1; at < b.len; at++) {
		cleanup_free char *got = lines(false, &b, at, &err);

		same = same && strcmp(got, whole) == 0;
	}
	for (size_t step = 1; step < 700; step += step < 20 ? 1 : 37) {
		cleanup_free char *got = lines(true, &tty, step, &err);

		same_tty = same_tty && strcmp(got, whole_tty) == 0;
	}
	ok(same, "frames cut at any byte give the same lines");
	ok(same_tty, "a TTY's bytes cut anywhere give the same lines");
}

static void test_hostile(void)
{
	static const char *const heads[] = {
	        "\4\0\0\0", "\1\1\0\0", "\1\0\0\1", "\xff\0\0\0", "HTTP"};
	cleanup_str struct fg_str b;
	cleanup_free char *big = fg_alloc(65536), *got = NULL;
	struct fg_log_parser *p;
	struct fg_log_line l;
	struct fg_err err;
	bool fine = true;
	int n = 0;

	fg_str_init(&b, 1 << 20);
	for (size_t i = 0; i < FG_ARRAY_LEN(heads); i++) {
		cleanup_free char *text = NULL;

		fg_str_reset(&b);
		fg_str_add(&b, heads[i], 4);
		fg_str_puts(&b, "xxxxxxxxxxxx");
		text = lines(false, &b, b.len, &err);
		fine = fine && !*text && err.code == FG_EPROTO;
	}
	ok(fine, "bytes that are no frames are an error");
	fg_str_reset(&b);
	frame_text(&b, 1, "before\n");
	frame_text(&b, 3, "cannot read the\x1b[31m log\n");
	got = lines(false, &b, 3, &err);
	is_str(got, "1@0 before|", "what came before the engine's complaint is not lost");
	is_str(err.text, "cannot read the log", "the engine's complaint is the error");
	is_int(err.code, FG_EREMOTE, "as its own");

	p = fg_log_parser_create(false);
	memset(big, 'z', 65536);
	fg_log_parser_feed(p, "\1\0\0\0\xff\xff\xff\xff", 8, &err);
	for (int i = 0; i < 160; i++) /* 10 MiB */
		fine = fine && fg_log_parser_feed(p, big, 65536, &err) == 0 &&
		       !fg_log_parser_next(p, &l);
	ok(fine, "10 MiB without a newline in a frame of 4 GiB");
	fg_log_parser_end(p);
	ok(fg_log_parser_next(p, &l) && l.len == FG_LOG_LINE && l.cut, "are one line, cut");
	ok(!fg_log_parser_next(p, &l), "and no other");
	fg_log_parser_destroy(p);

	p = fg_log_parser_create(true);
	memset(big, '\n', 65536);
	fine = fg_log_parser_feed(p, big, 65536, &err) == 0;
	while (fg_log_parser_next(p, &l))
		n++;
	ok(fine && n == 65536, "65536 empty lines in one piece");
	for (n = 0; n < 100 && fg_log_parser_feed(p, big, 65536, &err) == 0; n++)
		;
	ok(n < 100 && err.code == FG_ETOOBIG, "lines that nobody fetches are refused in the end");
	fg_log_parser_destroy(p);
	fg_log_parser_destroy(NULL);
}

int main(void)
{
	test_frames();
	test_bare();
	test_parts();
	test_pieces();
	test_hostile();
	return done_testing();
}
