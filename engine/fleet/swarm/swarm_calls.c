/*
 * What can be asked of a swarm: the calls of its managers, each put to the one that answers.
 */
#include <string.h>
#include "fleetgram/base/mem.h"
#include "fleetgram/fleet/swarm.h"

/* Everything that one of the calls takes. */
struct question {
	const char *id, *value, *auth;
	int64_t number;
	uint64_t version;
	const cJSON *body;
	const struct fg_service_change *change;
	struct fg_str *warnings;
	char *new_id;
	void *out;
};

static int ask_services(struct fg_engine *engine, void *arg, struct fg_err *err)
{
	return fg_service_list(engine, ((struct question *)arg)->out, err);
}

int fg_swarm_services(struct fg_swarm *swarm, struct fg_services *out, struct fg_err *err)
{
	struct question q = {.out = out};

	*out = (struct fg_services){0};
	return fg_swarm_ask(swarm, false, ask_services, &q, err) < 0 ? -1 : 0;
}

static int ask_service(struct fg_engine *engine, void *arg, struct fg_err *err)
{
	struct question *q = arg;

	return fg_service_inspect(engine, q->id, q->out, err);
}

int fg_swarm_service(
	struct fg_swarm *swarm, const char *id, struct fg_service *out, struct fg_err *err)
{
	struct question q = {.id = id, .out = out};

	*out = (struct fg_service){0};
	return fg_swarm_ask(swarm, false, ask_service, &q, err) < 0 ? -1 : 0;
}

static int ask_tasks(struct fg_engine *engine, void *arg, struct fg_err *err)
{
	struct question *q = arg;

	return fg_service_task_list(engine, q->id, q->out, err);
}

int fg_swarm_tasks(struct fg_swarm *swarm, const char *service, struct fg_service_tasks *out,
	struct fg_err *err)
{
	struct question q = {.id = service, .out = out};

	*out = (struct fg_service_tasks){0};
	return fg_swarm_ask(swarm, false, ask_tasks, &q, err) < 0 ? -1 : 0;
}

static int ask_nodes(struct fg_engine *engine, void *arg, struct fg_err *err)
{
	return fg_node_list(engine, ((struct question *)arg)->out, err);
}

int fg_swarm_nodes(struct fg_swarm *swarm, struct fg_nodes *out, struct fg_err *err)
{
	struct question q = {.out = out};

	*out = (struct fg_nodes){0};
	return fg_swarm_ask(swarm, false, ask_nodes, &q, err) < 0 ? -1 : 0;
}

/* Changes */

static int ask_create(struct fg_engine *engine, void *arg, struct fg_err *err)
{
	struct question *q = arg;

	return fg_service_create(engine, q->body, q->auth, q->new_id, q->warnings, err);
}

int fg_swarm_create(struct fg_swarm *swarm, const cJSON *body, const char *auth,
	char id[FG_SWARM_ID], struct fg_str *warnings, struct fg_err *err)
{
	struct question q = {.body = body, .auth = auth, .new_id = id, .warnings = warnings};

	return fg_swarm_ask(swarm, true, ask_create, &q, err);
}

static int ask_update(struct fg_engine *engine, void *arg, struct fg_err *err)
{
	struct question *q = arg;

	return fg_service_update(engine, q->id, q->change, q->warnings, err);
}

int fg_swarm_update(struct fg_swarm *swarm, const char *id, const struct fg_service_change *change,
	struct fg_str *warnings, struct fg_err *err)
{
	struct question q = {.id = id, .change = change, .warnings = warnings};

	return fg_swarm_ask(swarm, false, ask_update, &q, err);
}

static int ask_scale(struct fg_engine *engine, void *arg, struct fg_err *err)
{
	struct question *q = arg;

	return fg_service_scale(engine, q->id, q->number, err);
}

int fg_swarm_scale(struct fg_swarm *swarm, const char *id, int64_t replicas, struct fg_err *err)
{
	struct question q = {.id = id, .number = replicas};

	return fg_swarm_ask(swarm, false, ask_scale, &q, err);
}

static int ask_set_image(struct fg_engine *engine, void *arg, struct fg_err *err)
{
	struct question *q = arg;

	return fg_service_set_image(engine, q->id, q->value, q->auth, q->warnings, err);
}

int fg_swarm_set_image(struct fg_swarm *swarm, const char *id, const char *image, const char *auth,
	struct fg_str *warnings, struct fg_err *err)
{
	struct question q = {.id = id, .value = image, .auth = auth, .warnings = warnings};

	return fg_swarm_ask(swarm, false, ask_set_image, &q, err);
}

static int ask_force(struct fg_engine *engine, void *arg, struct fg_err *err)
{
	struct question *q = arg;

	return fg_service_force(engine, q->id, &q->version, err);
}

int fg_swarm_force(struct fg_swarm *swarm, const char *id, struct fg_err *err)
{
	struct question q = {.id = id};

	return fg_swarm_ask(swarm, false, ask_force, &q, err);
}

static int ask_rollback(struct fg_engine *engine, void *arg, struct fg_err *err)
{
	struct question *q = arg;

	return fg_service_rollback(engine, q->id, q->version, err);
}

int fg_swarm_rollback(struct fg_swarm *swarm, const char *id, uint64_t version, struct fg_err *err)
{
	struct question q = {.id = id, .version = version};

	return fg_swarm_ask(swarm, true, ask_rollback, &q, err);
}

static int ask_remove(struct fg_engine *engine, void *arg, struct fg_err *err)
{
	struct question *q = arg;

	return fg_service_remove(engine, q->id, err);
}

int fg_swarm_remove(struct fg_swarm *swarm, const char *id, struct fg_err *err)
{
	struct question q = {.id = id};

	return fg_swarm_ask(swarm, true, ask_remove, &q, err);
}

static int ask_availability(struct fg_engine *engine, void *arg, struct fg_err *err)
{
	struct question *q = arg;

	return fg_node_set_availability(engine, q->id, q->value, err);
}

int fg_swarm_set_availability(
	struct fg_swarm *swarm, const char *node, const char *availability, struct fg_err *err)
{
	struct question q = {.id = node, .value = availability};

	return fg_swarm_ask(swarm, false, ask_availability, &q, err);
}
