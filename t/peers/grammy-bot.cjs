// A bot made with grammY, as its documentation has one made. Tells what it meets on its output, a JSON object a line.
const { createRequire } = require('node:module');

const [, , folder, token, apiRoot] = process.argv;
const { Bot, GrammyError, InlineKeyboard, InputFile } = createRequire(`${folder}/bot.js`)('grammy');
const tell = (step, more = {}) => process.stdout.write(`${JSON.stringify({ step, ...more })}\n`);

const bot = new Bot(token, { client: { apiRoot } });
// What went wrong, if it is what the library calls an error of the API.
const failed = (step) => (error) => {
	if (!(error instanceof GrammyError)) throw error;
	tell(step, { type: error.constructor.name, code: error.error_code, text: error.description, retry_after: error.parameters.retry_after });
};

bot.hears('hello', (ctx) => ctx.reply('<b>Hello</b> &lt;you&gt;', {
	parse_mode: 'HTML', reply_markup: new InlineKeyboard().text('Go', 'go'),
}));
bot.hears('document', (ctx) => ctx.replyWithDocument(new InputFile(Buffer.from('one\ntwo\n'), 'note.txt'), { caption: 'A note' }));
bot.hears('bad', (ctx) => ctx.reply('<b>open', { parse_mode: 'HTML' }).catch(failed('bad')));
bot.hears('flood', (ctx) => ctx.reply('too much').catch(failed('flood')));
bot.callbackQuery('go', async (ctx) => {
	await ctx.answerCallbackQuery({ text: 'Gone' });
	await ctx.editMessageText('<i>Gone</i>', { parse_mode: 'HTML' });
});
bot.catch((error) => tell('error', { text: String(error.error) }));

process.stdin.on('end', () => process.exit(0)).resume();
bot.start({ onStart: (me) => tell('me', { id: me.id, username: me.username }) });
