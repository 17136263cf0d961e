/* Allocation that either works or ends the process. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "fleetgram/base/mem.h"

__attribute__((noreturn)) static void out_of_memory(void)
{
	static const char text[] = "fleetgram: out of memory\n";
	ssize_t n = write(STDERR_FILENO, text, sizeof(text) - 1);

	(void)n;
	_exit(1);
}

void *fg_alloc(size_t size)
{
	void *p = calloc(1, size ? size : 1);

	if (!p)
		out_of_memory();
	return p;
}

void *fg_realloc(void *p, size_t count, size_t size)
{
	size_t total;
	void *q;

	if (__builtin_mul_overflow(count, size, &total))
		out_of_memory();
	q = realloc(p, total ? total : 1);
	if (!q)
		out_of_memory();
	return q;
}

char *fg_strdup(const char *s)
{
	return s ? fg_strndup(s, strlen(s)) : NULL;
}

char *fg_strndup(const char *s, size_t len)
{
	char *copy;

	if (!s)
		return NULL;
	len = strnlen(s, len);
	copy = fg_realloc(NULL, len + 1, 1);
	memcpy(copy, s, len);
	copy[len] = '\0';
	return copy;
}

char *fg_printf(const char *fmt, ...)
{
	char *s = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&s, fmt, ap);
	va_end(ap);
	if (n < 0)
		out_of_memory();
	return s;
}
