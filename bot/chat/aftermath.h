/*
 * What a command that did not come to its end has left.
 */
#ifndef BOT_CHAT_AFTERMATH_H
#define BOT_CHAT_AFTERMATH_H

#include "app.h"
#include "fleetgram/base/json.h"

/* As the inbox wants it: says what was under way, and how the containers are now. */
void aftermath_report(struct app *app, int64_t update_id, const cJSON *update, const cJSON *note);

#endif
