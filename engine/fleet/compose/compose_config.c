/*
 * What a container runs, as Compose says it: its Config, as far as that is not its image's own.
 */
#include <string.h>
#include "compose/compose.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/text.h"
#include "fleetgram/fleet/spec.h"

#define NS 1000000000LL

/* A field that is one text; what the image has too is left out. */
static void put_text(struct compose *c, const char *key, const char *field)
{
	const char *text = fg_json_str(c->config, field, "");

	if (strcmp(text, fg_json_str(c->own, field, "")) != 0)
		compose_put(c->service, key, text);
}

/* what: the beginning of a name for what is secret in them. */
static void put_words(
	struct compose *c, cJSON *object, const char *key, const char *what, const cJSON *words)
{
	cJSON *list = cJSON_AddArrayToObject(object, key);
	const char *before = NULL;
	const cJSON *word;

	cJSON_ArrayForEach (word, words) {
		const char *text = cJSON_IsString(word) ? word->valuestring : "";

		compose_add_word(c, list, what, text, before);
		before = text;
	}
}

/*
 * The engine takes the image's command only as long as the entrypoint is the image's too; one
 * empty word is how an entrypoint is taken away.
 */
static void put_command(struct compose *c)
{
	const cJSON *entrypoint = fg_json_array(c->config, "Entrypoint"),
		    *command = fg_json_array(c->config, "Cmd");
	bool own_entrypoint = compose_same_list(entrypoint, fg_json_array(c->own, "Entrypoint"));
	bool own_command = compose_same_list(command, fg_json_array(c->own, "Cmd"));

	if (own_entrypoint && own_command)
		return;
	if (!own_entrypoint || !command || !command->child) {
		put_words(c, c->service, "entrypoint", "entrypoint", entrypoint);
		if (!entrypoint || !entrypoint->child)
			compose_add(compose_list(c->service, "entrypoint"), "");
	}
	if (command && command->child)
		put_words(c, c->service, "command", "command", command);
}

/* The last of several values is the one that counts. */
static bool is_overridden(const cJSON *item, const char *name)
{
	size_t len = strlen(name);

	for (item = item->next; item; item = item->next)
		if (cJSON_IsString(item) && strncmp(item->valuestring, name, len) == 0 &&
			item->valuestring[len] == '=')
			return true;
	return false;
}

/* What Podman gives to everyone. */
static bool is_podmans(const struct compose *c, const char *pair)
{
	static const char *const pairs[] = {
		"HOME=/", "HOME=/root", "TERM=xterm", "container=podman"};

	for (size_t i = 0; c->what->podman && i < FG_ARRAY_LEN(pairs); i++)
		if (strcmp(pair, pairs[i]) == 0)
			return true;
	return c->what->podman && strncmp(pair, "HOSTNAME=", 9) == 0 &&
	       strcmp(pair + 9, fg_json_str(c->config, "Hostname", "")) == 0;
}

static void put_environment(struct compose *c)
{
	const cJSON *own = fg_json_array(c->own, "Env"), *item;
	cJSON *out = cJSON_CreateObject();

	cJSON_ArrayForEach (item, fg_json_array(c->config, "Env")) {
		const char *pair = cJSON_IsString(item) ? item->valuestring : "";
		const char *equals = strchr(pair, '=');
		cleanup_free char *name = NULL;

		if (!equals || equals == pair || compose_has(own, pair) || is_podmans(c, pair))
			continue;
		name = fg_strndup(pair, (size_t)(equals - pair));
		if (!is_overridden(item, name))
			compose_put_value(c, out, name, equals + 1);
	}
	if (out->child)
		cJSON_AddItemToObject(c->service, "environment", out);
	else
		cJSON_Delete(out);
}

/* What Compose and Fleetgram note for themselves; it would not be true of the next container. */
static bool is_bookkeeping(const char *label)
{
	static const char *const ours[] = {FG_LABEL_MANAGED, FG_LABEL_INSTANCE, FG_LABEL_TEMPLATE,
		FG_LABEL_HASH, FG_LABEL_CREATED_BY, FG_LABEL_CREATED_AT, FG_LABEL_SPEC_VERSION,
		FG_LABEL_PARAMS, FG_LABEL_IMAGE};
	static const char *const prefixes[] = {"com.docker.compose.", "io.podman.compose."};

	for (size_t i = 0; i < FG_ARRAY_LEN(ours); i++)
		if (strcmp(label, ours[i]) == 0)
			return true;
	for (size_t i = 0; i < FG_ARRAY_LEN(prefixes); i++)
		if (strncmp(label, prefixes[i], strlen(prefixes[i])) == 0)
			return true;
	return false;
}

