/*
 * Reporting a batch: for people a sentence or a summary, for programs every container by its
 * outcome.
 */
#include <ctype.h>
#include <string.h>
#include "commands/batch_report.h"
#include "commands/card.h"
#include "commands/format.h"

#define NAMES_MOST 20 /* named in a report; the rest is counted */
#define FAILURES_MOST 200
#define NOTES_MOST 10 /* containers whose notes are shown */

static const char *const outcomes[] = {"failed", "unchanged", "done"}; /* of results -1, 0, 1 */

static const char *same(const struct batch_job *job)
{
	return *job->same ? job->same : job->batch->same;
}

static cJSON *job_data(const struct batch_job *job)
{
	cJSON *one = job->data ? cJSON_Duplicate(job->data, true) : cJSON_CreateObject();

	cJSON_AddStringToObject(one, "name", job->item->c.name);
	cJSON_AddStringToObject(one, "host", job->item->host->name);
	cJSON_AddStringToObject(one, "id", job->item->c.id);
	if (job->result < 0)
		cJSON_AddStringToObject(one, "error", job->err.text);
	if (job->result == 0)
		cJSON_AddStringToObject(one, "why", same(job));
	return one;
}

static cJSON *report_data(const struct batch *batch, const struct batch_job *jobs, size_t n)
{
	cJSON *data = cJSON_CreateObject();

	cJSON_AddStringToObject(data, "operation", batch->verb);
	for (int result = 1; result >= -1; result--) {
		cJSON *array = cJSON_AddArrayToObject(data, outcomes[result + 1]);

		for (size_t i = 0; i < n; i++)
			if (jobs[i].result == result)
				cJSON_AddItemToArray(array, job_data(&jobs[i]));
	}
	return data;
}

static size_t count_of(const struct batch_job *jobs, size_t n, int result)
{
	size_t count = 0;

	for (size_t i = 0; i < n; i++)
		count += jobs[i].result == result;
	return count;
}

/* "web, db and 3 more", for those of one result; for those with nothing to do, of one reason. */
static void add_names(
	struct fg_str *html, const struct batch_job *jobs, size_t n, int result, const char *reason)
{
	size_t count = 0, shown = 0;

	for (size_t i = 0; i < n; i++) {
		cleanup_free char *title = NULL;

		if (jobs[i].result != result || (reason && strcmp(same(&jobs[i]), reason) != 0))
			continue;
		if (++count > NAMES_MOST)
			continue;
		title = target_title(jobs[i].item);
		html_printf(html, "%S<b>%s</b>", shown++ ? ", " : "", title);
	}
	if (count > shown)
		html_printf(html, " and %d more", (int)(count - shown));
}

/* A line for each reason why there was nothing to do: "Not running: web, db". */
static void add_unchanged(struct fg_str *html, const struct batch_job *jobs, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const char *reason = same(&jobs[i]);
		char capital[64];
		bool told = false;

		if (jobs[i].result != 0)
			continue;
		for (size_t k = 0; k < i && !told; k++)
			told = jobs[k].result == 0 && strcmp(same(&jobs[k]), reason) == 0;
		if (told)
			continue;
		html_printf(html, "%s: ", format_capital(capital, fg_tr(reason)));
		add_names(html, jobs, n, 0, reason);
		fg_str_putc(html, '\n');
	}
}

/* Their lines stay lines: what comes from outside has none that html_printf() would leave in. */
static void add_lines(struct fg_str *html, const char *text)
{
	const char *end;

	for (; text && *text; text = *end ? end + 1 : end) {
		cleanup_free char *line = NULL;

		end = strchrnul(text, '\n');
		line = fg_strndup(text, (size_t)(end - text));
		html_printf(html, "%s%S", line, *end && end[1] ? "\n" : "");
	}
}

