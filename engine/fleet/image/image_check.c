/*
 * Image checks: what registries say, asked once and kept, and compared with what hosts have.
 */
#include <string.h>
#include <strings.h>
#include "fleetgram/base/json.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/task.h"
#include "fleetgram/base/text.h"
#include "host.h"
#include "image/image_check.h"
#include "image/manifest.h"

#define ASK_AT_ONCE 4
#define QUOTA_MS ((int64_t)3600 * 1000) /* for a registry that names no time */
#define QUOTA_MOST_MS ((int64_t)7 * 24 * 3600 * 1000)
#define ANSWERS_MOST 4096
#define KEEP_MS ((int64_t)24 * 3600 * 1000)

/* What a registry said about one name. */
struct answer {
	struct fg_list link;
	char *key; /* "registry/repository:tag", with the host of a registry that is its own */
	char digest[FG_DIGEST_SIZE]; /* "" until there is one */
	int64_t taken_ms, wall_ms;   /* when: monotonic, wall clock */
	int users;                   /* tasks that look at it: it stays */
	bool asking;
	uint64_t rounds;   /* questions that have ended */
	struct fg_err why; /* of the last one, if it failed */
	char asked_by[65]; /* the host that asked it */
	bool failed;
	struct fg_cond ended;
};

struct source {
	struct fg_list link;
	char *name;
	int asking;
	int64_t until_ms; /* monotonic: not to be asked before */
	struct fg_cond free;
};

struct fg_image_checks {
	struct fg_list answers, sources;
	size_t count;
};

struct fg_image_checks *fg_image_checks_create(void)
{
	struct fg_image_checks *checks = fg_alloc(sizeof(*checks));

	fg_list_init(&checks->answers);
	fg_list_init(&checks->sources);
	return checks;
}

static void answer_destroy(struct fg_image_checks *checks, struct answer *a)
{
	fg_list_remove(&a->link);
	checks->count--;
	free(a->key);
	free(a);
}

void fg_image_checks_destroy(struct fg_image_checks *checks)
{
	if (!checks)
		return;
	while (!fg_list_empty(&checks->answers))
		answer_destroy(checks, fg_list_first(&checks->answers, struct answer, link));
	while (!fg_list_empty(&checks->sources)) {
		struct source *s = fg_list_first(&checks->sources, struct source, link);

		fg_list_remove(&s->link);
		free(s->name);
		free(s);
	}
	free(checks);
}

/* The list is in the order of last use: the oldest go first. */
static void expire(struct fg_image_checks *checks)
{
	int64_t before = fg_now_ms() - KEEP_MS;
	struct answer *a;

	fg_list_each (&checks->answers, a, link) {
		if (a->users == 0 && (checks->count > ANSWERS_MOST || a->taken_ms < before))
			answer_destroy(checks, a);
	}
}

static struct answer *answer_of(struct fg_image_checks *checks, const char *key)
{
	struct answer *a;

	fg_list_each (&checks->answers, a, link) {
		if (strcmp(a->key, key) != 0)
			continue;
		fg_list_remove(&a->link);
		fg_list_append(&checks->answers, &a->link);
		return a;
	}
	expire(checks);
	a = fg_alloc(sizeof(*a));
	a->key = fg_strdup(key);
	a->taken_ms = fg_now_ms();
	fg_cond_init(&a->ended);
	fg_list_append(&checks->answers, &a->link);
	checks->count++;
	return a;
}

static struct source *source_of(struct fg_image_checks *checks, const char *name)
{
	struct source *s;

	fg_list_each (&checks->sources, s, link) {
		if (strcmp(s->name, name) == 0)
			return s;
	}
	s = fg_alloc(sizeof(*s));
	s->name = fg_strdup(name);
	fg_cond_init(&s->free);
	fg_list_append(&checks->sources, &s->link);
	return s;
}

int64_t image_quota(const struct fg_err *err)
{
	static const char *const words[] = {"toomanyrequests", "too many requests", "rate limit"};
	bool quota = err->status == 429;

	for (size_t i = 0; i < FG_ARRAY_LEN(words); i++)
		quota = quota || strcasestr(err->text, words[i]);
	if (!quota)
		return 0;
	if (err->retry_after_ms <= 0)
		return QUOTA_MS;
	return err->retry_after_ms < QUOTA_MOST_MS ? err->retry_after_ms : QUOTA_MOST_MS;
}

static int left_alone(const struct source *s, struct fg_err *err)
{
	int64_t left = s->until_ms - fg_now_ms();
	char human[FG_HUMAN];

	if (left <= 0)
		return 0;
	fg_fail(err, FG_EREMOTE,
		"%s has had too many requests and is asked again in %s at the earliest", s->name,
		fg_duration_human(human, left < 1000 ? 1000 : left - left % 1000));
	err->status = 429;
	err->retry_after_ms = left;
	return -1;
}

