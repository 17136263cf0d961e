/* What no single key can tell: entries that exclude each other, and values that belong together. */
#include <stdlib.h>
#include <string.h>
#include "config/check.h"
#include "config/finish.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/docker/context.h"

struct finish {
	struct config *config;
	const struct config_source *source;
	const cJSON *root;
	struct config_errors *errors;
};

static const cJSON *element(const cJSON *root, const char *list, size_t i)
{
	return cJSON_GetArrayItem(fg_json_array(root, list), (int)i);
}

static void given_twice(
	struct finish *f, const char *list, size_t i, size_t before, const char *member)
{
	const cJSON *item = element(f->root, list, i), *at = fg_json_get(item, member);
	cleanup_free char *key = fg_printf("%s[%zu].%s", list, i, member);

	config_errors_at(f->errors, f->source, at ? at : item, CONFIG_AT_VALUE, key,
		"is the same as in %s[%zu]", list, before);
}

/* Places in a list, sorted so that equal entries are neighbours. */
struct entry {
	int64_t id, thread;
	const char *name;
	size_t index;
};

static int by_identity(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	int order = 0;

	if (x->name && y->name)
		order = strcmp(x->name, y->name);
	if (order == 0)
		order = (x->id > y->id) - (x->id < y->id);
	if (order == 0)
		order = (x->thread > y->thread) - (x->thread < y->thread);
	return order;
}

static int by_index(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	int order = by_identity(a, b);

	return order ? order : (x->index > y->index) - (x->index < y->index);
}

static void find_twins(
	struct finish *f, const char *list, const char *member, struct entry *entries, size_t count)
{
	size_t i, first = 0;

	qsort(entries, count, sizeof(*entries), by_index);
	for (i = 1; i < count; i++) {
		if (by_identity(&entries[first], &entries[i]) != 0)
			first = i;
		else if (entries[i].id != 0 || entries[i].name)
			given_twice(f, list, entries[i].index, entries[first].index, member);
	}
}

static void check_twins(struct finish *f)
{
	const struct config *c = f->config;
	cleanup_free struct entry *users = fg_alloc((c->user_count + 1) * sizeof(*users));
	cleanup_free struct entry *chats = fg_alloc((c->chat_count + 1) * sizeof(*chats));
	cleanup_free struct entry *schedules =
		fg_alloc((c->schedule_count + 1) * sizeof(*schedules));
	size_t i;

	for (i = 0; i < c->user_count; i++)
		users[i] = (struct entry){.id = c->users[i].id, .index = i};
	for (i = 0; i < c->chat_count; i++)
		chats[i] = (struct entry){
			.id = c->chats[i].id, .thread = c->chats[i].thread, .index = i};
	for (i = 0; i < c->schedule_count; i++)
		schedules[i] = (struct entry){.name = c->schedules[i].name, .index = i};
	find_twins(f, "users", "id", users, c->user_count);
	find_twins(f, "chats", "id", chats, c->chat_count);
	find_twins(f, "schedules", "name", schedules, c->schedule_count);
}

/* A member of a host is wrong as a whole. */
static void wrong_host(
	struct finish *f, const struct config_host *host, const char *member, const char *why)
{
	const cJSON *item = fg_json_get(fg_json_get(f->root, "hosts"), host->name);
	cleanup_free char *key = fg_printf("hosts.%s.%s", host->name, member);

	config_errors_at(
		f->errors, f->source, fg_json_get(item, member), CONFIG_AT_KEY, key, "%s", why);
}

/* What a context says, as if it stood here. */
static void take_context(struct finish *f, struct config_host *host)
{
	cleanup_context struct fg_context context = {0};
	struct fg_err err;

	if (host->url)
		wrong_host(f, host, "url", "a host with a context has no url of its own");
	else if (host->tls.ca || host->tls.cert || host->tls.key)
		wrong_host(f, host, "tls", "a host with a context has its TLS files from there");
	else if (fg_context_read(host->context, &context, &err) < 0 ||
		 config_check_host_url(context.url, &err) < 0)
		wrong_host(f, host, "context", err.text);
	if (host->url || !context.url || config_check_host_url(context.url, &err) < 0)
		return;
	host->url = fg_steal(&context.url);
	host->tls.ca = fg_steal(&context.ca);
	host->tls.cert = fg_steal(&context.cert);
	host->tls.key = fg_steal(&context.key);
}

