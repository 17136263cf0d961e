/* The feed: who is told what, who may listen, and who is let go. */
#include <arpa/inet.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include "fleetgram/base/log.h"
#include "fleetgram/base/mem.h"
#include "chat/audit.h"
#include "http/answer.h"
#include "http/feed.h"
#include "notify/incidents.h"
#include "../telegram/scratch.h"
#include "tap.h"

#define BIG 8000 /* bytes of an event; a few fill a peer's socket */
#define IDLE 20  /* turns in which nothing comes: nothing will */
#define MANY (FEED_BURST + 1)

static struct app app;
static struct health *health;
static struct feed *feed;
static struct feed_listener listener;
static struct MHD_Daemon *server;

struct peer {
	int fd;
	bool over; /* the other side has closed */
	struct fg_str text;
};

static void wake(void *arg)
{
	(void)arg;
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *connection, const char *url,
	const char *method, const char *version, const char *data, size_t *size, void **state)
{
	bool full;
	enum MHD_Result rc;

	(void)arg, (void)url, (void)method, (void)version, (void)data, (void)size;
	if (!*state) {
		*state = server;
		return MHD_YES;
	}
	rc = feed_answer(feed, &listener, connection, health,
		MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Last-Event-ID"), &full);
	return full ? answer_error(connection, MHD_HTTP_SERVICE_UNAVAILABLE, "full", NULL, NULL)
		    : rc;
}

static void setup(void)
{
	app.store = scratch_store();
	health = health_create(&app);
	feed = health_feed(health);
	listener = (struct feed_listener){.wake = wake};
	server = MHD_start_daemon(
		MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_NO_LISTEN_SOCKET, 0, NULL, NULL,
		on_request, NULL, MHD_OPTION_END);
	if (!server) {
		printf("Bail out! libmicrohttpd does not start\n");
		exit(1);
	}
}

static void teardown(void)
{
	feed_close(feed, &listener);
	MHD_stop_daemon(server);
	health_destroy(health);
	fg_store_close(app.store);
}

static void turn(void)
{
	for (int i = 0; i < IDLE; i++)
		MHD_run(server);
}

/* Takes what there is for it, over everything it had before. */
static const char *hear(struct peer *p)
{
	char in[4096];

	fg_str_reset(&p->text);
	for (int idle = 0; idle < IDLE && !p->over;) {
		ssize_t n;

		MHD_run(server);
		n = recv(p->fd, in, sizeof(in), MSG_DONTWAIT);
		idle = n > 0 ? 0 : idle + 1;
		p->over = n == 0;
		if (n > 0)
			fg_str_add(&p->text, in, (size_t)n);
	}
	return p->text.len ? p->text.s : "";
}

/* address: the last number of its 127.0.0.x; 0: it comes by a Unix socket. */
static void join(struct peer *p, int address, const char *last_id)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(1000)};
	struct sockaddr local = {.sa_family = AF_UNIX};
	char request[200];
	int ends[2], n;

	in.sin_addr.s_addr = htonl(0x7f000000u + (uint32_t)address);
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0 ||
		MHD_add_connection(server, ends[0], address ? (void *)&in : (void *)&local,
			address ? sizeof(in) : sizeof(local)) != MHD_YES) {
		printf("Bail out! no connection\n");
		exit(1);
	}
	*p = (struct peer){.fd = ends[1]};
	fg_str_init(&p->text, (size_t)FEED_KEPT * BIG * 2);
	n = snprintf(request, sizeof(request), "GET / HTTP/1.1\r\nHost: x\r\n%s%s\r\n\r\n",
		last_id ? "Last-Event-ID: " : "X: y", last_id ? last_id : "");
	if (send(p->fd, request, (size_t)n, 0) != n)
		exit(1);
	turn();
}

static void leave(struct peer *p)
{
	close(p->fd);
	fg_str_finish(&p->text);
	turn();
}

/* Whether one that joins from there is answered with the stream; it stays. */
static bool may_join(struct peer *p, int address)
{
	join(p, address, NULL);
	return strstr(hear(p), "event: hello") != NULL;
}

