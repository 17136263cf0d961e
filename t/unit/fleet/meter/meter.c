/*
 * The meter against engines that live in this process: sockets whose containers use what a table says.
 */
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>
#include "fleetgram/base/http.h"
#include "fleetgram/base/log.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/task.h"
#include "fleetgram/base/text.h"
#include "fleetgram/fleet/meter.h"
#include "tap.h"

#define BEGIN_MS ((int64_t)1700000000 * 1000)
#define PATIENCE_MS 60000

/* What a container does between two samples is said in letters: x exited, p paused, l has limits, e its counters are
 * an error, h they never come. */
struct fake_container {
	const char *letters;
	int samples, inspects;
};

struct fake {
	uv_pipe_t listener;
	char path[80];
	struct fake_container v[300];
	int n, lists, calls, at_once, most_at_once;
	int delay_ms; /* of an answer with counters */
};

struct client {
	struct fake *fake;
	uv_pipe_t pipe;
	uv_write_t write;
	uv_timer_t timer;
	char in[4096];
	size_t len;
	char *out;
	int handles;
	bool measuring;
};

static void on_closed(uv_handle_t *h)
{
	struct client *c = h->data;

	if (--c->handles > 0)
		return;
	free(c->out);
	free(c);
}

static void hang_up(struct client *c)
{
	if (uv_is_closing((uv_handle_t *)&c->pipe))
		return;
	if (c->measuring)
		c->fake->at_once--;
	uv_close((uv_handle_t *)&c->pipe, on_closed);
	uv_close((uv_handle_t *)&c->timer, on_closed);
}

static void on_written(uv_write_t *w, int status)
{
	(void)status;
	hang_up(w->data);
}

static void send_out(struct client *c)
{
	uv_buf_t buf = uv_buf_init(c->out, (unsigned)strlen(c->out));

	c->write.data = c;
	uv_write(&c->write, (uv_stream_t *)&c->pipe, &buf, 1, on_written);
}

static void on_timer(uv_timer_t *t)
{
	send_out(t->data);
}

static void answer(struct client *c, int status, const char *body, int delay_ms)
{
	c->out = fg_printf("HTTP/1.1 %d x\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s", status, strlen(body), body);
	if (delay_ms)
		uv_timer_start(&c->timer, on_timer, (uint64_t)delay_ms, 0);
	else
		send_out(c);
}

static bool is(const struct fake_container *f, char letter)
{
	return strchr(f->letters, letter) != NULL;
}

static void answer_list(struct client *c)
{
	cleanup_str struct fg_str body;

	c->fake->lists++;
	fg_str_init(&body, 1 << 20);
	fg_str_putc(&body, '[');
	for (int i = 0; i < c->fake->n; i++) {
		const struct fake_container *f = &c->fake->v[i];

		fg_str_printf(&body, "%s{\"Id\":\"%064d\",\"Names\":[\"/c%d\"],\"State\":\"%s\",\"Labels\":{\"n\":\"%d\"}}",
			i ? "," : "", i, i, is(f, 'x') ? "exited" : is(f, 'p') ? "paused" : "running", i);
	}
	fg_str_putc(&body, ']');
	answer(c, 200, body.s, 0);
}

/* Each sample is one second of the engine's clock after the last, with half a second of CPU time, 1000 bytes received and
 * 2000 sent. */
static void answer_stats(struct client *c, struct fake_container *f)
{
	cleanup_free char *body = NULL;
	char read[FG_RFC3339];
	int n = ++f->samples;

	c->fake->calls++;
	c->fake->at_once++;
	c->measuring = true;
	if (c->fake->at_once > c->fake->most_at_once)
		c->fake->most_at_once = c->fake->at_once;
	if (is(f, 'h'))
		return;
	if (is(f, 'e')) {
		answer(c, 500, "{\"message\":\"no counters\"}", 0);
		return;
	}
	body = fg_printf("{\"read\":\"%s\",\"cpu_stats\":{\"cpu_usage\":{\"total_usage\":%lld},\"online_cpus\":4},"
		"\"memory_stats\":{\"usage\":%d,\"limit\":%lld},\"pids_stats\":{\"current\":3},"
		"\"networks\":{\"eth0\":{\"rx_bytes\":%d,\"tx_bytes\":%d}}}",
		fg_rfc3339(read, BEGIN_MS + n * 1000), n * 500000000LL, 1000 * n, is(f, 'l') ? 50000LL : 8000000000LL, 1000 * n,
		2000 * n);
	answer(c, 200, body, c->fake->delay_ms);
}

