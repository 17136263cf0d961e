/*
 * Ports, networks, mounts, limits, labels and environment of a container.
 */
#include <stdio.h>
#include <string.h>
#include "commands/card_facts.h"
#include "commands/format.h"
#include "fleetgram/base/json.h"

#define LINES_MOST 8 /* of a kind; the rest is counted */
#define ENV_MOST 25
#define VALUE_MOST 120 /* characters of a value */

static void add_more(struct fg_str *html, int shown, int total)
{
	if (total > shown)
		html_printf(html, " … and %d more", total - shown);
}

/* A port that is published for IPv4 and IPv6 alike is one port to a person. */
static bool port_seen(const struct fg_container *c, size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (c->ports[i].inside == c->ports[at].inside &&
			c->ports[i].outside == c->ports[at].outside &&
			strcmp(c->ports[i].proto, c->ports[at].proto) == 0 &&
			(strchr(c->ports[at].ip, ':') ||
				strcmp(c->ports[i].ip, c->ports[at].ip) == 0))
			return true;
	return false;
}

static bool is_any_address(const char *ip)
{
	return !*ip || strcmp(ip, "0.0.0.0") == 0 || strcmp(ip, "::") == 0;
}

static void add_port(struct fg_str *html, const struct fg_port *p)
{
	if (p->outside && !is_any_address(p->ip))
		html_printf(html, "%s:", p->ip);
	if (p->outside)
		html_printf(html, "%d→", p->outside);
	html_printf(html, "%d", p->inside);
	if (strcmp(p->proto, "tcp") != 0)
		html_printf(html, "/%s", p->proto);
}

static void add_ports(struct fg_str *html, const struct fg_container *c)
{
	int shown = 0, total = 0;

	for (size_t i = 0; i < c->port_count; i++) {
		if (port_seen(c, i))
			continue;
		if (++total > LINES_MOST)
			continue;
		html_printf(html, shown++ ? ", " : "Ports ");
		add_port(html, &c->ports[i]);
	}
	add_more(html, shown, total);
	if (total)
		fg_str_putc(html, '\n');
}

static void add_networks(struct fg_str *html, const cJSON *raw)
{
	const cJSON *network;
	int shown = 0, total = 0;

	cJSON_ArrayForEach (network, fg_json_path(raw, "NetworkSettings.Networks")) {
		const char *ip = fg_json_str(network, "IPAddress", "");
		cleanup_free char *name = format_cut(network->string ? network->string : "", 48);

		if (!*ip)
			ip = fg_json_str(network, "GlobalIPv6Address", "");
		if (++total > LINES_MOST)
			continue;
		html_printf(html, "%S%s", shown++ ? ", " : fg_tr("Networks "), name);
		if (*ip)
			html_printf(html, " <code>%s</code>", ip);
	}
	add_more(html, shown, total);
	if (total)
		fg_str_putc(html, '\n');
}

/* A volume goes by its name, and an anonymous one by the beginning of its digits. */
static char *mount_source(const cJSON *mount)
{
	const char *name = fg_json_str(mount, "Name", "");

	if (!*name)
		return format_cut(
			fg_json_str(mount, "Source", fg_json_str(mount, "Type", "?")), 60);
	if (strlen(name) == 64 && strspn(name, "0123456789abcdef") == 64)
		return fg_printf("%.12s…", name);
	return format_cut(name, 60);
}

static void add_mounts(struct fg_str *html, const cJSON *raw)
{
	const cJSON *mount;
	int shown = 0, total = 0;

	cJSON_ArrayForEach (mount, fg_json_array(raw, "Mounts")) {
		cleanup_free char *source = mount_source(mount);
		cleanup_free char *to = format_cut(fg_json_str(mount, "Destination", ""), 60);

		if (++total > LINES_MOST)
			continue;
		html_printf(html, "%S<code>%s</code> → <code>%s</code>%S\n",
			shown++ ? "  " : fg_tr("Mounts\n  "), source, to,
			fg_json_bool(mount, "RW", true) ? "" : fg_tr(" (read-only)"));
	}
	if (total > shown)
		html_printf(html, "  … and %d more\n", total - shown);
}

static void add_limits(struct fg_str *html, const struct fg_container_info *info)
{
	char human[FG_HUMAN];
	const char *sep = fg_tr("Limits ");

	if (info->nano_cpus > 0) {
		html_printf(html, "%S%s CPU", sep, format_cpus(human, info->nano_cpus));
		sep = ", ";
	}
	if (info->memory > 0) {
		html_printf(html, "%S%s memory", sep, fg_size_human(human, info->memory));
		sep = ", ";
	}
	if (info->pids > 0) {
		html_printf(html, "%S%lld processes", sep, info->pids);
		sep = ", ";
	}
	if (sep[0] == ',')
		fg_str_putc(html, '\n');
}

