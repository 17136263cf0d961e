/* The feed: a ring of events, and the clients that read along. */
#include <inttypes.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <uv.h>
#include "fleetgram/base/clock.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/list.h"
#include "fleetgram/base/log.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/metric.h"
#include "fleetgram/base/str.h"
#include "http/feed.h"

#define EVENT_CAP ((size_t)64 * 1024)
#define BLOCK 4096
#define NO_ID UINT64_MAX

struct client {
	struct fg_list link;
	struct feed *feed;
	const struct feed_listener *listener;
	struct MHD_Connection *connection;
	uint64_t next;      /* the number of the event that comes next */
	struct fg_str text; /* begun to be sent, of which `sent` bytes are */
	size_t sent;
	bool waits;   /* it is suspended */
	bool leaving; /* after this text it ends */
	bool gone;    /* its peer is, and it is not counted any more */
};

struct feed {
	int64_t run;   /* wall clock of the start: events of another run have another */
	uint64_t last; /* number of the newest event; 0: none yet */
	char *ring[FEED_KEPT];
	struct fg_list clients;
	int count;
	uv_timer_t *beat, *watch; /* active while there are clients; watch only with a look */
	void (*look)(void *arg);  /* NULL: none */
	void *look_arg;
};

static struct fg_metric dropped = {
	.name = "fleetgram_http_feed_dropped",
	.help = "Listeners to /events that were hung up on because they did not keep up.",
	.type = FG_METRIC_COUNTER,
};

static uv_timer_t *new_timer(struct feed *feed)
{
	uv_timer_t *timer = fg_alloc(sizeof(*timer));

	uv_timer_init(fg_loop(), timer);
	timer->data = feed;
	return timer;
}

struct feed *feed_create(void)
{
	struct feed *feed = fg_alloc(sizeof(*feed));

	feed->run = fg_wall_ms();
	fg_list_init(&feed->clients);
	feed->beat = new_timer(feed);
	feed->watch = new_timer(feed);
	fg_metric_show(&dropped);
	return feed;
}

void feed_watch(struct feed *feed, void (*look)(void *arg), void *arg)
{
	feed->look = look;
	feed->look_arg = arg;
}

static void on_closed(uv_handle_t *handle)
{
	free(handle);
}

void feed_destroy(struct feed *feed)
{
	if (!feed)
		return;
	uv_close((uv_handle_t *)feed->beat, on_closed);
	uv_close((uv_handle_t *)feed->watch, on_closed);
	for (size_t i = 0; i < FEED_KEPT; i++)
		free(feed->ring[i]);
	free(feed);
}

int feed_listeners(const struct feed *feed)
{
	return feed->count;
}

uint64_t feed_number(const struct feed *feed)
{
	return feed->last;
}

/* JSON has no line ends of its own, so that a document is one data line. */
static char *event_text(const struct feed *feed, uint64_t number, const char *name, cJSON *data)
{
	cleanup_free char *json = fg_json_print(data);
	cleanup_str struct fg_str out = {0};

	cJSON_Delete(data);
	fg_str_init(&out, EVENT_CAP);
	if (number != NO_ID)
		fg_str_printf(&out, "id: %" PRId64 "-%" PRIu64 "\n", feed->run, number);
	fg_str_printf(&out, "event: %s\ndata: %s\n\n", name, json);
	/* cut short it would be no JSON, and the next event would be part of it */
	return out.full ? fg_strdup(": an event was too long\n\n") : fg_str_take(&out);
}

static cJSON *reason(const char *why)
{
	cJSON *data = cJSON_CreateObject();

	cJSON_AddStringToObject(data, "reason", why);
	return data;
}

/* For this one alone; with number as its id it comes back for what follows that one. */
static void say(struct client *c, uint64_t number, const char *name, cJSON *data)
{
	cleanup_free char *text = event_text(c->feed, number, name, data);

	fg_str_puts(&c->text, text);
}

static void resume(struct client *c)
{
	if (!c->waits)
		return;
	c->waits = false;
	MHD_resume_connection(c->connection);
	c->listener->wake(c->listener->arg);
}

static void resume_all(struct feed *feed)
{
	struct client *c;

	fg_list_each (&feed->clients, c, link)
		resume(c);
}

