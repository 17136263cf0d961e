"""A bot made with python-telegram-bot 13, as Debian has it. Tells what it meets on its output, a JSON object a line."""
import io
import json
import sys
import threading

from telegram import InlineKeyboardButton, InlineKeyboardMarkup, ParseMode
from telegram.error import BadRequest, RetryAfter
from telegram.ext import CallbackQueryHandler, Filters, MessageHandler, Updater


def tell(step, **more):
    print(json.dumps({"step": step, **more}), flush=True)


def on_message(update, context):
    message = update.effective_message
    if message.text == "hello":
        keyboard = InlineKeyboardMarkup([[InlineKeyboardButton("Go", callback_data="go")]])
        message.reply_text("<b>Hello</b> &lt;you&gt;", parse_mode=ParseMode.HTML, reply_markup=keyboard)
    elif message.text == "document":
        message.reply_document(io.BytesIO(b"one\ntwo\n"), filename="note.txt", caption="A note")
    elif message.text == "bad":
        try:
            message.reply_text("<b>open", parse_mode=ParseMode.HTML)
        except BadRequest as error:
            tell("bad", type=type(error).__name__, text=error.message)
    elif message.text == "flood":
        try:
            message.reply_text("too much")
        except RetryAfter as error:
            tell("flood", type=type(error).__name__, retry_after=error.retry_after)


def on_callback(update, context):
    update.callback_query.answer("Gone")
    update.callback_query.edit_message_text("<i>Gone</i>", parse_mode=ParseMode.HTML)


def main():
    token, root = sys.argv[1:3]
    updater = Updater(token, base_url=root + "/bot")
    updater.dispatcher.add_handler(MessageHandler(Filters.text, on_message))
    updater.dispatcher.add_handler(CallbackQueryHandler(on_callback))
    updater.dispatcher.add_error_handler(lambda update, context: tell("error", text=repr(context.error)))
    me = updater.bot.get_me()
    updater.start_polling(timeout=2)
    tell("me", id=me.id, username=me.username)
    # Ends when its input does.
    ended = threading.Thread(target=sys.stdin.read)
    ended.start()
    ended.join()
    updater.stop()


main()
