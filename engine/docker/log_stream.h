/*
 * A stream of frames that an engine sends, the log's or a command's output, read line by line.
 *
 * It is part of the one who reads it, zeroed at first; the parser is there from the beginning, the
 * connection when there is one.
 */
#ifndef DOCKER_LOG_STREAM_H
#define DOCKER_LOG_STREAM_H

#include "fleetgram/base/http.h"
#include "fleetgram/docker/logs.h"

struct log_stream {
	struct fg_http_stream *http; /* NULL: not connected (yet) */
	struct fg_log_parser *parser;
	bool ended;
	bool failed; /* the parser did: what it had found before comes first */
	struct fg_err failure;
	char chunk[16384];
};

void log_stream_init(struct log_stream *s, bool tty);
/* As fg_logs_next(), of one that is connected. */
int log_stream_next(
	struct log_stream *s, struct fg_log_line *line, int64_t deadline, struct fg_err *err);
void log_stream_finish(struct log_stream *s);

#endif
