/*
 * Which of many containers are pinned.
 */
#ifndef BOT_COMMANDS_PINS_H
#define BOT_COMMANDS_PINS_H

#include "commands/target.h"

struct pins {
	struct fg_entries entries; /* by host, then container or name */
};

/* One that cannot be read is logged, and nothing is pinned. */
void pins_load(struct pins *pins, struct command *c);
void pins_finish(struct pins *pins);
#define cleanup_pins __attribute__((cleanup(pins_finish)))

bool pins_have(const struct pins *pins, const struct fg_item *item);

#endif
