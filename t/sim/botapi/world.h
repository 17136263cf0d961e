/*
 * The people, chats, messages and files that there are. Everything lives until world_reset().
 * Message ids count from one in each chat, so that a bot that forgets which chat a message is in
 * gets caught.
 */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include "server.h"

enum chat_state {
	CHAT_OK,
	CHAT_BLOCKED,     /* by the user */
	CHAT_DEACTIVATED, /* the user's account is */
	CHAT_GONE,
	CHAT_KICKED,    /* the bot was */
	CHAT_MIGRATED,  /* to another id */
	CHAT_MUTED,     /* the bot may not write */
	CHAT_UNSTARTED, /* the user never wrote to the bot */
};

struct file {
	struct file *next;
	char *id, *name, *type, *path;
	int64_t width, height; /* of a picture */
	struct buf data;
};

struct message {
	int64_t id;
	bool by_bot, gone;
	int edits;
	uint64_t seq, edit_seq; /* the calls that made it and last changed it; 0 for a person's */
	char *html;             /* the text as the bot sent it */
	const struct file *file;
	cJSON *json; /* as the bot is told */
};

struct ring { /* the times of the last few sends */
	uint64_t *at;
	size_t size, next;
};

struct chat {
	struct chat *next;
	int64_t id;
	char *type, *title, *username;
	bool is_forum;
	enum chat_state state;
	int64_t migrate_to;
	struct message **messages; /* message n is at n - 1 */
	size_t count, room;
	cJSON *threads; /* object: the ids of the topics there are */
	struct ring minute;
	double tokens;
	uint64_t tokens_at;
};

struct chat *chat_find(int64_t id); /* NULL when unknown; so with the next */
struct chat *chat_find_name(const char *name);
struct chat *chat_get(int64_t id); /* makes it when unknown */
struct chat *chat_list(void);
int chat_state_of(const char *name); /* negative when there is no such state */
bool chat_is_group(const struct chat *chat);
cJSON *chat_json(const struct chat *chat);
bool chat_has_thread(const struct chat *chat, int64_t thread);
void chat_set_thread(struct chat *chat, int64_t thread, bool exists);

/* A person by id or by what is said of them (an object with id); remembered. The object stays the
 * world's. */
const cJSON *user_get(const cJSON *user);

struct message *message_new(struct chat *chat, bool by_bot); /* json holds message_id, date, chat */
struct message *message_find(const struct chat *chat, int64_t id);
cJSON *message_view(const struct message *m); /* as a person sees it */

struct file *file_new(struct upload *upload); /* takes the upload's bytes */
struct file *file_find(const char *id);
struct file *file_find_path(const char *path);

void world_reset(void);
void files_reset(void); /* a part of world_reset() */
void control_messages(struct exchange *x);
void control_file(struct exchange *x);

#endif