static int count(const char *text, const char *what)
{
	int n = 0;

	while ((text = strstr(text, what))) {
		text += strlen(what);
		n++;
	}
	return n;
}

static bool has(const char *text, const char *what)
{
	return strstr(text, what) != NULL;
}

static void publish(int n, size_t bytes)
{
	cleanup_free char *much = fg_alloc(bytes + 1);

	memset(much, 'x', bytes);
	for (int i = 0; i < n; i++) {
		cJSON *data = cJSON_CreateObject();

		cJSON_AddStringToObject(data, "much", much);
		feed_publish(feed, "test", data);
		turn();
	}
}

/* Where the last event's number is: "RUN-". */
static int64_t run_of(const char *text)
{
	const char *id = strstr(text, "id: ");

	return id ? strtoll(id + 4, NULL, 10) : 0;
}

static const char *id_of(int64_t run, int number)
{
	static char id[64];

	snprintf(id, sizeof(id), "%" PRId64 "-%d", run, number);
	return id;
}

static void test_resume(void)
{
	struct peer p;
	int64_t run;

	setup();
	join(&p, 1, NULL);
	run = run_of(hear(&p));
	ok(has(p.text.s, id_of(run, 0)), "the greeting has an id before there is any event");
	leave(&p);
	publish(1, 1);
	join(&p, 1, id_of(run, 0));
	hear(&p);
	ok(has(p.text.s, "event: test") && !has(p.text.s, "event: reset"),
		"who had only that goes on after it");
	leave(&p);
	publish(2, 1);
	join(&p, 1, NULL);
	ok(has(hear(&p), id_of(run, 3)), "later the greeting has the newest event's id");
	leave(&p);
	join(&p, 1, id_of(run, 1));
	hear(&p);
	ok(strstr(p.text.s, id_of(run, 1)) < strstr(p.text.s, "event: hello") &&
			count(p.text.s, "event: test") == 2,
		"who comes back is greeted with the id it had, so as not to miss what follows");
	leave(&p);
	publish(FEED_KEPT, 1);
	join(&p, 1, id_of(run, 3));
	is_int(count(hear(&p), "event: test"), FEED_KEPT, "as many as are kept are told");
	ok(!has(p.text.s, "event: reset"), "… and nothing was missed");
	leave(&p);
	teardown();
}

static void test_stale(void)
{
	static const char *const ids[] = {"x", "-", "12345-1", "RUN", "RUN-", "RUN-x", "RUN-5x",
		"RUN--1", "RUN-4", "RUN-999", "RUN-99999999999999999999"};
	struct peer p;
	int64_t run;

	setup();
	publish(FEED_KEPT + 5, 1);
	join(&p, 1, NULL);
	run = run_of(hear(&p));
	leave(&p);
	for (size_t i = 0; i < FG_ARRAY_LEN(ids); i++) {
		cleanup_free char *id = strncmp(ids[i], "RUN", 3) == 0
						? fg_printf("%" PRId64 "%s", run, ids[i] + 3)
						: fg_strdup(ids[i]);

		join(&p, 1, id);
		hear(&p);
		ok(count(p.text.s, "event: reset") == 1 && count(p.text.s, "event: test") == 0,
			"%s: reset", ids[i]);
		ok(count(p.text.s, "id: ") == 1 &&
				strstr(p.text.s, "id: ") > strstr(p.text.s, "event: hello") &&
				has(p.text.s, id_of(run, FEED_KEPT + 5)),
			"… which has the newest id; the greeting has none");
		leave(&p);
	}
	teardown();
}

static void test_slow(void)
{
	struct peer p, other;

	setup();
	join(&p, 1, NULL);
	join(&other, 1, NULL);
	hear(&p);
	hear(&other);
	publish(FEED_KEPT + FEED_KEPT / 2, BIG);
	hear(&p);
	is_int(count(p.text.s, "too slow"), 1,
		"one that is behind by more than are kept is told so");
	publish(1, 1);
	is_int(count(hear(&p), "event: test"), 1, "… and goes on");
	is_int(feed_listeners(feed), 2, "one that takes nothing stays for a while");
	publish(FEED_KEPT, BIG);
	hear(&other);
	ok(other.over, "… and is hung up on");
	ok(!p.over, "… but nobody else");
	is_int(feed_listeners(feed), 1, "… and one listens");
	leave(&p);
	leave(&other);
	teardown();
}

