/*
 * The log parser: an engine's bytes become lines with a stream and a time, in bounded memory.
 *
 * Three layers lie over a container's output. Frames (none with a TTY): a head of eight bytes, of
 * which the first is the stream and the last four the length, then the payload. Parts: each begins
 * with the time that we asked the engine to put there. An engine makes a part of each line, and
 * several of a line over PART bytes. Lines: what ends with a newline; a part without one goes on in
 * the next. But a process that died in the middle of a line leaves such a part too, and what its
 * successor writes is no continuation: the parts of one line carry the time of the first, or are
 * full.
 */
#include <string.h>
#include "fleetgram/base/clock.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/str.h"
#include "fleetgram/base/text.h"
#include "fleetgram/docker/logs.h"

#define HEAD 8
#define PART 16384           /* where the engines split a line */
#define STAMP 48             /* longer than any RFC 3339 time */
#define READY_CAP (8u << 20) /* lines that nobody has fetched */
#define COMPLAINT_CAP 1024   /* what the engine itself says in a log */

enum { OUT, ERR, STREAMS };

/* A line that is growing; stdout and stderr have one each. */
struct growing {
	struct fg_str text;
	bool open;                      /* something of it has come, be it only its time */
	bool stamping;                  /* a time may come next */
	char stamp[STAMP], last[STAMP]; /* the one that is being gathered; the last part's */
	size_t stamp_len;
	size_t part; /* bytes of text in this part */
	int64_t time_ms;
};

/* How a line lies in the queue, before its bytes and a NUL. */
struct ready {
	int64_t time_ms;
	uint32_t len;
	uint8_t stream;
	bool cut;
};

struct fg_log_parser {
	bool tty;
	bool bare; /* no times come */
	struct growing line[STREAMS];
	unsigned char head[HEAD];
	size_t head_len;
	uint32_t left; /* of the payload */
	struct fg_str complaint;
	struct fg_str queue;
	size_t fetched; /* bytes of the queue */
};

struct fg_log_parser *fg_log_parser_create(bool tty)
{
	struct fg_log_parser *p = fg_alloc(sizeof(*p));

	p->tty = tty;
	for (int i = 0; i < STREAMS; i++) {
		fg_str_init(&p->line[i].text, FG_LOG_LINE + 1); /* and a carriage return */
		p->line[i].stamping = true;
	}
	fg_str_init(&p->complaint, COMPLAINT_CAP);
	fg_str_init(&p->queue, READY_CAP);
	return p;
}

void fg_log_parser_bare(struct fg_log_parser *p)
{
	p->bare = true;
	for (int i = 0; i < STREAMS; i++)
		p->line[i].stamping = false;
}

void fg_log_parser_destroy(struct fg_log_parser *p)
{
	if (!p)
		return;
	for (int i = 0; i < STREAMS; i++)
		fg_str_finish(&p->line[i].text);
	fg_str_finish(&p->complaint);
	fg_str_finish(&p->queue);
	free(p);
}

/* The line is whole: put it into the queue and begin another. */
static int line_end(struct fg_log_parser *p, struct growing *g, struct fg_err *err)
{
	struct ready r = {
		.time_ms = g->time_ms,
		.stream = g == &p->line[ERR] ? 2 : 1,
		.cut = g->text.full,
	};
	size_t len = g->text.len;

	if (len > 0 && !r.cut && g->text.s[len - 1] == '\r') /* a terminal's line end */
		len--;
	if (len > FG_LOG_LINE) {
		r.cut = true;
		len = fg_utf8_cut(g->text.s, len, FG_LOG_LINE);
	}
	r.len = (uint32_t)len;
	if (p->queue.len + sizeof(r) + len + 1 > READY_CAP)
		return fg_fail(err, FG_ETOOBIG, "too many log lines at once");
	fg_str_add(&p->queue, &r, sizeof(r));
	fg_str_add(&p->queue, g->text.s, len);
	fg_str_add(&p->queue, "", 1);
	fg_str_reset(&g->text);
	g->open = false;
	g->part = 0;
	return 0;
}

static int add_text(
	struct fg_log_parser *p, struct growing *g, const char *s, size_t len, struct fg_err *err)
{
	while (len > 0) {
		const char *newline = memchr(s, '\n', len);
		size_t run = newline ? (size_t)(newline - s) : len;

		g->open = true;
		fg_str_add(&g->text, s, run);
		g->part += run;
		if (!newline)
			break;
		if (line_end(p, g, err) < 0)
			return -1;
		s += run + 1;
		len -= run + 1;
	}
	return 0;
}

/* What was gathered is no time: it is text. */
static int stamp_spill(struct fg_log_parser *p, struct growing *g, struct fg_err *err)
{
	size_t len = g->stamp_len;

	g->stamping = false;
	g->stamp_len = 0;
	if (!g->open) {
		g->time_ms = 0;
		*g->last = '\0';
	}
	g->part = 0;
	return add_text(p, g, g->stamp, len, err);
}

static int stamp_end(struct fg_log_parser *p, struct growing *g, struct fg_err *err)
{
	int64_t ms;

	g->stamp[g->stamp_len] = '\0';
	if (fg_rfc3339_parse(g->stamp, &ms) < 0) {
		g->stamp[g->stamp_len++] = ' ';
		return stamp_spill(p, g, err);
	}
	if (g->open && g->part < PART && strcmp(g->stamp, g->last) != 0 && line_end(p, g, err) < 0)
		return -1;
	if (!g->open)
		g->time_ms = ms;
	memcpy(g->last, g->stamp, g->stamp_len + 1);
	g->open = true;
	g->stamping = false;
	g->stamp_len = 0;
	g->part = 0;
	return 0;
}

