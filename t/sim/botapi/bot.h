/*
 * The bot's side: /bot<token>/<method>. A method fills a reply; bot_finish() turns it into the
 * answer, after the fault that was chosen for the request, and writes the call down.
 */
#ifndef SIM_BOT_H
#define SIM_BOT_H

#include "server.h"

struct reply {
	int code;          /* 200, or the error's */
	char *description; /* of an error */
	cJSON *result;
	int64_t retry_after, migrate_to;
	bool parked; /* answered later, by bot_finish() */
};

extern struct settings {
	bool strict;  /* what does not fit the table is refused; flooding is complained about */
	bool privacy; /* groups show the bot commands and replies to it only */
	int64_t callback_ms;     /* a press unanswered for that long is a complaint */
	int64_t callback_ttl_ms; /* and after that long it cannot be answered any more */
	int64_t global_per_second, chat_burst, group_per_minute; /* 0: no limit */
	double chat_per_second;
} settings;

void bot_start(const char *token);
void bot_reset(void);
void bot_forget_refusals(void);
void bot_route(struct exchange *x);
void bot_file(struct exchange *x);
void bot_finish(struct exchange *x, struct reply *r); /* frees what r holds */
cJSON *bot_user(void);

void reply_fail(struct reply *r, int code, const char *fmt, ...)
        __attribute__((format(printf, 3, 4)));
void reply_true(struct reply *r);

#endif
