/* The reply markup of a message: what the server refuses, and finding the button a person presses.
 */
#ifndef SIM_KEYBOARD_H
#define SIM_KEYBOARD_H

#include "text.h"

/* NULL when markup (may be NULL) is acceptable, else the description of the refusal, malloc'd. */
char *keyboard_refusal(const cJSON *markup);

/* The callback data of the button with that label, or that data; NULL when there is none. */
const char *keyboard_find(const cJSON *markup, const char *label, const char *data);

#endif
