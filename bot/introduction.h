/*
 * The introduction: Telegram says who the bot is, which a token alone does not tell.
 */
#ifndef BOT_INTRODUCTION_H
#define BOT_INTRODUCTION_H

#include "app.h"

/* Ask until Telegram says it, and hand it the menu of commands then. A reload is a reason to ask at
 * once. -1: cancelled. */
int introduction_wait(struct app *app);
/* The same in a task of its own: a reload brought another bot's token. */
void introduction_start(struct app *app);
/* Only the menu, without waiting for it. */
void introduction_menu(struct app *app);

#endif
