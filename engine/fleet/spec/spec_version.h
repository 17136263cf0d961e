/*
 * Specs of older versions: what a newer Fleetgram says in the words of the one that made a
 * container.
 *
 * A new field would change every hash. So a spec that is compared with an older one leaves out what
 * was added since, as long as it says what containers were like before the field was there.
 */
#ifndef FLEET_SPEC_VERSION_H
#define FLEET_SPEC_VERSION_H

#include <cjson/cJSON.h>

struct spec_addition {
	int version;       /* the first that has it */
	const char *path;  /* "limits.memory" */
	const char *usual; /* as JSON: what it was like before; any other value counts */
};

/* Those of this program, oldest first, up to one without a path. */
extern const struct spec_addition spec_additions[];

/* Bring spec down to that version, in place. */
void spec_lower(cJSON *spec, int version, const struct spec_addition *additions);

#endif
