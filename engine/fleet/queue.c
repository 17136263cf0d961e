/*
 * One queue a container, for as long as somebody works on it or waits.
 */
#include <string.h>
#include "fleetgram/base/mem.h"
#include "fleetgram/base/task.h"
#include "queue.h"

#define PATIENCE_MS (10 * 60 * 1000)

struct queue {
	struct fg_list link;
	char *host, *id;
	struct fg_lock lock;
	int users;
};

static struct fg_list queues = FG_LIST_INIT(queues);

static struct queue *queue_get(const char *host, const char *id)
{
	struct queue *q;

	fg_list_each (&queues, q, link) {
		if (strcmp(q->id, id) == 0 && strcmp(q->host, host) == 0) {
			q->users++;
			return q;
		}
	}
	q = fg_alloc(sizeof(*q));
	q->host = fg_strdup(host);
	q->id = fg_strdup(id);
	q->users = 1;
	fg_lock_init(&q->lock);
	fg_list_append(&queues, &q->link);
	return q;
}

static void queue_put(struct queue *q)
{
	if (--q->users > 0)
		return;
	fg_list_remove(&q->link);
	free(q->host);
	free(q->id);
	free(q);
}

struct queue *queue_enter(const char *host, const char *id, struct fg_err *err)
{
	struct queue *q = queue_get(host, id);

	if (fg_lock_take(&q->lock, "another operation on the container", fg_now_ms() + PATIENCE_MS,
		    err) == 0)
		return q;
	queue_put(q);
	return NULL;
}

void queue_leave(struct queue *q)
{
	fg_lock_release(&q->lock);
	queue_put(q);
}

bool queue_busy(const char *host, const char *id)
{
	struct queue *q;

	fg_list_each (&queues, q, link)
		if (strcmp(q->id, id) == 0 && strcmp(q->host, host) == 0)
			return true;
	return false;
}
