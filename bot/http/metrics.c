/* What is so at this moment, beside what was counted: each figure is a row of a table. */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>
#include "fleetgram/base/clock.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/metric.h"
#include "http/metrics.h"
#include "notify/incidents.h"
#include "telegram/outbox.h"

#define METRICS_CAP ((size_t)16 * 1024 * 1024)

/* What an instance uses. The first reading after a start tells of memory and has no rates. */
struct usage {
	bool known, rates;
	struct fg_slot last;
};

struct scrape {
	const struct health *health;
	const struct app *app;
	const struct health_picture *picture; /* NULL: none yet */
	const struct usage *usage;            /* of each instance that is told */
	const struct fg_metric *metric;       /* whose samples are due */
	struct fg_str *out;
};

static void put(struct scrape *s, double value)
{
	fg_metric_sample(s->out, s->metric, value);
}

static void put_build(struct scrape *s)
{
	fg_metric_sample(s->out, s->metric, 1, FLEETGRAM_VERSION);
}

static void put_state(struct scrape *s)
{
	static const enum health_state all[] = {HEALTH_OK, HEALTH_DEGRADED, HEALTH_DOWN};
	enum health_state now = health_state(s->health);

	for (size_t i = 0; i < FG_ARRAY_LEN(all); i++)
		fg_metric_sample(s->out, s->metric, now == all[i], health_state_name(all[i]));
}

static void put_picture_age(struct scrape *s)
{
	if (s->picture)
		put(s, (double)(fg_now_ms() - s->picture->taken_ms) / 1000);
}

static void put_host_up(struct scrape *s)
{
	for (size_t i = 0; s->picture && i < s->picture->host_count; i++)
		fg_metric_sample(s->out, s->metric, s->picture->hosts[i].up,
			s->picture->hosts[i].name);
}

static void put_host_latency(struct scrape *s)
{
	for (size_t i = 0; s->picture && i < s->picture->host_count; i++)
		if (s->picture->hosts[i].up)
			fg_metric_sample(s->out, s->metric,
				s->picture->hosts[i].latency_ms / 1000, s->picture->hosts[i].name);
}

static void put_host_info(struct scrape *s)
{
	for (size_t i = 0; s->picture && i < s->picture->host_count; i++) {
		const struct health_host *host = &s->picture->hosts[i];

		if (*host->version.version)
			fg_metric_sample(s->out, s->metric, 1, host->name, host->version.kind,
				host->version.version);
	}
}

static void put_counts(struct scrape *s, const struct health_counts *counts, bool missing)
{
	fg_metric_sample(s->out, s->metric, counts->running, "running");
	fg_metric_sample(s->out, s->metric, counts->stopped, "stopped");
	fg_metric_sample(s->out, s->metric, counts->unhealthy, "unhealthy");
	if (missing)
		fg_metric_sample(s->out, s->metric, counts->missing, "missing");
}

static void put_containers(struct scrape *s)
{
	if (s->picture)
		put_counts(s, &s->picture->containers, false);
}

static void put_instances(struct scrape *s)
{
	if (s->picture)
		put_counts(s, &s->picture->instance_counts, true);
}

static bool is_up(const struct health_instance *it)
{
	return strcmp(it->state, "running") == 0 && strcmp(it->health, "unhealthy") != 0;
}

/* Of so many instances that a scrape would grow without end only the first have their own. */
static size_t instances_told(const struct scrape *s)
{
	size_t n = s->picture ? s->picture->instance_count : 0;

	return n < METRICS_INSTANCES ? n : METRICS_INSTANCES;
}

static void put_instance_up(struct scrape *s)
{
	for (size_t i = 0; i < instances_told(s); i++)
		fg_metric_sample(s->out, s->metric, is_up(&s->picture->instances[i]),
			s->picture->instances[i].name, s->picture->instances[i].host);
}

static void put_instance_drifted(struct scrape *s)
{
	for (size_t i = 0; i < instances_told(s); i++)
		if (strcmp(s->picture->instances[i].config, "unknown") != 0)
			fg_metric_sample(s->out, s->metric,
				strcmp(s->picture->instances[i].config, "drifted") == 0,
				s->picture->instances[i].name, s->picture->instances[i].host);
}

static void put_instances_left_out(struct scrape *s)
{
	put(s, s->picture ? (double)(s->picture->instance_count - instances_told(s)) : 0);
}

static void put_memory_limit(struct scrape *s)
{
	for (size_t i = 0; i < instances_told(s); i++)
		if (s->picture->instances[i].memory > 0)
			fg_metric_sample(s->out, s->metric, (double)s->picture->instances[i].memory,
				s->picture->instances[i].name, s->picture->instances[i].host);
}

static void put_outbox(struct scrape *s)
{
	put(s, s->app->outbox ? outbox_depth(s->app->outbox) : 0);
}

static void put_outbox_age(struct scrape *s)
{
	put(s, (double)health_outbox_age(s->health) / 1000);
}