static int socket_of(const struct client *c)
{
	return MHD_get_connection_info(c->connection, MHD_CONNECTION_INFO_CONNECTION_FD)
		->connect_fd;
}

/* A suspended client has taken everything; one that is not waits for its socket to take more, or
 * for the loop to come by. */
static void drop_slow(struct feed *feed)
{
	struct client *c;

	fg_list_each (&feed->clients, c, link) {
		if (c->waits || c->leaving || c->next + 2 * FEED_KEPT > feed->last)
			continue;
		c->leaving = true;
		fg_metric_count(&dropped);
		fg_info("a listener to /events does not keep up and is hung up on");
		shutdown(socket_of(c), SHUT_RDWR);
	}
}

void feed_publish(struct feed *feed, const char *name, cJSON *data)
{
	char **place = &feed->ring[++feed->last % FEED_KEPT];

	free(*place);
	*place = event_text(feed, feed->last, name, data);
	drop_slow(feed);
	resume_all(feed);
}

void feed_reset(struct feed *feed, const char *why)
{
	feed_publish(feed, "reset", reason(why));
}

/* Nobody watches a suspended connection: that its client has gone is found by a look. That one may
 * have asked for more before, or not have read all. */
static bool hung_up(const struct client *c)
{
	struct pollfd look = {.fd = socket_of(c), .events = POLLRDHUP};

	return poll(&look, 1, 0) > 0;
}

static void drop_gone(struct feed *feed)
{
	struct client *c;

	fg_list_each (&feed->clients, c, link) {
		if (c->gone || !hung_up(c))
			continue;
		c->leaving = c->gone = true;
		feed->count--;
		resume(c);
	}
}

/* Who is idle gets a sign of life. */
static void on_beat(uv_timer_t *timer)
{
	struct feed *feed = timer->data;
	struct client *c;

	drop_gone(feed);
	fg_list_each (&feed->clients, c, link)
		if (c->waits)
			fg_str_puts(&c->text, ":\n\n");
	resume_all(feed);
}

static void on_watch(uv_timer_t *timer)
{
	struct feed *feed = timer->data;

	feed->look(feed->look_arg);
}

static void start_timers(struct feed *feed)
{
	if (!uv_is_active((uv_handle_t *)feed->beat))
		uv_timer_start(feed->beat, on_beat, FEED_BEAT_MS, FEED_BEAT_MS);
	if (feed->look && !uv_is_active((uv_handle_t *)feed->watch))
		uv_timer_start(feed->watch, on_watch, FEED_LOOK_MS, FEED_LOOK_MS);
}

static void stop_timers(struct feed *feed)
{
	uv_timer_stop(feed->beat);
	uv_timer_stop(feed->watch);
}

void feed_close(struct feed *feed, struct feed_listener *listener)
{
	struct client *c;

	listener->closed = true;
	fg_list_each (&feed->clients, c, link)
		if (c->listener == listener)
			resume(c);
}

/* One client's stream */

/* What comes next for it: the newest that it has not had. */
static void fill(struct client *c)
{
	struct feed *feed = c->feed;

	fg_str_reset(&c->text);
	c->sent = 0;
	if (c->next <= feed->last) {
		if (c->next + FEED_KEPT <= feed->last) {
			say(c, feed->last, "reset", reason("too slow"));
			c->next = feed->last + 1;
			return;
		}
		fg_str_puts(&c->text, feed->ring[c->next % FEED_KEPT]);
		c->next++;
	} else if (c->listener->closed) {
		say(c, NO_ID, "bye", reason("the bot stops, or listens elsewhere"));
		c->leaving = true;
	}
}

static ssize_t read_stream(void *arg, uint64_t at, char *buffer, size_t max)
{
	struct client *c = arg;
	size_t n;

	(void)at;
	if (c->sent == c->text.len && c->leaving)
		return MHD_CONTENT_READER_END_OF_STREAM;
	if (c->sent == c->text.len)
		fill(c);
	n = c->text.len - c->sent;
	if (n == 0) {
		fg_str_reset(&c->text);
		c->sent = 0;
		c->waits = true;
		MHD_suspend_connection(c->connection);
		return 0;
	}
	n = n < max ? n : max;
	memcpy(buffer, c->text.s + c->sent, n);
	c->sent += n;
	return (ssize_t)n;
}

