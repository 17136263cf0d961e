/*
 * The small grammars inside a template: published ports, and what is mounted where.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include "fleetgram/base/json.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/str.h"
#include "spec/template.h"

#define DIGITS "0123456789"
#define NAME_CHARS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-"

static int port_parse(const char *s, size_t len)
{
	long port;

	if (len < 1 || len > 5 || strspn(s, DIGITS) < len)
		return -1;
	port = strtol(s, NULL, 10);
	return port >= 1 && port <= 65535 ? (int)port : -1;
}

static bool ip_take(const char **p, char ip[46])
{
	unsigned char raw[16];
	const char *end;
	size_t len;

	if (**p == '[') {
		end = strchr(++*p, ']');
		if (!end || end[1] != ':')
			return false;
		len = (size_t)(end - *p);
		end += 2;
	} else {
		len = strcspn(*p, ":");
		end = *p + len + 1;
	}
	if (len >= 46)
		return false;
	memcpy(ip, *p, len);
	ip[len] = '\0';
	*p = end;
	return inet_pton(AF_INET, ip, raw) == 1 || inet_pton(AF_INET6, ip, raw) == 1;
}

const char *portmap_parse(const char *text, struct portmap *out)
{
	const char *p = text, *slash, *colon;
	size_t len;

	memset(out, 0, sizeof(*out));
	slash = strchr(text, '/');
	if (slash && strcmp(slash, "/tcp") != 0 && strcmp(slash, "/udp") != 0 &&
		strcmp(slash, "/sctp") != 0)
		return "a port's protocol is tcp, udp or sctp";
	strncpy(out->proto, slash ? slash + 1 : "tcp", sizeof(out->proto) - 1);
	len = slash ? (size_t)(slash - text) : strlen(text);
	colon = memchr(text, ':', len);
	if (*p == '[' || (colon && memchr(colon + 1, ':', len - (size_t)(colon + 1 - text)))) {
		if (!ip_take(&p, out->ip))
			return "an address is IPv4, or IPv6 in brackets";
		len -= (size_t)(p - text);
		colon = memchr(p, ':', len);
		if (!colon)
			return "after an address come the outer and the inner port";
	}
	if (colon && colon > p) {
		out->outside = port_parse(p, (size_t)(colon - p));
		if (out->outside < 0)
			return "the outer port is no number from 1 to 65535";
	} else if (colon && !*out->ip) {
		return "there is no port before the colon";
	}
	if (colon) {
		len -= (size_t)(colon + 1 - p);
		p = colon + 1;
	}
	out->inside = port_parse(p, len);
	return out->inside < 0 ? "the inner port is no number from 1 to 65535" : NULL;
}

char *portmap_text(const struct portmap *p)
{
	bool v6 = strchr(p->ip, ':') != NULL;
	char outside[16] = "";

	if (p->outside)
		snprintf(outside, sizeof(outside), "%d", p->outside);
	if (*p->ip)
		return fg_printf("%s%s%s:%s:%d/%s", v6 ? "[" : "", p->ip, v6 ? "]" : "", outside,
			p->inside, p->proto);
	if (p->outside)
		return fg_printf("%s:%d/%s", outside, p->inside, p->proto);
	return fg_printf("%d/%s", p->inside, p->proto);
}

/* A path without doubled and trailing slashes; NULL when it is not absolute or climbs. Caller
 * frees. */
static char *path_tidy(const char *path, size_t len)
{
	char *out = fg_alloc(len + 2);
	size_t n = 0, i = 0;

	if (len == 0 || path[0] != '/')
		goto bad;
	while (i < len) {
		size_t part;

		while (i < len && path[i] == '/')
			i++;
		for (part = i; i < len && path[i] != '/'; i++)
			if ((unsigned char)path[i] < 0x20)
				goto bad;
		if (i - part == 2 && memcmp(path + part, "..", 2) == 0)
			goto bad;
		if (i == part || (i - part == 1 && path[part] == '.'))
			continue;
		out[n++] = '/';
		memcpy(out + n, path + part, i - part);
		n += i - part;
	}
	if (n == 0)
		out[n++] = '/';
	out[n] = '\0';
	return out;
bad:
	free(out);
	return NULL;
}

static char *source_tidy(const char *s, size_t len)
{
	if (len > 0 && s[0] == '/')
		return path_tidy(s, len);
	if (len < 2 || len > 255 || strspn(s, NAME_CHARS) < len || strchr("_.-", s[0]))
		return NULL;
	return fg_strndup(s, len);
}

