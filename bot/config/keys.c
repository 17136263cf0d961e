/* The table of every key of the config. */
#include <string.h>
#include "config/config.h"
#include "config/check.h"
#include "config/keys.h"

#define MS 1.0
#define SECOND 1000.0
#define ANY 9e15 /* whole numbers that a double holds */
#define ROLES "viewer|operator|admin"

#define ROOT(field) .at = CONFIG_AT(struct config, field)
#define USER(field) .at = CONFIG_AT(struct config_user, field)
#define CHAT(field) .at = CONFIG_AT(struct config_chat, field)
#define HOST(field) .at = CONFIG_AT(struct config_host, field)
#define REGISTRY(field) .at = CONFIG_AT(struct config_registry, field)
#define SCHEDULE(field) .at = CONFIG_AT(struct config_schedule, field)
#define ITEMS(field, count, noun)                                                           \
	.at = CONFIG_AT(struct config, field), .count_at = CONFIG_AT(struct config, count), \
	.item_size = sizeof(struct noun)
#define FROM(low) .min = (low), .max = CONFIG_DURATION_MAX
#define RANGE(low, high) .min = (low), .max = (high)
#define IS(form) .check = config_check_##form
#define NAMES(form) .names = config_check_##form
#define HELP(text) .help = text

/* Sorted by what belongs together, as the README has it. The order of an object's rows is the order
 * in which defaults are filled in. */
