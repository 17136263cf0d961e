/*
 * The languages that the bot speaks beside English: their catalogs are linked in, one of each .po
 * in this folder. They are added at first use of any call here.
 */
#ifndef BOT_LANGUAGES_LANGUAGES_H
#define BOT_LANGUAGES_LANGUAGES_H

#include <stdbool.h>
#include "fleetgram/base/language.h"

/* NULL: English, which also stands for what is not there. */
const struct fg_language *languages_find(const char *code);
bool languages_have(const char *code); /* "en" too */
/* The i-th one's code, from 0, "en" first; NULL: there are no more. */
const char *languages_code(size_t i);

#endif