static void put_labels(struct compose *c)
{
	const cJSON *own = fg_json_object(c->own, "Labels"), *label;
	cJSON *out = cJSON_CreateObject();

	cJSON_ArrayForEach (label, fg_json_object(c->config, "Labels")) {
		const char *value = cJSON_GetStringValue(label);

		if (!value || is_bookkeeping(label->string) ||
			fg_str_equal(value, fg_json_str(own, label->string, NULL)))
			continue;
		compose_put_value(c, out, label->string, value);
	}
	if (out->child)
		cJSON_AddItemToObject(c->service, "labels", out);
	else
		cJSON_Delete(out);
}

/* "1m30s": whole numbers with a unit, the one form that every Compose reads. */
static void put_duration(cJSON *object, const char *key, int64_t ns)
{
	static const struct {
		int64_t ns;
		const char *unit;
	} units[] = {{3600 * NS, "h"}, {60 * NS, "m"}, {NS, "s"}, {1000000, "ms"}, {1000, "us"},
		{1, "ns"}};
	cleanup_str struct fg_str text;

	fg_str_init(&text, 128);
	for (size_t i = 0; i < FG_ARRAY_LEN(units); i++) {
		if (ns >= units[i].ns)
			fg_str_printf(
				&text, "%lld%s", (long long)(ns / units[i].ns), units[i].unit);
		ns %= units[i].ns;
	}
	cJSON_AddStringToObject(object, key, text.len ? text.s : "0s");
}

static void put_stop(struct compose *c)
{
	const char *signal = fg_json_str(c->config, "StopSignal", "");
	const char *own = fg_json_str(c->own, "StopSignal", "SIGTERM");
	int64_t timeout = fg_json_i64(c->config, "StopTimeout", -1);

	/* Podman says its number. */
	if (strcmp(signal, own) != 0 && (strcmp(signal, "15") != 0 || strcmp(own, "SIGTERM") != 0))
		compose_put(c->service, "stop_signal", signal);
	if (timeout >= 0)
		put_duration(c->service, "stop_grace_period", timeout * NS);
	else if (fg_json_i64(c->config, "StopTimeout", 0) < 0)
		compose_leave_out(c, "it is given any time to stop");
}

static void put_healthcheck(struct compose *c)
{
	static const struct {
		const char *key, *field;
	} times[] = {
		{"interval", "Interval"}, {"timeout", "Timeout"}, {"start_period", "StartPeriod"}};
	const cJSON *check = fg_json_object(c->config, "Healthcheck"),
		    *own = fg_json_object(c->own, "Healthcheck"),
		    *test = fg_json_array(check, "Test");
	int64_t retries = fg_json_i64(check, "Retries", 0);
	cJSON *out;

	if (!test || !test->child || (own && cJSON_Compare(check, own, true)))
		return;
	out = cJSON_AddObjectToObject(c->service, "healthcheck");
	put_words(c, out, "test", "healthcheck", test);
	/* None at all, whatever its times are. */
	if (cJSON_IsString(test->child) && strcmp(test->child->valuestring, "NONE") == 0)
		return;
	for (size_t i = 0; i < FG_ARRAY_LEN(times); i++)
		if (fg_json_i64(check, times[i].field, 0) > 0)
			put_duration(out, times[i].key, fg_json_i64(check, times[i].field, 0));
	if (retries > 0)
		fg_json_set_i64(out, "retries", retries);
	if (fg_json_i64(check, "StartInterval", 0) > 0)
		compose_leave_out(c, "its health check's interval while it starts");
}

/* The engine's own choice is the beginning of the id; who shares a network shares its name. */
static void put_hostname(struct compose *c)
{
	const char *hostname = fg_json_str(c->config, "Hostname", "");
	const char *id = fg_json_str(c->what->container, "Id", "");
	const char *network = fg_json_str(c->host, "NetworkMode", "");

	if (strcmp(fg_json_str(c->host, "UTSMode", ""), "host") == 0 ||
		strncmp(network, "container:", 10) == 0)
		return;
	if (strlen(hostname) != 12 || strncmp(hostname, id, 12) != 0)
		compose_put(c->service, "hostname", hostname);
	compose_put(c->service, "domainname", fg_json_str(c->config, "Domainname", ""));
	compose_put(c->service, "mac_address", fg_json_str(c->config, "MacAddress", ""));
}

void compose_config(struct compose *c)
{
	const char *name = fg_json_str(c->what->container, "Name", "");

	compose_put(c->service, "image",
		fg_container_image(fg_json_str(c->config, "Image", ""),
			fg_json_object(c->config, "Labels")));
	compose_put(c->service, "container_name", name + (*name == '/'));
	put_command(c);
	put_text(c, "user", "User");
	if (!c->what->podman || strcmp(fg_json_str(c->config, "WorkingDir", ""), "/") != 0)
		put_text(c, "working_dir", "WorkingDir");
	put_hostname(c);
	put_environment(c);
	put_labels(c);
	put_healthcheck(c);
	put_stop(c);
	if (fg_json_bool(c->config, "Tty", false))
		cJSON_AddTrueToObject(c->service, "tty");
	if (fg_json_bool(c->config, "OpenStdin", false))
		cJSON_AddTrueToObject(c->service, "stdin_open");
}
