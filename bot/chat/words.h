/*
 * A message's words: "…" and '…' quote, a backslash inside "…" or outside quotes takes the next
 * character as it is.
 */
#ifndef BOT_CHAT_WORDS_H
#define BOT_CHAT_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include "fleetgram/base/err.h"

#define WORDS_MOST 128
#define WORDS_BYTES 4096

struct words {
	char **v; /* NULL-terminated */
	size_t n;
};

/* -1: a quote that is not closed, too many or too long; then there are none. Phones' curly quotes
 * count as quotes. */
int words_parse(struct words *w, const char *text, struct fg_err *err);
/* The first word as it was typed, quotes and all; "" when there is none. Caller frees. */
char *words_first(const char *text);
void words_finish(struct words *w);
#define cleanup_words __attribute__((cleanup(words_finish)))

/* The words joined so that words_parse() gives the same again. Caller frees. */
char *words_join(const char *const *v, size_t n);

/*
 * Split the command off the first word: "/Stop@bot" is "stop" for "bot" (case does not matter). The
 * name is put into name (lower case). False: it is not a command, or for another bot. username:
 * this bot's, NULL or "" when unknown.
 */
#define COMMAND_NAME 33
bool words_command(const char *word, const char *username, char name[COMMAND_NAME]);

#endif
