/*
 * Mentions: the commands that a config names, in what people may use, in what is asked about, and in
 * schedules.
 */
#ifndef BOT_MENTIONS_H
#define BOT_MENTIONS_H

#include "config/config.h"

/* For config_load(): a command that there is not, or that a schedule cannot run, is a mistake. */
config_look mentions_check;

#endif