static void put_poll_age(struct scrape *s)
{
	struct telegram_health telegram;

	health_telegram(s->health, &telegram);
	if (telegram.last_poll_ms >= 0)
		put(s, (double)(fg_now_ms() - telegram.last_poll_ms) / 1000);
}

static void put_held_back(struct scrape *s)
{
	struct telegram_health telegram;

	health_telegram(s->health, &telegram);
	put(s, (double)telegram.retry_after_ms / 1000);
}

/* Calls put() with how the event stream of each host does. */
static void each_stream(
	struct scrape *s, double (*value)(const struct fg_watch_state *state))
{
	for (size_t i = 0; s->picture && i < s->picture->host_count; i++) {
		const char *host = s->picture->hosts[i].name;
		struct fg_watch_state state;

		if (s->app->watch && fg_watch_state(s->app->watch, host, &state))
			fg_metric_sample(s->out, s->metric, value(&state), host);
	}
}

static double is_live(const struct fg_watch_state *state)
{
	return state->live;
}

static double events_of(const struct fg_watch_state *state)
{
	return (double)state->events;
}

static double breaks_of(const struct fg_watch_state *state)
{
	return (double)state->breaks;
}

static void put_stream_live(struct scrape *s)
{
	each_stream(s, is_live);
}

static void put_events(struct scrape *s)
{
	each_stream(s, events_of);
}

static void put_breaks(struct scrape *s)
{
	each_stream(s, breaks_of);
}

static void put_incidents(struct scrape *s)
{
	int64_t open[INCIDENT_KINDS];

	if (incidents_count_open(s->app->store, open) < 0)
		return;
	for (int kind = 0; kind < INCIDENT_KINDS; kind++)
		fg_metric_sample(s->out, s->metric, (double)open[kind], incident_kind_word(kind));
}

/* Of each the last reading, unless that is too long ago. Caller frees. */
static struct usage *read_usage(const struct scrape *s)
{
	size_t n = instances_told(s);
	struct usage *usage = fg_alloc((n + 1) * sizeof(*usage));

	for (size_t i = 0; i < n; i++) {
		const struct health_instance *it = &s->picture->instances[i];

		usage[i].known = fg_history_last(
			s->app->history, it->host, it->name, &usage[i].last);
		usage[i].rates = usage[i].known && usage[i].last.known;
	}
	return usage;
}

/* rate: it takes two readings. */
static void each_usage(struct scrape *s, bool rate, double (*value)(const struct fg_slot *last))
{
	for (size_t i = 0; i < instances_told(s); i++) {
		const struct health_instance *it = &s->picture->instances[i];
		const struct usage *usage = &s->usage[i];

		if (rate ? usage->rates : usage->known)
			fg_metric_sample(
				s->out, s->metric, value(&usage->last), it->name, it->host);
	}
}

static double cpu_of(const struct fg_slot *last)
{
	return last->cpu_percent / 100;
}

static double memory_of(const struct fg_slot *last)
{
	return last->memory_bytes;
}

static double received_of(const struct fg_slot *last)
{
	return last->rx_rate;
}

static double sent_of(const struct fg_slot *last)
{
	return last->tx_rate;
}

static void put_cpus(struct scrape *s)
{
	each_usage(s, true, cpu_of);
}

static void put_memory(struct scrape *s)
{
	each_usage(s, false, memory_of);
}

static void put_received(struct scrape *s)
{
	each_usage(s, true, received_of);
}

static void put_sent(struct scrape *s)
{
	each_usage(s, true, sent_of);
}

static void put_room(struct scrape *s)
{
	int64_t free_bytes, total_bytes;

	if (fg_store_room(s->app->store, &free_bytes, &total_bytes) == 0)
		put(s, (double)free_bytes);
}

static void put_store(struct scrape *s)
{
	put(s, fg_store_problem(s->app->store) != NULL);
}

static void put_tasks(struct scrape *s)
{
	put(s, fg_task_count());
}

static void put_cpu(struct scrape *s)
{
	struct rusage use;

	if (getrusage(RUSAGE_SELF, &use) == 0)
		put(s, (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
				(double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6);
}

static void put_rss(struct scrape *s)
{
	put(s, (double)health_rss_bytes());
}

static void put_started(struct scrape *s)
{
	put(s, (double)(fg_wall_ms() - (fg_now_ms() - s->app->started_ms)) / 1000);
}

static void put_files(struct scrape *s)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	if (!dir)
		return;
	while (readdir(dir))
		n++;
	closedir(dir);
	put(s, n - 3); /* ".", ".." and the folder itself */
}

static void put_most_files(struct scrape *s)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
		put(s, (double)limit.rlim_cur);
}

#define GAUGE(name_, unit_, help_, ...) \
	{.name = (name_), .unit = (unit_), .help = (help_), .type = FG_METRIC_GAUGE, \
		.labels = {__VA_ARGS__}}

