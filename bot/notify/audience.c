/* Who is told, and from when on. */
#include <string.h>
#include "chat/roles.h"
#include "fleetgram/base/clock.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/language.h"
#include "notify/audience.h"
#include "notify/hours.h"
#include "telegram/moves.h"

#define LABEL "io.fleetgram.notify"

static bool picks(const struct fg_selector *sel, const struct fg_subject *subject)
{
	return *subject->name ? fg_selector_match(sel, subject)
			      : fg_selector_match_hosts(sel, subject);
}

bool audience_wants(const struct setup *setup, const struct fg_subject *subject)
{
	const char *label;

	if (!subject)
		return true;
	label = fg_json_str(subject->labels, LABEL, "");
	if (strcmp(label, "true") == 0 || strcmp(label, "false") == 0)
		return *label == 't';
	return picks(setup->only, subject);
}

const struct fg_selector *audience_scope(const struct setup *setup, const struct config_chat *chat)
{
	return roles_chat_scope(setup->roles, (size_t)(chat - setup->config->chats));
}

bool audience_sees(
	const struct setup *setup, const struct config_chat *chat, const struct fg_subject *subject)
{
	return !subject || picks(audience_scope(setup, chat), subject);
}

/* An earlier entry is the same place: a group may be in the config by its old id and its new one.
 */
static bool was_called(const struct setup *setup, const struct fg_subject *subject, size_t index)
{
	const struct config_chat *chats = setup->config->chats;

	for (size_t i = 0; i < index; i++)
		if (chats[i].notify && chats[i].thread == chats[index].thread &&
			moves_now(chats[i].id) == moves_now(chats[index].id) &&
			audience_sees(setup, &chats[i], subject))
			return true;
	return false;
}

void audience_each(const struct setup *setup, const struct fg_subject *subject,
	void (*each)(const struct config_chat *chat, int64_t chat_id, void *arg), void *arg)
{
	for (size_t i = 0; i < setup->config->chat_count; i++) {
		const struct config_chat *chat = &setup->config->chats[i];
		const struct fg_language *before;
		int64_t id = moves_now(chat->id);

		if (!chat->notify || !audience_sees(setup, chat, subject) ||
			was_called(setup, subject, i))
			continue;
		before = fg_language_set(
			roles_language(setup->roles, id > 0 ? id : 0, id, chat->thread));
		each(chat, id, arg);
		fg_language_set(before);
	}
}

int64_t audience_quiet_until(const struct app *app, int64_t now_ms)
{
	struct hours_span span;

	return hours_now(app->setup->config->notify.quiet, now_ms, &span) ? span.until_ms : 0;
}

int64_t audience_hushed_until(const struct app *app, int64_t now_ms)
{
	int64_t delay = app->started_ms + app->setup->config->notify.startup_delay_ms - fg_now_ms();
	int64_t told = delay > 0 ? now_ms + delay : now_ms, quiet = audience_quiet_until(app, told);

	return quiet ? quiet : delay > 0 ? told : 0;
}
