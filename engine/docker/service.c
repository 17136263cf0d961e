/*
 * Services: listed, looked at, and counted by their tasks.
 */
#include <string.h>
#include "call.h"
#include "decode.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/docker/swarm.h"

#define PORTS_MOST 256
#define TASKS_MOST 1000000 /* as many can be wanted; more is nonsense */

static int64_t within(int64_t n, int64_t most)
{
	return n < 0 ? 0 : n > most ? most : n;
}

static void decode_mode(const cJSON *spec, struct fg_service *out)
{
	const cJSON *mode = fg_json_object(spec, "Mode"), *replicas;
	const cJSON *job = fg_json_object(mode, "ReplicatedJob");

	out->wanted = -1;
	if (fg_json_get(mode, "Global")) {
		out->mode = FG_SERVICE_GLOBAL;
	} else if (fg_json_get(mode, "GlobalJob")) {
		out->mode = FG_SERVICE_GLOBAL_JOB;
	} else if (job) {
		out->mode = FG_SERVICE_JOB;
		out->wanted = within(fg_json_i64(job, "TotalCompletions", 1), TASKS_MOST);
	} else {
		replicas = fg_json_object(mode, "Replicated");
		out->mode = FG_SERVICE_REPLICATED;
		out->wanted = within(fg_json_i64(replicas, "Replicas", 1), TASKS_MOST);
	}
}

/* A port that is published by the swarm has a number only in what the swarm made of the spec. */
static void decode_ports(const cJSON *doc, const cJSON *spec, struct fg_service *out)
{
	const cJSON *list = fg_json_array(fg_json_object(doc, "Endpoint"), "Ports"), *port;

	if (cJSON_GetArraySize(list) == 0)
		list = fg_json_array(fg_json_object(spec, "EndpointSpec"), "Ports");
	out->ports = fg_alloc((PORTS_MOST + 1) * sizeof(*out->ports));
	cJSON_ArrayForEach (port, list) {
		struct fg_service_port *p = &out->ports[out->port_count];

		if (out->port_count == PORTS_MOST)
			break;
		p->inside = (int)within(fg_json_i64(port, "TargetPort", 0), 65535);
		p->outside = (int)within(fg_json_i64(port, "PublishedPort", 0), 65535);
		fg_decode_copy(p->proto, sizeof(p->proto), fg_json_str(port, "Protocol", "tcp"));
		p->host = strcmp(fg_json_str(port, "PublishMode", ""), "host") == 0;
		out->port_count++;
	}
}

int fg_service_decode(cJSON *doc, struct fg_service *out)
{
	const cJSON *spec = fg_json_object(doc, "Spec");
	const cJSON *update = fg_json_object(doc, "UpdateStatus");
	const cJSON *labels = fg_json_object(spec, "Labels");

	memset(out, 0, sizeof(*out));
	out->raw = doc;
	fg_decode_copy(out->id, sizeof(out->id), fg_json_str(doc, "ID", ""));
	out->version = fg_json_u64(fg_json_object(doc, "Version"), "Index", 0);
	out->name = fg_decode_line(fg_json_str(spec, "Name", ""));
	fg_decode_image(
		fg_json_str(fg_service_container(out), "Image", ""), &out->image, &out->digest);
	decode_mode(spec, out);
	decode_ports(doc, spec, out);
	out->labels = labels ? cJSON_Duplicate(labels, true) : cJSON_CreateObject();
	out->created_ms = fg_decode_ms(doc, "CreatedAt");
	out->updated_ms = fg_decode_ms(doc, "UpdatedAt");
	fg_decode_copy(
		out->update_state, sizeof(out->update_state), fg_json_str(update, "State", ""));
	out->update_message = fg_decode_line(fg_json_str(update, "Message", ""));
	out->update_started_ms = fg_decode_ms(update, "StartedAt");
	out->iteration = fg_json_u64(
		fg_json_object(fg_json_object(doc, "JobStatus"), "JobIteration"), "Index", 0);
	out->previous = fg_json_object(doc, "PreviousSpec") != NULL;
	return *out->id ? 0 : -1;
}

