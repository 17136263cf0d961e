/*
 * A host's state of health: what each call says about it, and the probes that settle doubts.
 */
#include <string.h>
#include "fleetgram/base/language.h"
#include "fleetgram/base/log.h"
#include "fleetgram/base/mem.h"
#include "host.h"
#include "known.h"

#define INFOS_AT_ONCE 64
#define BUSY_MOST 4

struct host {
	struct fg_host pub;
	bool probing; /* a probe runs in the background */
	struct fg_cond probed;
	int busy;        /* lists that nobody waits for any more */
	int64_t left_ms; /* monotonic: the last of these was given up */
	struct known known;
	struct fg_engine_info info;
	struct host_swarm swarm;
};

static struct host *inner(struct fg_host *host)
{
	return FG_CONTAINER_OF(host, struct host, pub);
}

struct host_swarm *host_swarm(struct fg_host *host)
{
	return &inner(host)->swarm;
}

static bool name_valid(const char *s)
{
	size_t n =
		s ? strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-")
		  : 0;

	return n >= 1 && n <= 64 && !s[n];
}

struct fg_host *host_create(
	struct fg_fleet *fleet, const struct fg_host_options *options, struct fg_err *err)
{
	struct fg_engine_options named = options->engine;
	struct fg_engine *engine;
	struct host *host;

	named.name = options->name;
	if (!name_valid(options->name)) {
		fg_fail(err, FG_EINVAL,
			"a host's name is 1 to 64 letters, digits, dots, dashes and underscores");
		return NULL;
	}
	engine = fg_engine_create(&named, err);
	if (!engine) {
		fg_wrap(err, "host %s", options->name);
		return NULL;
	}
	host = fg_alloc(sizeof(*host));
	host->pub.name = fg_strdup(options->name);
	host->pub.url = fg_strdup(options->engine.url);
	host->pub.engine = engine;
	host->pub.fleet = fleet;
	fg_cond_init(&host->probed);
	return &host->pub;
}

void host_destroy(struct fg_host *host)
{
	fg_engine_destroy(host->engine);
	free(host->name);
	free(host->url);
	known_finish(&inner(host)->known);
	free(inner(host));
}

bool host_is_busy(const struct fg_host *host)
{
	const struct host *in = inner((struct fg_host *)host);

	return in->busy >= BUSY_MOST ||
	       (in->busy > 0 && fg_now_ms() - in->left_ms < FG_FLEET_PATIENCE_MS);
}

void host_busy(struct fg_host *host, int more)
{
	inner(host)->busy += more;
	if (more > 0)
		inner(host)->left_ms = fg_now_ms();
}

void host_set_slow(struct fg_host *host, bool slow)
{
	if (slow && !host->slow) {
		host->slow_ms = fg_wall_ms();
		fg_warn("host %s is slow to answer", host->name);
	} else if (!slow && host->slow) {
		fg_info("host %s answers in time again", host->name);
	}
	host->slow = slow;
}

void host_remember(struct fg_host *host, const struct fg_containers *list)
{
	struct known *known = &inner(host)->known;
	size_t *total = fleet_known_bytes(host->fleet), room;

	*total -= known->len;
	room = *total < FG_KNOWN_FLEET_BYTES ? FG_KNOWN_FLEET_BYTES - *total : 0;
	known_set(known, list, room < FG_KNOWN_HOST_BYTES ? room : FG_KNOWN_HOST_BYTES);
	*total += known->len;
	host->listed_ms = fg_wall_ms();
}

void host_inherit(struct fg_host *host, struct fg_host *before)
{
	struct known *to = &inner(host)->known, *from = &inner(before)->known;

	if (!inner(host)->swarm.known)
		inner(host)->swarm = inner(before)->swarm;
	if (host->listed_ms || !before->listed_ms)
		return;
	*fleet_known_bytes(before->fleet) -= from->len;
	*fleet_known_bytes(host->fleet) += from->len;
	*to = *from;
	*from = (struct known){0};
	host->listed_ms = before->listed_ms;
	before->listed_ms = 0;
}

/* Why a host is down is for all to read, and so English. One that let a list time out may live. */
int fg_host_list(struct fg_host *host, struct fg_containers *out, struct fg_err *err)
{
	const struct fg_language *language = fg_language_set(NULL);
	int64_t begun = fg_now_ms();
	struct fg_err local;
	int rc = fg_container_list(host->engine, NULL, out, &local);

	fg_host_note(host, rc < 0 ? &local : NULL);
	fg_language_set(language);
	if (rc == 0) {
		host_set_slow(host, fg_now_ms() - begun > FG_FLEET_PATIENCE_MS);
		host_remember(host, out);
	} else if (local.code == FG_ETIMEOUT) {
		host_set_slow(host, true);
	}
	if (rc < 0 && err)
		*err = local;
	return rc;
}

struct asked {
	struct fg_host *host;
	int64_t timeout_ms;
};

static void ask_info(void *arg)
{
	const struct asked *asked = arg;
	struct host *host = inner(asked->host);
	struct fg_engine_info info;
	struct fg_err err;
	int rc;

	fg_task_deadline(fg_now_ms() + asked->timeout_ms);
	rc = fg_engine_info(host->pub.engine, &info, &err);
	fg_host_note(&host->pub, rc < 0 ? &err : NULL);
	if (rc < 0)
		return;
	host->info = info;
	host->pub.info = &host->info;
	host->pub.info_ms = fg_now_ms();
}

