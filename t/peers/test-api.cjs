// Starts telegram-test-api on a port, for it has no command of its own that takes one. Ends when its input does.
const { createRequire } = require('node:module');

const [, , folder, port] = process.argv;
const TelegramServer = createRequire(`${folder}/start.js`)('telegram-test-api');

new TelegramServer({ host: '127.0.0.1', port: Number(port) }).start().then(() => {
	process.stdout.write(`listening on http://127.0.0.1:${port}\n`);
});
process.stdin.on('end', () => process.exit(0)).resume();
