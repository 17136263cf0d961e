/* One step through Telegram's HTML: a character, an entity or a tag. */
#ifndef BOT_TELEGRAM_TOKEN_H
#define BOT_TELEGRAM_TOKEN_H

#include <stddef.h>
#include <stdint.h>

enum token_kind {
	TOKEN_CHAR, /* a character of its own; a `<` or `&` that begins nothing counts as one */
	TOKEN_ENTITY,
	TOKEN_OPEN,
	TOKEN_CLOSE,
};

struct token {
	enum token_kind kind;
	size_t len;       /* bytes in the source */
	size_t units;     /* UTF-16 units it adds to the text */
	uint32_t cp;      /* what a character or an entity stands for; 0: a byte that is no UTF-8 */
	const char *name; /* of a tag: where its name begins, within the source */
	size_t name_len;
};

/* The token at s, of which len (> 0) bytes are left. */
struct token token_next(const char *s, size_t len);

#endif