/* A place among those who ask this registry, unless it wants to be left alone. */
static int source_enter(struct source *s, struct fg_err *err)
{
	while (s->asking >= ASK_AT_ONCE && s->until_ms <= fg_now_ms())
		if (fg_cond_wait(&s->free, "a place at an image registry", FG_NEVER, err) < 0)
			return -1;
	if (left_alone(s, err) < 0)
		return -1;
	s->asking++;
	return 0;
}

static void source_leave(struct source *s, int rc, struct fg_err *err)
{
	int64_t quota = rc < 0 ? image_quota(err) : 0;

	s->asking--;
	if (quota) {
		s->until_ms = fg_now_ms() + quota;
		left_alone(s, err);
		fg_cond_broadcast(&s->free);
	} else {
		fg_cond_signal(&s->free);
	}
}

/* Podman's service has no such call. */
static bool cannot_ask(const struct fg_err *err)
{
	return err->code == FG_EREMOTE && err->status == 404;
}

static int ask_directly(struct fg_host *host, const struct fg_image_ref *ref,
	char digest[FG_DIGEST_SIZE], struct fg_err *err)
{
	if (registry_is_local(ref->registry) && strncmp(host->url, "unix://", 7) != 0)
		return fg_fail(err, FG_EREMOTE,
			"only the engine on %s could ask its own registry %s, and it has no such "
			"call",
			host->name, ref->registry);
	return manifest_digest(ref, login_find(host->fleet, ref->registry), digest, err);
}

static int ask(struct fg_host *host, const struct fg_image_ref *ref, char digest[FG_DIGEST_SIZE],
	struct fg_err *err)
{
	cleanup_free char *name = fg_printf("%s/%s:%s", ref->registry, ref->repository, ref->tag);
	cleanup_secret char *auth = fg_fleet_auth(host->fleet, name);
	int rc = fg_image_distribution(host->engine, name, auth, digest, err);

	fg_host_note(host, rc < 0 ? err : NULL);
	if (rc < 0 && cannot_ask(err))
		rc = ask_directly(host, ref, digest, err);
	if (rc < 0)
		image_advise(host, name, err);
	return rc;
}

/* The one question that is under way; those who came meanwhile wait for its end. */
static int answer_fetch(struct fg_image_checks *checks, struct answer *a, struct fg_host *host,
	const struct fg_image_ref *ref, struct fg_err *err)
{
	const char *own = strstr(a->key, " of ");
	cleanup_free char *name = fg_printf("%s%s", ref->registry, own ? own : "");
	struct source *s = source_of(checks, name);
	char digest[FG_DIGEST_SIZE] = "";
	int rc;

	a->asking = true;
	rc = source_enter(s, err);
	if (rc == 0) {
		rc = ask(host, ref, digest, err);
		source_leave(s, rc, err);
	}
	a->asking = false;
	a->rounds++;
	a->failed = rc < 0;
	if (rc == 0) {
		memcpy(a->digest, digest, sizeof(digest));
		a->taken_ms = fg_now_ms();
		a->wall_ms = fg_wall_ms();
	} else {
		a->why = *err;
		snprintf(a->asked_by, sizeof(a->asked_by), "%s", host->name);
	}
	fg_cond_broadcast(&a->ended);
	return rc;
}

/*
 * Another one's question counts for all who came while it was under way. Not so its failure when it
 * was another host's, which may reach less, or when that task was told to stop.
 */
static int answer_get(struct fg_image_checks *checks, struct answer *a, struct fg_host *host,
	const struct fg_image_ref *ref, int64_t max_age_ms, struct fg_err *err)
{
	while (a->asking) {
		uint64_t round = a->rounds;

		if (fg_cond_wait(&a->ended, "an answer of an image registry", FG_NEVER, err) < 0)
			return -1;
		if (a->rounds == round)
			continue;
		if (!a->failed)
			return 0;
		if (strcmp(a->asked_by, host->name) == 0 && a->why.code != FG_ECANCELED) {
			*err = a->why;
			return -1;
		}
	}
	if (*a->digest && fg_now_ms() - a->taken_ms < max_age_ms)
		return 0;
	return answer_fetch(checks, a, host, ref, err);
}

static bool belongs_to(const char *digest, const struct fg_image_ref *ref)
{
	struct fg_image_ref own;

	return fg_image_ref_parse(digest, &own, NULL) == 0 && *own.digest &&
	       strcmp(own.registry, ref->registry) == 0 &&
	       strcmp(own.repository, ref->repository) == 0;
}

bool image_digest_here(const cJSON *digests, const struct fg_image_ref *ref, const char *there,
	char here[FG_DIGEST_SIZE])
{
	const cJSON *item;

	*here = '\0';
	cJSON_ArrayForEach (item, digests) {
		const char *s = cJSON_GetStringValue(item), *at = s ? strchr(s, '@') : NULL;

		if (!at || !belongs_to(s, ref) || strlen(at + 1) >= FG_DIGEST_SIZE)
			continue;
		if (!*here || strcmp(at + 1, there) == 0)
			snprintf(here, FG_DIGEST_SIZE, "%s", at + 1);
	}
	return *here != '\0';
}