static void check_host(struct finish *f, struct config_host *host)
{
	bool tls, ssh = host->ssh.key || host->ssh.known_hosts;

	if (host->context)
		take_context(f, host);
	tls = host->tls.ca || host->tls.cert || host->tls.key;
	if (!host->url)
		return;
	if (tls && strncmp(host->url, "tcp://", 6) != 0)
		wrong_host(f, host, "tls", "only a tcp:// address can have TLS files");
	if (!host->tls.cert != !host->tls.key)
		wrong_host(f, host, "tls", "cert and key go together");
	if (ssh && strncmp(host->url, "ssh://", 6) != 0)
		wrong_host(f, host, "ssh", "only an ssh:// address can have ssh files");
}

static bool given(const cJSON *item, const char *member)
{
	const cJSON *value = fg_json_get(item, member);

	return value && !cJSON_IsNull(value);
}

/* Which engine it is has to be said of each host that is named. */
static void check_named(struct finish *f, const struct config_host *host)
{
	const cJSON *item = fg_json_get(fg_json_get(f->root, "hosts"), host->name);
	cleanup_free char *key = fg_printf("hosts.%s", host->name);

	/* One that was given and is wrong was told of already. */
	if (cJSON_IsObject(item) && !given(item, "url") && !given(item, "context"))
		config_errors_at(f->errors, f->source, item, CONFIG_AT_VALUE, key,
			"needs \"url\" or \"context\"");
}

static void check_hosts(struct finish *f)
{
	const cJSON *hosts = fg_json_get(f->root, "hosts");
	const char *env = getenv("DOCKER_HOST");
	struct fg_err err;
	size_t i;

	if (cJSON_IsObject(hosts) && f->config->host_count == 0)
		config_errors_at(f->errors, f->source, hosts, CONFIG_AT_VALUE, "hosts",
			"names no host; leave it out for the engine on this machine");
	if (!hosts && env && *env) {
		if (config_check_host_url(env, &err) < 0)
			config_errors_add(f->errors, "DOCKER_HOST", 0, 0, NULL, "%s", err.text);
		else
			f->config->hosts[0].url = fg_strdup(env);
	}
	for (i = 0; i < f->config->host_count; i++) {
		check_named(f, &f->config->hosts[i]);
		check_host(f, &f->config->hosts[i]);
	}
}

static void check_http(struct finish *f)
{
	const cJSON *http = fg_json_get(f->root, "http"), *item = fg_json_get(http, "listen");
	struct config *c = f->config;
	struct config_listen listen;

	if (!c->http.listen || config_listen_parse(c->http.listen, &listen, NULL) < 0)
		return;
	c->http.unix_path = listen.unix_path;
	c->http.address = listen.address;
	c->http.port = listen.port;
	c->http.loopback = listen.loopback;
	if (!listen.loopback && !c->http.token_file && !c->http.allow_unauthenticated)
		config_errors_at(f->errors, f->source, item, CONFIG_AT_VALUE, "http.listen",
			"other machines could read this without a token: set http.token_file, or "
			"http.allow_unauthenticated");
}

void config_finish_relations(
	struct config *config, const struct config_source *source, struct config_errors *errors)
{
	struct finish f = {config, source, config_source_root(source), errors};
	const cJSON *retry = fg_json_path(f.root, "telegram.retry");

	check_twins(&f);
	check_hosts(&f);
	check_http(&f);
	if (config->telegram.retry.max_ms < config->telegram.retry.min_ms)
		config_errors_at(errors, source, retry, CONFIG_AT_VALUE, "telegram.retry",
			"max_delay is shorter than min_delay");
}
