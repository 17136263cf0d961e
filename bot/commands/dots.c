/*
 * Counting dots.
 */
#include <string.h>
#include "commands/dots.h"
#include "commands/format.h"
#include "telegram/html.h"

static const char *const order[DOTS_KINDS] = {"🟢", "🟠", "🟡", "⏸", "🔴", "⚪"};

void dots_count(struct dots *dots, const char *state, const char *health)
{
	const char *dot = format_dot(state, health);

	for (size_t i = 0; i < DOTS_KINDS; i++)
		dots->n[i] += strcmp(dot, order[i]) == 0;
}

void dots_html(struct fg_str *html, const struct dots *dots)
{
	bool any = false;

	for (size_t i = 0; i < DOTS_KINDS; i++) {
		if (!dots->n[i])
			continue;
		html_printf(html, "%S%S %d", any ? " " : "", order[i], dots->n[i]);
		any = true;
	}
	if (!any)
		html_printf(html, "none");
}
