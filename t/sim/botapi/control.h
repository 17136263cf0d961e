/* The side a test holds: paths under /sim/, JSON in and out. */
#ifndef SIM_CONTROL_H
#define SIM_CONTROL_H

#include "server.h"

void control_route(struct exchange *x);
void control_answer(struct exchange *x, unsigned status, cJSON *answer); /* takes answer */
void control_fail(struct exchange *x, unsigned status, const char *fmt, ...)
        __attribute__((format(printf, 3, 4)));
void control_done(struct exchange *x); /* {"ok":true} */

/* control_people.c: what people do */
void control_say(struct exchange *x);
void control_press(struct exchange *x);
void control_chat(struct exchange *x);
void control_update(struct exchange *x);

#endif
