/*
 * Cards of made-up containers, hostile ones too: nothing foreign becomes markup, nothing secret is
 * shown.
 */
#include <stdlib.h>
#include "commands/card.h"
#include "fleetgram/base/json.h"
#include "tap.h"

#define EVIL "<b>&\\\"x\\\"</b>"

static const char document[] =
	"{\"Config\":{\"Env\":[\"API_TOKEN=hush-hush\",\"URL=http://u:hush-hush@h/\",\"A=" EVIL
	"\",\"PATH=/bin\",7]},"
	"\"NetworkSettings\":{\"Networks\":{\"" EVIL
	"\":{\"IPAddress\":\"10.0.0.2\"},\"none\":null}},"
	"\"Mounts\":[{\"Type\":\"volume\",\"Name\":\"" EVIL
	"\",\"Destination\":\"/data\",\"RW\":false},"
	"{\"Type\":\"bind\",\"Source\":\"/srv\",\"Destination\":\"/srv\",\"RW\":true},3]}";

static const char labels[] =
	"{\"note\":\"<s>\",\"my-secret\":\"hush-hush\",\"com.docker.x\":\"no\"}";

static const char id[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

struct fixture {
	struct fg_fleet *fleet;
	struct fg_item item;
	struct fg_container_info info;
	struct fg_port ports[3];
	struct card card;
};

static void setup(struct fixture *f)
{
	static char name[] = "web<i>\n", image[] = "docker.io/library/nginx<u>", empty[] = "";
	struct fg_host_options options = {.name = "local", .engine = {.url = "unix:///none"}};
	struct fg_err err;

	memset(f, 0, sizeof(*f));
	f->fleet = fg_fleet_create();
	ok(fg_fleet_add(f->fleet, &options, &err) == 0, "a fleet");
	f->item.host = fg_fleet_host(f->fleet, 0);
	f->item.c = (struct fg_container){
		.name = name, .image = image, .image_id = empty, .status = empty};
	f->item.c.labels = fg_json_parse(labels, sizeof(labels) - 1, &err);
	memcpy(f->item.c.id, id, sizeof(id));
	f->ports[0] = (struct fg_port){"0.0.0.0", 80, 8080, "tcp"};
	f->ports[1] = (struct fg_port){"::", 80, 8080, "tcp"};
	f->ports[2] = (struct fg_port){"", 53, 0, "udp"};
	f->item.c.ports = f->ports;
	f->item.c.port_count = 3;
	f->info = (struct fg_container_info){
		.raw = fg_json_parse(document, sizeof(document) - 1, &err),
		.name = name,
		.image = image,
		.image_id = empty,
		.error = "cannot <start>",
		.restart_policy = "on-failure",
		.restart_count = 4,
		.health_output = "<a href=x>",
		.created_ms = 1000,
		.started_ms = 2000,
		.nano_cpus = 250000000,
		.memory = 33554432,
		.pids = 16,
	};
	memcpy(f->info.id, id, sizeof(id));
	f->card = (struct card){.item = &f->item, .info = &f->info, .now_ms = 62000};
}

static void set_state(struct fixture *f, const char *state, const char *health)
{
	snprintf(f->item.c.state, sizeof(f->item.c.state), "%s", state);
	snprintf(f->item.c.health, sizeof(f->item.c.health), "%s", health);
	snprintf(f->info.state, sizeof(f->info.state), "%s", state);
	snprintf(f->info.health, sizeof(f->info.health), "%s", health);
}

static void finish(struct fixture *f)
{
	cJSON_Delete(f->item.c.labels);
	cJSON_Delete(f->info.raw);
	fg_fleet_unref(f->fleet);
}

static const char *const unhealthy_has[] = {
	"🟠 <b>web&lt;i&gt; </b> · running, unhealthy for 60s\n",
	"<pre>&lt;a href=x&gt;</pre>",
	"nginx&lt;u&gt;</code>",
	"<code>0123456789ab</code>, created 61s ago",
	"Ports 8080→80, 53/udp\n",
	"&lt;b&gt;&amp;&quot;x&quot;&lt;/b&gt; <code>10.0.0.2</code>, none\n",
	"→ <code>/data</code> (read-only)\n",
	"<code>/srv</code> → <code>/srv</code>\n",
	"Limits 0.25 CPU, 32 MiB memory, 16 processes\n",
	"Restarts on-failure, 4 so far\n",
	"note=&lt;s&gt;",
	"my-secret=***",
	"API_TOKEN=***\nURL=http://u:***@h/\nA=&lt;b&gt;",
};

static void unhealthy(struct fixture *f)
{
	cleanup_str struct fg_str html = {0};
	cleanup_json cJSON *data = NULL;
	cleanup_free char *json = NULL;

	set_state(f, "running", "unhealthy");
	fg_str_init(&html, 65536);
	card_html(&html, &f->card);
	for (size_t i = 0; i < FG_ARRAY_LEN(unhealthy_has); i++)
		ok(strstr(html.s, unhealthy_has[i]), "the card has %s", unhealthy_has[i]);
	ok(!strstr(html.s, "hush-hush"), "nothing secret is shown");
	ok(!strstr(html.s, "com.docker.x") && !strstr(html.s, "PATH="), "nor what is of no use");
	ok(html_length(html.s) < HTML_MESSAGE, "it fits into one message");
	data = card_data(&f->card);
	json = fg_json_print(data);
	ok(!strstr(json, "API_TOKEN=hush") && !strstr(json, "u:hush"),
		"nor is it told to programs");
	is_str(fg_json_str(data, "state", ""), "running", "which get the state");
	is_int(cJSON_GetArraySize(fg_json_array(data, "ports")), 3, "and the ports");
}

static void stopped(struct fixture *f)
{
	cleanup_str struct fg_str html = {0};

	set_state(f, "exited", "");
	f->info.finished_ms = 32000;
	f->info.exit_code = 139;
	fg_str_init(&html, 65536);
	card_html(&html, &f->card);
	ok(strstr(html.s, "🔴 <b>web&lt;i&gt; </b> · exited\n"), "a stopped one says so");
	ok(strstr(html.s, "Ended 30s ago with exit code 139: ended by SIGSEGV\n"), "and why");
	ok(strstr(html.s, "cannot &lt;start&gt;"), "with the engine's error");
	ok(!strstr(html.s, "href"), "an old health check is of no interest");
}

int main(void)
{
	struct fixture f;

	setup(&f);
	unhealthy(&f);
	stopped(&f);
	finish(&f);
	return done_testing();
}
