/*
 * The registry's services against those of the swarms, at the start and when a host comes back.
 */
#ifndef BOT_RECONCILE_SERVICES_H
#define BOT_RECONCILE_SERVICES_H

#include "app.h"

/* Asks nobody while each host has just said that it manages no swarm. */
void reconcile_services(struct app *app, struct fg_fleet *fleet);

#endif
