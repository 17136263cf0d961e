/* What struct telegram holds; for telegram.c, which calls, and health.c, which judges. */
#ifndef BOT_TELEGRAM_STATE_H
#define BOT_TELEGRAM_STATE_H

#include "telegram/telegram.h"

/* Options as they were when a call began; freed when the last call that uses them has ended. */
struct telegram_config {
	int users;
	char *base; /* URL up to the method, with the token: never to be shown */
	char *proxy;
	int64_t token_id, poll_timeout_ms;
	struct fg_retry retry;
};

#define TELEGRAM_HOLDS 8

/* A method that Telegram wants to be left alone, for all who would call it. */
struct telegram_hold {
	char method[32];
	int64_t until_ms;
};

struct telegram {
	struct telegram_config *config;
	struct fg_cond changed;
	unsigned generation;
	int64_t refused_until_ms; /* no call before it: the token is not accepted */
	struct telegram_hold holds[TELEGRAM_HOLDS];
	int64_t migrated_to;      /* by the answer that came last */
	int64_t id;
	char username[64];

	int64_t since_ms;      /* of these options */
	int64_t last_poll_ms;  /* -1: none yet */
	int64_t noted_ms;      /* the last poll that ended, well or badly */
	int64_t held_until_ms; /* by the last 429 */
	bool failing, refused;
	char problem[256];
};

void health_reset(struct telegram *tg);
void health_note_flood(struct telegram *tg, const struct fg_err *err);

#endif
