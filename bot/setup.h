/*
 * A setup: what one reading of the config made.
 *
 * A reload makes a new setup; commands that run keep the one they began with. Take a reference
 * before a wait, look at app->setup again after it.
 */
#ifndef BOT_SETUP_H
#define BOT_SETUP_H

#include "config/config.h"
#include "fleetgram/base/str.h"
#include "fleetgram/fleet/fleet.h"

struct setup {
	int refs;
	uint64_t number; /* no other setup of this process has it */
	struct config *config;
	struct fg_fleet *fleet;
	struct roles *roles;
	struct fg_selector *only; /* of notify; may be an empty one */
};

struct setup *setup_ref(struct setup *setup);
void setup_unref(struct setup *setup);

static inline void setup_unref_ptr(struct setup **setup)
{
	if (*setup)
		setup_unref(*setup);
}
#define cleanup_setup __attribute__((cleanup(setup_unref_ptr), unused))

/* Takes the config over, also on failure. NULL: a scope or a host is wrong. */
struct setup *setup_create(struct config *config, struct fg_err *err);
/* From a file (NULL: the defaults). The config's mistakes go to stderr, err says how many there
 * were. */
struct setup *setup_load(const char *path, struct fg_err *err);
/* The same in a daemon: the mistakes go to the log, and are added to the text. */
struct setup *setup_load_told(const char *path, struct fg_str *mistakes, struct fg_err *err);

#endif
