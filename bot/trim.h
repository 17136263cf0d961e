/*
 * Giving memory back: what only starting needed, and what a large answer took.
 */
#ifndef BOT_TRIM_H
#define BOT_TRIM_H

/*
 * Tell the allocator to give large blocks back as soon as they are freed: a daemon that once listed a
 * thousand containers shall not keep the memory for that. Call first of all.
 */
void trim_policy(void);

/*
 * Loading and linking some forty shared libraries touches megabytes of code and symbol tables that
 * the daemon never looks at again. Drop this process's view of all read-only file pages, and the
 * heap's free tail: what is used comes back from the page cache at its next use.
 */
void trim_memory(void);

/* Give free pages in the middle of the heap back too: what all containers of a large fleet took for a
 * moment lies between what is kept. */
void trim_heap(void);

#endif
