/*
 * /start: a welcome, or the container that a link leads to. It starts nothing: that is /up.
 *
 * A link's payload has only letters, digits, - and _. A name that fits is taken as it is, any other
 * one (with a dot, or a host in front) goes as the unpadded URL-safe base64 of it.
 */
#include <sodium.h>
#include <string.h>
#include "commands/card.h"

#define PAYLOAD_MOST 64

/* What the payload is as base64, when that is a line of readable ASCII. */
static bool decode(const char *payload, char out[PAYLOAD_MOST + 1])
{
	size_t len = 0;

	if (strlen(payload) < 4 || strlen(payload) > PAYLOAD_MOST ||
		sodium_base642bin((unsigned char *)out, PAYLOAD_MOST, payload, strlen(payload),
			NULL, &len, NULL, sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0 ||
		len == 0)
		return false;
	out[len] = '\0';
	for (size_t i = 0; i < len; i++)
		if (out[i] < 0x21 || out[i] > 0x7e)
			return false;
	return true;
}

static int show(struct command *c, const char *payload)
{
	cleanup_items struct fg_items items = {0};
	char decoded[PAYLOAD_MOST + 1];
	const char *name = payload;

	if (command_pick_one(c, name, &items) < 0) {
		if (c->err.code != FG_ENOTFOUND)
			return -1;
		if (!decode(payload, decoded))
			return -1;
		fg_items_finish(&items);
		items = (struct fg_items){0};
		if (command_pick_one(c, decoded, &items) < 0)
			return -1;
	}
	return card_show(c, &items.v[0], NULL);
}

static int start_run(struct command *c)
{
	struct fg_str *html;
	cJSON *keyboard;

	if (c->n && target_may(c, "info"))
		return show(c, c->words[0]);
	html = reply_add(c->reply);
	html_printf(html, "👋 Hello, <b>%s</b>. This is Fleetgram: containers, from a chat.\n\n",
		c->person.name);
	if (target_may(c, "up"))
		html_printf(html, "You may look at containers, and start, stop and make them.");
	else if (target_may(c, "list"))
		html_printf(html, "You may look at containers.");
	else
		html_printf(html, "/whoami tells what you may do here.");
	keyboard = reply_keyboard(c->reply);
	if (target_may(c, "list"))
		keyboard_button(keyboard, fg_tr("📋 List"), false, "list");
	if (target_may(c, "status"))
		keyboard_button(keyboard, fg_tr("🩺 Status"), false, "status");
	if (target_may(c, "help"))
		keyboard_button(keyboard, fg_tr("❓ Help"), false, "help");
	return 0;
}

const struct command_row command_start = {
	.name = "start",
	.group = GROUP_GENERAL,
	.role = ROLE_NONE,
	.max = 1,
	.usage = "[NAME]",
	.help = "Hello, or the card of a container",
	.more = "/start NAME shows the container with its buttons and changes nothing; /up starts "
		"one. A link "
		"t.me/BOT?start=NAME leads there. For a name with other characters than letters, "
		"digits, - and _ the link takes "
		"its URL-safe base64.",
	.run = start_run,
};
