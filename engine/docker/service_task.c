/*
 * The tasks of services, and what their numbers say.
 */
#include <string.h>
#include "call.h"
#include "decode.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/text.h"
#include "fleetgram/docker/swarm.h"

int fg_service_task_decode(const cJSON *row, struct fg_service_task *out)
{
	const cJSON *status = fg_json_object(row, "Status"), *spec = fg_json_object(row, "Spec");
	const cJSON *container = fg_json_object(status, "ContainerStatus");

	memset(out, 0, sizeof(*out));
	fg_decode_copy(out->id, sizeof(out->id), fg_json_str(row, "ID", ""));
	fg_decode_copy(out->service, sizeof(out->service), fg_json_str(row, "ServiceID", ""));
	fg_decode_copy(out->node, sizeof(out->node), fg_json_str(row, "NodeID", ""));
	out->slot = fg_decode_int(row, "Slot", 0);
	fg_decode_copy(out->desired, sizeof(out->desired), fg_json_str(row, "DesiredState", ""));
	fg_decode_copy(out->state, sizeof(out->state), fg_json_str(status, "State", ""));
	out->message = fg_decode_line(fg_json_str(status, "Message", ""));
	out->error = fg_decode_line(fg_json_str(status, "Err", ""));
	fg_decode_image(fg_json_str(fg_json_object(spec, "ContainerSpec"), "Image", ""),
		&out->image, &out->digest);
	fg_decode_copy(
		out->container, sizeof(out->container), fg_json_str(container, "ContainerID", ""));
	out->exit_code = fg_decode_int(container, "ExitCode", 0);
	out->force = fg_json_i64(spec, "ForceUpdate", 0);
	out->iteration = fg_json_u64(fg_json_object(row, "JobIteration"), "Index", 0);
	out->created_ms = fg_decode_ms(row, "CreatedAt");
	out->at_ms = fg_decode_ms(status, "Timestamp");
	return *out->id ? 0 : -1;
}

static void task_finish(struct fg_service_task *task)
{
	free(task->message);
	free(task->error);
	free(task->image);
	free(task->digest);
}

void fg_service_tasks_finish(struct fg_service_tasks *list)
{
	for (size_t i = 0; i < list->n; i++)
		task_finish(&list->v[i]);
	free(list->v);
	*list = (struct fg_service_tasks){0};
}

static int by_slot(const void *a, const void *b)
{
	const struct fg_service_task *x = a, *y = b;

	if (x->slot != y->slot)
		return x->slot < y->slot ? -1 : 1;
	if (x->slot == 0 && strcmp(x->node, y->node) != 0)
		return strcmp(x->node, y->node);
	if (x->created_ms != y->created_ms)
		return x->created_ms > y->created_ms ? -1 : 1;
	return strcmp(x->id, y->id);
}

int fg_service_task_list(struct fg_engine *engine, const char *service,
	struct fg_service_tasks *out, struct fg_err *err)
{
	cleanup_json cJSON *filters = cJSON_CreateObject(), *doc = NULL;
	cleanup_free char *text = NULL;
	cleanup_str struct fg_str path = {0};
	const cJSON *row;

	*out = (struct fg_service_tasks){0};
	fg_str_init(&path, FG_CAP_PATH);
	fg_str_puts(&path, "/tasks");
	if (service) {
		cJSON_AddItemToObject(filters, "service", cJSON_CreateStringArray(&service, 1));
		text = fg_json_print(filters);
		fg_str_puts(&path, "?filters=");
		fg_url_escape(&path, text);
	}
	doc = fg_call_json(
		engine, &(struct fg_call){.path = path.s, .cap = FG_CAP_LIST}, cJSON_Array, err);
	if (!doc)
		return -1;
	out->v = fg_alloc(((size_t)cJSON_GetArraySize(doc) + 1) * sizeof(*out->v));
	cJSON_ArrayForEach (row, doc) {
		if (fg_service_task_decode(row, &out->v[out->n]) < 0)
			task_finish(&out->v[out->n]);
		else
			out->n++;
	}
	qsort(out->v, out->n, sizeof(*out->v), by_slot);
	return 0;
}

bool fg_service_task_runs(const struct fg_service_task *task)
{
	return strcmp(task->desired, "running") == 0 && strcmp(task->state, "running") == 0;
}

/* One that is to follow another is wanted ready, and running once that has stopped. */
bool fg_service_task_open(const struct fg_service_task *task)
{
	return strcmp(task->state, "running") != 0 &&
	       (strcmp(task->desired, "running") == 0 || strcmp(task->desired, "ready") == 0);
}

void fg_service_count(struct fg_service *s, const struct fg_service_tasks *tasks)
{
	bool job = fg_service_is_job(s);
	int64_t wanted = 0;

	s->running = s->completed = 0;
	for (size_t i = 0; i < tasks->n; i++) {
		const struct fg_service_task *task = &tasks->v[i];

		if (strcmp(task->service, s->id) != 0)
			continue;
		/* A job's tasks are wanted complete, and run until then. Those of a run before
		 * stay.
		 */
		if (job && task->iteration == s->iteration &&
			strcmp(task->desired, "complete") == 0) {
			wanted++;
			s->running += strcmp(task->state, "running") == 0;
			s->completed += strcmp(task->state, "complete") == 0;
		}
		if (job)
			continue;
		wanted += strcmp(task->desired, "running") == 0;
		s->running += fg_service_task_runs(task);
	}
	if (s->mode == FG_SERVICE_GLOBAL || s->mode == FG_SERVICE_GLOBAL_JOB)
		s->wanted = wanted;
}

int64_t fg_service_fresh(const struct fg_service *s, const struct fg_service_tasks *tasks)
{
	const cJSON *template = fg_json_object(fg_json_object(s->raw, "Spec"), "TaskTemplate");
	int64_t force = fg_json_i64(template, "ForceUpdate", 0), fresh = 0;

	for (size_t i = 0; i < tasks->n; i++) {
		const struct fg_service_task *task = &tasks->v[i];

		fresh += strcmp(task->service, s->id) == 0 && fg_service_task_runs(task) &&
			 task->force == force && strcmp(task->image, s->image) == 0 &&
			 strcmp(task->digest, s->digest) == 0;
	}
	return fresh;
}