static void test_bounds(void)
{
	struct peer peers[FEED_CLIENTS], more;
	int n = 0;

	setup();
	while (n < FEED_PER_ADDRESS && may_join(&peers[n], 1))
		n++;
	is_int(n, FEED_PER_ADDRESS, "from one address some may listen");
	ok(!may_join(&more, 1) && has(more.text.s, " 503 "), "… and no more");
	leave(&more);
	leave(&peers[--n]);
	ok(may_join(&peers[n++], 1), "… until one has gone, though nobody has looked");
	publish(1, 1);
	leave(&peers[--n]);
	ok(may_join(&peers[n++], 1), "… or one that has not read all");
	send(peers[n - 1].fd, "GET", 3, 0);
	leave(&peers[--n]);
	ok(may_join(&peers[n++], 1), "… or one that has asked for more");
	ok(may_join(&peers[n++], 2), "somebody else may");
	while (n < FEED_CLIENTS && may_join(&peers[n], 0))
		n++;
	is_int(n, FEED_CLIENTS, "by a Unix socket as many as there is room for");
	ok(!may_join(&more, 3) && has(more.text.s, " 503 "), "then nobody may");
	leave(&more);
	while (n > 0)
		leave(&peers[--n]);
	teardown();
}

static void test_close(void)
{
	struct peer p, late;

	setup();
	join(&p, 1, NULL);
	hear(&p);
	publish(1, 1);
	feed_close(feed, &listener);
	join(&late, 1, NULL);
	ok(!has(hear(&late), "event: hello") && late.over, "who comes after the end is refused");
	hear(&p);
	ok(has(p.text.s, "event: test") && has(p.text.s, "event: bye"),
		"the others get the rest, and a goodbye");
	is_int(feed_listeners(feed), 0, "nobody listens any more");
	leave(&p);
	leave(&late);
	teardown();
}

/* A picture with that many hosts and instances, all of them in one state. */
static void picture_of(
	struct health_picture *picture, size_t hosts, bool up, size_t instances, const char *state)
{
	static char none[] = "", home[] = "h000";

	*picture = (struct health_picture){.host_count = hosts, .instance_count = instances};
	picture->hosts = fg_alloc((hosts + 1) * sizeof(*picture->hosts));
	picture->instances = fg_alloc((instances + 1) * sizeof(*picture->instances));
	for (size_t i = 0; i < hosts; i++)
		picture->hosts[i] = (struct health_host){
			.name = fg_printf("h%03zu", i), .up = up, .problem = none};
	for (size_t i = 0; i < instances; i++) {
		struct health_instance *it = &picture->instances[i];

		*it = (struct health_instance){.name = fg_printf("i%03zu", i),
			.host = home,
			.template = none,
			.image = none,
			.container_id = none,
			.created_at = none,
			.last_used_at = none,
			.health = "none",
			.config = "in-sync"};
		snprintf(it->state, sizeof(it->state), "%s", state);
	}
}

static void picture_free(struct health_picture *picture)
{
	for (size_t i = 0; i < picture->host_count; i++)
		free(picture->hosts[i].name);
	for (size_t i = 0; i < picture->instance_count; i++)
		free(picture->instances[i].name);
	free(picture->hosts);
	free(picture->instances);
}