static const struct {
	struct fg_metric metric;
	void (*put)(struct scrape *s);
} table[] = {
	{GAUGE("fleetgram_build_info", NULL, "The running version.", "version"), put_build},
	{GAUGE("fleetgram_containers", NULL,
		 "Containers on the hosts that answered; unhealthy ones are running, too.", "state"),
		put_containers},
	{{.name = "fleetgram_events",
		 .help = "Events that the host's engine has told.",
		 .type = FG_METRIC_COUNTER,
		 .labels = {"host"}},
		put_events},
	{{.name = "fleetgram_event_stream_breaks",
		 .help = "How often the host's event stream was taken up again.",
		 .type = FG_METRIC_COUNTER,
		 .labels = {"host"}},
		put_breaks},
	{GAUGE("fleetgram_event_stream_live", NULL, "Whether the host's event stream lives.", "host"),
		put_stream_live},
	{GAUGE("fleetgram_health_age_seconds", "seconds", "Age of what is known of the hosts."),
		put_picture_age},
	{GAUGE("fleetgram_health_state", NULL, "1 for the state that /health tells.", "state"),
		put_state},
	{GAUGE("fleetgram_host_info", NULL, "What the host runs.", "host", "engine", "version"),
		put_host_info},
	{GAUGE("fleetgram_host_latency_seconds", "seconds", "Of the last ping.", "host"),
		put_host_latency},
	{GAUGE("fleetgram_host_up", NULL, "Whether the host answers.", "host"), put_host_up},
	{GAUGE("fleetgram_incidents_open", NULL, "Open incidents.", "kind"), put_incidents},
	{GAUGE("fleetgram_instance_cpus", NULL, "CPUs in use; 1 is one whole.", "name", "host"),
		put_cpus},
	{GAUGE("fleetgram_instance_drifted", NULL, "Whether it is not as the config says.", "name",
		 "host"),
		put_instance_drifted},
	{GAUGE("fleetgram_instance_memory_limit_bytes", "bytes", "Where it has one.", "name",
		 "host"),
		put_memory_limit},
	{GAUGE("fleetgram_instance_memory_bytes", "bytes",
		 "Memory in use, without what the kernel only caches.", "name", "host"),
		put_memory},
	{GAUGE("fleetgram_instance_receive_bytes_per_second", NULL, "From the network.", "name",
		 "host"),
		put_received},
	{GAUGE("fleetgram_instance_transmit_bytes_per_second", NULL, "To the network.", "name",
		 "host"),
		put_sent},
	{GAUGE("fleetgram_instance_up", NULL, "Whether it runs and is not unhealthy.", "name",
		 "host"),
		put_instance_up},
	{GAUGE("fleetgram_instances", NULL,
		 "Instances by state; unhealthy ones are running, too.", "state"),
		put_instances},
	{GAUGE("fleetgram_instances_left_out", NULL,
		 "Instances that are beyond those with series of their own."),
		put_instances_left_out},
	{GAUGE("fleetgram_outbox_age_seconds", "seconds", "How long the oldest message waits."),
		put_outbox_age},
	{GAUGE("fleetgram_outbox_messages", NULL, "Messages that wait."), put_outbox},
	{GAUGE("fleetgram_store_failing", NULL, "Whether the state folder takes no writes."),
		put_store},
	{GAUGE("fleetgram_store_free_bytes", "bytes", "Room on the disk of the state folder."),
		put_room},
	{GAUGE("fleetgram_tasks", NULL, "Tasks that run."), put_tasks},
	{GAUGE("fleetgram_telegram_poll_age_seconds", "seconds", "Since the last good poll."),
		put_poll_age},
	{GAUGE("fleetgram_telegram_retry_after_seconds", "seconds",
		 "How much longer Telegram wants us to hold back."),
		put_held_back},
	{{.name = "process_cpu_seconds",
		 .unit = "seconds",
		 .type = FG_METRIC_COUNTER,
		 .help = "CPU time, of user and system."},
		put_cpu},
	{GAUGE("process_max_fds", NULL, "The most files that may be open."), put_most_files},
	{GAUGE("process_open_fds", NULL, "Open files."), put_files},
	{GAUGE("process_resident_memory_bytes", "bytes", "Memory in use."), put_rss},
	{GAUGE("process_start_time_seconds", "seconds", "Start, since 1970."), put_started},
};

bool metrics_wants_openmetrics(const char *accept)
{
	return accept && strcasestr(accept, "application/openmetrics-text");
}

char *metrics_text(const struct health *h, bool openmetrics)
{
	struct fg_str out;
	struct scrape s = {
		.health = h, .app = health_app(h), .picture = health_picture(h), .out = &out};
	cleanup_free struct usage *usage = read_usage(&s);

	s.usage = usage;
	fg_str_init(&out, METRICS_CAP);
	for (size_t i = 0; i < FG_ARRAY_LEN(table); i++) {
		s.metric = &table[i].metric;
		fg_metric_head(&out, s.metric, openmetrics);
		table[i].put(&s);
	}
	fg_metrics_print(&out, openmetrics);
	if (openmetrics)
		fg_str_puts(&out, "# EOF\n");
	return fg_str_take(&out);
}
