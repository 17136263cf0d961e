// A browser at the end of a pipe: a line is JavaScript to evaluate in the page, the answer is a line of JSON.
//   node drive.js PLAYWRIGHT CHROMIUM URL
// Lines that begin with a colon are for the driver: ":seen" gives [requests elsewhere], [complaints of the console];
// ":look dark 390" has the page look so, and so wide.
"use strict";
const readline = require("readline");
const [playwright, chromium, url] = process.argv.slice(2);

(async () => {
	const browser = await require(playwright).chromium.launch({ executablePath: chromium,
		args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"] });
	const page = await browser.newPage({ viewport: { width: 390, height: 844 } });
	const elsewhere = [], complaints = [];
	page.on("request", (r) => { if (new URL(r.url()).origin !== new URL(url).origin) elsewhere.push(r.url()); });
	page.on("console", (m) => { if (/Content Security Policy|SyntaxError|TypeError|ReferenceError/.test(m.text())) complaints.push(m.text()); });
	page.on("pageerror", (e) => complaints.push(String(e)));
	page.on("dialog", (d) => { complaints.push("a dialog: " + d.message()); d.dismiss(); });
	await page.goto(url);
	console.log('"open"');
	for await (const line of readline.createInterface({ input: process.stdin })) {
		let answer;
		try {
			const look = line.match(/^:look (\w+) (\d+)$/);
			if (look) {
				await page.emulateMedia({ colorScheme: look[1] });
				await page.setViewportSize({ width: Number(look[2]), height: 900 });
			} else {
				answer = line === ":seen" ? { elsewhere, complaints } : await page.evaluate(line);
			}
		} catch (error) {
			answer = { error: String(error) };
		}
		console.log(JSON.stringify(answer ?? null));
	}
	await browser.close();
})().catch((error) => { console.error(error); process.exit(1); });
