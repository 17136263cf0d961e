/* Counts what is sent against the optional limits, and remembers every retry_after that was given.
 */
#include "flood.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bot.h"

#define SLACK_MS 20       /* two sends a second apart may arrive a little closer */
#define ON_ITS_WAY_MS 800 /* a client under load sends that long before it sees an answer */

struct refusal {
	struct refusal *next;
	char *method;
	int64_t chat;
	cJSON *params;         /* of the call that was refused */
	uint64_t noted, until; /* server_now() */
};

static struct ring all;
static struct refusal *refusals;

/* Milliseconds until one more fits into the window; 0 at once. */
static uint64_t ring_wait(struct ring *ring, int64_t limit, uint64_t window, uint64_t now)
{
	uint64_t oldest;

	if (limit <= 0)
		return 0;
	if (ring->size != (size_t)limit) {
		free(ring->at);
		ring->size = (size_t)limit;
		ring->next = 0;
		ring->at = need(calloc(ring->size, sizeof(*ring->at)));
	}
	oldest = ring->at[ring->next];
	return oldest && oldest + window > now + SLACK_MS ? oldest + window - now : 0;
}

static void ring_add(struct ring *ring, int64_t limit, uint64_t now)
{
	if (limit <= 0)
		return;
	ring->at[ring->next] = now;
	ring->next = (ring->next + 1) % ring->size;
}

static uint64_t chat_wait(struct chat *chat, uint64_t now)
{
	double rate = settings.chat_per_second,
	       burst = (double)(settings.chat_burst > 0 ? settings.chat_burst : 1);

	if (rate <= 0)
		return 0;
	if (!chat->tokens_at)
		chat->tokens = burst;
	else
		chat->tokens =
		        fmin(burst, chat->tokens + rate * (double)(now - chat->tokens_at) / 1000);
	chat->tokens_at = now;
	if (chat->tokens + rate * SLACK_MS / 1000 >= 1)
		return 0;
	return (uint64_t)ceil((1 - chat->tokens) / rate * 1000);
}

int64_t flood_check(struct chat *chat)
{
	uint64_t now = server_now(), wait = ring_wait(&all, settings.global_per_second, 1000, now),
	         more;
	int64_t minute = chat && chat_is_group(chat) ? settings.group_per_minute : 0;

	if (chat) {
		more = chat_wait(chat, now);
		wait = more > wait ? more : wait;
		more = ring_wait(&chat->minute, minute, 60000, now);
		wait = more > wait ? more : wait;
	}
	if (wait)
		return (int64_t)(wait + 999) / 1000;
	ring_add(&all, settings.global_per_second, now);
	if (chat) {
		ring_add(&chat->minute, minute, now);
		chat->tokens -= 1;
	}
	return 0;
}

static struct refusal *refusal_find(const char *method, int64_t chat)
{
	struct refusal *r;

	for (r = refusals; r; r = r->next)
		if (r->chat == chat && strcmp(r->method, method) == 0)
			break;
	return r;
}

void refusal_note(const char *method, int64_t chat, const cJSON *params, int64_t seconds)
{
	struct refusal *r = refusal_find(method, chat);
	uint64_t now = server_now();

	if (!r) {
		r = need(calloc(1, sizeof(*r)));
		r->method = copy_text(method);
		r->chat = chat;
		r->next = refusals;
		refusals = r;
	}
	/* Of several that came together the first one counts. */
	if (now >= r->until) {
		cJSON_Delete(r->params);
		r->params = need(cJSON_Duplicate(params, true));
		r->noted = now;
	}
	r->until = now + (uint64_t)seconds * 1000;
}

int64_t refusal_left(const char *method, int64_t chat, const cJSON *params, bool *offence)
{
	const struct refusal *r = refusal_find(method, chat);
	uint64_t now = server_now();

	if (!r || r->until <= now + 1)
		return 0;
	*offence = chat || now >= r->noted + ON_ITS_WAY_MS ||
	           cJSON_Compare(r->params, params, true);
	return (int64_t)(r->until - now);
}

void refusals_reset(void)
{
	struct refusal *r;

	while ((r = refusals)) {
		refusals = r->next;
		free(r->method);
		cJSON_Delete(r->params);
		free(r);
	}
}

void flood_reset(void)
{
	free(all.at);
	all = (struct ring){0};
	refusals_reset();
}
