/* Drawing sparklines: a path for each stretch that is known, a line for the limit. */
#include <math.h>
#include <string.h>
#include "fleetgram/base/clock.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/text.h"
#include "http/spark.h"

#define DAY_MS ((int64_t)24 * 3600 * 1000)
#define HEIGHT 48    /* of a picture, in units of its own; its width is SPARK_SLOTS */
#define TOP 2        /* where its top is, so that a line there is seen whole */
#define BASE 47      /* where 0 is */
#define CPU_LEAST 10 /* percent: less than that fills no picture */

/* One of the two pictures. */
struct spark {
	const char *name, *class; /* "Memory", "memory" */
	const struct fg_slot *slots;
	double (*of)(const struct fg_slot *slot);
	const char *(*human)(char buf[FG_HUMAN], double value);
	double limit; /* 0: none */
	double least; /* the top is no lower */
	bool measured;
	double now; /* when it is measured */
};

static double cpu_of(const struct fg_slot *slot)
{
	return slot->cpu_percent;
}

static double memory_of(const struct fg_slot *slot)
{
	return slot->memory_bytes;
}

static const char *human_percent(char buf[FG_HUMAN], double value)
{
	snprintf(buf, FG_HUMAN, value < 9.95 ? "%.1f %%" : "%.0f %%", value);
	return buf;
}

static const char *human_size(char buf[FG_HUMAN], double value)
{
	return fg_size_human(buf, (int64_t)value);
}

static double most_of(const struct spark *s)
{
	double most = 0;

	for (size_t i = 0; i < SPARK_SLOTS; i++)
		if (s->slots[i].known && s->of(&s->slots[i]) > most)
			most = s->of(&s->slots[i]);
	return most;
}

static int height_of(double value, double top)
{
	return BASE - (int)lround(value / top * (BASE - TOP));
}

/* Steps are told from where the last one ended: that is short, and a page may have many. */
static void put_area(struct fg_str *out, const struct spark *s, double top)
{
	int y = 0;

	fg_str_printf(out, "<path class=\"%s\" d=\"", s->class);
	for (int i = 0; i < SPARK_SLOTS; i++) {
		int next;

		if (!s->slots[i].known)
			continue;
		next = height_of(s->of(&s->slots[i]), top);
		if (i == 0 || !s->slots[i - 1].known)
			fg_str_printf(out, "M%d %dV%d", i, HEIGHT, next);
		else if (next == y)
			fg_str_puts(out, "h1");
		else
			fg_str_printf(out, "l1 %d", next - y);
		y = next;
		if (i + 1 == SPARK_SLOTS || !s->slots[i + 1].known)
			fg_str_printf(out, "h1V%d", HEIGHT);
	}
	fg_str_puts(out, "\"/>");
}

static void put_title(struct fg_str *out, const struct spark *s, double most)
{
	char human[FG_HUMAN];

	fg_str_printf(out, "<title>%s in the last day: ", s->name);
	if (s->measured)
		fg_str_printf(out, "now %s, ", s->human(human, s->now));
	fg_str_printf(out, "at most %s", s->human(human, most));
	if (s->limit > 0)
		fg_str_printf(out, ", limit %s", s->human(human, s->limit));
	fg_str_puts(out, "</title>");
}

static void put_picture(struct fg_str *out, const struct spark *s)
{
	double most = most_of(s), top = s->limit > 0 ? s->limit : s->least;

	top = fmax(top, fmax(most, 1));
	fg_str_printf(out,
		"<svg class=\"spark\" role=\"img\" viewBox=\"0 0 %d %d\" preserveAspectRatio=\"none\">",
		SPARK_SLOTS, HEIGHT);
	put_title(out, s, most);
	put_area(out, s, top);
	if (s->limit > 0)
		fg_str_printf(out, "<path class=\"limit\" d=\"M0 %dH%d\"/>",
			height_of(s->limit, top), SPARK_SLOTS);
	fg_str_puts(out, "</svg>");
}

static void put_cell(struct fg_str *out, const struct spark *s, bool known)
{
	char human[FG_HUMAN];

	fg_str_printf(out, "<td class=\"use\" data-label=\"%s\">", s->name);
	if (known)
		put_picture(out, s);
	if (s->measured)
		fg_str_printf(out, " <span>%s</span>", s->human(human, s->now));
	fg_str_puts(out, "</td>");
}

void sparks_init(struct sparks *s, struct fg_history *history)
{
	int64_t now = fg_wall_ms();

	s->history = history;
	s->span = (struct fg_span){now - DAY_MS, now + 1, SPARK_SLOTS};
	s->reads = SPARK_READS;
}

/* Whether there is anything to draw. */
static bool look_back(struct sparks *s, const struct health_instance *it)
{
	bool known = false;

	if (!fg_history_has(s->history, it->host, it->name) && s->reads-- <= 0)
		return false;
	fg_history_get(s->history, it->host, it->name, &s->span, s->slots, NULL, NULL, NULL);
	for (size_t i = 0; i < SPARK_SLOTS; i++)
		known |= s->slots[i].known;
	return known;
}

void spark_cells(struct sparks *s, struct fg_str *out, const struct health_instance *it)
{
	struct fg_slot last = {0};
	bool runs = strcmp(it->state, "running") == 0 || strcmp(it->state, "paused") == 0;
	bool measured = runs && fg_history_last(s->history, it->host, it->name, &last);
	bool known = look_back(s, it);
	struct spark cpu = {"CPU", "cpu", s->slots, cpu_of, human_percent, it->cpus * 100,
		CPU_LEAST, measured && last.known, last.cpu_percent};
	struct spark memory = {"Memory", "memory", s->slots, memory_of, human_size,
		(double)it->memory, 0, measured, last.memory_bytes};

	put_cell(out, &cpu, known);
	put_cell(out, &memory, known);
}