/* Gather a time from s; how many bytes were used, or -1. */
static int64_t stamp_add(
	struct fg_log_parser *p, struct growing *g, const char *s, size_t len, struct fg_err *err)
{
	size_t used = 0;

	while (used < len) {
		char c = s[used];

		if (c == ' ')
			return stamp_end(p, g, err) < 0 ? -1 : (int64_t)used + 1;
		if (!strchr("0123456789-:.TZ+", c) || c == '\0' || g->stamp_len == STAMP - 2)
			return stamp_spill(p, g, err) < 0 ? -1 : (int64_t)used;
		g->stamp[g->stamp_len++] = c;
		used++;
	}
	return (int64_t)used;
}

/* Bytes of one part, or with a TTY of many: there a time stands after each newline, and where a
 * long line was split. */
static int add_payload(
	struct fg_log_parser *p, struct growing *g, const char *s, size_t len, struct fg_err *err)
{
	while (len > 0) {
		size_t run = len;

		if (g->stamping) {
			int64_t used = stamp_add(p, g, s, len, err);

			if (used < 0)
				return -1;
			s += used;
			len -= (size_t)used;
			continue;
		}
		if (p->tty) {
			const char *newline = memchr(s, '\n', len);

			if (newline)
				run = (size_t)(newline - s) + 1;
			if (g->part + run > PART && !(newline && g->part + run == PART + 1))
				run = PART - g->part;
		}
		if (add_text(p, g, s, run, err) < 0)
			return -1;
		g->stamping = p->tty && !p->bare && (!g->open || g->part == PART);
		s += run;
		len -= run;
	}
	return 0;
}

/* The engine's own words in the log, on stream 3: the log ends with them. */
static int complain(struct fg_log_parser *p, struct fg_err *err)
{
	cleanup_str struct fg_str clean = {0};

	fg_str_init(&clean, COMPLAINT_CAP);
	fg_text_clean_line(&clean, p->complaint.s, p->complaint.len);
	return fg_fail(
		err, FG_EREMOTE, "%s", clean.len > 0 ? clean.s : "the engine cannot read the log");
}

static int head_end(struct fg_log_parser *p, struct fg_err *err)
{
	const unsigned char *h = p->head;

	if (h[0] > 3 || h[1] || h[2] || h[3])
		return fg_fail(err, FG_EPROTO, "what the engine sends is not %s frames",
			p->bare ? "a command's" : "a log's");
	p->left = (uint32_t)h[4] << 24 | (uint32_t)h[5] << 16 | (uint32_t)h[6] << 8 | h[7];
	if (h[0] == 3)
		return p->left == 0 ? complain(p, err) : 0;
	p->line[h[0] == 2 ? ERR : OUT].stamping = p->left > 0 && !p->bare;
	return 0;
}

/* The payload has ended; a time without text after it may be all there was. */
static int frame_end(struct fg_log_parser *p, struct fg_err *err)
{
	struct growing *g = &p->line[p->head[0] == 2 ? ERR : OUT];

	p->head_len = 0;
	if (p->head[0] == 3)
		return complain(p, err);
	return g->stamping ? stamp_spill(p, g, err) : 0;
}

static int add_frames(struct fg_log_parser *p, const char *s, size_t len, struct fg_err *err)
{
	while (len > 0) {
		size_t run;

		if (p->head_len < HEAD) {
			p->head[p->head_len++] = (unsigned char)*s++;
			len--;
			if (p->head_len == HEAD) {
				if (head_end(p, err) < 0)
					return -1;
				if (p->left == 0)
					p->head_len = 0;
			}
			continue;
		}
		run = len < p->left ? len : p->left;
		if (p->head[0] == 3)
			fg_str_add(&p->complaint, s, run);
		else if (add_payload(p, &p->line[p->head[0] == 2 ? ERR : OUT], s, run, err) < 0)
			return -1;
		p->left -= (uint32_t)run;
		s += run;
		len -= run;
		if (p->left == 0 && frame_end(p, err) < 0)
			return -1;
	}
	return 0;
}

int fg_log_parser_feed(struct fg_log_parser *p, const void *data, size_t len, struct fg_err *err)
{
	if (p->fetched == p->queue.len) {
		fg_str_reset(&p->queue);
		p->fetched = 0;
	}
	if (p->tty)
		return add_payload(p, &p->line[OUT], data, len, err);
	return add_frames(p, data, len, err);
}

void fg_log_parser_end(struct fg_log_parser *p)
{
	for (int i = 0; i < STREAMS; i++) {
		struct growing *g = &p->line[i];

		if (g->stamping && g->stamp_len > 0)
			stamp_spill(p, g, NULL);
		if (g->open)
			line_end(p, g, NULL);
	}
}

bool fg_log_parser_next(struct fg_log_parser *p, struct fg_log_line *line)
{
	struct ready r;

	if (p->fetched == p->queue.len)
		return false;
	memcpy(&r, p->queue.s + p->fetched, sizeof(r));
	*line = (struct fg_log_line){
		.stream = r.stream,
		.time_ms = r.time_ms,
		.text = p->queue.s + p->fetched + sizeof(r),
		.len = r.len,
		.cut = r.cut,
	};
	p->fetched += sizeof(r) + r.len + 1;
	return true;
}
