/*
 * A list of containers for a chat: by host and Compose project, in pages with buttons.
 *
 * Each has one line, on a phone too: a name is cut in its middle where the line would be too long.
 * Headings count all of their group, whichever page shows it. Few containers have a button each, to
 * their cards. With many that would be a wall, so there are pages instead, and short cuts to those
 * that are not well and to the hosts or projects, which are few again.
 */
#ifndef BOT_COMMANDS_LISTING_H
#define BOT_COMMANDS_LISTING_H

#include "commands/pins.h"

#define LISTING_PAGE 20 /* lines */
#define LISTING_CARDS 8 /* as many at most have a button each */
#define LISTING_PLACES 8 /* as many hosts or projects at most */
#define LISTING_WIDTH 38 /* columns of a phone, about */

struct listing {
	struct fg_items *items;
	size_t first, end;  /* what is shown: items [first, end) */
	size_t page, pages; /* from 1 */
	size_t width;       /* columns of a line; 0: any number */
	const struct pins *pins;
};

/* Order the items for reading (within each host: those without a project, then project by project)
 * and cut the page; page_size 0: all on one, as wide as it comes. */
void listing_init(struct listing *l, struct fg_items *items, const struct pins *pins, size_t page,
	size_t page_size);
void listing_html(struct fg_str *html, const struct listing *l);
/* words: the selector that was listed, for the buttons to other pages. */
void listing_buttons(
	struct command *c, const struct listing *l, const char *const *words, size_t n);

#endif
