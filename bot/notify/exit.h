/*
 * Exit codes, in words.
 */
#ifndef BOT_NOTIFY_EXIT_H
#define BOT_NOTIFY_EXIT_H

#include <stdbool.h>

#define EXIT_WORDS 128

/*
 * What an exit code says beyond its number, "segmentation fault (SIGSEGV)"; "" when that is nothing.
 * oom: a process in it was killed for want of memory; looked: it is known whether.
 */
const char *exit_words(char buf[EXIT_WORDS], int code, bool oom, bool looked);

#endif
