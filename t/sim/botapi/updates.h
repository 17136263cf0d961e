/* The queue of updates: they wait until the bot asks with a higher offset. */
#ifndef SIM_UPDATES_H
#define SIM_UPDATES_H

#include "bot.h"

/* Queues body (taken) as an update of that type; its id, or 0 when the bot did not want such
 * updates. */
int64_t update_push(const char *type, cJSON *body);
int64_t update_push_raw(cJSON *update); /* one with its type as its other member; takes it */

void updates_reset(void); /* ids go on where they were; a waiting poll waits on */
void updates_state(cJSON *state);

void method_get_updates(struct exchange *x, struct reply *r);
void method_set_webhook(struct exchange *x, struct reply *r);
void method_delete_webhook(struct exchange *x, struct reply *r);
void method_get_webhook_info(struct exchange *x, struct reply *r);

#endif
