/*
 * Memory that cannot fail, and locals that clean up after themselves.
 *
 * Out of memory ends the process with a message: a daemon that has no memory for an error path has
 * none for a tested one. A cleanup_NOUN in front of a local runs the noun's destructor when the
 * local goes out of scope, on every path.
 */
#ifndef FLEETGRAM_BASE_MEM_H
#define FLEETGRAM_BASE_MEM_H

#include <stddef.h>
#include <stdlib.h>

#define FG_ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define FG_CONTAINER_OF(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

void *fg_alloc(size_t size);                          /* zeroed; never NULL */
void *fg_realloc(void *p, size_t count, size_t size); /* overflow-checked; never NULL */
char *fg_strdup(const char *s);                       /* NULL stays NULL */
char *fg_strndup(const char *s, size_t len);
char *fg_printf(const char *fmt, ...) __attribute__((format(printf, 1, 2))); /* caller frees */

static inline void fg_free_ptr(void *pp)
{
	free(*(void **)pp);
}
#define cleanup_free __attribute__((cleanup(fg_free_ptr)))

/* Hand a pointer on and forget it, so that its cleanup finds NULL. */
#define fg_steal(pp)                               \
	({                                         \
		__typeof__(*(pp)) stolen_ = *(pp); \
		*(pp) = NULL;                      \
		stolen_;                           \
	})

#endif
