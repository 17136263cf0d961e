/*
 * /images: what images the hosts have, and which of them nothing uses.
 */
#include <stdlib.h>
#include <string.h>
#include "commands/format.h"
#include "commands/places.h"
#include "fleetgram/base/json.h"
#include "fleetgram/docker/image.h"

#define PAGE 20
#define NAME_MOST 48

struct shelf {
	struct fg_host *host;
	struct fg_images images;
	int rc;
	struct fg_err err;
};

struct row {
	const struct shelf *shelf;
	const struct fg_image *image;
	int users; /* containers in the person's scope */
};

struct view {
	struct shelf *shelves;
	size_t shelf_count;
	struct row *rows;
	size_t n, page, pages, first, end;
	bool narrow; /* the person sees some containers of a host only: their images, no others */
};

static void view_finish(struct view *v)
{
	for (size_t i = 0; i < v->shelf_count; i++)
		fg_images_finish(&v->shelves[i].images);
	free(v->shelves);
	free(v->rows);
}
#define cleanup_view __attribute__((cleanup(view_finish)))

static void ask(void *arg)
{
	struct shelf *s = arg;

	s->rc = fg_image_list(s->host->engine, &s->images, &s->err);
	fg_host_note(s->host, s->rc < 0 ? &s->err : NULL);
}

static bool is_dangling(const struct fg_image *image)
{
	return image->tag_count == 0;
}

static const char *digits(const char *id)
{
	const char *colon = strchr(id, ':');

	return colon ? colon + 1 : id;
}

static int count_users(
	const struct fg_items *items, const struct fg_host *host, const struct fg_image *image)
{
	int n = 0;

	for (size_t i = 0; i < items->n; i++)
		n += items->v[i].host == host &&
		     strcmp(digits(items->v[i].c.image_id), digits(image->id)) == 0;
	return n;
}

/* By host; within one those without a name last, large before small. */
static int by_size(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	if (x->shelf != y->shelf)
		return x->shelf < y->shelf ? -1 : 1;
	if (is_dangling(x->image) != is_dangling(y->image))
		return is_dangling(x->image) ? 1 : -1;
	if (x->image->size != y->image->size)
		return x->image->size < y->image->size ? 1 : -1;
	return strcmp(x->image->id, y->image->id);
}

static void fill(struct view *v, const struct fg_items *items, size_t page, size_t size)
{
	size_t total = 0;

	for (size_t i = 0; i < v->shelf_count; i++)
		total += v->shelves[i].images.n;
	v->rows = fg_alloc((total + 1) * sizeof(*v->rows));
	for (size_t i = 0; i < v->shelf_count; i++) {
		const struct shelf *s = &v->shelves[i];

		for (size_t k = 0; k < s->images.n; k++) {
			int users = count_users(items, s->host, &s->images.v[k]);

			if (users || !v->narrow)
				v->rows[v->n++] = (struct row){s, &s->images.v[k], users};
		}
	}
	qsort(v->rows, v->n, sizeof(*v->rows), by_size);
	v->pages = size && v->n ? (v->n + size - 1) / size : 1;
	v->page = page < v->pages ? page : v->pages;
	v->first = size ? (v->page - 1) * size : 0;
	v->end = size && v->first + size < v->n ? v->first + size : v->n;
}

/* "12 images, 3.4 GiB; 2 of them without a name, 120 MiB", of one host or (NULL) of all. */
static void add_summary(struct fg_str *html, const struct view *v, const struct shelf *shelf)
{
	size_t n = 0, dangling = 0;
	int64_t bytes = 0, dangling_bytes = 0;
	char count[64], size[FG_HUMAN];

	for (size_t i = 0; i < v->n; i++) {
		const struct row *row = &v->rows[i];

		if (shelf && row->shelf != shelf)
			continue;
		n++;
		bytes += row->image->size;
		dangling += is_dangling(row->image);
		dangling_bytes += is_dangling(row->image) ? row->image->size : 0;
	}
	html_printf(html, "%s, %s", format_count(count, n, "%zu image", "%zu images"),
		fg_size_human(size, bytes));
	if (dangling && !v->narrow)
		html_printf(html, "; %d dangling, %s", (int)dangling,
			fg_size_human(size, dangling_bytes));
	fg_str_putc(html, '\n');
}

/* Of several names the shortest says most in little room. */
static const char *best_name(const struct fg_image *image)
{
	const char *best = image->tags[0];

	for (size_t i = 1; i < image->tag_count; i++)
		if (strlen(image->tags[i]) < strlen(best))
			best = image->tags[i];
	return best;
}

static void add_row(struct fg_str *html, const struct row *row)
{
	const struct fg_image *image = row->image;
	cleanup_free char *name = is_dangling(image) ? NULL : format_image(best_name(image));
	cleanup_free char *cut = name ? format_cut(name, NAME_MOST) : NULL;
	char size[FG_HUMAN], age[FG_HUMAN], id[13], count[64];

	if (cut)
		html_printf(html, "%S <b>%s</b>", row->users ? "🔹" : "▫️", cut);
	else
		html_printf(html, "%S <code>%s</code> dangling", row->users ? "🔹" : "▫️",
			places_short(id, image->id));
	if (image->tag_count > 1)
		html_printf(html, " +%d", (int)image->tag_count - 1);
	html_printf(html, " · %s", format_bytes(size, (double)image->size));
	if (image->created_ms > 0)
		html_printf(html, " · %s", format_age(age, fg_wall_ms() - image->created_ms));
	html_printf(html, " · %s\n",
		row->users
			? format_count(count, (size_t)row->users, "%zu container", "%zu containers")
			: fg_tr("unused"));
}