/* Podman calls "localhost/NAME" what was made on the host: there is no such registry. */
static bool has_registry(const struct fg_image_ref *ref)
{
	return !*ref->digest && strcmp(ref->registry, "localhost") != 0;
}

static const char *hex_of(const char *id)
{
	const char *colon = strchr(id, ':');

	return colon ? colon + 1 : id;
}

/*
 * By the image that the name has now. With containerd's store an id is a digest, which is the same
 * in every registry, as that image shows. Podman's untagged images have none at all; but when the
 * name means another one, that is the newer.
 */
static int find_by_name(struct fg_host *host, const char *image, const char *image_id,
	const struct fg_image_ref *ref, char here[FG_DIGEST_SIZE], struct fg_err *err)
{
	cleanup_image_info struct fg_image_info named = {0};
	char own[FG_DIGEST_SIZE];

	if (fg_image_inspect(host->engine, image, &named, err) < 0)
		return err->code == FG_ENOTFOUND ? 0 : -1;
	if (!image_digest_here(fg_json_array(named.raw, "RepoDigests"), ref, named.id, own) ||
		strcmp(hex_of(named.id), hex_of(image_id)) == 0 ||
		strlen(image_id) >= FG_DIGEST_SIZE)
		return 0;
	snprintf(here, FG_DIGEST_SIZE, "%s", strcmp(own, named.id) == 0 ? image_id : "");
	return 1;
}

/*
 * What the registry calls the image that is here; "" when that is forgotten, but another one has
 * its name. Once a name means another image, containerd's store and Podman forget that the old one
 * ever had it. 1: found; 0: there is nothing to compare.
 */
static int find_here(struct fg_host *host, const char *image, const char *image_id,
	const struct fg_image_ref *ref, struct fg_image_info *info, char here[FG_DIGEST_SIZE],
	struct fg_err *err)
{
	int rc = fg_image_inspect(host->engine, image_id, info, err);

	fg_host_note(host, rc < 0 ? err : NULL);
	if (rc < 0 && err->code != FG_ENOTFOUND)
		return -1;
	if (rc == 0 && image_digest_here(fg_json_array(info->raw, "RepoDigests"), ref, "", here))
		return 1;
	return find_by_name(host, image, image_id, ref, here, err);
}

int fg_image_check(struct fg_image_checks *checks, struct fg_host *host, const char *image,
	const char *image_id, int64_t max_age_ms, struct fg_image_check *out, struct fg_err *err)
{
	cleanup_image_info struct fg_image_info info = {0};
	cleanup_free char *key = NULL;
	char other[FG_DIGEST_SIZE];
	struct fg_image_ref ref;
	struct answer *a;
	const cJSON *digests;
	struct fg_err unused;
	int rc;

	err = err ? err : &unused;
	*out = (struct fg_image_check){.newer = FG_NEWER_UNKNOWN};
	if (fg_image_ref_parse(image, &ref, NULL) < 0 || !has_registry(&ref))
		return 0;
	rc = find_here(host, image, image_id, &ref, &info, out->here, err);
	if (rc <= 0)
		return rc;
	digests = fg_json_array(info.raw, "RepoDigests");
	key = fg_printf("%s/%s:%s%s%s", ref.registry, ref.repository, ref.tag,
		registry_is_local(ref.registry) ? " of " : "",
		registry_is_local(ref.registry) ? host->name : "");
	a = answer_of(checks, key);
	a->users++;
	rc = answer_get(checks, a, host, &ref, max_age_ms, err);
	a->users--;
	if (rc < 0)
		return -1;
	memcpy(out->there, a->digest, sizeof(out->there));
	out->checked_ms = a->wall_ms;
	if (image_digest_here(digests, &ref, out->there, other))
		memcpy(out->here, other, sizeof(other));
	out->newer = strcmp(out->here, out->there) == 0 ? FG_NEWER_NO : FG_NEWER_YES;
	return 0;
}

/* The id alone, or its first digits. */
static bool is_id(const struct fg_container *c)
{
	const char *hex = strchr(c->image_id, ':');

	return strcmp(c->image, c->image_id) == 0 || strncmp(c->image, "sha256:", 7) == 0 ||
	       (hex && strlen(c->image) >= 12 && strncmp(hex + 1, c->image, strlen(c->image)) == 0);
}

int fg_item_image(const struct fg_item *item, char **name, struct fg_err *err)
{
	cleanup_info struct fg_container_info info = {0};
	struct fg_err unused;
	int rc;

	*name = NULL;
	err = err ? err : &unused;
	if (!is_id(&item->c)) {
		*name = fg_strdup(item->c.image);
		return 0;
	}
	rc = fg_container_inspect(item->host->engine, item->c.id, &info, err);
	fg_host_note(item->host, rc < 0 ? err : NULL);
	if (rc < 0)
		return -1;
	*name = fg_strdup(info.image);
	return 0;
}
