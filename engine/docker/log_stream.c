/* Frames from an engine, line by line. */
#include "log_stream.h"

void log_stream_init(struct log_stream *s, bool tty)
{
	s->parser = fg_log_parser_create(tty);
}

int log_stream_next(
	struct log_stream *s, struct fg_log_line *line, int64_t deadline, struct fg_err *err)
{
	for (;;) {
		int64_t n;

		if (fg_log_parser_next(s->parser, line))
			return 1;
		if (s->failed) {
			if (err)
				*err = s->failure;
			return -1;
		}
		if (s->ended)
			return 0;
		n = fg_http_read(s->http, s->chunk, sizeof(s->chunk), deadline, err);
		if (n < 0)
			return -1;
		if (n == 0) {
			s->ended = true;
			fg_log_parser_end(s->parser);
		} else if (fg_log_parser_feed(s->parser, s->chunk, (size_t)n, &s->failure) < 0) {
			s->failed = true;
		}
	}
}

void log_stream_finish(struct log_stream *s)
{
	fg_http_close(s->http);
	fg_log_parser_destroy(s->parser);
}
