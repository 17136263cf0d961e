/* Holds inline keyboards against the limits that the server has for them. */
#include "keyboard.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define ROW_MAX 8
#define BUTTONS_MAX 100
#define BYTES_MAX 10240
#define DATA_MAX 64

static const char *const actions[] = {
        "callback_data",
        "callback_game",
        "copy_text",
        "disabled",
        "login_url",
        "pay",
        "switch_inline_query",
        "switch_inline_query_chosen_chat",
        "switch_inline_query_current_chat",
        "url",
        "web_app",
};

static int count_actions(const cJSON *button)
{
	int n = 0;

	for (size_t i = 0; i < sizeof(actions) / sizeof(*actions); i++)
		n += cJSON_HasObjectItem(button, actions[i]);
	return n;
}

/* A link needs a scheme that clients open and a host with a dot in it: "localhost" is no address to
 * them. */
static bool is_link(const char *url)
{
	const char *host = strstr(url, "://");
	size_t n;

	if (strncasecmp(url, "tg://", 5) == 0)
		return true;
	if (strncasecmp(url, "http://", 7) != 0 && strncasecmp(url, "https://", 8) != 0)
		return false;
	host += 3;
	n = strcspn(host, "/?#");
	return memchr(host, '.', n) != NULL && host[0] != '.';
}

static char *button_refusal(const cJSON *button)
{
	const char *label = json_text(button, "text"), *data = json_text(button, "callback_data");
	const char *url = json_text(button, "url");

	if (!cJSON_IsObject(button))
		return copy_text("Bad Request: can't parse inline keyboard button: "
		                 "InlineKeyboardButton must be an Object");
	if (!label || !*label)
		return copy_text("Bad Request: can't parse inline keyboard button: Field \"text\" "
		                 "must be of type String");
	if (count_actions(button) != 1)
		return copy_text("Bad Request: can't parse inline keyboard button: "
		                 "Text buttons are unallowed in the inline keyboard");
	if (data && (!*data || strlen(data) > DATA_MAX))
		return copy_text("Bad Request: BUTTON_DATA_INVALID");
	if (url && !is_link(url))
		return text_format(
		        "Bad Request: inline keyboard button URL '%s' is invalid: Wrong HTTP URL",
		        url);
	return NULL;
}

char *keyboard_refusal(const cJSON *markup)
{
	const cJSON *rows = cJSON_GetObjectItemCaseSensitive(markup, "inline_keyboard"), *row,
	            *button;
	char *why = NULL, *all;
	size_t bytes;
	int total = 0;

	if (markup && !cJSON_IsObject(markup))
		return copy_text("Bad Request: object expected as reply markup");
	cJSON_ArrayForEach (row, rows) {
		if (cJSON_GetArraySize(row) > ROW_MAX)
			return copy_text("Bad Request: REPLY_MARKUP_TOO_LONG");
		total += cJSON_GetArraySize(row);
		cJSON_ArrayForEach (button, row)
			if ((why = button_refusal(button)))
				return why;
	}
	if (!rows)
		return NULL;
	all = need(cJSON_PrintUnformatted(rows));
	bytes = strlen(all);
	free(all);
	return total > BUTTONS_MAX || bytes > BYTES_MAX
	               ? copy_text("Bad Request: REPLY_MARKUP_TOO_LONG")
	               : NULL;
}

const char *keyboard_find(const cJSON *markup, const char *label, const char *data)
{
	const cJSON *row, *button;

	cJSON_ArrayForEach (row, cJSON_GetObjectItemCaseSensitive(markup, "inline_keyboard"))
		cJSON_ArrayForEach (button, row) {
			const char *its_label = json_text(button, "text"),
			           *its_data = json_text(button, "callback_data");

			if (!its_data)
				continue;
			if (label && its_label && strcmp(label, its_label) == 0)
				return its_data;
			if (data && strcmp(data, its_data) == 0)
				return its_data;
		}
	return NULL;
}
