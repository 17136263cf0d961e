/*
 * The Test Anything Protocol for unit tests in C.
 *
 * Each check prints a line; done_testing() prints the plan and gives the exit code. Checks are
 * expressions that yield whether they passed, so that a table's row can be named when it failed.
 */
#ifndef TAP_H
#define TAP_H

#include <inttypes.h>
#include <stdbool.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static int tap_count, tap_failed;

__attribute__((format(printf, 4, 5))) static inline bool tap_ok(
	bool pass, const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	tap_count++;
	printf("%s %d - ", pass ? "ok" : "not ok", tap_count);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	if (!pass) {
		tap_failed++;
		printf("#   at %s line %d\n", file, line);
	}
	fflush(stdout);
	return pass;
}

static inline bool tap_is_str(
	const char *got, const char *want, const char *file, int line, const char *name)
{
	bool pass = got == want || (got && want && strcmp(got, want) == 0);

	tap_ok(pass, file, line, "%s", name);
	if (!pass)
		printf("#   got:  %s\n#   want: %s\n", got ? got : "(null)",
			want ? want : "(null)");
	return pass;
}

static inline bool tap_is_int(
	int64_t got, int64_t want, const char *file, int line, const char *name)
{
	bool pass = got == want;

	tap_ok(pass, file, line, "%s", name);
	if (!pass)
		printf("#   got:  %" PRId64 "\n#   want: %" PRId64 "\n", got, want);
	return pass;
}

#define ok(cond, ...) tap_ok((cond), __FILE__, __LINE__, __VA_ARGS__)
#define is_str(got, want, name) tap_is_str((got), (want), __FILE__, __LINE__, (name))
#define is_int(got, want, name) \
	tap_is_int((int64_t)(got), (int64_t)(want), __FILE__, __LINE__, (name))
#define skip(...) (printf("ok %d # SKIP ", ++tap_count), printf(__VA_ARGS__), putchar('\n'))
#define diag(...) (printf("# "), printf(__VA_ARGS__), putchar('\n'))

static inline int done_testing(void)
{
	printf("1..%d\n", tap_count);
	return tap_failed ? 1 : 0;
}

#endif
