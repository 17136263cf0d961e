/*
 * Packing and unpacking: each container is a row of texts, its labels the last of them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "fleetgram/base/mem.h"
#include "fleetgram/fleet/fleet.h"
#include "known.h"

#define NUMBER 24

static void put(struct fg_str *out, const char *s)
{
	fg_str_puts(out, s ? s : "");
	fg_str_putc(out, '\0');
}

static void put_number(struct fg_str *out, int64_t n)
{
	char buf[NUMBER];

	snprintf(buf, sizeof(buf), "%lld", (long long)n);
	put(out, buf);
}

static void put_container(struct fg_str *out, const struct fg_container *c, const cJSON *labels)
{
	const cJSON *label;

	put(out, c->id);
	put(out, c->name);
	put(out, c->image);
	put(out, c->state);
	put(out, c->health);
	put(out, c->status);
	put_number(out, c->created_ms);
	put_number(out, cJSON_GetArraySize(labels));
	cJSON_ArrayForEach (label, labels) {
		put(out, label->string);
		put(out, cJSON_GetStringValue(label));
	}
}

void known_finish(struct known *known)
{
	free(known->bytes);
	*known = (struct known){0};
}

void known_set(struct known *known, const struct fg_containers *list, size_t room)
{
	cleanup_str struct fg_str out = {0};

	known_finish(known);
	if (room == 0)
		return;
	fg_str_init(&out, room);
	for (size_t i = 0; i < list->n; i++)
		put_container(&out, &list->v[i], list->v[i].labels);
	if (out.full || out.len == 0)
		return;
	known->bytes = fg_realloc(NULL, out.len, 1);
	memcpy(known->bytes, out.s, out.len);
	known->len = out.len;
	known->n = list->n;
}

static const char *take(const char **p)
{
	const char *s = *p;

	*p += strlen(s) + 1;
	return s;
}

static void take_container(const char **p, struct fg_container *c)
{
	int labels;

	*c = (struct fg_container){0};
	snprintf(c->id, sizeof(c->id), "%s", take(p));
	c->name = fg_strdup(take(p));
	c->image = fg_strdup(take(p));
	c->image_id = fg_strdup("");
	snprintf(c->state, sizeof(c->state), "%s", take(p));
	snprintf(c->health, sizeof(c->health), "%s", take(p));
	c->status = fg_strdup(take(p));
	c->created_ms = strtoll(take(p), NULL, 10);
	labels = (int)strtol(take(p), NULL, 10);
	c->labels = cJSON_CreateObject();
	for (int i = 0; i < labels; i++) {
		const char *key = take(p);

		cJSON_AddStringToObject(c->labels, key, take(p));
	}
}

void known_get(const struct known *known, struct fg_containers *out)
{
	const char *p = known->bytes;

	*out = (struct fg_containers){0};
	if (known->n == 0)
		return;
	out->v = fg_realloc(NULL, known->n, sizeof(*out->v));
	for (; out->n < known->n; out->n++)
		take_container(&p, &out->v[out->n]);
}

char *known_pack(const struct fg_container *c)
{
	cleanup_str struct fg_str out = {0};
	char *bytes;

	fg_str_init(&out, FG_KNOWN_HOST_BYTES);
	put_container(&out, c, c->labels);
	if (out.full) {
		fg_str_reset(&out);
		put_container(&out, c, NULL);
	}
	bytes = fg_realloc(NULL, out.len, 1);
	memcpy(bytes, out.s, out.len);
	return bytes;
}

void known_unpack(const char *bytes, struct fg_container *out)
{
	take_container(&bytes, out);
}
