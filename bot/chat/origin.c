/* Origins: who said what where. */
#include <string.h>
#include "chat/origin.h"
#include "chat/turn.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/mem.h"

struct origin origin_of(int64_t update_id, const cJSON *message, const cJSON *user)
{
	const cJSON *chat = fg_json_object(message, "chat");
	bool topic = fg_json_bool(message, "is_topic_message", false);

	return (struct origin){
		.update_id = update_id,
		.user_id = fg_json_i64(user, "id", 0),
		.chat_id = fg_json_i64(chat, "id", 0),
		.message_id = fg_json_i64(message, "message_id", 0),
		.thread = topic ? fg_json_i64(message, "message_thread_id", 0) : 0,
		.name = fg_json_str(user, "first_name", ""),
		.private = strcmp(fg_json_str(chat, "type", ""), "private") == 0,
	};
}

void command_init(
	struct command *c, struct app *app, const struct origin *from, struct reply *reply)
{
	*c = (struct command){
		.app = app,
		.setup = setup_ref(app->setup),
		.reply = reply,
		.asking = ASK_CHAT,
		.update_id = from->update_id,
		.chat_id = from->chat_id,
	};
	fg_language_set(
		roles_language(c->setup->roles, from->user_id, from->chat_id, from->thread));
	reply_init(reply, app);
	reply->chat_id = from->chat_id;
	reply->update_id = from->update_id;
	reply->thread = from->thread;
}

void command_finish(struct command *c)
{
	if (c->turn)
		turn_release(c->turn);
	cJSON_Delete(c->frozen);
	free(c->about);
	free(c->own_line);
	reply_finish(c->reply);
	setup_unref(c->setup);
}