void fg_service_finish(struct fg_service *service)
{
	free(service->name);
	free(service->image);
	free(service->digest);
	free(service->ports);
	free(service->update_message);
	cJSON_Delete(service->labels);
	cJSON_Delete(service->raw);
	memset(service, 0, sizeof(*service));
}

void fg_services_finish(struct fg_services *list)
{
	for (size_t i = 0; i < list->n; i++)
		fg_service_finish(&list->v[i]);
	free(list->v);
	*list = (struct fg_services){0};
}

const char *fg_service_label(const struct fg_service *s, const char *key)
{
	return fg_json_str(s->labels, key, NULL);
}

const cJSON *fg_service_container(const struct fg_service *service)
{
	const cJSON *spec = fg_json_object(service->raw, "Spec");

	return fg_json_object(fg_json_object(spec, "TaskTemplate"), "ContainerSpec");
}

bool fg_service_is_job(const struct fg_service *s)
{
	return s->mode == FG_SERVICE_JOB || s->mode == FG_SERVICE_GLOBAL_JOB;
}

const char *fg_service_state(const struct fg_service *s)
{
	if (fg_service_is_job(s))
		return s->completed >= s->wanted && s->running == 0 ? "complete" : "active";
	if (s->wanted <= 0 && s->running == 0)
		return "stopped";
	if (s->running >= s->wanted)
		return "running";
	return s->running > 0 ? "partial" : "down";
}

static int by_name(const void *a, const void *b)
{
	const struct fg_service *x = a, *y = b;
	int order = strcmp(x->name, y->name);

	return order ? order : strcmp(x->id, y->id);
}

static int by_service(const void *a, const void *b)
{
	const struct fg_service_task *x = a, *y = b;

	return strcmp(x->service, y->service);
}

/* Each service's tasks are a run of the list, so that many of both cost no more than they have to.
 */
static void count_all(struct fg_services *list, struct fg_service_tasks *tasks)
{
	qsort(tasks->v, tasks->n, sizeof(*tasks->v), by_service);
	for (size_t i = 0; i < list->n; i++) {
		struct fg_service_task key, *hit;
		struct fg_service_tasks own = {0};

		memcpy(key.service, list->v[i].id, sizeof(key.service));
		hit = bsearch(&key, tasks->v, tasks->n, sizeof(key), by_service);
		for (; hit && hit > tasks->v && by_service(hit - 1, &key) == 0;)
			hit--;
		for (own.v = hit; hit && own.n < (size_t)(tasks->v + tasks->n - hit) &&
				  by_service(&hit[own.n], &key) == 0;)
			own.n++;
		fg_service_count(&list->v[i], &own);
	}
}

int fg_service_list(struct fg_engine *engine, struct fg_services *out, struct fg_err *err)
{
	struct fg_call call = {.path = "/services", .cap = FG_CAP_LIST};
	cleanup_json cJSON *doc = fg_call_json(engine, &call, cJSON_Array, err);
	cleanup_service_tasks struct fg_service_tasks tasks = {0};
	cJSON *row;

	*out = (struct fg_services){0};
	if (!doc || fg_service_task_list(engine, NULL, &tasks, err) < 0)
		return -1;
	out->v = fg_alloc(((size_t)cJSON_GetArraySize(doc) + 1) * sizeof(*out->v));
	while ((row = cJSON_DetachItemFromArray(doc, 0)) != NULL) {
		if (fg_service_decode(row, &out->v[out->n]) < 0)
			fg_service_finish(&out->v[out->n]);
		else
			out->n++;
	}
	count_all(out, &tasks);
	qsort(out->v, out->n, sizeof(*out->v), by_name);
	return 0;
}

int fg_service_inspect(
	struct fg_engine *engine, const char *id, struct fg_service *out, struct fg_err *err)
{
	cleanup_str struct fg_str path = {0};
	cJSON *doc;

	*out = (struct fg_service){0};
	fg_str_init(&path, FG_CAP_PATH);
	if (fg_call_path(&path, "/services/", id, "", err) < 0)
		return -1;
	doc = fg_call_json(engine, &(struct fg_call){.path = path.s}, cJSON_Object, err);
	if (!doc)
		return -1;
	if (fg_service_decode(doc, out) == 0)
		return 0;
	fg_service_finish(out);
	return fg_fail(err, FG_EPROTO, "the engine's service %s has no id", id);
}