static void on_request(struct client *c)
{
	const char *at = strstr(c->in, "/containers/");
	int i;

	if (strstr(c->in, "/_ping")) {
		answer(c, 200, "OK", 0);
		return;
	}
	if (strstr(c->in, " /version HTTP")) {
		answer(c, 200, "{\"Version\":\"28.5\",\"ApiVersion\":\"1.51\",\"MinAPIVersion\":\"1.24\"}", 0);
		return;
	}
	if (!at || strncmp(at, "/containers/json", 16) == 0) {
		answer_list(c);
		return;
	}
	i = (int)strtol(at + 12, NULL, 10);
	if (i < 0 || i >= c->fake->n) {
		answer(c, 404, "{\"message\":\"No such container\"}", 0);
		return;
	}
	if (strstr(c->in, "/stats?")) {
		answer_stats(c, &c->fake->v[i]);
		return;
	}
	c->fake->v[i].inspects++;
	answer(c, 200,
		is(&c->fake->v[i], 'l')
			? "{\"Id\":\"1\",\"Name\":\"/c\",\"State\":{},\"HostConfig\":{\"NanoCpus\":1500000000,\"Memory\":50000}}"
			: "{\"Id\":\"1\",\"Name\":\"/c\",\"State\":{},\"HostConfig\":{\"NanoCpus\":0,\"Memory\":0}}",
		0);
}

static void on_alloc(uv_handle_t *h, size_t size, uv_buf_t *buf)
{
	struct client *c = h->data;

	(void)size;
	*buf = uv_buf_init(c->in + c->len, (unsigned)(sizeof(c->in) - 1 - c->len));
}

static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *buf)
{
	struct client *c = s->data;

	(void)buf;
	if (n < 0) {
		hang_up(c);
		return;
	}
	c->len += (size_t)n;
	c->in[c->len] = '\0';
	if (strstr(c->in, "\r\n\r\n"))
		on_request(c);
}

static void on_connection(uv_stream_t *s, int status)
{
	struct client *c = fg_alloc(sizeof(*c));

	(void)status;
	c->fake = s->data;
	c->handles = 2;
	uv_pipe_init(fg_loop(), &c->pipe, 0);
	uv_timer_init(fg_loop(), &c->timer);
	c->pipe.data = c->timer.data = c;
	uv_accept(s, (uv_stream_t *)&c->pipe);
	uv_read_start((uv_stream_t *)&c->pipe, on_alloc, on_read);
}

static void fake_start(struct fake *fake, int number)
{
	snprintf(fake->path, sizeof(fake->path), "/tmp/fg-meter-%d-%d", (int)getpid(), number);
	unlink(fake->path);
	uv_pipe_init(fg_loop(), &fake->listener, 0);
	fake->listener.data = fake;
	uv_pipe_bind(&fake->listener, fake->path);
	uv_listen((uv_stream_t *)&fake->listener, 128, on_connection);
}

static void fake_set(struct fake *fake, int n, const char *letters)
{
	fake->n = n;
	fake->lists = fake->calls = fake->most_at_once = 0;
	for (int i = 0; i < n; i++)
		fake->v[i] = (struct fake_container){.letters = letters};
}

static struct fake one, two;

static struct fg_fleet *fleet_new(int64_t timeout_ms)
{
	struct fg_fleet *fleet = fg_fleet_create();
	cleanup_free char *first = fg_printf("unix://%s", one.path), *second = fg_printf("unix://%s", two.path);
	const struct fg_host_options hosts[] = {
		{"one", {.url = first, .timeout_ms = timeout_ms}},
		{"two", {.url = second, .timeout_ms = timeout_ms}},
		{"gone", {.url = "unix:///no/such/socket", .timeout_ms = timeout_ms}},
	};

	for (size_t i = 0; i < FG_ARRAY_LEN(hosts); i++)
		fg_fleet_add(fleet, &hosts[i], NULL);
	return fleet;
}

/* What a user got. */
struct got {
	struct fg_meter_user user;
	int readings[300], rounds, all;
	int most_tasks; /* that there were at a reading */
	struct fg_reading last[300];
	bool labelled;
};

