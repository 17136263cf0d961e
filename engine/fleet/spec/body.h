/*
 * The parts of a body that an engine takes from containers and from services alike.
 *
 * What a spec leaves to the image (an empty text or list, an amount of 0) is absent in the body,
 * which the engine takes for the same.
 */
#ifndef FLEET_SPEC_BODY_H
#define FLEET_SPEC_BODY_H

#include <cjson/cJSON.h>

void body_text(const cJSON *spec, const char *from, cJSON *to, const char *key);
void body_list(const cJSON *spec, const char *from, cJSON *to, const char *key);
void body_amount(const cJSON *from, const char *name, cJSON *to, const char *key);
void body_env(const cJSON *spec, cJSON *body);    /* Env */
void body_health(const cJSON *spec, cJSON *body); /* Healthcheck */

#endif
