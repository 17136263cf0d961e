/* Notices: to whom, and whether now or when it is not quiet any more. */
#include "fleetgram/base/clock.h"
#include "fleetgram/base/json.h"
#include "notify/audience.h"
#include "notify/hold.h"
#include "notify/notify.h"
#include "telegram/keyboard.h"
#include "telegram/outbox.h"

int notify_tell(struct app *app, struct fg_tx *tx, const struct config_chat *chat, int64_t chat_id,
	const struct notice *notice, struct fg_err *err)
{
	struct outbox_message m = {
		.chat_id = chat_id,
		.thread = chat->thread,
		.html = notice->html,
		.silent = notice->silent,
		.priority = OUTBOX_NOTICE,
	};
	int64_t now = fg_wall_ms();
	int64_t until = notice->urgent  ? 0
			: notice->early ? audience_quiet_until(app, now)
					: audience_hushed_until(app, now);
	cleanup_json cJSON *keyboard = NULL;

	if (notice->whole && !fg_selector_is_empty(audience_scope(app->setup, chat)))
		return 0;
	if (until)
		return hold_put(tx, chat_id, chat->thread, notice, err);
	if (!keyboard_empty(notice->keyboard)) {
		keyboard = keyboard_encode(tx, notice->keyboard, err);
		if (!keyboard && err->code)
			return -1;
		m.keyboard = keyboard;
	}
	return outbox_push(tx, &m, err) < 0 ? -1 : 0;
}

struct saying {
	struct app *app;
	struct fg_tx *tx;
	const struct notice *notice;
	struct fg_err *err;
	int rc;
};

static void say(const struct config_chat *chat, int64_t chat_id, void *arg)
{
	struct saying *s = arg;

	if (s->rc == 0)
		s->rc = notify_tell(s->app, s->tx, chat, chat_id, s->notice, s->err);
}

int notify_say(struct app *app, struct fg_tx *tx, const struct fg_subject *subject,
	const struct notice *notice, struct fg_err *err)
{
	struct saying s = {.app = app, .tx = tx, .notice = notice, .err = err};

	audience_each(app->setup, subject, say, &s);
	return s.rc;
}
