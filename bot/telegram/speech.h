/*
 * Which language is spoken in a chat: for what is added to messages on their way, when nobody's
 * task is there to ask. The one who knows the config says how to find out.
 */
#ifndef BOT_TELEGRAM_SPEECH_H
#define BOT_TELEGRAM_SPEECH_H

#include <stdint.h>
#include "fleetgram/base/language.h"

typedef const struct fg_language *speech_fn(int64_t chat, int64_t thread, void *arg);

void speech_ask(speech_fn *fn, void *arg); /* NULL: nobody knows, and it is English */
const struct fg_language *speech_of(int64_t chat, int64_t thread);

#endif
