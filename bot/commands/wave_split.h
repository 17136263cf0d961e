/*
 * The grammar of wave=, and which container is in which wave.
 *
 * wave=A,B,… has a part for each wave: a number (1), a percentage (10%), or `rest`, which is the
 * last one and is added when it is missing. Parts count hosts, in the order of the config: a wave
 * is all that was picked on so many hosts. Where everything is on one host they count containers,
 * by name. A percentage is one of all, rounded down, at least one. A part that finds nothing left
 * is no wave.
 */
#ifndef BOT_COMMANDS_WAVE_SPLIT_H
#define BOT_COMMANDS_WAVE_SPLIT_H

#include "fleetgram/fleet/fleet.h"

#define WAVE_PARTS 16 /* that may be written */

struct wave_parts {
	struct {
		int count, percent; /* both 0: the rest */
	} v[WAVE_PARTS + 1];
	size_t n;
};

/* text: what is behind wave=. -1: err says what is wrong with it. */
int wave_parse(const char *text, struct wave_parts *out, struct fg_err *err);

/*
 * items are by host. wave_of[i] becomes the number of the wave of items->v[i], from 1, and never
 * less than that of the one before. Returns how many waves there are.
 */
int wave_split(const struct wave_parts *parts, const struct fg_items *items, int *wave_of);

#endif
