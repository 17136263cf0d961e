/* Stacks for tasks. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include "fleetgram/base/task.h"
#include "stack.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_UNPOISON_MEMORY_REGION(addr, size) ((void)(addr), (void)(size))
#endif

#define GUARD ((size_t)4096)
#define KEEP 64 /* stacks kept for reuse; a burst of tasks would map and unmap its own */
#define KEEP_TOP ((size_t)16384) /* bytes of a kept stack that stay in memory */

static void *kept[KEEP];
static int kept_n;

void *stack_get(void)
{
	char *map;

	if (kept_n > 0) {
		void *stack = kept[--kept_n];

		/* The last frames never returned, and left their redzones behind. */
		ASAN_UNPOISON_MEMORY_REGION(stack, FG_TASK_STACK);
		return stack;
	}
	map = mmap(NULL, FG_TASK_STACK + GUARD, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
	if (map == MAP_FAILED || mprotect(map, GUARD, PROT_NONE) < 0) {
		perror("fleetgram: no memory for a task's stack");
		abort();
	}
	return map + GUARD;
}

static void unmap(void *stack)
{
	munmap((char *)stack - GUARD, FG_TASK_STACK + GUARD);
}

void stack_put(void *stack)
{
	if (kept_n == KEEP) {
		unmap(stack);
		return;
	}
	/* A deep call once must not cost its pages for ever. */
	madvise(stack, FG_TASK_STACK - KEEP_TOP, MADV_DONTNEED);
	kept[kept_n++] = stack;
}

void stack_finish(void)
{
	while (kept_n > 0)
		unmap(kept[--kept_n]);
}
