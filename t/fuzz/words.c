/* Whatever is typed: no crash, and words that were parsed survive being joined and parsed again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "chat/words.h"
#include "fleetgram/base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_free char *text = fg_strndup((const char *)data, size), *joined = NULL;
	cleanup_words struct words w = {0}, again = {0};
	char name[COMMAND_NAME];
	struct fg_err err;

	if (words_parse(&w, text, &err) < 0)
		return 0;
	if (w.n)
		words_command(w.v[0], "fleetbot", name);
	joined = words_join((const char *const *)w.v, w.n);
	if (strlen(joined) > WORDS_BYTES)
		return 0;
	if (words_parse(&again, joined, &err) < 0 || again.n != w.n)
		abort();
	for (size_t i = 0; i < w.n; i++)
		if (strcmp(w.v[i], again.v[i]) != 0)
			abort();
	return 0;
}
