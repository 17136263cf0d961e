/*
 * A container's log, line by line, in bounded memory.
 *
 * Without a TTY the engine sends frames of stdout and stderr, of which lines may be parts; with one
 * it sends the bare bytes. Both come out as lines, without the carriage return that a terminal
 * adds. A line over FG_LOG_LINE bytes is cut, and says so. What the engine split at 16 KiB is
 * joined again.
 */
#ifndef FLEETGRAM_DOCKER_LOGS_H
#define FLEETGRAM_DOCKER_LOGS_H

#include "fleetgram/docker/engine.h"

#define FG_LOG_LINE (16 * 1024)

struct fg_logs;

struct fg_log_options {
	int tail;                   /* the last so many lines; 0: all */
	int64_t since_ms, until_ms; /* wall clock; 0: no bound */
	bool follow;
};

struct fg_log_line {
	int stream;       /* 1 stdout, 2 stderr; 1 with a TTY */
	int64_t time_ms;  /* wall clock, 0 when the engine gave none */
	const char *text; /* raw bytes, not terminated by a newline, NUL-terminated; valid until the
			     next call */
	size_t len;
	bool cut;
};

/* A log that is followed on Podman may be connected only at the first read, and fail there. */
struct fg_logs *fg_logs_open(struct fg_engine *engine, const char *id, bool tty,
	const struct fg_log_options *options, struct fg_err *err);
/* 1: a line; 0: the end; -1: error. FG_ETIMEOUT (deadline in monotonic ms) leaves it usable. */
int fg_logs_next(
	struct fg_logs *logs, struct fg_log_line *line, int64_t deadline, struct fg_err *err);
void fg_logs_close(struct fg_logs *logs); /* NULL is fine */

static inline void fg_logs_close_ptr(struct fg_logs **logs)
{
	fg_logs_close(*logs);
}
#define cleanup_logs __attribute__((cleanup(fg_logs_close_ptr)))

/* The frame parser alone, for the log and its fuzz target: feed bytes, get lines. */
struct fg_log_parser;
struct fg_log_parser *fg_log_parser_create(bool tty);
/* No times stand in front of the lines: the output of a command. Before the first bytes. */
void fg_log_parser_bare(struct fg_log_parser *p);
void fg_log_parser_destroy(struct fg_log_parser *p);
/* -1: the bytes are not frames of a log (FG_EPROTO). */
int fg_log_parser_feed(struct fg_log_parser *p, const void *data, size_t len, struct fg_err *err);
void fg_log_parser_end(struct fg_log_parser *p); /* no more bytes: a last unfinished line counts */
bool fg_log_parser_next(struct fg_log_parser *p, struct fg_log_line *line);

#endif
