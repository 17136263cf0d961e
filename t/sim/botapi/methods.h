/* The methods that do something, by what they are about; see send.c, edit.c and profile.c. */
#ifndef SIM_METHODS_H
#define SIM_METHODS_H

#include "bot.h"
#include "world.h"

/* The chat the request is for; NULL after a refusal has been put into r. */
struct chat *chat_target(const struct exchange *x, struct reply *r);
/* What a chat in that state answers; the rest may be written to. */
bool chat_refuses(const struct chat *chat, struct reply *r);

/* A limit that a bot should have kept: a refusal and a complaint. */
void refuse(struct reply *r, const char *method, const char *fmt, ...)
        __attribute__((format(printf, 3, 4)));

/* The text under key, parsed; false after a refusal. limit counts code points; too_long is the
 * refusal for more. */
struct rich;
bool take_text(const struct exchange *x, struct reply *r, const char *key, size_t limit,
        const char *too_long, struct rich *out);
bool take_markup(const struct exchange *x, struct reply *r, const cJSON **markup);

void method_send_chat_action(struct exchange *x, struct reply *r);
void method_send_document(struct exchange *x, struct reply *r);
void method_send_message(struct exchange *x, struct reply *r);
void method_send_photo(struct exchange *x, struct reply *r);

void method_delete_message(struct exchange *x, struct reply *r);
void method_delete_messages(struct exchange *x, struct reply *r);
void method_edit_caption(struct exchange *x, struct reply *r);
void method_edit_markup(struct exchange *x, struct reply *r);
void method_edit_text(struct exchange *x, struct reply *r);

void method_create_topic(struct exchange *x, struct reply *r);
void method_delete_commands(struct exchange *x, struct reply *r);
void method_delete_topic(struct exchange *x, struct reply *r);
void method_get_chat(struct exchange *x, struct reply *r);
void method_get_commands(struct exchange *x, struct reply *r);
void method_get_file(struct exchange *x, struct reply *r);
void method_get_me(struct exchange *x, struct reply *r);
void method_set_commands(struct exchange *x, struct reply *r);
cJSON *commands_json(void);
void commands_reset(void);

#endif
