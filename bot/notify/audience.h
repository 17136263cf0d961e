/*
 * The audience: which chats are told of something, and from when on.
 */
#ifndef BOT_NOTIFY_AUDIENCE_H
#define BOT_NOTIFY_AUDIENCE_H

#include "app.h"
#include "fleetgram/fleet/selector.h"

/* Whether anybody at all is to be told of that container: `notify.only`, its label
 * io.fleetgram.notify (true wins over `only`, false over all). subject NULL: it is about none; of
 * one without a name (a host as such) the host words of `only` decide. */
bool audience_wants(const struct setup *setup, const struct fg_subject *subject);

/* What a chat of the config may see; NULL: everything. It belongs to the setup. */
const struct fg_selector *audience_scope(const struct setup *setup, const struct config_chat *chat);
/* Whether it may see the subject; of one without a name (a host as such) the host words of the
 * scope decide. NULL: everybody may. */
bool audience_sees(const struct setup *setup, const struct config_chat *chat,
	const struct fg_subject *subject);

/*
 * Every chat (and topic) with `notify` that may see the subject; NULL: all of them. Groups that
 * moved are called by their id of today, and no chat or topic is called twice. Meanwhile the task
 * speaks the chat's language.
 */
void audience_each(const struct setup *setup, const struct fg_subject *subject,
	void (*each)(const struct config_chat *chat, int64_t chat_id, void *arg), void *arg);

/* Until when nothing is told: the start-up delay, quiet hours (in the config's time zone). Wall
 * clock; 0: things are told at once. */
int64_t audience_hushed_until(const struct app *app, int64_t now_ms);
/* The same for what the start-up delay does not hold. */
int64_t audience_quiet_until(const struct app *app, int64_t now_ms);

#endif
