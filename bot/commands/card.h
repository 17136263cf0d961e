/*
 * A container's card: what it is and how it does on one screen, with buttons for what can be done
 * now.
 */
#ifndef BOT_COMMANDS_CARD_H
#define BOT_COMMANDS_CARD_H

#include "commands/target.h"

struct card {
	const struct fg_item *item;
	const struct fg_container_info *info;
	const struct fg_instance *instance; /* NULL: it is none */
	const struct fg_record *record;     /* NULL: nothing is noted of it */
	int64_t now_ms;                     /* wall clock */
};

void card_html(struct fg_str *html, const struct card *card);
/* The same for programs; secrets are masked here too. The caller deletes it. */
cJSON *card_data(const struct card *card);

/* "🟢 <b>web</b> · running, healthy": the first line of a card, and what actions report. */
void card_title(struct fg_str *html, const struct fg_item *item);

/* Buttons for what the container's state allows and the person may do. */
void card_buttons(struct command *c, const struct fg_item *item);

/* Look at the container and add its card, buttons and data to the reply. head (HTML) stands over
 * it; NULL: nothing does. */
int card_show(struct command *c, struct fg_item *item, const char *head);

#endif