static void leave(void *arg)
{
	struct client *c = arg;
	struct feed *feed = c->feed;

	feed->count -= !c->gone;
	fg_list_remove(&c->link);
	fg_str_finish(&c->text);
	free(c);
	if (fg_list_empty(&feed->clients))
		stop_timers(feed);
}

/* Where a client that comes back goes on; 0: that is not known any more. */
static uint64_t resumed_at(const struct feed *feed, const char *last_id)
{
	char *end;
	int64_t run = strtoll(last_id, &end, 10);
	uint64_t number;

	if (run != feed->run || *end != '-' || end[1] < '0' || end[1] > '9')
		return 0;
	number = strtoull(end + 1, &end, 10);
	if (*end || number > feed->last || number + FEED_KEPT < feed->last)
		return 0;
	return number + 1;
}

static const struct sockaddr *address_of(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);

	return info ? info->client_addr : NULL;
}

static bool same_address(const struct sockaddr *a, const struct sockaddr *b)
{
	const struct sockaddr_in *a4 = (const void *)a, *b4 = (const void *)b;
	const struct sockaddr_in6 *a6 = (const void *)a, *b6 = (const void *)b;

	if (!a || !b || a->sa_family != b->sa_family)
		return false;
	if (a->sa_family == AF_INET)
		return a4->sin_addr.s_addr == b4->sin_addr.s_addr;
	return a->sa_family == AF_INET6 &&
	       memcmp(&a6->sin6_addr, &b6->sin6_addr, sizeof(a6->sin6_addr)) == 0;
}

static bool is_full(const struct feed *feed, struct MHD_Connection *connection)
{
	const struct sockaddr *address = address_of(connection);
	const struct client *c;
	int n = 0;

	fg_list_each (&feed->clients, c, link)
		n += !c->gone && same_address(address_of(c->connection), address);
	return feed->count >= FEED_CLIENTS || n >= FEED_PER_ADDRESS;
}

static void greet(struct client *c, const struct health *h, const char *last_id)
{
	cJSON *hello = cJSON_CreateObject();
	char time[FG_RFC3339];

	cJSON_AddStringToObject(hello, "version", FLEETGRAM_VERSION);
	cJSON_AddStringToObject(hello, "status", health_state_name(health_state(h)));
	cJSON_AddStringToObject(hello, "at", fg_rfc3339(time, fg_wall_ms()));
	fg_str_puts(&c->text, "retry: 2000\n");
	c->next = last_id ? resumed_at(c->feed, last_id) : c->feed->last + 1;
	say(c, c->next ? c->next - 1 : NO_ID, "hello", hello);
	if (c->next)
		return;
	say(c, c->feed->last, "reset", reason("what came after that id is not known any more"));
	c->next = c->feed->last + 1;
}

enum MHD_Result feed_answer(struct feed *feed, const struct feed_listener *listener,
	struct MHD_Connection *connection, const struct health *h, const char *last_id, bool *full)
{
	struct MHD_Response *answer;
	enum MHD_Result rc;
	struct client *c;

	*full = is_full(feed, connection);
	if (*full) {
		drop_gone(feed);
		*full = is_full(feed, connection);
	}
	if (*full || listener->closed)
		return MHD_NO;
	if (feed->look)
		feed->look(feed->look_arg);
	c = fg_alloc(sizeof(*c));
	c->feed = feed;
	c->listener = listener;
	c->connection = connection;
	fg_list_append(&feed->clients, &c->link);
	feed->count++;
	start_timers(feed);
	fg_str_init(&c->text, EVENT_CAP * 2);
	greet(c, h, last_id);
	answer = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK, read_stream, c, leave);
	if (!answer) {
		leave(c);
		return MHD_NO;
	}
	MHD_add_response_header(answer, MHD_HTTP_HEADER_CONTENT_TYPE, "text/event-stream");
	MHD_add_response_header(answer, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
	MHD_add_response_header(answer, "X-Content-Type-Options", "nosniff");
	/* nginx would collect what is meant to be seen at once */
	MHD_add_response_header(answer, "X-Accel-Buffering", "no");
	rc = MHD_queue_response(connection, MHD_HTTP_OK, answer);
	MHD_destroy_response(answer);
	return rc;
}
