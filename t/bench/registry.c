/*
 * What the registry's questions and changes cost at several sizes, each beside the smallest in the same run:
 *   registry FOLDER SIZE...
 * Prints a line a question.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "fleetgram/base/json.h"
#include "fleetgram/base/log.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/task.h"
#include "fleetgram/fleet/registry.h"

#define SIZES_MOST 8
#define ROUNDS 25
#define INNER 20 /* of what takes microseconds */

static const char *folder;
static int sizes[SIZES_MOST], size_count;

/* The processor's time, of all threads: what else the machine does is not in it. */
static double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* A document as /create writes them, with an environment and a few years of history. */
static cJSON *instance(int i)
{
	cleanup_free char *name = fg_printf("app-%05d", i), *id = fg_printf("%064x", i);
	cJSON *doc = cJSON_CreateObject(), *spec, *env, *history;

	cJSON_AddStringToObject(doc, "name", name);
	cJSON_AddStringToObject(doc, "host", "local");
	cJSON_AddStringToObject(doc, "container_id", id);
	cJSON_AddStringToObject(doc, "template", "demo");
	cJSON_AddStringToObject(doc, "image", "registry.example/team/app:1.25");
	cJSON_AddStringToObject(doc, "image_digest", "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef");
	cJSON_AddStringToObject(doc, "config_hash", "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef");
	spec = cJSON_AddObjectToObject(doc, "spec");
	cJSON_AddStringToObject(spec, "image", "registry.example/team/app:1.25");
	env = cJSON_AddObjectToObject(spec, "env");
	for (int k = 0; k < 12; k++) {
		cleanup_free char *key = fg_printf("VARIABLE_%d", k);

		cJSON_AddStringToObject(env, key, "a value of the usual length");
	}
	cJSON_AddStringToObject(doc, "created_by", "ops (1)");
	cJSON_AddStringToObject(doc, "created_at", "2026-01-31T23:59:59.123Z");
	cJSON_AddStringToObject(doc, "last_used_at", "2026-01-31T23:59:59.123Z");
	cJSON_AddStringToObject(doc, "state", i % 10 ? "running" : "exited");
	history = cJSON_AddArrayToObject(doc, "history");
	for (int k = 0; k < 10; k++) {
		cJSON *entry = cJSON_CreateObject();

		cJSON_AddStringToObject(entry, "at", "2026-01-31T23:59:59.123Z");
		cJSON_AddStringToObject(entry, "what", "updated");
		cJSON_AddStringToObject(entry, "by", "ops (1)");
		cJSON_AddItemToArray(history, entry);
	}
	return doc;
}

static cJSON *dump(int n)
{
	cJSON *all = cJSON_CreateObject(), *list;

	cJSON_AddNumberToObject(all, "version", 1);
	list = cJSON_AddArrayToObject(all, "instances");
	for (int i = 0; i < n; i++)
		cJSON_AddItemToArray(list, instance(i));
	return all;
}

static void die(const struct fg_err *err)
{
	fprintf(stderr, "registry: %s\n", err->text);
	exit(1);
}

static void check(int rc, const struct fg_err *err)
{
	if (rc < 0)
		die(err);
}

static void ask_name(struct fg_registry *registry, int n, struct fg_err *err)
{
	cleanup_free char *name = fg_printf("app-%05d", n / 2);
	cleanup_instance struct fg_instance one = {0};

	check(fg_registry_find_name(registry, "local", name, &one, err), err);
}

static void ask_record(struct fg_registry *registry, int n, struct fg_err *err)
{
	cleanup_free char *id = fg_printf("%064x", n / 2);
	cleanup_record struct fg_record record = {0};

	check(fg_registry_record(registry, "local", id, NULL, &record, err), err);
}

static void ask_count(struct fg_registry *registry, int n, struct fg_err *err)
{
	(void)err;
	if (fg_registry_count(registry) != n || fg_registry_count_state(registry, "exited") == 0)
		exit(1);
}

static void change_one(struct fg_registry *registry, int n, struct fg_err *err)
{
	cleanup_free char *id = fg_printf("%064x", n / 2);

	check(fg_registry_touch(registry, "local", id, err), err);
}

static void ask_entries(struct fg_registry *registry, int n, struct fg_err *err)
{
	cleanup_entries struct fg_entries all = {0};

	(void)n;
	check(fg_registry_entries(registry, &all, err), err);
}

static void ask_export(struct fg_registry *registry, int n, struct fg_err *err)
{
	cleanup_export struct fg_export all = {0};

	(void)n;
	check(fg_registry_export(registry, &all, err), err);
}

static const struct {
	const char *name;
	void (*run)(struct fg_registry *registry, int n, struct fg_err *err);
	int inner, rounds;
} questions[] = {
	{"one by its name", ask_name, INNER, ROUNDS},
	{"pin, note and history of one", ask_record, INNER, ROUNDS},
	{"counts by state", ask_count, INNER, ROUNDS},
	{"one mutation", change_one, 1, ROUNDS * 4},
	{"names and states of all", ask_entries, 1, ROUNDS},
	{"an export", ask_export, 1, 5},
};

static int by_size(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static double measure(size_t q, struct fg_registry *registry, int n)
{
	double took[ROUNDS * 4];
	struct fg_err err;

	for (int r = 0; r < questions[q].rounds; r++) {
		double begin = now_us();

		for (int i = 0; i < questions[q].inner; i++)
			questions[q].run(registry, n, &err);
		took[r] = (now_us() - begin) / questions[q].inner;
	}
	qsort(took, (size_t)questions[q].rounds, sizeof(*took), by_size);
	return took[questions[q].rounds / 2];
}

static void run(void *arg)
{
	double us[FG_ARRAY_LEN(questions)][SIZES_MOST];
	struct fg_err err;

	(void)arg;
	for (int s = 0; s < size_count; s++) {
		cleanup_free char *path = fg_printf("%s/%d.db", folder, sizes[s]);
		cleanup_json cJSON *all = dump(sizes[s]);
		struct fg_store *store = fg_store_open(path, &err);
		struct fg_registry *registry = store ? fg_registry_create(store, &err) : NULL;

		if (!registry || fg_registry_import(registry, all, &err) < 0)
			die(&err);
		for (size_t q = 0; q < FG_ARRAY_LEN(questions); q++)
			us[q][s] = measure(q, registry, sizes[s]);
		fg_registry_destroy(registry);
		fg_store_close(store);
	}
	for (size_t q = 0; q < FG_ARRAY_LEN(questions); q++) {
		printf("registry, %s:", questions[q].name);
		for (int s = 0; s < size_count; s++)
			printf("%s %.0f us of CPU with %d (ratio %.1f)", s ? "," : "", us[q][s], sizes[s], us[q][s] / us[q][0]);
		printf("\n");
	}
}

int main(int argc, char **argv)
{
	if (argc < 3 || argc > SIZES_MOST + 2)
		return 2;
	folder = argv[1];
	for (int i = 2; i < argc; i++)
		sizes[size_count++] = (int)strtol(argv[i], NULL, 10);
	fg_loop_run("bench", run, NULL);
	fg_log_finish();
	return 0;
}
