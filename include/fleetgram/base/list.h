/*
 * A doubly linked list whose links live inside the things that are listed.
 *
 * A head and a link are the same struct; a link that is on no list points at itself, so removing
 * twice is harmless. Nothing is owned or allocated.
 */
#ifndef FLEETGRAM_BASE_LIST_H
#define FLEETGRAM_BASE_LIST_H

#include <stdbool.h>
#include "fleetgram/base/mem.h"

struct fg_list {
	struct fg_list *next, *prev;
};

#define FG_LIST_INIT(name)       \
	{                        \
		&(name), &(name) \
	}

static inline void fg_list_init(struct fg_list *l)
{
	l->next = l->prev = l;
}

static inline bool fg_list_empty(const struct fg_list *l)
{
	return l->next == l;
}

static inline void fg_list_append(struct fg_list *head, struct fg_list *link)
{
	link->prev = head->prev;
	link->next = head;
	head->prev->next = link;
	head->prev = link;
}

static inline void fg_list_remove(struct fg_list *link)
{
	link->prev->next = link->next;
	link->next->prev = link->prev;
	fg_list_init(link);
}

#define fg_list_entry(link, type, member) FG_CONTAINER_OF(link, type, member)
#define fg_list_first(head, type, member) fg_list_entry((head)->next, type, member)

/* The body may remove the current entry, and no other. */
#define fg_list_each(head, it, member)                                                  \
	for (__typeof__(it) it##_next_ =                                                \
			((it) = fg_list_entry((head)->next, __typeof__(*(it)), member), \
			fg_list_entry((it)->member.next, __typeof__(*(it)), member));   \
		&(it)->member != (head);                                                \
		(it) = it##_next_, it##_next_ = fg_list_entry(                          \
					   (it)->member.next, __typeof__(*(it)), member))

#endif
