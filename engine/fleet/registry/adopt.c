/*
 * Adopting: documents from what the containers themselves say; their specs are not to be had from
 * there.
 */
#include <string.h>
#include "registry/adopt.h"
#include "create.h"
#include "registry/document.h"
#include "fleetgram/base/clock.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/log.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/docker/image.h"
#include "fleetgram/fleet/spec.h"
#include "host.h"
#include "registry/registry.h"

#define ASKED_AT_ONCE 8
#define PORTION 64         /* containers to a transaction */
#define LAST_WRITE_MS 5000 /* for what is known when time is up */

struct adoption {
	struct fg_host *host;
	const struct fg_container *c;
	cJSON *doc; /* NULL: there is nothing to adopt */
	struct fg_err err;
	bool failed; /* the others need not be asked */
};

static cJSON *describe(
	struct adoption *a, const struct fg_container_info *info, const struct fg_image_info *image)
{
	const char *created_at = fg_container_label(a->c, FG_LABEL_CREATED_AT);
	const char *given = fg_container_label(a->c, FG_LABEL_PARAMS);
	cleanup_json cJSON *params = given ? fg_json_parse(given, strlen(given), NULL) : NULL;
	char created[FG_RFC3339];
	int64_t ms;
	cJSON *doc;

	if (!created_at || fg_rfc3339_parse(created_at, &ms) < 0)
		created_at = fg_rfc3339(created, a->c->created_ms);
	doc = document_create(&(struct document_seed){
		.name = a->c->name,
		.host = a->host->name,
		.container_id = a->c->id,
		.template = fg_container_label(a->c, FG_LABEL_TEMPLATE),
		.image = a->c->image,
		.image_digest = image->digest,
		.config_hash = fg_container_label(a->c, FG_LABEL_HASH),
		.created_by = fg_container_label(a->c, FG_LABEL_CREATED_BY),
		.created_at = created_at,
		.state = info->state,
		.params = cJSON_IsObject(params) ? params : NULL,
		.info = info,
	});
	document_note(doc, "adopted");
	return doc;
}

static void ask(void *arg)
{
	struct adoption *a = arg;
	cleanup_image_info struct fg_image_info image = {0};
	cleanup_info struct fg_container_info info = {0};
	struct fg_err local;

	if (fg_container_inspect(a->host->engine, a->c->id, &info, &local) < 0) {
		fg_host_note(a->host, &local);
		if (local.code == FG_ENOTFOUND)
			return;
		/* What the engine refuses to say of one container is no reason to forget the rest.
		 */
		if (!host_is_dead(&local) && local.code != FG_ECANCELED) {
			fg_warn("%s on %s is not adopted: %s", a->c->name, a->host->name,
				local.text);
			return;
		}
		a->failed = true;
		a->err = local;
		fg_wrap(&a->err, "cannot adopt %s on %s", a->c->name, a->host->name);
		return;
	}
	if (fg_image_inspect(a->host->engine, info.image_id, &image, &local) < 0)
		fg_debug("no image of %s: %s", a->c->name, local.text);
	a->doc = describe(a, &info, &image);
}

/* 1: it was written; 0: there is such an instance by now, or it is being made. */
static int add(struct fg_tx *tx, const struct adoption *a, struct fg_err *err)
{
	cleanup_rows struct fg_rows *rows = NULL;

	if (instance_in_making(a->host->name, a->c->name))
		return 0;
	rows = fg_tx_query(tx, err,
		"SELECT 1 FROM instances WHERE host = ?1 AND container_id = ?2 "
		"UNION ALL SELECT 1 FROM instances WHERE host = ?1 AND name = ?3",
		"sss", a->host->name, a->c->id, a->c->name);
	if (!rows)
		return -1;
	if (fg_rows_next(rows))
		return 0;
	if (fg_rows_failed(rows, err) < 0)
		return -1;
	return registry_add(tx, a->doc, err) < 0 ? -1 : 1;
}

static int portion_write(struct fg_registry *registry, const struct adoption *portion, size_t n,
	int *adopted, struct fg_err *err)
{
	cleanup_tx struct fg_tx tx = {0};
	int count = 0, rc;
	size_t i;

	for (i = 0; i < n && !portion[i].doc; i++)
		;
	if (i == n)
		return 0;
	if (fg_tx_begin(registry->store, &tx, err) < 0)
		return fg_wrap(err, "cannot write to the registry");
	for (; i < n; i++) {
		rc = portion[i].doc ? add(&tx, &portion[i], err) : 0;
		if (rc < 0)
			return fg_wrap(err, "cannot write to the registry");
		count += rc;
	}
	if (fg_tx_commit(&tx, err) < 0)
		return fg_wrap(err, "cannot write to the registry");
	*adopted += count;
	return 0;
}

/* Time may be up when the answers are in; to lose them would mean to ask again for ever. */
static int portion_keep(struct fg_registry *registry, const struct adoption *portion, size_t n,
	int *adopted, struct fg_err *err)
{
	int64_t before = fg_task_deadline(fg_now_ms() + LAST_WRITE_MS);
	int rc = portion_write(registry, portion, n, adopted, err);

	fg_task_deadline(before);
	return rc;
}

static int portion_adopt(struct fg_registry *registry, struct adoption *portion, size_t n,
	int *adopted, struct fg_err *err)
{
	struct fg_group group;
	struct fg_err late;
	int rc = 0, waited;

	fg_group_init(&group, ASKED_AT_ONCE);
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = fg_group_go(&group, "adopt", ask, &portion[i], err);
	waited = fg_group_wait(&group, FG_NEVER, &late);
	if (waited < 0 && rc == 0) {
		rc = -1;
		if (err)
			*err = late;
	}
	for (size_t i = 0; i < n && rc == 0; i++)
		if (portion[i].failed) {
			rc = -1;
			if (err)
				*err = portion[i].err;
		}
	if (portion_keep(registry, portion, n, adopted, rc == 0 ? err : NULL) < 0)
		rc = -1;
	for (size_t i = 0; i < n; i++)
		cJSON_Delete(portion[i].doc);
	return rc;
}

int adopt_all(struct fg_registry *registry, struct fg_host *host,
	const struct fg_container *const *unknown, size_t n, int *adopted, struct fg_err *err)
{
	cleanup_free struct adoption *portion = fg_alloc(PORTION * sizeof(*portion));

	for (size_t first = 0; first < n; first += PORTION) {
		size_t count = n - first < PORTION ? n - first : PORTION;

		for (size_t i = 0; i < count; i++)
			portion[i] = (struct adoption){.host = host, .c = unknown[first + i]};
		if (portion_adopt(registry, portion, count, adopted, err) < 0)
			return -1;
	}
	return *adopted;
}
