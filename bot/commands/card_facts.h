/*
 * The lower half of a card: what a container has been given, read from the document of its inspect.
 */
#ifndef BOT_COMMANDS_CARD_FACTS_H
#define BOT_COMMANDS_CARD_FACTS_H

#include "commands/card.h"

/* Ports, networks, mounts, limits, restarts, labels, environment: a line each, what is absent is
 * left out. */
void card_facts_html(struct fg_str *html, const struct card *card);
void card_facts_data(cJSON *data, const struct card *card);

#endif
