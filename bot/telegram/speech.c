/* The language of a chat, from whom the config is known to. */
#include "telegram/speech.h"

static speech_fn *ask;
static void *ask_arg;

void speech_ask(speech_fn *fn, void *arg)
{
	ask = fn;
	ask_arg = arg;
}

const struct fg_language *speech_of(int64_t chat, int64_t thread)
{
	return ask ? ask(chat, thread, ask_arg) : NULL;
}