/* clang-format off */
const struct config_key config_keys[] = {
	{"", CONFIG_OBJECT,
		HELP("The configuration of fleetgram. The file may hold comments, which plain "
		     "JSON tools refuse.")},
	{"$schema", CONFIG_STRING, HELP("Where this schema is, for editors. Not used.")},

	{"telegram", CONFIG_OBJECT, HELP("The bot's account and how its API is used.")},
	{"telegram.token", CONFIG_STRING, ROOT(telegram.token_text), IS(token),
		HELP("The bot's token, from BotFather. A token_file or the environment is the "
		     "better place for it.")},
	{"telegram.token_file", CONFIG_STRING, ROOT(telegram.token_file), IS(text),
		HELP("A file that holds the token.")},
	{"telegram.api_url", CONFIG_STRING, 0, "\"https://api.telegram.org\"",
		ROOT(telegram.api_url), IS(api_url),
		HELP("The Bot API server: a self-hosted one, or a test's.")},
	{"telegram.proxy", CONFIG_STRING, ROOT(telegram.proxy), IS(proxy),
		HELP("A proxy for the Bot API as curl takes it: socks5h://…, http://…")},
	{"telegram.poll_timeout", CONFIG_DURATION, 0, "\"50s\"",
		ROOT(telegram.poll_timeout_ms), RANGE(SECOND, 50 * SECOND),
		HELP("How long one long poll waits.")},
	{"telegram.stale_after", CONFIG_DURATION, 0, "\"5m\"", ROOT(telegram.stale_after_ms),
		FROM(SECOND),
		HELP("A command that is older when it arrives is reported instead of run.")},
	{"telegram.retry", CONFIG_OBJECT,
		HELP("How failed API calls are repeated. What the server asks to wait is kept "
		     "in any case.")},
	{"telegram.retry.attempts", CONFIG_COUNT, 0, "3", ROOT(telegram.retry.attempts),
		RANGE(1, 1000),
		HELP("Tries in all.")},
	{"telegram.retry.min_delay", CONFIG_DURATION, 0, "\"400ms\"",
		ROOT(telegram.retry.min_ms), FROM(MS),
		HELP("The wait after the first failure; it doubles with each.")},
	{"telegram.retry.max_delay", CONFIG_DURATION, 0, "\"30s\"",
		ROOT(telegram.retry.max_ms), FROM(MS),
		HELP("The longest wait.")},
	{"telegram.retry.jitter", CONFIG_NUMBER, 0, "0.1", ROOT(telegram.retry.jitter), RANGE(0, 1),
		HELP("The share of a wait by which it is spread.")},
	{"telegram.rate", CONFIG_OBJECT,
		HELP("How much is sent at most; sends and edits count together.")},
	{"telegram.rate.global_per_second", CONFIG_COUNT, 0, "30",
		ROOT(telegram.rate.global_per_second), RANGE(1, 1e6),
		HELP("In all.")},
	{"telegram.rate.chat_per_second", CONFIG_COUNT, 0, "1",
		ROOT(telegram.rate.chat_per_second), RANGE(1, 1e6),
		HELP("To one chat.")},
	{"telegram.rate.group_per_minute", CONFIG_COUNT, 0, "20",
		ROOT(telegram.rate.group_per_minute), RANGE(1, 1e6),
		HELP("To one group.")},
	{"telegram.unknown_users", CONFIG_WORD, 0, "\"tell_id\"",
		ROOT(telegram.unknown_users), .words = "tell_id|ignore",
		HELP("Whether someone unknown is told the id to hand to the operator.")},

	{"users", CONFIG_LIST, ITEMS(users, user_count, config_user), HELP("Who may do what.")},
	{"users[]", CONFIG_OBJECT, HELP("One person.")},
	{"users[].id", CONFIG_ID, CONFIG_REQUIRED, USER(id), RANGE(1, 9.3e18),
		HELP("The person's numeric id; the bot tells it to who asks.")},
	{"users[].name", CONFIG_STRING, USER(name), IS(text),
		HELP("What the log and the audit call them.")},
	{"users[].role", CONFIG_WORD, CONFIG_REQUIRED, USER(role), .min = ROLE_VIEWER,
		.words = ROLES,
		HELP("viewer reads, operator acts, admin also removes and manages.")},
	{"users[].scope", CONFIG_STRING, USER(scope), IS(scope),
		HELP("A selector; what it does not pick does not exist for this person.")},
	{"users[].commands", CONFIG_STRINGS, USER(commands), IS(command),
		HELP("The only commands of the role that are allowed.")},
	{"users[].deny", CONFIG_STRINGS, USER(deny), IS(command),
		HELP("Commands that are taken away.")},
	{"users[].language", CONFIG_STRING, USER(language), IS(language),
		HELP("The language they are answered in, unless the chat has its own.")},

	{"chats", CONFIG_LIST, ITEMS(chats, chat_count, config_chat),
		HELP("Groups and channels with a role for everybody in them, and targets of "
		     "notifications.")},
	{"chats[]", CONFIG_OBJECT, HELP("One chat, or one topic of it.")},
	{"chats[].id", CONFIG_ID, CONFIG_REQUIRED, CHAT(id), RANGE(-9.3e18, 9.3e18),
		HELP("The chat's numeric id; groups have negative ones.")},
	{"chats[].thread", CONFIG_ID, CHAT(thread), RANGE(1, 9.3e18), HELP("A forum topic of it.")},
	{"chats[].name", CONFIG_STRING, CHAT(name), IS(text),
		HELP("What the log and the audit call it.")},
	{"chats[].role", CONFIG_WORD, CHAT(role), .min = ROLE_VIEWER, .words = ROLES,
		HELP("What every member may do there. Without it: nothing.")},
	{"chats[].scope", CONFIG_STRING, CHAT(scope), IS(scope),
		HELP("A selector; what it does not pick does not exist there.")},
	{"chats[].notify", CONFIG_BOOL, 0, "false", CHAT(notify),
		HELP("Whether notifications go there.")},
	{"chats[].language", CONFIG_STRING, CHAT(language), IS(language),
		HELP("The language of everything that is said there.")},

	{"hosts", CONFIG_MAP, 0, "{\"local\":{}}", ITEMS(hosts, host_count, config_host),
		NAMES(name),
		HELP("The container engines by name. Without any: \"local\", at $DOCKER_HOST or "
		     "the first socket that answers.")},
	{"hosts.*", CONFIG_OBJECT, HELP("One engine.")},
	{"hosts.*.url", CONFIG_STRING, HOST(url), IS(host_url),
		HELP("unix:///PATH, tcp://HOST:PORT or ssh://[USER@]HOST[:PORT].")},
	{"hosts.*.context", CONFIG_STRING, HOST(context), IS(context),
		HELP("Instead of url and tls: the docker context to take both from.")},
	{"hosts.*.tls", CONFIG_OBJECT, HELP("Files in PEM format, for tcp.")},
	{"hosts.*.tls.ca", CONFIG_STRING, HOST(tls.ca), IS(text),
		HELP("The authority that signed the engine's certificate.")},
	{"hosts.*.tls.cert", CONFIG_STRING, HOST(tls.cert), IS(text), HELP("Our certificate.")},
	{"hosts.*.tls.key", CONFIG_STRING, HOST(tls.key), IS(text),
		HELP("The key of our certificate.")},
	{"hosts.*.ssh", CONFIG_OBJECT, HELP("Files, for ssh.")},
	{"hosts.*.ssh.key", CONFIG_STRING, HOST(ssh.key), IS(ssh_file),
		HELP("The private key to log in with, without a passphrase. Without it: those of the "
		     "user that Fleetgram runs as, and of an agent.")},
	{"hosts.*.ssh.known_hosts", CONFIG_STRING, HOST(ssh.known_hosts), IS(ssh_file),
		HELP("The only host keys to trust. Without it: the user's and the system's.")},
	{"hosts.*.timeout", CONFIG_DURATION, 0, "\"30s\"", HOST(timeout_ms), FROM(SECOND),
		HELP("How long one call may take.")},

	{"templates", CONFIG_MAP, NAMES(name), HELP("What can be created, by name.")},
	{"templates.*", CONFIG_OBJECT, .like = "defaults", HELP("One template.")},
	{"templates_dir", CONFIG_STRING, ROOT(templates_dir), IS(text),
		HELP("A folder of NAME.json files, a template each.")},

	{"defaults", CONFIG_OBJECT, HELP("What every template has unless it says otherwise.")},
	{"defaults.image", CONFIG_STRING, CONFIG_PARAM, IS(text),
		HELP("The image to run. Every template needs one, here or in defaults.")},
	{"defaults.command", CONFIG_COMMAND, CONFIG_PARAM, HELP("Instead of the image's command.")},
	{"defaults.entrypoint", CONFIG_COMMAND, CONFIG_PARAM,
		HELP("Instead of the image's entry point.")},
	{"defaults.env", CONFIG_ENV, CONFIG_PARAM, IS(env_pair), HELP("Environment variables.")},
	{"defaults.ports", CONFIG_STRINGS, CONFIG_PARAM, IS(port),
		HELP("Published ports: [IP:][HOST:]CONTAINER[/tcp|udp|sctp].")},
	{"defaults.volumes", CONFIG_STRINGS, CONFIG_PARAM, IS(volume),
		HELP("Mounts: VOLUME_OR_PATH:PATH[:ro].")},
	{"defaults.tmpfs", CONFIG_ENV, CONFIG_PARAM, IS(text),
		HELP("Memory-backed folders: PATH[:OPTIONS], or an object of options by path.")},
	{"defaults.networks", CONFIG_STRINGS, CONFIG_PARAM, IS(text), HELP("Networks to join.")},
	{"defaults.network_mode", CONFIG_STRING, CONFIG_PARAM, IS(text),
		HELP("bridge, host, none, or container:NAME.")},
	{"defaults.user", CONFIG_STRING, CONFIG_PARAM, IS(text), HELP("USER[:GROUP] to run as.")},
	{"defaults.workdir", CONFIG_STRING, CONFIG_PARAM, IS(text),
		HELP("The folder to start in.")},
	{"defaults.hostname", CONFIG_STRING, CONFIG_PARAM, IS(text),
		HELP("The container's own idea of its name.")},
	{"defaults.init", CONFIG_BOOL,
		HELP("A first process that passes signals on and reaps children.")},
	{"defaults.labels", CONFIG_ENV, CONFIG_PARAM, IS(env_pair), HELP("Labels beside Fleetgram's own.")},
	{"defaults.restart", CONFIG_STRING, CONFIG_PARAM, IS(restart),
		HELP("no, always, unless-stopped, or on-failure[:N].")},
	{"defaults.stop_timeout", CONFIG_DURATION, CONFIG_PARAM | CONFIG_ZERO, FROM(SECOND),
		HELP("How long a stop waits before it kills.")},
	{"defaults.limits", CONFIG_OBJECT, HELP("What the container may use.")},
	{"defaults.limits.cpus", CONFIG_NUMBER, CONFIG_PARAM, RANGE(0, 4096),
		HELP("Processors, in parts of one.")},
	{"defaults.limits.memory", CONFIG_SIZE, CONFIG_PARAM, RANGE(0, ANY), HELP("Memory.")},
	{"defaults.limits.memory_swap", CONFIG_SIZE, CONFIG_PARAM, RANGE(-1, ANY),
		HELP("Memory and swap together; -1: as much swap as there is.")},
	{"defaults.limits.pids", CONFIG_COUNT, CONFIG_PARAM, RANGE(-1, 4194304),
		HELP("Processes and threads; -1: as many as they like.")},
	{"defaults.healthcheck", CONFIG_OBJECT,
		HELP("How the engine finds out whether it is well.")},
	{"defaults.healthcheck.test", CONFIG_COMMAND, CONFIG_PARAM,
		HELP("A shell command, or a list that begins with CMD, CMD-SHELL or NONE.")},
	{"defaults.healthcheck.interval", CONFIG_DURATION, CONFIG_PARAM, FROM(MS),
		HELP("The time between two tests.")},
	{"defaults.healthcheck.timeout", CONFIG_DURATION, CONFIG_PARAM, FROM(MS),
		HELP("How long one may take.")},
	{"defaults.healthcheck.retries", CONFIG_COUNT, CONFIG_PARAM, RANGE(1, 1000),
		HELP("How many have to fail in a row.")},
	{"defaults.healthcheck.start_period", CONFIG_DURATION, CONFIG_PARAM | CONFIG_ZERO, FROM(MS),
		HELP("How long failures do not count after the start.")},
	{"defaults.security", CONFIG_OBJECT, HELP("What the container is kept from.")},
	{"defaults.security.read_only", CONFIG_BOOL,
		HELP("Its root file system cannot be written.")},
	{"defaults.security.cap_drop", CONFIG_STRINGS, CONFIG_PARAM, IS(text),
		HELP("Capabilities to take away, or ALL.")},
	{"defaults.security.cap_add", CONFIG_STRINGS, CONFIG_PARAM, IS(text),
		HELP("Capabilities to add.")},
	{"defaults.security.no_new_privileges", CONFIG_BOOL,
		HELP("Nothing in it can gain privileges.")},
	{"defaults.security.privileged", CONFIG_BOOL, HELP("As root on the host. Think twice.")},
	{"defaults.logging", CONFIG_OBJECT, HELP("Where its output goes.")},
	{"defaults.logging.driver", CONFIG_STRING, CONFIG_PARAM, IS(text),
		HELP("json-file, local, journald, …")},
	{"defaults.logging.options", CONFIG_TEXTS, CONFIG_PARAM, HELP("The driver's options.")},
	{"defaults.pull", CONFIG_WORD, .words = "missing|always|never",
		HELP("When the image is fetched.")},
	{"defaults.prune", CONFIG_OBJECT, HELP("What differs from prune for these instances.")},
	{"defaults.prune.enabled", CONFIG_BOOL, HELP("Whether they are pruned.")},
	{"defaults.prune.idle", CONFIG_DURATION, CONFIG_ZERO, FROM(SECOND),
		HELP("After so long without use; 0: never.")},
	{"defaults.prune.max_age", CONFIG_DURATION, CONFIG_ZERO, FROM(SECOND),
		HELP("So long after their creation; 0: never.")},
	{"defaults.prune.action", CONFIG_WORD, .words = "stop|remove",
		HELP("What is done to them.")},
	{"defaults.prune.in_use", CONFIG_BOOL,
		HELP("Whether max_age alone is reason enough while they are in use.")},
	{"defaults.prune.quiet", CONFIG_OBJECT, HELP("Below what they count as idle.")},
	{"defaults.prune.quiet.cpu_percent", CONFIG_NUMBER, RANGE(0, 1e6),
		HELP("Percent of one processor.")},
	{"defaults.prune.quiet.bytes_per_second", CONFIG_SIZE, RANGE(0, ANY),
		HELP("Network traffic a second, both ways.")},
	{"defaults.mode", CONFIG_WORD, .words = "container|service",
		HELP("What it makes: a container, or a service of a swarm.")},
	{"defaults.replicas", CONFIG_COUNT, CONFIG_PARAM, RANGE(0, 100000),
		HELP("Of a service: how many tasks it has.")},
	{"defaults.global", CONFIG_BOOL, HELP("Of a service: one task on each node instead.")},
	{"defaults.update", CONFIG_OBJECT, HELP("Of a service: how its tasks are replaced.")},
	{"defaults.update.parallelism", CONFIG_COUNT, CONFIG_PARAM, RANGE(0, 100000),
		HELP("So many at a time; 0: all.")},
	{"defaults.update.delay", CONFIG_DURATION, CONFIG_PARAM | CONFIG_ZERO, FROM(MS),
		HELP("The time between two of them.")},
	{"defaults.update.order", CONFIG_WORD, .words = "stop-first|start-first",
		HELP("Whether the old one stops first, or the new one starts first.")},
	{"defaults.update.failure_action", CONFIG_WORD, .words = "pause|continue|rollback",
		HELP("What the swarm does when new ones fail.")},
	{"defaults.update.monitor", CONFIG_DURATION, CONFIG_PARAM, FROM(MS),
		HELP("How long one may fail after its start.")},
	{"defaults.update.max_failure_ratio", CONFIG_NUMBER, CONFIG_PARAM, RANGE(0, 1),
		HELP("The share of them that may fail.")},
	{"defaults.placement", CONFIG_OBJECT, HELP("Of a service: on which nodes its tasks run.")},
	{"defaults.placement.constraints", CONFIG_STRINGS, CONFIG_PARAM, IS(text),
		HELP("What a node has to be: KEY==VALUE or KEY!=VALUE.")},
	{"defaults.placement.preferences", CONFIG_STRINGS, CONFIG_PARAM, IS(text),
		HELP("Labels of nodes to spread over: node.labels.zone.")},
	{"defaults.placement.max_per_node", CONFIG_COUNT, CONFIG_PARAM, RANGE(0, 100000),
		HELP("How many tasks a node may have; 0: any number.")},
	{"defaults.host", CONFIG_STRING, CONFIG_PARAM, IS(text),
		HELP("The host to create on, or a glob of hosts.")},
	{"defaults.parameters", CONFIG_MAP, NAMES(parameter),
		HELP("What /create is given as NAME=VALUE and stands for ${NAME}.")},
	{"defaults.parameters.*", CONFIG_OBJECT, HELP("One parameter.")},
	{"defaults.parameters.*.default", CONFIG_STRING, HELP("Its value when none is given.")},
	{"defaults.parameters.*.pattern", CONFIG_STRING, IS(pattern),
		HELP("An extended regular expression that the whole value has to fit.")},
	{"defaults.parameters.*.description", CONFIG_STRING, HELP("What it is for.")},

	{"prune", CONFIG_OBJECT, HELP("Taking away instances that nobody uses.")},
	{"prune.enabled", CONFIG_BOOL, 0, "false", ROOT(prune.enabled),
		HELP("Whether it is done.")},
	{"prune.idle", CONFIG_DURATION, CONFIG_ZERO, "\"24h\"", ROOT(prune.idle_ms), FROM(SECOND),
		HELP("After so long without use; 0: never.")},
	{"prune.max_age", CONFIG_DURATION, CONFIG_ZERO, "\"7d\"", ROOT(prune.max_age_ms),
		FROM(SECOND),
		HELP("So long after their creation; 0: never.")},
	{"prune.every", CONFIG_DURATION, 0, "\"5m\"", ROOT(prune.every_ms), FROM(SECOND),
		HELP("How often it is looked at.")},
	{"prune.action", CONFIG_WORD, 0, "\"stop\"", ROOT(prune.action), .words = "stop|remove",
		HELP("What is done to them.")},
	{"prune.in_use", CONFIG_BOOL, 0, "false", ROOT(prune.in_use),
		HELP("Whether max_age alone is reason enough while they are in use.")},
	{"prune.quiet", CONFIG_OBJECT, HELP("Below what they count as idle.")},
	{"prune.quiet.cpu_percent", CONFIG_NUMBER, 0, "1", ROOT(prune.quiet.cpu_percent),
		RANGE(0, 1e6),
		HELP("Percent of one processor.")},
	{"prune.quiet.bytes_per_second", CONFIG_SIZE, 0, "\"1k\"",
		ROOT(prune.quiet.bytes_per_second), RANGE(0, ANY),
		HELP("Network traffic a second, both ways.")},

	{"update", CONFIG_OBJECT, HELP("Replacing containers by newer ones.")},
	{"update.settle", CONFIG_DURATION, 0, "\"10s\"", ROOT(update.settle_ms), FROM(SECOND),
		HELP("How long one without a healthcheck has to stay up to count as good.")},

	{"autoheal", CONFIG_OBJECT, HELP("Restarting what stays unhealthy.")},
	{"autoheal.enabled", CONFIG_BOOL, 0, "false", ROOT(autoheal.enabled),
		HELP("Whether it is done.")},
	{"autoheal.after", CONFIG_DURATION, 0, "\"5m\"", ROOT(autoheal.after_ms), FROM(SECOND),
		HELP("How long it has to be unhealthy.")},
	{"autoheal.count", CONFIG_COUNT, 0, "3", ROOT(autoheal.count), RANGE(1, 1e6),
		HELP("How many restarts at most…")},
	{"autoheal.within", CONFIG_DURATION, 0, "\"1h\"", ROOT(autoheal.within_ms), FROM(SECOND),
		HELP("…in so long.")},

	{"images", CONFIG_OBJECT, HELP("Images and their registries.")},
	{"images.check_every", CONFIG_DURATION, CONFIG_ZERO, "\"0\"",
		ROOT(images.check_every_ms), FROM(SECOND),
		HELP("How often newer images are looked for; 0: never.")},
	{"images.registries", CONFIG_MAP, ITEMS(images.registries, images.registry_count,
		config_registry), NAMES(registry),
		HELP("Credentials by the registry's HOST[:PORT].")},
	{"images.registries.*", CONFIG_OBJECT, HELP("One registry.")},
	{"images.registries.*.username", CONFIG_STRING, CONFIG_REQUIRED, REGISTRY(username),
		IS(text),
		HELP("Who logs in.")},
	{"images.registries.*.password_file", CONFIG_STRING, CONFIG_REQUIRED,
		REGISTRY(password_file), IS(text),
		HELP("A file that holds the password.")},

	{"notify", CONFIG_OBJECT, HELP("What the chats with notify are told.")},
	{"notify.die", CONFIG_BOOL, 0, "true", ROOT(notify.die),
		HELP("A container ended that nobody stopped.")},
	{"notify.oom", CONFIG_BOOL, 0, "true", ROOT(notify.oom), HELP("It ran out of memory.")},
	{"notify.unhealthy", CONFIG_BOOL, 0, "true", ROOT(notify.unhealthy),
		HELP("It became unhealthy, and healthy again.")},
	{"notify.restart_loop", CONFIG_OBJECT, HELP("What counts as a restart loop.")},
	{"notify.restart_loop.count", CONFIG_COUNT, 0, "3", ROOT(notify.restart_loop.count),
		RANGE(0, 1e6),
		HELP("So many deaths…; 0: none is told.")},
	{"notify.restart_loop.within", CONFIG_DURATION, 0, "\"5m\"",
		ROOT(notify.restart_loop.within_ms), FROM(SECOND),
		HELP("…in so long.")},
	{"notify.host", CONFIG_BOOL, 0, "true", ROOT(notify.host),
		HELP("A host went down or came back.")},
	{"notify.updates", CONFIG_BOOL, 0, "true", ROOT(notify.updates),
		HELP("A newer image is there.")},
	{"notify.cpu_percent", CONFIG_NUMBER, 0, "0", ROOT(notify.cpu_percent), RANGE(0, 1e6),
		HELP("A container uses more than so many percent of one processor; 0: off.")},
	{"notify.memory_percent", CONFIG_NUMBER, 0, "0", ROOT(notify.memory_percent), RANGE(0, 100),
		HELP("It uses more than so much of its memory limit, or without one of the host's "
		     "memory; 0: off.")},
	{"notify.disk_percent", CONFIG_NUMBER, 0, "0", ROOT(notify.disk_percent), RANGE(0, 100),
		HELP("The disk of an engine on this machine is fuller than that; 0: off.")},
	{"notify.for", CONFIG_DURATION, 0, "\"5m\"", ROOT(notify.for_ms), FROM(SECOND),
		HELP("For how long, before that is told.")},
	{"notify.log_lines", CONFIG_COUNT, 0, "10", ROOT(notify.log_lines), RANGE(0, 200),
		HELP("How many of its last log lines go with a death.")},
	{"notify.quiet", CONFIG_STRING, 0, "\"\"", ROOT(notify.quiet), IS(hours),
		HELP("Hours in which notifications are held back: 22:00-07:00.")},
	{"notify.digest", CONFIG_STRING, 0, "\"\"", ROOT(notify.digest), IS(time),
		HELP("When the daily summary is sent: 08:00.")},
	{"notify.startup_delay", CONFIG_DURATION, CONFIG_ZERO, "\"30s\"",
		ROOT(notify.startup_delay_ms), FROM(SECOND),
		HELP("How long after the bot's start things may settle.")},
	{"notify.only", CONFIG_STRING, 0, "\"\"", ROOT(notify.only), IS(selector),
		HELP("A selector; nothing else is told about.")},

	{"confirm", CONFIG_OBJECT, HELP("Asking back before something is done.")},
	{"confirm.ttl", CONFIG_DURATION, 0, "\"60s\"", ROOT(confirm.ttl_ms), FROM(SECOND),
		HELP("How long a question waits for its answer.")},
	{"confirm.always", CONFIG_STRINGS, 0,
		"[\"remove\",\"prune\",\"kill\",\"exec\",\"update\",\"rollback\",\"apply\"]", ROOT(confirm.always), IS(command),
		HELP("Commands that ask even about one container.")},

	{"exec", CONFIG_OBJECT, HELP("Running commands in containers.")},
	{"exec.enabled", CONFIG_BOOL, 0, "false", ROOT(exec_enabled),
		HELP("Whether /exec exists.")},

	{"history", CONFIG_OBJECT, HELP("What containers use, remembered for /chart.")},
	{"history.enabled", CONFIG_BOOL, 0, "true", ROOT(history_enabled),
		HELP("Whether what runs is measured every 30 s.")},

	{"schedules", CONFIG_LIST, ITEMS(schedules, schedule_count, config_schedule),
		HELP("Commands that run by the clock.")},
	{"schedules[]", CONFIG_OBJECT, HELP("One command.")},
	{"schedules[].name", CONFIG_STRING, CONFIG_REQUIRED, SCHEDULE(name), IS(name),
		HELP("What its results are reported under.")},
	{"schedules[].cron", CONFIG_STRING, CONFIG_REQUIRED, SCHEDULE(cron), IS(cron),
		HELP("Five fields: minute, hour, day, month, weekday; local time.")},
	{"schedules[].command", CONFIG_STRING, CONFIG_REQUIRED, SCHEDULE(command), IS(text),
		HELP("A chat command.")},

	{"http", CONFIG_OBJECT, HELP("The listener for health, status and metrics.")},
	{"http.listen", CONFIG_STRING, 0, "\"127.0.0.1:3000\"", ROOT(http.listen), IS(listen),
		HELP("IP:PORT, [IPV6]:PORT, localhost:PORT, unix:PATH, or nothing for none.")},
	{"http.token_file", CONFIG_STRING, ROOT(http.token_file), IS(text),
		HELP("A file with the token that requests have to bring.")},
	{"http.allow_unauthenticated", CONFIG_BOOL, 0, "false", ROOT(http.allow_unauthenticated),
		HELP("Listen to other machines without a token.")},
	{"http.tls", CONFIG_OBJECT, HELP("Files in PEM format, to speak TLS; read again by a "
					 "reload.")},
	{"http.tls.cert", CONFIG_STRING, ROOT(http.tls.cert), IS(text),
		HELP("The certificate, followed by those that lead from it to its authority.")},
	{"http.tls.key", CONFIG_STRING, ROOT(http.tls.key), IS(text),
		HELP("The key of the certificate, without a passphrase.")},

	{"health", CONFIG_OBJECT, HELP("The health answer.")},
	{"health.refresh", CONFIG_DURATION, 0, "\"30s\"", ROOT(health_refresh_ms), FROM(SECOND),
		HELP("How old a cached one may be.")},

	{"state_dir", CONFIG_STRING, ROOT(state_dir), IS(text), HELP("Where the database lives.")},
	{"log", CONFIG_OBJECT, HELP("The log, on standard error.")},
	{"log.level", CONFIG_WORD, 0, "\"info\"", ROOT(log.level), .words = "error|warn|info|debug",
		HELP("What is written, and all that is worse.")},
	{"log.format", CONFIG_WORD, 0, "\"text\"", ROOT(log.format), .words = "text|json",
		HELP("text, or json with an object a line.")},
	{"shutdown_grace", CONFIG_DURATION, 0, "\"10s\"", ROOT(shutdown_grace_ms), FROM(SECOND),
		HELP("How long running commands may take to finish at the end.")},
	{"timezone", CONFIG_STRING, ROOT(timezone), IS(timezone),
		HELP("A zone's name for times in messages and schedules, as Europe/Berlin. "
		     "Without it: the system's.")},
	{"language", CONFIG_STRING, 0, "\"en\"", ROOT(language), IS(language),
		HELP("The language of answers: en, de or ru.")},
};
/* clang-format on */

const size_t config_key_count = sizeof(config_keys) / sizeof(config_keys[0]);

const struct config_key *config_key_find(const char *parent, const char *suffix)
{
	size_t n = strlen(parent), i;

	for (i = 0; i < config_key_count; i++) {
		const char *path = config_keys[i].path;

		if (strncmp(path, parent, n) == 0 && strcmp(path + n, suffix) == 0)
			return &config_keys[i];
	}
	return NULL;
}

const char *config_key_member(const struct config_key *key, const char *parent)
{
	size_t n = strlen(parent);
	const char *rest = key->path + n;

	if (strncmp(key->path, parent, n) != 0 || *rest == '\0')
		return NULL;
	if (n > 0 && *rest++ != '.')
		return NULL;
	return strpbrk(rest, ".*[") ? NULL : rest;
}
