/* Turns a parse mode and a text into plain text and entities, and trims them. */
#include "rich.h"

#include <ctype.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char *(*execute)(const char *request);

#ifdef __SANITIZE_ADDRESS__
const char *__lsan_default_options(void);
const char *__lsan_default_options(void)
{
	return "print_suppressions=0";
}

/* The library keeps a few of its own bytes for ever; they are not this program's leak. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:libtdjson.so\n";
}
#endif

int rich_load(const char *library)
{
	void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);

	if (handle)
		*(void **)&execute = dlsym(handle, "td_execute");
	if (!execute) {
		fprintf(stderr, "%s: %s\n", library, dlerror());
		return -1;
	}
	execute("{\"@type\":\"setLogVerbosityLevel\",\"new_verbosity_level\":0}");
	return 0;
}

/* "textEntityTypeTextUrl" is "text_link" to a bot, and so on; the rest only change their spelling.
 */
static char *entity_name(const char *type)
{
	static const char *const renamed[][2] = {
	        {"BlockQuote", "blockquote"},
	        {"CustomEmoji", "custom_emoji"},
	        {"ExpandableBlockQuote", "expandable_blockquote"},
	        {"MentionName", "text_mention"},
	        {"PreCode", "pre"},
	        {"TextUrl", "text_link"},
	};
	struct buf b = {0};
	size_t i;
	char c;

	if (strncmp(type, "textEntityType", 14) == 0)
		type += 14;
	for (i = 0; i < sizeof(renamed) / sizeof(*renamed); i++)
		if (strcmp(type, renamed[i][0]) == 0)
			return copy_text(renamed[i][1]);
	for (i = 0; type[i]; i++) {
		if (i && isupper((unsigned char)type[i]))
			buf_text(&b, "_");
		c = (char)tolower((unsigned char)type[i]);
		buf_add(&b, &c, 1);
	}
	return b.data;
}

static cJSON *convert_entity(const cJSON *theirs)
{
	const cJSON *type = cJSON_GetObjectItemCaseSensitive(theirs, "type");
	char *name = entity_name(json_text(type, "@type"));
	cJSON *one = need(cJSON_CreateObject());

	cJSON_AddNumberToObject(one, "offset", (double)json_int_of(theirs, "offset", 0));
	cJSON_AddNumberToObject(one, "length", (double)json_int_of(theirs, "length", 0));
	cJSON_AddStringToObject(one, "type", name);
	if (json_text(type, "url"))
		cJSON_AddStringToObject(one, "url", json_text(type, "url"));
	if (json_text(type, "language"))
		cJSON_AddStringToObject(one, "language", json_text(type, "language"));
	free(name);
	return one;
}

static bool take_result(const cJSON *result, struct rich *out, char **why)
{
	const cJSON *entities = cJSON_GetObjectItemCaseSensitive(result, "entities"), *one;
	const char *message = json_text(result, "message");

	if (!json_text(result, "text")) {
		*why = copy_text(message ? message : "can't parse entities");
		(*why)[0] = (char)tolower((unsigned char)(*why)[0]);
		return false;
	}
	out->text = copy_text(json_text(result, "text"));
	if (cJSON_GetArraySize(entities))
		out->entities = need(cJSON_CreateArray());
	cJSON_ArrayForEach (one, entities)
		cJSON_AddItemToArray(out->entities, convert_entity(one));
	return true;
}

static bool library_parse(const char *text, const char *mode, struct rich *out, char **why)
{
	cJSON *request = need(cJSON_CreateObject()),
	      *how = cJSON_AddObjectToObject(request, "parse_mode"), *result;
	char *body;
	bool ok;

	cJSON_AddStringToObject(request, "@type", "parseTextEntities");
	cJSON_AddStringToObject(request, "text", text);
	cJSON_AddStringToObject(
	        how, "@type", mode[0] == 'h' ? "textParseModeHTML" : "textParseModeMarkdown");
	if (mode[0] == 'm')
		cJSON_AddNumberToObject(how, "version", strcmp(mode, "markdownv2") == 0 ? 2 : 1);
	body = need(cJSON_PrintUnformatted(request));
	result = cJSON_Parse(execute(body));
	ok = take_result(result, out, why);
	cJSON_Delete(result);
	cJSON_Delete(request);
	free(body);
	return ok;
}

/* Moves the entities with the text and cuts off what hangs over its end. */
static void shift_entities(struct rich *r, size_t cut)
{
	int64_t length = (int64_t)text_units(r->text, strlen(r->text));
	cJSON *one, *next;

	for (one = r->entities ? r->entities->child : NULL; one; one = next) {
		int64_t offset = json_int_of(one, "offset", 0) - (int64_t)cut;
		int64_t end = offset + json_int_of(one, "length", 0);

		next = one->next;
		end = end > length ? length : end;
		if (offset >= end) {
			cJSON_Delete(cJSON_DetachItemViaPointer(r->entities, one));
			continue;
		}
		cJSON_SetNumberValue(
		        cJSON_GetObjectItemCaseSensitive(one, "offset"), (double)offset);
		cJSON_SetNumberValue(
		        cJSON_GetObjectItemCaseSensitive(one, "length"), (double)(end - offset));
	}
	if (r->entities && !r->entities->child) {
		cJSON_Delete(r->entities);
		r->entities = NULL;
	}
}

/* White space goes at both ends, at the front only up to the first entity; carriage returns go
 * everywhere. */
static void trim(struct rich *r)
{
	size_t n = 0, front = 0, stop;
	char *s;

	if (!r->entities) {
		for (s = r->text; *s; s++)
			if (*s != '\r')
				r->text[n++] = (unsigned char)*s < ' ' && *s != '\n' ? ' ' : *s;
		r->text[n] = '\0';
	}
	n = strlen(r->text);
	while (n && (r->text[n - 1] == ' ' || r->text[n - 1] == '\n' || r->text[n - 1] == '\t'))
		r->text[--n] = '\0';
	stop = r->entities
	               ? text_bytes(r->text, (size_t)json_int_of(r->entities->child, "offset", 0))
	               : n;
	while (front < stop && (r->text[front] == ' ' || r->text[front] == '\n'))
		front++;
	memmove(r->text, r->text + front, n - front + 1);
	shift_entities(r, front);
}

bool rich_parse(
        const char *text, const char *mode, const cJSON *entities, struct rich *out, char **why)
{
	char lower[16] = "";
	bool ok = true;

	*out = (struct rich){0};
	for (size_t i = 0; mode && mode[i] && i < sizeof(lower) - 1; i++)
		lower[i] = (char)tolower((unsigned char)mode[i]);
	if (!*lower || strcmp(lower, "none") == 0) {
		out->text = copy_text(text);
		out->entities =
		        cJSON_GetArraySize(entities) ? cJSON_Duplicate(entities, true) : NULL;
	} else if (strcmp(lower, "html") != 0 && strcmp(lower, "markdown") != 0 &&
	           strcmp(lower, "markdownv2") != 0) {
		*why = copy_text("unsupported parse_mode");
		return false;
	} else if (execute) {
		ok = library_parse(text, lower, out, why);
	} else if (strcmp(lower, "html") == 0) {
		ok = markup_parse(text, out, why);
	} else {
		out->text = copy_text(text); /* Markdown is read by the library alone. */
	}
	if (ok)
		trim(out);
	else
		rich_finish(out);
	return ok;
}

void rich_finish(struct rich *r)
{
	free(r->text);
	cJSON_Delete(r->entities);
	*r = (struct rich){0};
}
