/*
 * A change that an engine is asked for, and what its observer hears of it; private to this room.
 */
#ifndef FLEETGRAM_DOCKER_CHANGE_H
#define FLEETGRAM_DOCKER_CHANGE_H

#include "call.h"

struct change {
	struct fg_engine *engine;
	int64_t token;
};

/* verb and id as struct fg_engine_observer has them. */
static inline struct change change_begin(struct fg_engine *engine, const char *verb, const char *id)
{
	struct change change = {.engine = engine};

	if (engine->observer)
		change.token = engine->observer->begin(engine->observer_arg, verb, id);
	return change;
}

/* err: NULL: it went well. */
static inline void change_end(const struct change *change, const struct fg_err *err)
{
	struct fg_engine *engine = change->engine;

	if (engine->observer)
		engine->observer->end(engine->observer_arg, change->token, err);
}

#endif
