/* The languages that are linked in. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "fleetgram/base/mem.h"
#include "languages/languages.h"

/* The build makes the list: LANGUAGE(symbol, "code", "catalog's file"). */
#define LANGUAGE(symbol, code, file)                                                        \
	__asm__(".section .rodata\n"                                                        \
		"language_" #symbol ":\n"                                                   \
		".incbin \"" file "\"\n"                                                    \
		"language_" #symbol "_end:\n"                                               \
		".previous\n");                                                             \
	extern const unsigned char language_##symbol[], language_##symbol##_end[];
#include <languages.inc>
#undef LANGUAGE

static const struct {
	const char *code;
	const unsigned char *mo, *end;
} catalogs[] = {
#define LANGUAGE(symbol, code, file) {code, language_##symbol, language_##symbol##_end},
#include <languages.inc>
#undef LANGUAGE
};

static void add_all(void)
{
	static bool added;
	struct fg_err err;

	for (size_t i = 0; !added && i < FG_ARRAY_LEN(catalogs); i++) {
		size_t len = (size_t)(catalogs[i].end - catalogs[i].mo);

		if (fg_language_add(catalogs[i].code, catalogs[i].mo, len, &err) < 0) {
			fprintf(stderr, "fleetgram: %s\n", err.text);
			abort(); /* the build made it, and has made it wrong */
		}
	}
	added = true;
}

const struct fg_language *languages_find(const char *code)
{
	add_all();
	return fg_language_find(code);
}

bool languages_have(const char *code)
{
	return strcmp(code, "en") == 0 || languages_find(code);
}

const char *languages_code(size_t i)
{
	add_all();
	return fg_language_name(i);
}
