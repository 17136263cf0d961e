/*
 * Swarms that are looked at without being asked: what is wrong with a service, a node or a swarm as
 * a whole becomes an incident, and is over when it is right again.
 *
 * Every SWARMS_LOOK_MS one manager of each swarm is asked for services and nodes, and for tasks
 * when a service is short of them (shortage.h). Which hosts manage one is asked every
 * SWARMS_LEARN_MS. A host that is paused, or does not answer, is left out.
 *
 * An incident is shown under one of the managers, which is another one as soon as that is down, or
 * paused; scopes and mutes find it under each of them. That of a node which is a host is that
 * host's. While some hosts have never told which node they are, any other node may be one of them,
 * and is shown only to who may see all of these. A service whose tasks die on hosts of the config
 * has the incidents of those deaths, and none of its own beside them; when all its tasks run again,
 * wherever that is, those are over, too. A node that is a host which does not answer has that
 * incident. While a swarm has no leader, nothing is said of its services and nodes.
 *
 * A manager is believed about its own swarm: an id that it takes from another one changes nothing
 * there.
 */
#ifndef BOT_NOTIFY_SWARMS_H
#define BOT_NOTIFY_SWARMS_H

#include "app.h"

#define SWARMS_LOOK_MS 10000
#define SWARMS_LEARN_MS ((int64_t)5 * 60 * 1000)

struct swarms;

struct swarms *swarms_create(struct app *app);
void swarms_destroy(struct swarms *s); /* NULL is fine; swarms_run() has ended */
void swarms_run(void *swarms);         /* a task; until it is cancelled */
void swarms_kick(struct swarms *s);    /* the config is another one */

#endif
