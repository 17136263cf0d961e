/* The state folder: made when the bot starts, tried by check. */
#ifndef BOT_STATEDIR_H
#define BOT_STATEDIR_H

#include "fleetgram/base/err.h"

/* With all folders that lead to it; those that are there stay as they are. path is absolute. */
int statedir_make(const char *path, struct fg_err *err);
/* Whether a bot could start on it: what is not there is made and taken away again, and what is there
 * can be written. */
int statedir_try(const char *path, struct fg_err *err);

#endif
