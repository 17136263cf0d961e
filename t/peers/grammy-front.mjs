// An HTTP front for the server of @bonkers-agency/grammy-test, which has none of its own: /botTOKEN/METHOD for a bot,
// and /say, /press, /message and /calls for a test. Ends when its input does.
import http from 'node:http';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const [, , folder, token] = process.argv;
const require = createRequire(`${folder}/front.js`);
const { TelegramServer, UpdateQueue } = await import(pathToFileURL(require.resolve('@bonkers-agency/grammy-test')));

const server = new TelegramServer({
	id: Number(token.split(':')[0]), is_bot: true, first_name: 'Peer', username: 'peer_bot',
	can_join_groups: true, can_read_all_group_messages: false, supports_inline_queries: false,
});
const queue = new UpdateQueue();
const calls = [];

async function fields(request) {
	const chunks = [];
	for await (const chunk of request) chunks.push(chunk);
	const body = Buffer.concat(chunks), type = request.headers['content-type'] ?? '';
	if (body.length === 0) return {};
	if (type.startsWith('application/json')) return JSON.parse(body);
	const form = await new Response(body, { headers: { 'content-type': type } }).formData(), out = {};
	for (const [name, value] of form) {
		if (typeof value !== 'string') out[name] = { file_name: value.name, text: await value.text() };
		else if (name === 'reply_markup') out[name] = JSON.parse(value);
		else out[name] = value;
	}
	return out;
}

async function api(method, payload) {
	const call = { method, payload };
	try {
		// Its own getUpdates is always empty; the queue that it has for the purpose stands in.
		const { offset, limit, timeout } = payload;
		call.result = method === 'getUpdates' ? await queue.getUpdates(offset, limit, timeout) : await server.handleApiCall(method, payload);
		return [200, { ok: true, result: call.result }];
	} catch (error) {
		const code = error.code ?? 500;
		call.error = { ok: false, error_code: code, description: error.description ?? error.message, parameters: error.parameters };
		return [code, call.error];
	} finally {
		if (method !== 'getUpdates') calls.push(call);
	}
}

const person = (id) => ({ id, is_bot: false, first_name: 'Person' });
const chat = (id) => ({ id, type: 'private', first_name: 'Person' });
const message = (of, id) => server.chatState.getMessage(of, id);

const control = {
	say({ user, text }) {
		const word = text.split(' ')[0];
		const update = text.startsWith('/')
			? server.simulateUserCommand(person(user), chat(user), word, text.slice(word.length + 1))
			: server.simulateUserMessage(person(user), chat(user), text);
		queue.push(update);
		return update;
	},
	press({ user, message_id, data }) {
		const update = server.simulateCallbackQuery(person(user), chat(user), data, message(user, message_id));
		queue.push(update);
		return update;
	},
	message: ({ user, message_id }) => message(user, message_id) ?? {},
	calls: () => calls,
};

http.createServer(async (request, response) => {
	const path = new URL(request.url, 'http://front').pathname;
	const [code, answer] = await fields(request).then(async (body) => {
		if (path.startsWith(`/bot${token}/`)) return api(path.split('/')[2], body);
		const run = control[path.slice(1)];
		return run ? [200, run(body)] : [404, { ok: false, error_code: 404, description: 'Not Found' }];
	}).catch((error) => [400, { ok: false, error_code: 400, description: `Bad Request: ${error.message}` }]);
	response.writeHead(code, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
}).listen(0, '127.0.0.1', function () {
	process.stdout.write(`listening on http://127.0.0.1:${this.address().port}\n`);
});
process.stdin.on('end', () => process.exit(0)).resume();