static const struct {
	const char *name;
	struct {
		size_t hosts;
		bool up;
		size_t instances;
		const char *state;
	} before, now;
	int hosts_ok, hosts_down, hosts_gone, instances, instances_gone, resets;
} changes[] = {
	{"nothing", {2, true, 3, "running"}, {2, true, 3, "running"}, 0, 0, 0, 0, 0, 0},
	{"states", {2, true, 3, "running"}, {2, true, 3, "exited"}, 0, 0, 0, 3, 0, 0},
	{"an instance goes", {2, true, 3, "running"}, {2, true, 2, "running"}, 0, 0, 0, 0, 1, 0},
	{"hosts go down", {2, true, 0, ""}, {2, false, 0, ""}, 0, 2, 0, 0, 0, 0},
	{"a host comes", {2, true, 0, ""}, {3, true, 0, ""}, 1, 0, 0, 0, 0, 0},
	{"a host is removed", {3, true, 0, ""}, {2, true, 0, ""}, 0, 0, 1, 0, 0, 0},
	{"as many as one picture tells", {1, true, FEED_BURST, "running"},
		{1, true, FEED_BURST, "exited"}, 0, 0, 0, FEED_BURST, 0, 0},
	{"more", {1, true, MANY, "running"}, {1, true, MANY, "exited"}, 0, 0, 0, 0, 0, 1},
	{"more hosts", {MANY, true, 0, ""}, {MANY, false, 0, ""}, 0, 0, 0, 0, 0, 1},
	{"more hosts that go", {MANY, true, 0, ""}, {0, true, 0, ""}, 0, 0, 0, 0, 0, 1},
	{"more of both", {1, true, FEED_BURST, "running"}, {1, false, FEED_BURST, "exited"}, 0, 0,
		0, 0, 0, 1},
};

static void test_changes(void)
{
	for (size_t i = 0; i < FG_ARRAY_LEN(changes); i++) {
		struct health_picture before, now;
		const char *text;
		struct peer p;
		int gone;

		setup();
		join(&p, 1, NULL);
		hear(&p);
		picture_of(&before, changes[i].before.hosts, changes[i].before.up,
			changes[i].before.instances, changes[i].before.state);
		picture_of(&now, changes[i].now.hosts, changes[i].now.up, changes[i].now.instances,
			changes[i].now.state);
		feed_compare(feed, &before, &now);
		text = hear(&p);
		diag("%s", changes[i].name);
		gone = count(text, "\"host\":\"h000\",\"state\":\"gone\"");
		is_int(count(text, "\"state\":\"ok\""), changes[i].hosts_ok,
			"hosts that are there");
		is_int(count(text, "\"state\":\"down\""), changes[i].hosts_down, "… down");
		is_int(count(text, "\"state\":\"gone\"") - gone, changes[i].hosts_gone, "… gone");
		is_int(count(text, "event: instance") - gone, changes[i].instances, "instances");
		is_int(gone, changes[i].instances_gone, "… gone");
		is_int(count(text, "event: reset"), changes[i].resets, "reset");
		picture_free(&before);
		picture_free(&now);
		leave(&p);
		teardown();
	}
}

static void change(const char *sql)
{
	struct fg_err err;

	if (fg_store_exec(app.store, &err, sql, "") < 0)
		diag("%s", err.text);
}

/* An open one of a container. */
static void incident(int64_t id, int unsure)
{
	struct fg_err err;

	if (fg_store_exec(app.store, &err,
		    "INSERT INTO incidents(id, kind, state, host, container, name, project, image, about,"
		    " labels, facts, opened, last, recovered, acked, acked_by, told, count, bulletin, tell,"
		    " tell_at, gap, settle, unsure) VALUES(?, 'died', 0, 'h', 'c', 'web<', '', '', '', '{}',"
		    " '{\"exit_code\":3}', 1000, 1000, 0, 0, 'ops', 0, 1, 0, 0, 0, 0, 0, ?)",
		    "ii", id, (int64_t)unsure) < 0)
		diag("%s", err.text);
}

/* So many at once: a look may come between two transactions. */
static void commands(const char *targets, int n)
{
	struct fg_err err;

	if (fg_store_exec(app.store, &err,
		    "INSERT INTO audit(wall_ms, user_id, name, role, chat_id, thread, command, line, targets,"
		    " result, error, took_ms, hash)"
		    " WITH RECURSIVE k(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM k WHERE i < ?)"
		    " SELECT 1000, 7, 'secretive', 'admin', 1, 0, 'exec', 'exec web a-secret', ?, 'failed',"
		    " 'a-reason', 0, '' FROM k",
		    "is", (int64_t)n, targets) < 0)
		diag("%s", err.text);
}