/* The options in the order of this table, which is also their one form. */
static char *options_tidy(const char *s)
{
	static const char *const known[] = {"Z", "nocopy", "private", "ro", "rprivate", "rshared",
		"rslave", "rw", "shared", "slave", "z"};
	bool seen[FG_ARRAY_LEN(known)] = {false};
	cleanup_str struct fg_str out;
	size_t i;

	fg_str_init(&out, 128);
	while (*s) {
		size_t len = strcspn(s, ",");

		for (i = 0; i < FG_ARRAY_LEN(known); i++)
			if (strlen(known[i]) == len && memcmp(known[i], s, len) == 0)
				break;
		if (i == FG_ARRAY_LEN(known))
			return NULL;
		seen[i] = true;
		s += len + (s[len] == ',');
	}
	for (i = 0; i < FG_ARRAY_LEN(known); i++)
		if (seen[i] && strcmp(known[i], "rw") != 0)
			fg_str_printf(&out, "%s%s", out.len ? "," : "", known[i]);
	return fg_str_take(&out);
}

const char *mount_parse(const char *text, struct mount *out)
{
	const char *first = strchr(text, ':'), *second = first ? strchr(first + 1, ':') : NULL;
	const char *target = first ? first + 1 : text;

	memset(out, 0, sizeof(*out));
	if (second && strchr(second + 1, ':'))
		return "it has more than three parts";
	out->target = path_tidy(target, second ? (size_t)(second - target) : strlen(target));
	if (!out->target || strcmp(out->target, "/") == 0)
		return "the place inside is no absolute path below /";
	out->options = options_tidy(second ? second + 1 : "");
	if (!out->options)
		return "there is no such mount option";
	if (!first)
		return NULL;
	out->source = source_tidy(text, (size_t)(first - text));
	return out->source ? NULL : "its source is neither an absolute path nor a volume's name";
}

char *mount_text(const struct mount *m)
{
	if (!m->source)
		return fg_strdup(m->target);
	return fg_printf("%s:%s%s%s", m->source, m->target, *m->options ? ":" : "", m->options);
}

void mount_finish(struct mount *m)
{
	free(m->source);
	free(m->target);
	free(m->options);
	memset(m, 0, sizeof(*m));
}

int field_ports(const cJSON *in, cJSON *spec, const char *name, struct fg_err *err)
{
	cleanup_json cJSON *list = field_list(in, name, err), *out = cJSON_CreateArray();
	const cJSON *item;

	if (!list)
		return -1;
	cJSON_ArrayForEach (item, list) {
		struct portmap p;
		const char *wrong = portmap_parse(item->valuestring, &p);
		cleanup_free char *text = NULL;

		if (wrong)
			return field_fail(err, name, wrong);
		text = portmap_text(&p);
		cJSON_AddItemToArray(out, cJSON_CreateString(text));
	}
	cJSON_AddItemToObject(spec, name, field_set(fg_steal(&out)));
	return 0;
}

int field_volumes(const cJSON *in, cJSON *spec, const char *name, struct fg_err *err)
{
	cleanup_json cJSON *list = field_list(in, name, err), *out = cJSON_CreateArray(),
			   *targets = cJSON_CreateObject();
	const cJSON *item;

	if (!list)
		return -1;
	cJSON_ArrayForEach (item, list) {
		cleanup_mount struct mount m = {0};
		const char *wrong = mount_parse(item->valuestring, &m);
		cleanup_free char *text = NULL;

		if (wrong)
			return field_fail(err, name, wrong);
		if (fg_json_get(targets, m.target))
			return field_fail(err, name, "two of them have the same place inside");
		cJSON_AddTrueToObject(targets, m.target);
		text = mount_text(&m);
		cJSON_AddItemToArray(out, cJSON_CreateString(text));
	}
	cJSON_AddItemToObject(spec, name, field_set(fg_steal(&out)));
	return 0;
}

/* "PATH[:OPTIONS]", a list of such, or an object of them. */
int field_tmpfs(const cJSON *in, cJSON *spec, const char *name, struct fg_err *err)
{
	cJSON *out = cJSON_AddObjectToObject(spec, name);
	cleanup_json cJSON *list = NULL;
	const cJSON *item;

	if (cJSON_IsObject(in)) {
		list = cJSON_CreateArray();
		cJSON_ArrayForEach (item, in) {
			const char *options = cJSON_GetStringValue(item);
			cleanup_free char *text = NULL;

			if (!options)
				return field_fail(err, name, "its options are no string");
			text = fg_printf("%s:%s", item->string, options);
			cJSON_AddItemToArray(list, cJSON_CreateString(text));
		}
	} else {
		list = field_list(in, name, err);
	}
	if (!list)
		return -1;
	cJSON_ArrayForEach (item, list) {
		const char *text = item->valuestring, *colon = strchr(text, ':');
		cleanup_free char *path =
			path_tidy(text, colon ? (size_t)(colon - text) : strlen(text));

		if (!path || strcmp(path, "/") == 0)
			return field_fail(err, name, "it is no absolute path below /");
		if (fg_json_get(out, path))
			return field_fail(err, name, "the same path twice");
		cJSON_AddStringToObject(out, path, colon ? colon + 1 : "");
	}
	return 0;
}
