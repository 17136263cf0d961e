/* Whether Telegram can be reached, as the polls show it. */
#include <stdio.h>
#include <string.h>
#include "fleetgram/base/language.h"
#include "fleetgram/base/metric.h"
#include "telegram/state.h"

#define DOWN_POLLS 3
#define STUCK_MS 120000 /* beyond a few polls; the loop's own waits are shorter */

void health_reset(struct telegram *tg)
{
	tg->since_ms = tg->noted_ms = fg_now_ms();
	tg->last_poll_ms = -1;
	tg->held_until_ms = 0;
	tg->failing = tg->refused = false;
	tg->problem[0] = '\0';
}

void health_note_flood(struct telegram *tg, const struct fg_err *err)
{
	int64_t until = fg_now_ms() + err->retry_after_ms;

	if (err->code == FG_EREMOTE && err->status == 429 && until > tg->held_until_ms)
		tg->held_until_ms = until;
}

bool telegram_polls(const struct telegram *tg)
{
	int64_t from = tg->noted_ms;

	if (tg->held_until_ms > from)
		from = tg->held_until_ms;
	if (tg->refused_until_ms > from)
		from = tg->refused_until_ms;
	return fg_now_ms() - from < DOWN_POLLS * tg->config->poll_timeout_ms + STUCK_MS;
}

static struct fg_metric polls = {
	.name = "fleetgram_telegram_polls",
	.help = "Long polls that have ended.",
	.type = FG_METRIC_COUNTER,
	.labels = {"result"},
};

void telegram_note_work(struct telegram *tg)
{
	if (tg)
		tg->noted_ms = fg_now_ms();
}

void telegram_note_poll(struct telegram *tg, const struct fg_err *err)
{
	fg_metric_count(&polls, err ? "failed" : "ok");
	tg->noted_ms = fg_now_ms();
	if (!err) {
		tg->last_poll_ms = fg_now_ms();
		tg->failing = tg->refused = false;
		tg->problem[0] = '\0';
		return;
	}
	tg->failing = true;
	tg->refused = telegram_token_refused(err);
	if (tg->refused)
		snprintf(tg->problem, sizeof(tg->problem), "the token is refused (%s)", err->text);
	else
		snprintf(tg->problem, sizeof(tg->problem), "%s", err->text);
}

static bool is_down(const struct telegram *tg, int64_t now)
{
	int64_t limit = DOWN_POLLS * tg->config->poll_timeout_ms;

	if (tg->refused)
		return true;
	return now - (tg->last_poll_ms >= 0 ? tg->last_poll_ms : tg->since_ms) > limit;
}

void telegram_health(const struct telegram *tg, struct telegram_health *out)
{
	int64_t now = fg_now_ms();

	*out = (struct telegram_health){.state = TELEGRAM_DISABLED, .last_poll_ms = -1};
	if (!tg)
		return;
	out->last_poll_ms = tg->last_poll_ms;
	out->retry_after_ms = tg->held_until_ms > now ? tg->held_until_ms - now : 0;
	if (is_down(tg, now))
		out->state = TELEGRAM_DOWN;
	else if (tg->failing || out->retry_after_ms || tg->last_poll_ms < 0)
		out->state = TELEGRAM_DEGRADED;
	else
		out->state = TELEGRAM_OK;
	if (tg->problem[0])
		memcpy(out->problem, tg->problem, sizeof(out->problem));
	else if (out->retry_after_ms)
		snprintf(out->problem, sizeof(out->problem), "%s",
			fg_tr("Telegram asked to hold back"));
	else if (out->state != TELEGRAM_OK)
		snprintf(out->problem, sizeof(out->problem), "%s",
			fg_tr("no poll has succeeded yet"));
}

const char *telegram_state_name(enum telegram_state state)
{
	static const char *const names[] = {
		[TELEGRAM_DEGRADED] = "degraded",
		[TELEGRAM_DISABLED] = "disabled",
		[TELEGRAM_DOWN] = "down",
		[TELEGRAM_OK] = "ok",
	};

	return names[state];
}