/* What a listener is told when the next one comes. */
static const char *after(struct peer *p)
{
	struct peer other;

	join(&other, 2, NULL);
	hear(&other);
	leave(&other);
	return hear(p);
}

static void test_incidents(struct peer *p)
{
	static const struct {
		const char *sql, *change, *name;
	} steps[] = {
		{"UPDATE incidents SET last = 2000, count = 5 WHERE id = 2", NULL, "one that goes on"},
		{"UPDATE incidents SET acked = 2000 WHERE id = 2", "acknowledged", "one is taken care of"},
		{"UPDATE incidents SET state = 1 WHERE id = 2", "recovered", "it recovers"},
		{"UPDATE incidents SET state = 0, acked = 0 WHERE id = 2", "opened", "… and comes back"},
		{"UPDATE incidents SET state = 2 WHERE id = 2", "closed", "it is closed"},
		{"DELETE FROM incidents WHERE id = 2", NULL, "… and forgotten"},
		{"DELETE FROM incidents WHERE id = 1", "closed", "one is forgotten at once"},
		{"UPDATE incidents SET unsure = 0 WHERE id = 3", "opened", "one is sure now"},
	};
	const char *text;

	incident(2, 0);
	incident(3, 1);
	text = after(p);
	is_int(count(text, "event: incident"), 1, "what is new and sure is told");
	ok(has(text, "\"id\":2,\"change\":\"opened\",\"kind\":\"died\",\"state\":\"open\",\"host\":\"h\"") &&
			has(text, "web< died") && has(text, "\"opened_at\":\"1970-01-01T00:00:01.000Z\""),
		"… in full");
	for (size_t i = 0; i < FG_ARRAY_LEN(steps); i++) {
		change(steps[i].sql);
		text = after(p);
		is_int(count(text, "event: incident"), steps[i].change ? 1 : 0, steps[i].name);
		if (steps[i].change) {
			cleanup_free char *said = fg_printf("\"change\":\"%s\"", steps[i].change);

			ok(has(text, said), "… is told");
		}
		ok(!has(text, "ops"), "… and not by whom");
	}
}

static void test_commands(struct peer *p)
{
	const char *text;

	commands("h/web h/db", 1);
	text = after(p);
	ok(has(text, "event: command\ndata: {\"command\":\"exec\",\"targets\":[\"h/web\",\"h/db\"],"
		     "\"result\":\"failed\",\"at\":\"1970-01-01T00:00:01.000Z\"}"),
		"a command is told");
	ok(!has(text, "secret") && !has(text, "reason"), "… without its words, and who gave them");
	is_str(after(p), "", "… once");
	commands("", MANY);
	text = after(p);
	ok(count(text, "event: reset") == 1 && !has(text, "event: command"),
		"of very many the listener hears that there were");
	commands("", 1);
	is_int(count(after(p), "event: command"), 1, "… and then of each again");
}

static void test_news(void)
{
	struct setup one = {.fleet = fg_fleet_create()};
	struct fg_err err;
	struct peer p;

	setup();
	app.setup = &one;
	if (incidents_setup(app.store, &err) < 0 || audit_setup(app.store, &err) < 0)
		diag("%s", err.text);
	incident(1, 0);
	commands("h/old", 1);
	join(&p, 1, NULL);
	is_int(count(hear(&p), "event: "), 1, "what was there before is no news");
	test_incidents(&p);
	test_commands(&p);
	leave(&p);
	teardown();
	app.setup = NULL;
	fg_fleet_unref(one.fleet);
}

static void tests(void *arg)
{
	(void)arg;
	test_resume();
	test_stale();
	test_slow();
	test_bounds();
	test_close();
	test_changes();
	test_news();
}

int main(void)
{
	fg_loop_run("test", tests, NULL);
	fg_log_finish();
	scratch_finish();
	return done_testing();
}
