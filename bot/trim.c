/* Giving memory back. */
#include <link.h>
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>
#include "trim.h"

#define LARGE (64 * 1024) /* bytes from which a block is mapped for itself */

void trim_policy(void)
{
	/* Setting them also keeps glibc from raising both with every large block that is freed. */
	mallopt(M_MMAP_THRESHOLD, LARGE);
	mallopt(M_TRIM_THRESHOLD, 2 * LARGE);
	/* The pool's threads only wait for the disk and the terminal. */
	mallopt(M_ARENA_MAX, 1);
}

static int drop_object(struct dl_phdr_info *object, size_t size, void *arg)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);

	(void)size;
	(void)arg;
	for (int i = 0; i < object->dlpi_phnum; i++) {
		const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
		uintptr_t from = object->dlpi_addr + segment->p_vaddr, to = from + segment->p_memsz;

		/* A segment that can be written may hold changes, which would be lost. */
		if (segment->p_type != PT_LOAD || (segment->p_flags & PF_W))
			continue;
		from &= ~(page - 1);
		madvise((void *)from, to - from, MADV_DONTNEED);
	}
	return 0;
}

void trim_heap(void)
{
	malloc_trim(0);
}

void trim_memory(void)
{
	dl_iterate_phdr(drop_object, NULL);
	trim_heap();
}
