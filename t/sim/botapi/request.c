/* Gathers one request's parameters: query string first, then a JSON, urlencoded or multipart body.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "multipart.h"
#include "server.h"

#define BODY_MAX ((size_t)53 << 20) /* a 50 MB document and its form */

static void add_param(struct exchange *x, const char *key, const char *value)
{
	/* Whoever comes first wins, so the query string does. */
	if (!cJSON_GetObjectItemCaseSensitive(x->params, key))
		cJSON_AddStringToObject(x->params, key, value ? value : "");
}

static enum MHD_Result on_argument(
        void *cls, enum MHD_ValueKind kind, const char *key, const char *value)
{
	(void)kind;
	add_param(cls, key, value);
	return MHD_YES;
}

static struct upload *open_part(
        struct exchange *x, const char *key, const char *filename, const char *type)
{
	struct upload *part = need(calloc(1, sizeof(*part))), **tail = &x->uploads;

	while (*tail)
		tail = &(*tail)->next;
	*tail = part;
	part->field = copy_text(key);
	part->filename = copy_text(filename);
	part->type = copy_text(type);
	return part;
}

static enum MHD_Result on_part(void *cls, enum MHD_ValueKind kind, const char *key,
        const char *filename, const char *type, const char *encoding, const char *data,
        uint64_t off, size_t size)
{
	struct exchange *x = cls;
	struct upload *part = x->uploads;

	(void)kind;
	(void)encoding;
	if (!key)
		return MHD_YES;
	while (part && part->next)
		part = part->next;
	if (off == 0 || !part)
		part = open_part(x, key, filename, type);
	buf_add(&part->data, data, size);
	return MHD_YES;
}

bool request_begin(struct exchange *x)
{
	const char *type = MHD_lookup_connection_value(x->conn, MHD_HEADER_KIND, "Content-Type");

	x->params = need(cJSON_CreateObject());
	MHD_get_connection_values(x->conn, MHD_GET_ARGUMENT_KIND, on_argument, x);
	if (!type)
		return true;
	if (strncasecmp(type, "application/json", 16) == 0) {
		x->is_json = true;
		return true;
	}
	if (strncasecmp(type, "application/x-www-form-urlencoded", 33) != 0 &&
	        strncasecmp(type, "multipart/form-data", 19) != 0)
		return true;
	x->is_form = strncasecmp(type, "multipart", 9) == 0;
	x->post = MHD_create_post_processor(x->conn, 65536, on_part, x);
	return x->post != NULL;
}

void request_feed(struct exchange *x, const char *data, size_t n)
{
	if (x->post && !x->is_form) {
		size_t total = n;

		for (const struct upload *part = x->uploads; part; part = part->next)
			total += part->data.len;
		x->too_big = x->too_big || total > BODY_MAX;
		if (!x->too_big && MHD_post_process(x->post, data, n) != MHD_YES)
			x->bad_json = true;
		return;
	}
	x->too_big = x->too_big || x->raw.len + n > BODY_MAX;
	if (!x->too_big && (x->is_json || x->is_form))
		buf_add(&x->raw, data, n);
}

static void take_json(struct exchange *x)
{
	cJSON *root = x->raw.len ? cJSON_ParseWithLength(x->raw.data, x->raw.len) : NULL;
	cJSON *item, *next;

	x->bad_json = x->raw.len && !cJSON_IsObject(root);
	for (item = cJSON_IsObject(root) ? root->child : NULL; item; item = next) {
		next = item->next;
		if (cJSON_GetObjectItemCaseSensitive(x->params, item->string))
			continue;
		cJSON_DetachItemViaPointer(root, item);
		cJSON_AddItemToObject(x->params, item->string, item);
	}
	cJSON_Delete(root);
}

static void take_fields(struct exchange *x)
{
	struct upload **at = &x->uploads, *part;

	while ((part = *at)) {
		if (part->filename) {
			at = &part->next;
			continue;
		}
		add_param(x, part->field, part->data.data);
		*at = part->next;
		free(part->field);
		free(part->type);
		buf_finish(&part->data);
		free(part);
	}
}

static void take_form(struct exchange *x)
{
	const char *type = MHD_lookup_connection_value(x->conn, MHD_HEADER_KIND, "Content-Type");
	struct buf form = {0};

	multipart_spell(&form, type, x->raw.data, x->raw.len);
	if (form.len && MHD_post_process(x->post, form.data, form.len) != MHD_YES)
		x->bad_json = true;
	buf_finish(&form);
}

void request_end(struct exchange *x)
{
	if (x->is_form && !x->too_big && x->raw.len)
		take_form(x);
	if (x->post) {
		/* A form that ends before its closing boundary is reported here. */
		if (MHD_destroy_post_processor(x->post) != MHD_YES)
			x->bad_json = true;
		x->post = NULL;
		take_fields(x);
	}
	if (x->is_json)
		take_json(x);
}

void request_finish(struct exchange *x)
{
	struct upload *part;

	if (x->post)
		MHD_destroy_post_processor(x->post);
	while ((part = x->uploads)) {
		x->uploads = part->next;
		free(part->field);
		free(part->filename);
		free(part->type);
		buf_finish(&part->data);
		free(part);
	}
	cJSON_Delete(x->params);
	buf_finish(&x->raw);
}

struct upload *exchange_upload(const struct exchange *x, const char *field)
{
	for (struct upload *part = x->uploads; part; part = part->next)
		if (strcmp(part->field, field) == 0)
			return part;
	return NULL;
}
