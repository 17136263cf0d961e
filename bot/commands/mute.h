/*
 * What is muted, as people are told of it.
 */
#ifndef BOT_COMMANDS_MUTE_H
#define BOT_COMMANDS_MUTE_H

#include <cjson/cJSON.h>
#include "fleetgram/base/str.h"
#include "fleetgram/fleet/selector.h"
#include "notify/mutes.h"

/*
 * "🔕 Muted: web* until 14:30 (ops), … and 2 more", a line with its newline, of the mutes that
 * somebody with that scope may know of: their own and those of everything; NULL: all of them.
 * Nothing when there are none. How many.
 */
size_t mute_line(struct fg_str *html, struct fg_store *store, const struct fg_selector *scope);
/* The same for programs, an array which the caller deletes. */
cJSON *mute_data(struct fg_store *store, const struct fg_selector *scope);

#endif
