/*
 * A container as a Compose file: looked up, put together, and written down.
 */
#include <ctype.h>
#include <string.h>
#include "compose/compose.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/text.h"
#include "fleetgram/docker/image.h"

#define FILE_MAX ((size_t)4 * 1024 * 1024)
#define KEY_CHARS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"
#define VARIABLE_CHARS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_"

char *compose_literal(const char *s)
{
	size_t len = strlen(s), n = 0;
	char *out = fg_alloc(2 * len + 1);

	for (; *s; s++) {
		if (*s == '$')
			out[n++] = '$';
		out[n++] = *s;
	}
	return out;
}

void compose_put(cJSON *object, const char *key, const char *text)
{
	cleanup_free char *literal = NULL;

	if (!text || !*text)
		return;
	literal = compose_literal(text);
	cJSON_AddStringToObject(object, key, literal);
}

void compose_add(cJSON *list, const char *text)
{
	cleanup_free char *literal = compose_literal(text);

	cJSON_AddItemToArray(list, cJSON_CreateString(literal));
}

cJSON *compose_list(cJSON *object, const char *key)
{
	cJSON *list = cJSON_GetObjectItemCaseSensitive(object, key);

	return list ? list : cJSON_AddArrayToObject(object, key);
}

bool compose_has(const cJSON *list, const char *text)
{
	const cJSON *item;

	cJSON_ArrayForEach (item, list) {
		if (cJSON_IsString(item) && strcmp(item->valuestring, text) == 0)
			return true;
	}
	return false;
}

/* A name that both a shell and Compose take for a variable's, and that no other value has. Caller
 * frees. */
static char *variable_name(const struct compose *c, const char *name)
{
	bool valid = strspn(name, VARIABLE_CHARS) == strlen(name);
	cleanup_free char *base =
		fg_printf("%s%s", isdigit((unsigned char)*name) || !*name ? "_" : "", name);
	char *out;

	for (char *p = base; *p && !valid; p++)
		*p = strchr(VARIABLE_CHARS, *p) ? (char)toupper((unsigned char)*p) : '_';
	out = fg_strdup(base);
	for (int i = 2; compose_has(c->variables, out); i++) {
		free(out);
		out = fg_printf("%s_%d", base, i);
	}
	return out;
}

void compose_put_value(struct compose *c, cJSON *object, const char *key, const char *value)
{
	cleanup_free char *assignment = fg_printf("%s=%s", key, value), *text = NULL;

	/* docker-compose 1.29 takes no such name. */
	if (strspn(key, "\n") == strlen(key)) {
		compose_leave_out(c, "a value without a name");
		return;
	}
	if (*value && c->what->secret && c->what->secret(assignment)) {
		cleanup_free char *name = variable_name(c, key);

		cJSON_AddItemToArray(c->variables, cJSON_CreateString(name));
		text = fg_printf("${%s:?}", name);
	} else {
		text = compose_literal(value);
	}
	cJSON_DeleteItemFromObjectCaseSensitive(object, key);
	cJSON_AddStringToObject(object, key, text);
}

#define SPACE " \t\r\n"

/* Whether name=value is secret. */
static bool is_secret(const struct compose *c, const char *name, const char *value)
{
	cleanup_free char *assignment = fg_printf("%s=%s", name, value);

	return c->what->secret(assignment);
}

/* Words that are whole are judged as ones of a shell's line are. The name is the caller's. */
static size_t secret_in(const struct compose *c, const char *piece, const char *before, char **name)
{
	const char *equals = strchr(piece, '='), *scheme = strstr(piece, "://");
	bool option = before && *before == '-' && !strchr(before, '=') && *piece != '-';

	/* what is before an = in a URL may be its password */
	if (equals && (!scheme || scheme > equals) && c->what->secret(piece)) {
		*name = fg_strndup(piece, (size_t)(equals - piece));
		return (size_t)(equals + 1 - piece);
	}
	if (option && is_secret(c, before, piece))
		*name = fg_strdup(before);
	else if (is_secret(c, "word", piece) || (equals && c->what->secret(piece)))
		*name = fg_strdup("");
	return 0;
}

