/* Reads the few HTML tags a message may have, strictly; used when the messenger's library is not at
 * hand. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "rich.h"

#define DEPTH_MAX 64

struct open_tag {
	char name[16];
	char *value; /* href or language; NULL */
	bool expandable;
	size_t at; /* byte in the text where it opened */
};

struct reader {
	const char *html, *p;
	struct buf text;
	struct open_tag open[DEPTH_MAX];
	size_t depth;
	cJSON *entities;
	char *why;
};

static const struct tag {
	const char *name, *entity;
} tags[] = {
        {"a", "text_link"},
        {"b", "bold"},
        {"blockquote", "blockquote"},
        {"code", "code"},
        {"del", "strikethrough"},
        {"em", "italic"},
        {"i", "italic"},
        {"ins", "underline"},
        {"pre", "pre"},
        {"s", "strikethrough"},
        {"span", "spoiler"},
        {"strike", "strikethrough"},
        {"strong", "bold"},
        {"tg-spoiler", "spoiler"},
        {"u", "underline"},
};

static bool give_up(struct reader *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static bool give_up(struct reader *r, const char *fmt, ...)
{
	va_list ap;
	char *reason;

	va_start(ap, fmt);
	reason = text_vformat(fmt, ap);
	va_end(ap);
	r->why = text_format("can't parse entities: %s", reason);
	free(reason);
	return false;
}

static const struct tag *find_tag(const char *name)
{
	for (size_t i = 0; i < sizeof(tags) / sizeof(*tags); i++)
		if (strcmp(tags[i].name, name) == 0)
			return &tags[i];
	return NULL;
}

static void put_point(struct buf *b, unsigned long c)
{
	char out[4];
	size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	static const unsigned lead[] = {0, 0, 0xc0, 0xe0, 0xf0};

	for (size_t i = n; i-- > 1; c >>= 6)
		out[i] = (char)(0x80 | (c & 0x3f));
	out[0] = (char)(lead[n] | c);
	buf_add(b, out, n);
}

/* An unknown entity is no error: it stays as it is written. */
static void read_entity(const char **p, struct buf *out)
{
	static const struct {
		const char *name;
		char c;
	} named[] = {{"&lt;", '<'}, {"&gt;", '>'}, {"&amp;", '&'}, {"&quot;", '"'}};
	unsigned long c;
	char *end;

	for (size_t i = 0; i < sizeof(named) / sizeof(*named); i++)
		if (strncmp(*p, named[i].name, strlen(named[i].name)) == 0) {
			buf_add(out, &named[i].c, 1);
			*p += strlen(named[i].name);
			return;
		}
	if ((*p)[1] == '#') {
		bool hex = (*p)[2] == 'x';

		c = strtoul(*p + (hex ? 3 : 2), &end, hex ? 16 : 10);
		if (c && c < 0x10ffff && *end == ';') {
			put_point(out, c);
			*p = end + 1;
			return;
		}
	}
	buf_add(out, (*p)++, 1);
}

static char *read_value(struct reader *r)
{
	struct buf b = {0};
	char quote = *r->p == '"' || *r->p == '\'' ? *r->p++ : '\0';

	buf_add(&b, "", 0);
	while (*r->p && (quote ? *r->p != quote : !isspace((unsigned char)*r->p) && *r->p != '>')) {
		if (*r->p == '&')
			read_entity(&r->p, &b);
		else
			buf_add(&b, r->p++, 1);
	}
	if (quote && *r->p == quote)
		r->p++;
	return b.data;
}

static void read_attributes(struct reader *r, struct open_tag *tag)
{
	char name[24];
	char *value;
	size_t n;

	while (*r->p && *r->p != '>') {
		if (isspace((unsigned char)*r->p)) {
			r->p++;
			continue;
		}
		for (n = 0; *r->p && !strchr("=> \t\n", *r->p); r->p++)
			if (n < sizeof(name) - 1)
				name[n++] = (char)tolower((unsigned char)*r->p);
		name[n] = '\0';
		value = NULL;
		if (*r->p == '=') {
			r->p++;
			value = read_value(r);
		} else if (!n) {
			r->p++;
		}
		if (strcmp(name, "expandable") == 0)
			tag->expandable = true;
		if (!tag->value && value &&
		        (strcmp(name, "href") == 0 || strcmp(name, "class") == 0)) {
			tag->value = value;
			continue;
		}
		free(value);
	}
}

static bool open_tag(struct reader *r)
{
	struct open_tag *tag = &r->open[r->depth];
	size_t at = (size_t)(r->p - r->html), n = 0;

	if (r->depth == DEPTH_MAX)
		return give_up(r, "Too many nested tags");
	*tag = (struct open_tag){.at = r->text.len};
	for (r->p++; *r->p && !isspace((unsigned char)*r->p) && *r->p != '>'; r->p++)
		if (n < sizeof(tag->name) - 1)
			tag->name[n++] = (char)tolower((unsigned char)*r->p);
	if (!*r->p)
		return give_up(r, "Unclosed start tag at byte offset %zu", at);
	if (!find_tag(tag->name))
		return give_up(r, "Unsupported start tag \"%s\" at byte offset %zu", tag->name, at);
	r->depth++;
	read_attributes(r, tag);
	if (*r->p != '>')
		return give_up(r, "Unclosed start tag at byte offset %zu", at);
	if (strcmp(tag->name, "span") == 0 &&
	        !(tag->value && strcmp(tag->value, "tg-spoiler") == 0))
		return give_up(
		        r, "Tag \"span\" must have class \"tg-spoiler\" at byte offset %zu", at);
	r->p++;
	return true;
}

/* A pre whose only content is a code with a language was told by that code already. */
static bool told_by_code(const struct reader *r, size_t from, size_t length)
{
	const cJSON *one;

	cJSON_ArrayForEach (one, r->entities)
		if (json_text(one, "language") && json_int_of(one, "offset", -1) == (int64_t)from &&
		        json_int_of(one, "length", -1) == (int64_t)length)
			return true;
	return false;
}

/* Outer entities close later and yet are listed first: by offset, then the longer one. */
static void insert_entity(cJSON *list, cJSON *one)
{
	int64_t offset = json_int_of(one, "offset", 0), length = json_int_of(one, "length", 0);
	const cJSON *other;
	int at = 0;

	cJSON_ArrayForEach (other, list) {
		int64_t theirs = json_int_of(other, "offset", 0);

		if (theirs > offset ||
		        (theirs == offset && json_int_of(other, "length", 0) <= length))
			break;
		at++;
	}
	cJSON_InsertItemInArray(list, at, one);
}

static void add_entity(struct reader *r, const struct open_tag *tag)
{
	size_t from = text_units(r->text.data, tag->at),
	       length = text_units(r->text.data, r->text.len) - from;
	const struct open_tag *outer = r->depth ? &r->open[r->depth - 1] : NULL;
	bool link = strcmp(tag->name, "a") == 0, language;
	cJSON *one;

	/* A link without a target is plain text; so is an empty entity. */
	if (!length || (link && !(tag->value && *tag->value)))
		return;
	if (strcmp(tag->name, "pre") == 0 && told_by_code(r, from, length))
		return;
	language = strcmp(tag->name, "code") == 0 && tag->value &&
	           strncmp(tag->value, "language-", 9) == 0 && outer &&
	           strcmp(outer->name, "pre") == 0 && outer->at == tag->at;
	one = need(cJSON_CreateObject());
	cJSON_AddNumberToObject(one, "offset", (double)from);
	cJSON_AddNumberToObject(one, "length", (double)length);
	cJSON_AddStringToObject(one, "type",
	        language          ? "pre"
	        : tag->expandable ? "expandable_blockquote"
	                          : find_tag(tag->name)->entity);
	if (language)
		cJSON_AddStringToObject(one, "language", tag->value + 9);
	if (link)
		cJSON_AddStringToObject(one, "url", tag->value);
	insert_entity(r->entities, one);
}

static bool close_tag(struct reader *r)
{
	size_t at = (size_t)(r->p - r->html), n = 0;
	struct open_tag *tag;
	char name[16];

	for (r->p += 2; *r->p && !isspace((unsigned char)*r->p) && *r->p != '>'; r->p++)
		if (n < sizeof(name) - 1)
			name[n++] = (char)tolower((unsigned char)*r->p);
	name[n] = '\0';
	while (isspace((unsigned char)*r->p))
		r->p++;
	if (!r->depth)
		return give_up(r, "Unexpected end tag at byte offset %zu", at);
	if (*r->p != '>')
		return give_up(r, "Unclosed end tag at byte offset %zu", at);
	r->p++;
	tag = &r->open[r->depth - 1];
	if (*name && strcmp(name, tag->name) != 0)
		return give_up(r,
		        "Unmatched end tag at byte offset %zu, expected \"</%s>\", found \"</%s>\"",
		        at, tag->name, name);
	r->depth--;
	add_entity(r, tag);
	free(tag->value);
	tag->value = NULL;
	return true;
}

bool markup_parse(const char *html, struct rich *out, char **why)
{
	struct reader r = {.html = html, .p = html, .entities = need(cJSON_CreateArray())};
	bool ok = true;

	buf_add(&r.text, "", 0);
	while (ok && *r.p) {
		if (*r.p == '<')
			ok = r.p[1] == '/' ? close_tag(&r) : open_tag(&r);
		else if (*r.p == '&')
			read_entity(&r.p, &r.text);
		else
			buf_add(&r.text, r.p++, 1);
	}
	if (ok && r.depth)
		ok = give_up(&r, "Can't find end tag corresponding to start tag \"%s\"",
		        r.open[r.depth - 1].name);
	while (r.depth)
		free(r.open[--r.depth].value);
	if (!ok || !r.entities->child) {
		cJSON_Delete(r.entities);
		r.entities = NULL;
	}
	if (!ok) {
		buf_finish(&r.text);
		*why = r.why;
		return false;
	}
	*out = (struct rich){.text = r.text.data, .entities = r.entities};
	return true;
}
