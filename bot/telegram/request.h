/* A message of the outbox as a call of the Bot API. */
#ifndef BOT_TELEGRAM_REQUEST_H
#define BOT_TELEGRAM_REQUEST_H

#include "telegram/queue.h"
#include "telegram/telegram.h"

struct request {
	struct telegram_call call; /* points into this, and into the item */
	struct telegram_file file;
	cJSON *params;
};

/* plain: without any formatting. Finish it with cJSON_Delete(params). */
void request_make(struct request *rq, const struct queue_item *item, bool plain);

#endif
