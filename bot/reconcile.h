/*
 * The first look: at the start the registry is compared with what the hosts that answer have.
 */
#ifndef BOT_RECONCILE_H
#define BOT_RECONCILE_H

#include "app.h"

/* Waits for all of them, side by side; one that does not answer is left to the health's pictures.
 */
void reconcile_all(struct app *app);

#endif
