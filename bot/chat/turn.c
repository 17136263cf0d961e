/* Turns: one lock a chat, for as long as somebody holds it or waits for it. */
#include "chat/turn.h"
#include "fleetgram/base/task.h"

struct turn {
	struct fg_list link;
	int64_t chat_id;
	struct fg_lock lock;
	int users;
};

static struct fg_list turns = FG_LIST_INIT(turns);

static struct turn *find(int64_t chat_id)
{
	struct turn *turn;

	fg_list_each (&turns, turn, link)
		if (turn->chat_id == chat_id)
			return turn;
	turn = fg_alloc(sizeof(*turn));
	turn->chat_id = chat_id;
	fg_lock_init(&turn->lock);
	fg_list_append(&turns, &turn->link);
	return turn;
}

static void drop(struct turn *turn)
{
	if (--turn->users > 0)
		return;
	fg_list_remove(&turn->link);
	free(turn);
}

struct turn *turn_take(int64_t chat_id, struct fg_err *err)
{
	struct turn *turn = find(chat_id);

	turn->users++;
	if (fg_lock_take(&turn->lock, "the chat's earlier commands", FG_NEVER, err) == 0)
		return turn;
	drop(turn);
	return NULL;
}

void turn_release(struct turn *turn)
{
	fg_lock_release(&turn->lock);
	drop(turn);
}
