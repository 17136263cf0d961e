/*
 * A database that is damaged when the bot starts is never dropped and never in the way: it is
 * renamed, a new one is begun, and every admin is told. Only for whoever holds the state folder's
 * lock: a running daemon's file must stay where it is.
 */
#ifndef BOT_DAMAGED_H
#define BOT_DAMAGED_H

#include "app.h"

/* 0: the file may be opened, which may be a new one. It waits, and asks systemd for more time. */
int damaged_set_aside(const char *path, struct fg_err *err);
/* Tell them, if they have to be. The outbox has to be there. */
int damaged_tell(struct app *app, struct fg_err *err);

#endif
