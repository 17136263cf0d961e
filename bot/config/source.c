/* A config's text: read, cleared of comments, and searched for the places of its values. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "config/errors.h"
#include "config/scan.h"
#include "config/source.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/str.h"
#include "fleetgram/base/text.h"

struct config_source {
	char *name;
	struct fg_str text;
	cJSON *root;
	struct config_place *places; /* by item */
	size_t count;
};

/* Spaces instead of comments. Returns where a comment begins that never ends, or SIZE_MAX. */
static size_t blank_comments(char *s, size_t len)
{
	size_t i = 0, start;

	while (i < len) {
		if (s[i] == '"') {
			for (i++; i < len && s[i] != '"' && s[i] != '\n'; i++)
				i += s[i] == '\\' && i + 1 < len;
			i++;
		} else if (s[i] == '/' && i + 1 < len && s[i + 1] == '/') {
			while (i < len && s[i] != '\n')
				s[i++] = ' ';
		} else if (s[i] == '/' && i + 1 < len && s[i + 1] == '*') {
			const char *end = memmem(s + i + 2, len - i - 2, "*/", 2);

			if (!end)
				return i;
			for (start = (size_t)(end - s) + 2; i < start; i++) {
				if (s[i] != '\n')
					s[i] = ' ';
			}
		} else {
			i++;
		}
	}
	return SIZE_MAX;
}

static size_t bad_utf8(const char *s, size_t len)
{
	size_t i, n;

	for (i = 0; i < len; i += n) {
		n = fg_utf8_next(s + i, len - i, NULL);
		if (n == 0)
			return i;
	}
	return SIZE_MAX;
}

static int by_item(const void *a, const void *b)
{
	const struct config_place *x = a, *y = b;

	return (x->item > y->item) - (x->item < y->item);
}

/* Go over the tree in the order of the text and give every place its item. False: the two do not
 * fit, which must not happen. */
static bool join_places(struct config_source *src)
{
	const cJSON *up[FG_JSON_DEPTH + 1], *item = src->root;
	size_t i = 0;
	int depth = 0;

	while (item) {
		if (i == src->count)
			return false;
		src->places[i++].item = item;
		if (item->child) {
			up[depth++] = item;
			item = item->child;
			continue;
		}
		while (item && !item->next)
			item = depth > 0 ? up[--depth] : NULL;
		item = item ? item->next : NULL;
	}
	qsort(src->places, src->count, sizeof(*src->places), by_item);
	return i == src->count;
}

/* Line and column from 1; a byte order mark at the beginning takes no column. */
static void position(const struct fg_str *text, size_t offset, size_t *line, size_t *column)
{
	size_t start = 0, i;

	*line = 1;
	for (i = 0; i < offset && i < text->len; i++) {
		if (text->s[i] == '\n') {
			(*line)++;
			start = i + 1;
		}
	}
	*column = fg_utf8_count(text->s + start, i - start) + 1;
}

static struct config_source *refuse(
	struct config_source *src, struct config_errors *errors, size_t at, const char *why)
{
	size_t line, column;

	position(&src->text, at, &line, &column);
	config_errors_add(errors, src->name, line, column, NULL, "%s", why);
	config_source_close(src);
	return NULL;
}

struct config_source *config_source_parse(
	const char *name, const char *text, size_t len, struct config_errors *errors)
{
	struct config_source *src = fg_alloc(sizeof(*src));
	cleanup_str struct fg_str json;
	const char *why;
	struct fg_err err;
	size_t at;

	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
		text += 3;
		len -= 3;
	}
	src->name = fg_strdup(name);
	fg_str_init(&src->text, CONFIG_FILE_MAX);
	fg_str_init(&json, CONFIG_FILE_MAX);
	if (fg_str_add(&src->text, text, len) < 0)
		return refuse(src, errors, 0, "the file is too big for a configuration");
	fg_str_add(&json, text, len);
	at = blank_comments(json.s, json.len);
	if (at != SIZE_MAX)
		return refuse(src, errors, at, "this comment does not end");
	at = bad_utf8(json.s, json.len);
	if (at != SIZE_MAX)
		return refuse(src, errors, at, "the file has to be UTF-8; this byte is not");
	src->places = config_scan(json.s, json.len, &src->count, &at, &why);
	if (!src->places)
		return refuse(src, errors, at, why);
	src->root = fg_json_parse(json.s, json.len, &err);
	if (json.len > 0)
		explicit_bzero(json.s, json.len); /* a token may stand in it */
	if (!src->root)
		return refuse(src, errors, 0, err.text);
	if (!join_places(src))
		return refuse(src, errors, 0, "this cannot be read as JSON");
	return src;
}

/* The whole file, at most one byte more than may be. */
static int read_file(const char *path, struct fg_str *out)
{
	char buf[4096];
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), saved;
	struct stat st;
	ssize_t n = -1;

	if (fd < 0)
		return -1;
	if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode)) {
		errno = EISDIR;
	} else {
		while ((n = read(fd, buf, sizeof(buf))) > 0 && !out->full)
			fg_str_add(out, buf, (size_t)n);
	}
	saved = errno;
	close(fd);
	errno = saved;
	return n < 0 ? -1 : 0;
}

struct config_source *config_source_open(const char *path, struct config_errors *errors)
{
	cleanup_str struct fg_str text;

	fg_str_init(&text, CONFIG_FILE_MAX + 8);
	if (read_file(path, &text) < 0) {
		config_errors_add(errors, path, 0, 0, NULL, "cannot read it: %s", strerror(errno));
		return NULL;
	}
	return config_source_parse(path, text.s, text.len, errors);
}

void config_source_close(struct config_source *src)
{
	if (!src)
		return;
	if (src->text.len > 0)
		explicit_bzero(src->text.s, src->text.len);
	fg_str_finish(&src->text);
	cJSON_Delete(src->root);
	free(src->places);
	free(src->name);
	free(src);
}

const cJSON *config_source_root(const struct config_source *src)
{
	return src ? src->root : NULL;
}

const char *config_source_name(const struct config_source *src)
{
	return src ? src->name : "the configuration";
}

bool config_source_find(const struct config_source *src, const cJSON *item, enum config_spot spot,
	size_t *line, size_t *column)
{
	struct config_place key = {.item = item};
	const struct config_place *found;

	if (!src || !item || src->count == 0)
		return false;
	found = bsearch(&key, src->places, src->count, sizeof(*src->places), by_item);
	if (!found)
		return false;
	position(&src->text,
		spot == CONFIG_AT_KEY && found->key != CONFIG_NO_KEY ? found->key : found->value,
		line, column);
	return true;
}