static void add_rows(struct command *c, struct fg_str *html, const struct view *v)
{
	bool titled = fg_fleet_count(c->setup->fleet) > 1;

	for (size_t i = v->first; i < v->end; i++) {
		if (titled && (i == v->first || v->rows[i].shelf != v->rows[i - 1].shelf)) {
			html_printf(html, "\n🖥 <b>%s</b>: ", v->rows[i].shelf->host->name);
			add_summary(html, v, v->rows[i].shelf);
		}
		add_row(html, &v->rows[i]);
	}
	if (v->pages > 1)
		html_printf(html, "\nPage %d of %d\n", (int)v->page, (int)v->pages);
}

static void add_strings(cJSON *data, const char *key, char *const *strings, size_t n)
{
	cJSON *array = cJSON_AddArrayToObject(data, key);

	for (size_t i = 0; i < n; i++)
		cJSON_AddItemToArray(array, cJSON_CreateString(strings[i]));
}

static cJSON *row_data(const struct row *row)
{
	const struct fg_image *image = row->image;
	cJSON *data = cJSON_CreateObject();
	char time[FG_RFC3339];

	cJSON_AddStringToObject(data, "host", row->shelf->host->name);
	cJSON_AddStringToObject(data, "id", image->id);
	add_strings(data, "tags", image->tags, image->tag_count);
	add_strings(data, "digests", image->digests, image->digest_count);
	fg_json_set_i64(data, "size_bytes", image->size);
	cJSON_AddStringToObject(data, "created_at", fg_rfc3339(time, image->created_ms));
	cJSON_AddNumberToObject(data, "containers", row->users);
	cJSON_AddBoolToObject(data, "dangling", is_dangling(image));
	return data;
}

static void add_buttons(struct command *c, const struct view *v, const char *words)
{
	cJSON *keyboard = reply_keyboard(c->reply);
	const char *space = *words ? " " : "";

	if (v->page > 1)
		keyboard_button(
			keyboard, "◀️", true, "images %s%spage=%zu", words, space, v->page - 1);
	keyboard_button(keyboard, "↻", true, "images %s%spage=%zu", words, space, v->page);
	if (v->page < v->pages)
		keyboard_button(
			keyboard, "▶️", true, "images %s%spage=%zu", words, space, v->page + 1);
}

static int report(struct command *c, const struct view *v, const struct places *places)
{
	struct fg_str *html;
	size_t failed = 0;

	for (size_t i = 0; i < v->shelf_count; i++)
		failed += v->shelves[i].rc < 0;
	if (failed && failed == v->shelf_count) {
		c->err = v->shelves[0].err;
		return fg_wrap(&c->err, "%s", v->shelves[0].host->name);
	}
	html = reply_add(c->reply);
	fg_str_puts(html, "🗂 ");
	add_summary(html, v, NULL);
	add_rows(c, html, v);
	for (size_t i = 0; i < v->shelf_count; i++)
		if (v->shelves[i].rc < 0)
			html_printf(html, "⚠️ <b>%s</b>: %s\n", v->shelves[i].host->name,
				v->shelves[i].err.text);
	target_silent(html, &places->items);
	c->reply->data = cJSON_CreateArray();
	for (size_t i = 0; i < v->n; i++)
		cJSON_AddItemToArray(c->reply->data, row_data(&v->rows[i]));
	return 0;
}

static int images_run(struct command *c)
{
	cleanup_free const char **words = target_words(c);
	cleanup_free char *joined = NULL;
	cleanup_places struct places places = {0};
	cleanup_view struct view v = {0};
	size_t n = c->n;
	const char *wanted = command_option(words, &n, "page");
	size_t page = places_page(wanted);

	if (page == 0)
		return command_usage(c, "page= takes a number from 1 up");
	joined = words_join(words, n);
	if (places_pick(c, words, &n, &places) < 0)
		return -1;
	if (n)
		return command_usage(c, "it takes only host=");
	v.shelves = fg_alloc((places.n + 1) * sizeof(*v.shelves));
	v.shelf_count = places.n;
	v.narrow = !fg_selector_only_hosts(c->person.scope);
	for (size_t i = 0; i < places.n; i++)
		v.shelves[i] = (struct shelf){.host = places.v[i], .rc = -1};
	if (places_each(c, "images of a host", ask, v.shelves, places.n, sizeof(*v.shelves)) < 0)
		return -1;
	fill(&v, &places.items, page, c->reply->terminal && !wanted ? 0 : PAGE);
	if (report(c, &v, &places) < 0)
		return -1;
	add_buttons(c, &v, joined);
	return 0;
}

const struct command_row command_images = {
	.name = "images",
	.group = GROUP_LOOK,
	.role = ROLE_VIEWER,
	.max = -1,
	.usage = "[host=…]",
	.help = "Images, their sizes and what uses them",
	.more = "The largest first. A dangling image has lost its name to a newer one. Layers that "
		"images share count for each of them: /df knows what they take together.\n"
		"\n"
		"/images\n"
		"/images host=prod*",
	.run = images_run,
};