static void add_restarts(struct fg_str *html, const struct fg_container_info *info)
{
	if (!*info->restart_policy ||
		(strcmp(info->restart_policy, "no") == 0 && !info->restart_count))
		return;
	html_printf(html, "Restarts %s", info->restart_policy);
	if (info->restart_count)
		html_printf(html, ", %lld so far", info->restart_count);
	fg_str_putc(html, '\n');
}

/* What tools note for themselves says little to a person. */
static bool is_bookkeeping(const char *key)
{
	static const char *const prefixes[] = {"com.docker.", "io.fleetgram.",
		"org.opencontainers.", "org.label-schema.", "io.podman.", "io.buildah."};

	for (size_t i = 0; i < FG_ARRAY_LEN(prefixes); i++)
		if (strncmp(key, prefixes[i], strlen(prefixes[i])) == 0)
			return true;
	return false;
}

static void add_labels(struct fg_str *html, const struct fg_container *c)
{
	const char *project = fg_container_label(c, "com.docker.compose.project");
	const char *service = fg_container_label(c, "com.docker.compose.service");
	const cJSON *label;
	int shown = 0, total = 0;

	if (project)
		html_printf(html, "Compose <code>%s</code> / <code>%s</code>\n", project,
			service ? service : "?");
	cJSON_ArrayForEach (label, c->labels) {
		cleanup_free char *text = NULL, *masked = NULL, *cut = NULL;

		if (!label->string || is_bookkeeping(label->string) || ++total > 6)
			continue;
		text = fg_printf(
			"%s=%s", label->string, cJSON_IsString(label) ? label->valuestring : "");
		masked = format_masked(text);
		cut = format_cut(masked, 80);
		html_printf(html, "%S<code>%s</code>\n", shown++ ? "  " : fg_tr("Labels\n  "), cut);
	}
	if (total > shown)
		html_printf(html, "  … and %d more\n", total - shown);
}

static void add_env(struct fg_str *html, const cJSON *raw)
{
	const cJSON *item;
	int shown = 0, total = 0;

	cJSON_ArrayForEach (item, fg_json_path(raw, "Config.Env")) {
		cleanup_free char *masked = NULL, *cut = NULL;

		/* Every image has a PATH, and nobody asks for it. */
		if (!cJSON_IsString(item) || strncmp(item->valuestring, "PATH=", 5) == 0 ||
			++total > ENV_MOST)
			continue;
		masked = format_masked(item->valuestring);
		cut = format_cut(masked, VALUE_MOST);
		if (!shown++)
			html_printf(html, "Environment\n<blockquote expandable>");
		html_printf(html, "%s\n", cut);
	}
	if (total > shown)
		html_printf(html, "… and %d more\n", total - shown);
	if (!shown)
		return;
	fg_str_truncate(html, html->len - 1);
	fg_str_puts(html, "</blockquote>\n");
}

void card_facts_html(struct fg_str *html, const struct card *card)
{
	const cJSON *raw = card->info->raw;

	add_ports(html, &card->item->c);
	add_networks(html, raw);
	add_mounts(html, raw);
	add_limits(html, card->info);
	add_restarts(html, card->info);
	add_labels(html, &card->item->c);
	add_env(html, raw);
}

void card_facts_data(cJSON *data, const struct card *card)
{
	const cJSON *raw = card->info->raw, *item;
	cJSON *array;

	array = cJSON_AddArrayToObject(data, "networks");
	cJSON_ArrayForEach (item, fg_json_path(raw, "NetworkSettings.Networks")) {
		cJSON *network = cJSON_CreateObject();

		cJSON_AddStringToObject(network, "name", item->string ? item->string : "");
		cJSON_AddStringToObject(network, "ip", fg_json_str(item, "IPAddress", ""));
		cJSON_AddItemToArray(array, network);
	}
	array = cJSON_AddArrayToObject(data, "mounts");
	cJSON_ArrayForEach (item, fg_json_array(raw, "Mounts")) {
		cJSON *mount = cJSON_CreateObject();

		cJSON_AddStringToObject(mount, "type", fg_json_str(item, "Type", ""));
		cJSON_AddStringToObject(mount, "source", fg_json_str(item, "Source", ""));
		cJSON_AddStringToObject(mount, "destination", fg_json_str(item, "Destination", ""));
		cJSON_AddBoolToObject(mount, "read_only", !fg_json_bool(item, "RW", true));
		cJSON_AddItemToArray(array, mount);
	}
	array = cJSON_AddArrayToObject(data, "env");
	cJSON_ArrayForEach (item, fg_json_path(raw, "Config.Env")) {
		cleanup_free char *masked = NULL;

		if (!cJSON_IsString(item))
			continue;
		masked = format_masked(item->valuestring);
		cJSON_AddItemToArray(array, cJSON_CreateString(masked));
	}
}