static void on_reading(const struct fg_reading *r, void *arg)
{
	struct got *got = arg;
	int i = (int)strtol(r->item->c.name + 1, NULL, 10);

	if (strcmp(r->item->host->name, "one") != 0)
		i += 150;
	got->readings[i]++;
	got->all++;
	if (fg_task_count() > got->most_tasks)
		got->most_tasks = fg_task_count();
	got->last[i] = *r;
	got->labelled = fg_container_label(&r->item->c, "n") != NULL;
}

static void on_round(struct fg_host *host, void *arg)
{
	if (strcmp(host->name, "one") == 0)
		((struct got *)arg)->rounds++;
}

static struct got *got_new(int64_t every_ms)
{
	struct got *got = fg_alloc(sizeof(*got));

	got->user = (struct fg_meter_user){.every_ms = every_ms, .reading = on_reading, .round = on_round, .arg = got};
	return got;
}

static bool wait_for(const int *what, int least)
{
	int64_t deadline = fg_now_ms() + PATIENCE_MS;

	while (*what < least && fg_now_ms() < deadline)
		fg_task_sleep(5, NULL);
	return *what >= least;
}

static void test_readings(struct fg_meter *meter)
{
	struct got *got = got_new(1000);
	struct fg_fleet *fleet = fleet_new(5000);
	char id[FG_ID_SIZE];

	fake_set(&one, 6, "");
	fake_set(&two, 1, "");
	one.v[1].letters = "l";
	one.v[2].letters = "p";
	one.v[3].letters = "x";
	one.v[4].letters = "e";
	fg_meter_follow(meter, fleet);
	fg_task_sleep(100, NULL);
	ok(one.lists == 0 && one.calls == 0, "while nobody wants readings, nobody is asked");

	fg_meter_add(meter, &got->user);
	ok(wait_for(&got->rounds, 1) && got->readings[0] >= 1 && got->readings[1] >= 1 && got->readings[2] >= 1,
		"each that runs or is paused is measured in a round");
	ok(got->readings[3] == 0 && got->readings[4] == 0 && got->readings[5] >= 1,
		"not one that has stopped, and one that fails costs the others nothing");
	ok(wait_for(&got->readings[150], 1), "on the other host too, though a third is gone");
	ok(wait_for(&got->rounds, 3), "and again");
	ok(got->last[0].rates && got->last[0].cpu_percent > 49.9 && got->last[0].cpu_percent < 50.1, "half a CPU");
	ok(got->last[0].rx_rate > 999 && got->last[0].rx_rate < 1001 && got->last[0].tx_rate > 1999, "its network");
	ok(got->last[0].cpus == 4 && !got->last[0].memory_limited && got->last[0].memory_limit == 8000000000u &&
			got->last[0].pids == 3 && got->last[0].memory_bytes >= 1000,
		"without limits: those of its host");
	ok(got->last[1].cpus == 1.5 && got->last[1].memory_limited && got->last[1].memory_limit == 50000, "with limits");
	is_int(one.v[1].inspects, 1, "which are asked for once");
	ok(got->labelled, "a reading has the labels");
	snprintf(id, sizeof(id), "%064d", 5);
	ok(fg_meter_runs(meter, fg_fleet_host(fleet, 0), id), "it runs");
	snprintf(id, sizeof(id), "%064d", 3);
	ok(!fg_meter_runs(meter, fg_fleet_host(fleet, 0), id), "that does not");
	one.n = 5;
	got->rounds = 0;
	wait_for(&got->rounds, 2);
	snprintf(id, sizeof(id), "%064d", 5);
	ok(!fg_meter_runs(meter, fg_fleet_host(fleet, 0), id), "nor one that is gone");
	ok(!fg_meter_runs(meter, fg_fleet_host(fleet, 0), "beef") && !fg_meter_runs(meter, fg_fleet_host(fleet, 2), id),
		"nor what there never was");

	fg_meter_remove(meter, &got->user);
	fg_meter_remove(meter, &got->user);
	fg_task_sleep(100, NULL);
	one.lists = 0;
	fg_task_sleep(1500, NULL);
	is_int(one.lists, 0, "when nobody wants them any more, it ends");
	fg_meter_stop(meter);
	fg_fleet_unref(fleet);
	free(got);
}

