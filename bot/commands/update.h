/*
 * What /update does for others: taking waves back.
 */
#ifndef BOT_COMMANDS_UPDATE_H
#define BOT_COMMANDS_UPDATE_H

#include "commands/wave.h"

/* Roll the items, which are the waves' todo, back to the image before. */
int update_back(struct command *c, struct fg_items *items, struct waves *waves);

#endif