static void add_notes(struct fg_str *html, const struct batch_job *jobs, size_t n)
{
	size_t shown = 0, more = 0;

	for (size_t i = 0; i < n; i++) {
		cleanup_free char *title = NULL;

		if (jobs[i].result < 0 || !jobs[i].notes.len)
			continue;
		if (shown++ >= NOTES_MOST) {
			more++;
			continue;
		}
		title = target_title(jobs[i].item);
		html_printf(html, "<b>%s</b>: ", title);
		add_lines(html, jobs[i].notes.s);
		fg_str_putc(html, '\n');
	}
	if (more)
		html_printf(html, "… and notes on %d more\n", (int)more);
}

static void add_failures(struct fg_str *html, const struct batch_job *jobs, size_t n)
{
	size_t failed = count_of(jobs, n, -1), shown = 0;

	for (size_t i = 0; i < n && shown < FAILURES_MOST; i++) {
		if (jobs[i].result >= 0)
			continue;
		html_printf(html, "⚠️ %s\n", jobs[i].err.text);
		shown++;
	}
	if (failed > shown)
		html_printf(html, "⚠️ … and %d more\n", (int)(failed - shown));
}

void batch_summary(struct command *c, struct fg_str *html, const struct batch *batch,
	const struct batch_job *jobs, size_t n)
{
	size_t done = count_of(jobs, n, 1), failed = count_of(jobs, n, -1);
	char count[64];

	if (done || !failed)
		html_printf(html, FG_TEXT("%S %s %s"), failed ? "⚠️" : "✅",
			format_count(count, done, "%zu container", "%zu containers"),
			fg_tr(batch->past));
	if (done) {
		fg_str_puts(html, ": ");
		add_names(html, jobs, n, 1, NULL);
	}
	if (done || !failed)
		fg_str_putc(html, '\n');
	add_unchanged(html, jobs, n);
	add_notes(html, jobs, n);
	add_failures(html, jobs, n);
	c->reply->data = report_data(batch, jobs, n);
}

static int report_many(
	struct command *c, const struct batch *batch, struct batch_job *jobs, size_t n)
{
	size_t failed = count_of(jobs, n, -1);

	batch_summary(c, reply_add(c->reply), batch, jobs, n);
	if (failed == n || (failed && c->reply->terminal))
		return fg_fail(&c->err, FG_EREMOTE, "%zu of %zu could not be %s", failed, n,
			fg_tr(batch->past));
	return 0;
}

/* The new state of the only container, with the buttons that it allows now. */
static void add_state(struct command *c, struct fg_str *html, struct fg_item *item)
{
	cleanup_info struct fg_container_info info = {0};
	char words[64];
	const char *why;

	if (target_inspect(c, item, &info) < 0)
		return;
	html_printf(html, "\n%S %s", format_dot(info.state, info.health), info.state);
	if (!format_is_up(info.state) && info.finished_ms > 0) {
		why = format_exit(words, info.exit_code, info.oom_killed);
		html_printf(html, ", exit code %d%S%s", info.exit_code, why ? ": " : "",
			why ? why : "");
	}
	card_buttons(c, item);
}

static int report_one(struct command *c, const struct batch *batch, struct batch_job *job)
{
	cleanup_free char *title = target_title(job->item);
	struct fg_str *html;

	if (job->result < 0) {
		c->err = job->err;
		return -1;
	}
	html = reply_add(c->reply);
	if (job->result > 0)
		html_printf(html, FG_TEXT("✅ <b>%s</b> %s%S"), title, fg_tr(batch->past),
			job->notes.len ? ": " : ".");
	else
		html_printf(html, "<b>%s</b> is %s.%S", title, fg_tr(same(job)),
			job->notes.len ? "\n" : "");
	add_lines(html, job->notes.s);
	c->reply->data = report_data(batch, job, 1);
	if (!batch->gone)
		add_state(c, html, job->item);
	return 0;
}

int batch_report(struct command *c, const struct batch *batch, struct batch_job *jobs, size_t n)
{
	return n == 1 ? report_one(c, batch, &jobs[0]) : report_many(c, batch, jobs, n);
}