/* Where in a word the first secret begins, and what to call it; NULL: there is none. */
static const char *find_secret(
	const struct compose *c, const char *word, const char *before, char **name)
{
	cleanup_free char *last = before ? fg_strdup(before) : NULL;

	for (const char *p = word + strspn(word, SPACE); *p; p += strspn(p, SPACE)) {
		size_t len = strcspn(p, SPACE), at;
		char *piece = fg_strndup(p, len);

		at = secret_in(c, piece, last, name);
		free(last);
		last = piece;
		if (*name)
			return p + at;
		p += len;
	}
	return NULL;
}

void compose_add_word(
	struct compose *c, cJSON *list, const char *key, const char *word, const char *before)
{
	cleanup_free char *found = NULL, *base = NULL, *name = NULL, *rest = NULL, *text = NULL;
	cleanup_free char *literal = NULL;
	const char *secret = c->what->secret ? find_secret(c, word, before, &found) : NULL;

	if (!secret) {
		compose_add(list, word);
		return;
	}
	base = fg_strdup(found + strcspn(found, VARIABLE_CHARS));
	if (!*base) {
		free(base);
		base = fg_printf("%s_secret", key);
	}
	for (char *p = base; *p; p++)
		*p = (char)toupper((unsigned char)*p);
	name = variable_name(c, base);
	cJSON_AddItemToArray(c->variables, cJSON_CreateString(name));
	rest = fg_strndup(word, (size_t)(secret - word));
	literal = compose_literal(rest);
	text = fg_printf("%s${%s:?}", literal, name);
	cJSON_AddItemToArray(list, cJSON_CreateString(text));
}

void compose_leave_out(struct compose *c, const char *what)
{
	if (!compose_has(c->left_out, what))
		cJSON_AddItemToArray(c->left_out, cJSON_CreateString(what));
}

char *compose_sharing(const struct compose *c, const char *mode)
{
	const char *id = strncmp(mode, "container:", 10) == 0 ? mode + 10 : NULL;
	const char *name = id ? fg_json_str(c->what->names, id, id) : NULL;

	return name ? fg_printf("container:%s", name) : fg_strdup(mode);
}

bool compose_same_list(const cJSON *a, const cJSON *b)
{
	const cJSON *x = a ? a->child : NULL, *y = b ? b->child : NULL;

	for (; x && y; x = x->next, y = y->next)
		if (!cJSON_IsString(x) || !cJSON_IsString(y) ||
			strcmp(x->valuestring, y->valuestring) != 0)
			return false;
	return !x && !y;
}

static bool is_key(const char *name)
{
	return *name && strspn(name, KEY_CHARS) == strlen(name);
}

const char *compose_external(cJSON *top, const char *name)
{
	cleanup_free char *made = NULL;
	cJSON *entry;

	cJSON_ArrayForEach (entry, top) {
		if (strcmp(fg_json_str(entry, "name", entry->string), name) == 0)
			return entry->string;
	}
	if (!is_key(name))
		made = fg_printf("other%d", cJSON_GetArraySize(top) + 1);
	entry = cJSON_AddObjectToObject(top, made ? made : name);
	cJSON_AddTrueToObject(entry, "external");
	if (made)
		compose_put(entry, "name", name);
	return entry->string;
}

/* A list of names in a comment, one on a line: whatever is in them, they stay in it. */
static void comment_list(struct fg_str *out, const char *head, const cJSON *list)
{
	const cJSON *item;

	if (!list->child)
		return;
	fg_str_printf(out, "# %s\n", head);
	cJSON_ArrayForEach (item, list) {
		fg_str_puts(out, "#   ");
		fg_text_clean_line(out, item->valuestring, strlen(item->valuestring));
		fg_str_putc(out, '\n');
	}
}

static void write_comment(const struct compose *c, struct fg_str *out)
{
	fg_str_printf(out, "# %s", c->name);
	if (c->what->host) {
		fg_str_puts(out, " on ");
		fg_text_clean_line(out, c->what->host, strlen(c->what->host));
	}
	fg_str_puts(out, ", written down by Fleetgram.\n");
	comment_list(out,
		"Values that look secret are not in here. Set these variables, in the environment "
		"or in a file .env beside this one:",
		c->variables);
	comment_list(out, "Compose has no word for these, so they are not in here:", c->left_out);
}