void fg_hosts_ask(struct fg_host *const *hosts, size_t n, int64_t max_age_ms, int64_t timeout_ms)
{
	cleanup_free struct asked *asked = fg_alloc((n + 1) * sizeof(*asked));
	int64_t now = fg_now_ms();
	struct fg_group group;

	fg_group_init(&group, INFOS_AT_ONCE);
	for (size_t i = 0; i < n; i++) {
		struct fg_host *host = hosts[i];

		asked[i] = (struct asked){host, timeout_ms};
		if ((host->known && !host->up) || host->slow ||
			(host->info && now - host->info_ms < max_age_ms))
			continue;
		if (fg_group_go(&group, "what a host is", ask_info, &asked[i], NULL) < 0)
			break;
	}
	fg_group_wait(&group, FG_NEVER, NULL);
}

void fg_host_known(struct fg_host *host, struct fg_containers *out)
{
	known_get(&inner(host)->known, out);
}

bool host_is_dead(const struct fg_err *err)
{
	switch (err->code) {
	case FG_EUNREACHABLE:
	case FG_ETIMEOUT:
	case FG_ELOST:
	case FG_EPROTO:
	case FG_EIO: /* a certificate that cannot be read, no file descriptors left */
		return true;
	default:
		return false;
	}
}

bool host_mark(struct fg_host *host, const struct fg_err *err)
{
	bool up = !err || !host_is_dead(err);
	bool changed = !host->known || host->up != up;

	/* These were never asked, or not to the end: they say nothing about the host. */
	if (err && (err->code == FG_ECANCELED || err->code == FG_EINVAL))
		return false;
	host->known = true;
	host->checked_ms = fg_now_ms();
	host->up = up;
	if (up) {
		memset(&host->why, 0, sizeof(host->why));
		/* Whatever was called, its version was agreed on first. */
		fg_engine_seen(host->engine, &host->version);
	} else {
		host->why = *err;
	}
	if (!changed)
		return false;
	host->since_ms = fg_wall_ms();
	if (up)
		fg_info("host %s answers", host->name);
	else
		fg_warn("host %s does not answer: %s", host->name, host->why.text);
	fleet_changed(host);
	return true;
}

/*
 * The ping decides. A version that does not come (a frozen containerd lets pings, lists and
 * inspects through, and nothing else) keeps the last one; without any, it is waited for, since
 * nothing is known about the host. Why a host is down is for all to read, and so English.
 */
int host_probe(struct fg_host *host, int64_t timeout_ms, struct fg_err *err)
{
	const struct fg_language *language = fg_language_set(NULL);
	struct fg_engine_version version;
	int64_t before = fg_task_deadline(fg_now_ms() + timeout_ms);
	uint64_t begun = uv_hrtime();
	struct fg_err local;
	int rc = fg_engine_ping(host->engine, &local);

	if (rc >= 0) {
		host->latency_ms = (double)(uv_hrtime() - begun) / 1e6;
		if (fg_engine_version(host->engine, &version, NULL) >= 0)
			host->version = version;
	}
	fg_task_deadline(before);
	fg_language_set(language);
	host_mark(host, rc < 0 ? &local : NULL);
	if (rc < 0 && err)
		*err = local;
	return rc;
}

static void probe_task(void *arg)
{
	struct host *host = arg;
	struct fg_fleet *fleet = host->pub.fleet;

	host_probe(&host->pub, HOST_DOUBT_MS, NULL);
	host->probing = false;
	fg_cond_broadcast(&host->probed);
	fg_fleet_unref(fleet);
}

/* The task holds the fleet, which therefore ends at the latest when the probe does. */
static void probe_start(struct host *host)
{
	cleanup_free char *name = NULL;

	if (host->probing)
		return;
	host->probing = true;
	fg_fleet_ref(host->pub.fleet);
	name = fg_printf("probe %s", host->pub.name);
	fg_task_start(name, probe_task, host);
}

/*
 * A call that ran out of time need not mean that the engine is gone: it may have waited for one
 * slow container, or the caller's own deadline was near. A probe settles it, and says in English
 * why.
 */
bool fg_host_note(struct fg_host *host, const struct fg_err *err)
{
	if (err && (err->code == FG_ETIMEOUT || (fg_language_now() && host_is_dead(err)))) {
		probe_start(inner(host));
		return false;
	}
	return host_mark(host, err);
}

int host_ready(struct fg_host *host, struct fg_err *err)
{
	struct host *in = inner(host);
	int64_t deadline = fg_now_ms() + HOST_PATIENCE_MS;

	if (!host->known || host->up)
		return 0;
	probe_start(in);
	while (in->probing && fg_cond_wait(&in->probed, "a host that was down", deadline, err) == 0)
		;
	if (fg_task_canceled())
		return fg_fail(err, FG_ECANCELED, "canceled");
	if (host->up)
		return 0;
	if (err)
		*err = host->why;
	return -1;
}
