/*
 * The command menus that Telegram shows behind "/": one for everybody, and one for each chat that
 * has its own. Each is set only when it differs from what was set before, which the store
 * remembers. Setting it at every start has got bots locked out.
 */
#ifndef BOT_TELEGRAM_MENU_H
#define BOT_TELEGRAM_MENU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "fleetgram/base/store.h"
#include "telegram/telegram.h"

#define MENU_MOST 100        /* commands */
#define MENU_NAME 32         /* bytes of [a-z0-9_] */
#define MENU_DESCRIPTION 256 /* code points */

struct menu_entry {
	const char *name, *description; /* the name without its slash */
};

/*
 * The menu of a chat; 0: of every chat that has none of its own. Entries that Telegram would not
 * take are left out with a log line, and a long description is cut. A chat that Telegram refuses
 * (the bot was never there) is remembered like one that was set, until menu_retry(). 1: Telegram
 * was told; 0: it is as it should be; -1.
 */
int menu_sync(struct telegram *tg, struct fg_store *store, int64_t chat,
	const struct menu_entry *entries, size_t count, struct fg_err *err);
/* Somebody has spoken there. True: its menu was refused before, and menu_sync() tries it once more. */
bool menu_retry(struct fg_store *store, int64_t chat);
/* The chat has no menu of its own any more. 1: Telegram was told; 0: it had none; -1. */
int menu_forget(struct telegram *tg, struct fg_store *store, int64_t chat, struct fg_err *err);
/* The chats that have one: how many; the caller frees the array. */
size_t menu_known(struct fg_store *store, int64_t **chats);

#endif