static int assemble(struct compose *c, struct fg_str *out, struct fg_err *err)
{
	cleanup_json cJSON *doc = cJSON_CreateObject();
	cJSON *services = cJSON_AddObjectToObject(doc, "services");

	c->service = cJSON_AddObjectToObject(services, c->name);
	c->networks = cJSON_AddObjectToObject(doc, "networks");
	c->volumes = cJSON_AddObjectToObject(doc, "volumes");
	compose_config(c);
	compose_network(c);
	compose_mounts(c);
	compose_host(c);
	if (!c->networks->child)
		cJSON_DeleteItemFromObjectCaseSensitive(doc, "networks");
	if (!c->volumes->child)
		cJSON_DeleteItemFromObjectCaseSensitive(doc, "volumes");
	write_comment(c, out);
	return fg_yaml_write(out, doc, err);
}

int fg_compose_write(const struct fg_compose *what, struct fg_compose_file *out, struct fg_err *err)
{
	const char *name = fg_json_str(what->container, "Name", "");
	struct fg_str text;
	struct compose c = {
		.what = what,
		.config = fg_json_object(what->container, "Config"),
		.host = fg_json_object(what->container, "HostConfig"),
		.own = fg_json_object(what->image, "Config"),
		.variables = cJSON_CreateArray(),
		.left_out = cJSON_CreateArray(),
	};

	*out = (struct fg_compose_file){.variables = c.variables, .left_out = c.left_out};
	name += *name == '/';
	c.name = is_key(name) ? name : "app";
	fg_str_init(&text, FILE_MAX);
	if (!c.config || !c.host)
		fg_fail(err, FG_EPROTO, "the engine does not say how it was made");
	else if (assemble(&c, &text, err) == 0)
		out->text = fg_str_take(&text);
	fg_str_finish(&text);
	if (out->text)
		return 0;
	fg_compose_file_finish(out);
	return fg_wrap(err, "cannot write %s as a Compose file", c.name);
}

/* The names of the containers whose namespaces it shares, as far as they are in scope. */
static void look_up(struct fg_host *host, const struct fg_container_info *info,
	const struct fg_selector *scope, cJSON *names)
{
	static const char *const modes[] = {"IpcMode", "NetworkMode", "PidMode"};
	const cJSON *config = fg_json_object(info->raw, "HostConfig");

	for (size_t i = 0; i < FG_ARRAY_LEN(modes); i++) {
		cleanup_info struct fg_container_info other = {0};
		struct fg_subject subject;
		const char *mode = fg_json_str(config, modes[i], "");

		if (strncmp(mode, "container:", 10) != 0 || fg_json_get(names, mode + 10))
			continue;
		if (fg_container_inspect(host->engine, mode + 10, &other, NULL) < 0)
			continue;
		subject = fg_info_subject(host, &other);
		cJSON_AddStringToObject(names, mode + 10,
			fg_selector_match(scope, &subject) ? other.name : mode + 10);
	}
}

int fg_compose_container(struct fg_host *host, const char *id, const struct fg_selector *scope,
	bool (*secret)(const char *assignment), struct fg_compose_file *out, struct fg_err *err)
{
	cleanup_info struct fg_container_info info = {0};
	cleanup_image_info struct fg_image_info image = {0};
	cleanup_json cJSON *names = cJSON_CreateObject();
	struct fg_compose what = {.host = host->name, .names = names, .secret = secret};
	int rc = fg_container_inspect(host->engine, id, &info, err);

	*out = (struct fg_compose_file){0};
	if (rc == 0) {
		rc = fg_image_inspect(host->engine, info.image_id, &image, err);
		rc = rc < 0 && err->code == FG_ENOTFOUND ? 0 : rc;
	}
	fg_host_note(host, rc < 0 ? err : NULL);
	if (rc < 0)
		return -1;
	look_up(host, &info, scope, names);
	what.podman = strcmp(host->version.kind, "podman") == 0;
	what.container = info.raw;
	what.image = image.raw;
	return fg_compose_write(&what, out, err);
}

void fg_compose_file_finish(struct fg_compose_file *file)
{
	free(file->text);
	cJSON_Delete(file->variables);
	cJSON_Delete(file->left_out);
	*file = (struct fg_compose_file){0};
}
