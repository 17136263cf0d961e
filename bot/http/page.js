// Keeps the page as it is on the server: each event asks for it anew and takes over what is different in <main>.
"use strict";
(() => {
	const live = document.getElementById("live");
	let timer, busy = false, again = false, source;

	function tell(state, text) {
		if (live.dataset.state === state && state === "lost") return;
		live.dataset.state = document.body.dataset.state = state;
		live.textContent = text;
	}

	function lost() {
		tell("lost", `Connection lost at ${new Date().toLocaleTimeString()}. What is below may be old; trying again.`);
	}

	// What is the same stays where it is: a selection, a place in a long table, a reader's finger.
	function renew(old, fresh) {
		const before = [...old.children], now = [...fresh.children];
		if (old.isEqualNode(fresh)) return;
		if (old.tagName !== fresh.tagName || before.length !== now.length || !/^(MAIN|DL|UL|TABLE|TBODY|TR)$/.test(old.tagName)) {
			old.replaceWith(fresh);
			return;
		}
		before.forEach((child, i) => renew(child, now[i]));
	}

	async function refresh() {
		if (busy) {
			again = true;
			return;
		}
		busy = true;
		try {
			const answer = await fetch(location.pathname, { headers: { Accept: "text/html" }, cache: "no-store", signal: AbortSignal.timeout(10000) });
			const page = new DOMParser().parseFromString(await answer.text(), "text/html");
			const main = page.querySelector("main");
			if (!main) throw new Error("no page");
			renew(document.querySelector("main"), main);
			document.title = page.title;
			tell("live", "Live");
		} catch {
			lost();
		}
		busy = false;
		if (again) {
			again = false;
			soon();
		}
	}

	// Several changes in a row are one look.
	function soon() {
		clearTimeout(timer);
		timer = setTimeout(refresh, 150);
	}

	function listen() {
		source = new EventSource("events");
		for (const name of ["hello", "health", "host", "instance", "containers", "incident", "command", "reset"])
			source.addEventListener(name, soon);
		source.addEventListener("bye", lost);
		source.onerror = () => {
			lost();
			// After a refusal the browser does not try again by itself.
			if (source.readyState === EventSource.CLOSED) setTimeout(listen, 5000);
		};
	}

	listen();
	// What containers use is measured all the time, and no event.
	setInterval(refresh, 15000);
})();
