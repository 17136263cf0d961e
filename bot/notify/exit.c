/* The table of exit codes that say more than their number. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include "fleetgram/base/language.h"
#include "fleetgram/base/mem.h"
#include "notify/exit.h"

static const struct {
	int code;
	const char *words;
} codes[] = {
	{125, FG_TEXT("the engine could not run it")},
	{126, FG_TEXT("its command cannot be run")},
	{127, FG_TEXT("its command was not found")},
	{130, FG_TEXT("interrupted (SIGINT)")},
	{132, FG_TEXT("illegal instruction (SIGILL)")},
	{134, FG_TEXT("aborted (SIGABRT)")},
	{135, FG_TEXT("bus error (SIGBUS)")},
	{136, FG_TEXT("arithmetic error (SIGFPE)")},
	{139, FG_TEXT("segmentation fault (SIGSEGV)")},
	{141, FG_TEXT("broken pipe (SIGPIPE)")},
	{143, FG_TEXT("ended by SIGTERM")},
};

const char *exit_words(char buf[EXIT_WORDS], int code, bool oom, bool looked)
{
	const char *signal = code > 128 && code < 128 + 65 ? sigabbrev_np(code - 128) : NULL;
	const char *words = "";

	if (oom)
		words = fg_tr(code == 137 ? FG_TEXT("out of memory (killed at its limit)")
					  : FG_TEXT("a process in it ran out of memory"));
	else if (code == 137)
		words = fg_tr(looked ? FG_TEXT("killed (SIGKILL), not for its memory limit")
				     : FG_TEXT("killed (SIGKILL): kill -9, or out of memory"));
	for (size_t i = 0; i < FG_ARRAY_LEN(codes) && !*words; i++)
		if (codes[i].code == code)
			words = fg_tr(codes[i].words);
	if (!*words && signal) {
		snprintf(buf, EXIT_WORDS, fg_tr("ended by SIG%s"), signal);
		return buf;
	}
	snprintf(buf, EXIT_WORDS, "%s", words);
	return buf;
}
