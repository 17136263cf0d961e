/* The introduction: asking who the bot is, patiently. */
#include "chat/menus.h"
#include "fleetgram/base/log.h"
#include "fleetgram/base/retry.h"
#include "fleetgram/base/task.h"
#include "introduction.h"
#include "telegram/telegram.h"

/* Between tries with a token that is not accepted; more often has got bots removed. */
#define REFUSED_MS 60000

void introduction_menu(struct app *app)
{
	menus_start(app); /* Telegram may hold one of its calls back for an hour */
}

/* How long to wait before Telegram is asked again who we are; a token that is refused is asked
 * about rarely. */
static int64_t pause_after(const struct app *app, const struct fg_err *err, int failures)
{
	bool refused = telegram_token_refused(err);

	telegram_note_poll(app->telegram, err);
	if (refused && failures == 1)
		fg_error(
			"Telegram refuses the token (%s): put in a valid one and reload; asking again every %d s",
			err->text, REFUSED_MS / 1000);
	else if (failures == 1)
		fg_error("Telegram does not answer, trying on: %s", err->text);
	return refused ? REFUSED_MS
		       : fg_retry_delay(&app->setup->config->telegram.retry, failures,
				 err->retry_after_ms);
}

int introduction_wait(struct app *app)
{
	struct telegram *tg = app->telegram;
	unsigned generation = telegram_generation(tg);
	struct fg_err err;
	int failures = 0;

	while (telegram_get_me(tg, &err) < 0) {
		int64_t again;

		if (fg_task_canceled())
			return -1;
		again = fg_now_ms() + pause_after(app, &err, ++failures);
		while (fg_now_ms() < again && generation == telegram_generation(tg)) {
			fg_cond_wait(telegram_changed(tg), "Telegram's word on who this is", again,
				NULL);
			if (fg_task_canceled())
				return -1;
		}
		if (generation != telegram_generation(tg))
			failures = 0;
		generation = telegram_generation(tg);
	}
	if (fg_task_canceled())
		return -1;
	fg_info("this is @%s", telegram_username(tg));
	introduction_menu(app);
	return 0;
}

static void introduction_task(void *app)
{
	introduction_wait(app);
}

void introduction_start(struct app *app)
{
	fg_task_start("introduction", introduction_task, app);
}