static void test_bounds(struct fg_meter *meter)
{
	struct got *got = got_new(1000), *lazy = got_new(3600 * 1000);
	struct fg_fleet *fleet = fleet_new(10000);

	fake_set(&one, 140, "");
	fake_set(&two, 140, "");
	one.delay_ms = two.delay_ms = 300;
	fg_meter_add(meter, &lazy->user);
	fg_meter_add(meter, &got->user);
	fg_meter_follow(meter, fleet);
	wait_for(&got->rounds, 2);
	diag("at most %d and %d at once, %d lists", one.most_at_once, two.most_at_once, one.lists);
	ok(one.most_at_once > 1 && one.most_at_once <= FG_METER_HOST_CALLS &&
			two.most_at_once <= FG_METER_HOST_CALLS,
		"calls run side by side, not all at once");
	ok(lazy->all == got->all && got->all > 280, "who wants them rarely gets what the others get");
	one.delay_ms = two.delay_ms = 0;
	fg_meter_stop(meter);
	fg_meter_remove(meter, &got->user);
	fg_meter_remove(meter, &lazy->user);
	fg_fleet_unref(fleet);
	free(got);
	free(lazy);
}

static void test_hanging(struct fg_meter *meter)
{
	struct got *got = got_new(1000);
	struct fg_fleet *fleet = fleet_new(1000);

	fake_set(&one, 100, "h");
	fake_set(&two, 5, "");
	two.v[0].letters = "h";
	fg_meter_add(meter, &got->user);
	fg_meter_follow(meter, fleet);
	ok(wait_for(&got->readings[154], 3), "a host that hangs costs another one nothing, nor a container its neighbours");
	wait_for(&one.lists, 4);
	diag("%d calls in %d rounds", one.calls, one.lists);
	ok(one.calls <= 4 + 2 * (one.lists - 1), "it is asked for little until it answers");
	for (int i = 0; i < one.n; i++)
		one.v[i].letters = "";
	/* A call that was under way is lost to the first of them. */
	ok(wait_for(&got->rounds, 2) && got->readings[0] && got->readings[99], "and is measured again once it does");
	fg_meter_stop(meter);
	fg_meter_remove(meter, &got->user);
	fg_fleet_unref(fleet);
	free(got);
}

/* Many hosts want all the places there are when they all stop answering. */
static void test_all_hang(struct fg_meter *meter)
{
	struct got *got = got_new(1000);
	struct fg_fleet *fleet = fg_fleet_create();
	cleanup_free char *url = fg_printf("unix://%s", one.path);

	for (int i = 0; i < 10; i++) {
		cleanup_free char *name = i ? fg_printf("h%d", i) : fg_strdup("one");

		fg_fleet_add(fleet, &(struct fg_host_options){name, {.url = url, .timeout_ms = 2000}}, NULL);
	}
	fake_set(&one, 100, "");
	one.delay_ms = 300;
	fg_meter_add(meter, &got->user);
	fg_meter_follow(meter, fleet);
	ok(wait_for(&one.most_at_once, FG_METER_CALLS) && wait_for(&got->all, 1000), "all places are taken");
	is_int(one.most_at_once, FG_METER_CALLS, "and not one more");
	/* a task for each call and each host, one that probes it, and this one */
	ok(got->most_tasks <= FG_METER_CALLS + 2 * 10 + 1, "who waits for a place is no task yet (%d tasks)", got->most_tasks);
	for (int i = 0; i < one.n; i++)
		one.v[i].letters = "h";
	one.lists = 0;
	ok(wait_for(&one.lists, 10), "when none of them is answered, they are free again for the next rounds");
	for (int i = 0; i < one.n; i++)
		one.v[i].letters = "";
	one.delay_ms = got->rounds = 0;
	ok(wait_for(&got->rounds, 2), "and whoever answers again is measured again");
	fg_meter_stop(meter);
	fg_meter_remove(meter, &got->user);
	fg_fleet_unref(fleet);
	free(got);
}

static void run(void *arg)
{
	struct fg_meter *meter = fg_meter_create();

	(void)arg;
	fg_log_setup(FG_LOG_ERROR, false);
	fake_start(&one, 1);
	fake_start(&two, 2);
	test_readings(meter);
	test_bounds(meter);
	test_hanging(meter);
	test_all_hang(meter);
	fg_meter_stop(meter);
	fg_meter_destroy(meter);
	fg_meter_destroy(NULL);
	while (fg_task_count() > 1) /* probes in the background */
		fg_task_sleep(5, NULL);
	fg_http_finish();
	uv_close((uv_handle_t *)&one.listener, NULL);
	uv_close((uv_handle_t *)&two.listener, NULL);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN); /* who asks may hang up before an answer */
	fg_loop_run("test", run, NULL);
	unlink(one.path);
	unlink(two.path);
	return done_testing();
}
