/*
 * Adopting many: side by side but not all at once, and what was done before the engine broke off stays done. The
 * engine is a stand-in that counts, since a real one takes minutes to have that many containers.
 */
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include "fleetgram/base/http.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/log.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/task.h"
#include "fleetgram/fleet/fleet.h"
#include "fleetgram/fleet/registry.h"
#include "tap.h"

#define CONTAINERS 200
#define GOOD 150 /* so many inspects are answered before it breaks off */

/* What all of the engine's processes count. */
struct counts {
	int inspects, now, most, breaks_after;
};

static struct counts *counts;
static char folder[] = "/tmp/fg-adopt-XXXXXX";

/* The engine */

static void list_write(struct fg_str *out)
{
	fg_str_putc(out, '[');
	for (int i = 0; i < CONTAINERS; i++)
		fg_str_printf(out,
			"%s{\"Id\":\"%064x\",\"Names\":[\"/c%d\"],\"Image\":\"x:1\",\"ImageID\":\"sha256:1\",\"Created\":1760000000,"
			"\"State\":\"running\",\"Status\":\"Up\",\"Labels\":{\"io.fleetgram.managed\":\"true\",\"io.fleetgram.template\":\"t\"}}",
			i ? "," : "", i + 1, i);
	fg_str_putc(out, ']');
}

static bool answer(int fd, const char *path)
{
	cleanup_str struct fg_str body = {0}, all = {0};
	int now;

	fg_str_init(&body, 1 << 20);
	fg_str_init(&all, 1 << 20);
	if (strstr(path, "/version")) {
		fg_str_puts(&body, "{\"Version\":\"20.10.24\",\"ApiVersion\":\"1.41\",\"MinAPIVersion\":\"1.12\"}");
	} else if (strstr(path, "/containers/json")) {
		list_write(&body);
	} else if (strstr(path, "/containers/")) {
		now = __atomic_add_fetch(&counts->now, 1, __ATOMIC_SEQ_CST);
		if (now > counts->most)
			counts->most = now;
		usleep(1000);
		__atomic_sub_fetch(&counts->now, 1, __ATOMIC_SEQ_CST);
		if (__atomic_add_fetch(&counts->inspects, 1, __ATOMIC_SEQ_CST) > counts->breaks_after)
			return false;
		fg_str_puts(&body, "{\"Id\":\"feed\",\"State\":{\"Status\":\"running\"},\"Image\":\"sha256:1\",\"Config\":{},\"HostConfig\":{}}");
	} else {
		fg_str_puts(&body, "{}");
	}
	fg_str_printf(&all, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s", body.len, body.s);
	return send(fd, all.s, all.len, MSG_NOSIGNAL) == (ssize_t)all.len;
}

static void serve(int fd)
{
	char head[4096], path[512];
	size_t len = 0;
	ssize_t n;

	while ((n = read(fd, head + len, sizeof(head) - 1 - len)) > 0) {
		char *space;

		len += (size_t)n;
		head[len] = '\0';
		if (!strstr(head, "\r\n\r\n"))
			continue;
		space = strchr(head, ' ');
		snprintf(path, sizeof(path), "%.*s", (int)(space ? strcspn(space + 1, " ?") : 0), space ? space + 1 : "");
		if (!answer(fd, path))
			break;
		len = 0;
	}
	_exit(0);
}

static pid_t engine_start(const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	pid_t pid;

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 || listen(fd, 64) < 0)
		return -1;
	pid = fork();
	if (pid != 0) {
		close(fd);
		return pid;
	}
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL); /* whatever becomes of the test */
	signal(SIGCHLD, SIG_IGN);
	while (true) {
		int one = accept(fd, NULL, NULL);

		if (one >= 0 && fork() == 0)
			serve(one);
		close(one);
	}
}

/* The test */

static void adopt(struct fg_registry *registry, struct fg_host *host)
{
	cleanup_instance struct fg_instance row = {0};
	struct fg_reconciled result;
	struct fg_err err;
	int kept;

	counts->breaks_after = GOOD;
	ok(fg_registry_pin(registry, "h", NULL, "c7", true, NULL, &err) == 1, "one of the names is pinned already");
	ok(fg_registry_reconcile(registry, host, &result, &err) < 0, "the engine breaks off: %s", err.text);
	kept = fg_registry_count(registry);
	ok(kept > 0 && kept <= GOOD && result.adopted == kept, "what was adopted until then stays: %d", kept);
	counts->breaks_after = INT32_MAX;
	counts->inspects = 0;
	is_int(fg_registry_reconcile(registry, host, &result, &err), 0, "it is back");
	is_int(fg_registry_count(registry), CONTAINERS, "all are adopted");
	is_int(counts->inspects, CONTAINERS - kept, "and none was looked at again");
	ok(counts->most > 1 && counts->most <= 8, "side by side, at most 8: %d", counts->most);
	is_int(fg_registry_find_name(registry, "h", "c7", &row, &err), 1, "the one that was pinned");
	ok(fg_json_bool(row.doc, "pinned", false), "is pinned as an instance");
	is_int(fg_registry_reconcile(registry, host, &result, &err), 0, "again");
	ok(result.adopted + result.missing + result.back + result.updated == 0, "changes nothing");
}

static void run(void *arg)
{
	cleanup_free char *path = fg_printf("%s/test.db", folder), *url = fg_printf("unix://%s/engine", folder);
	struct fg_host_options options = {"h", {.url = url, .timeout_ms = 30000}};
	struct fg_fleet *fleet = fg_fleet_create();
	struct fg_store *store;
	struct fg_registry *registry;
	struct fg_err err;

	(void)arg;
	store = fg_store_open(path, &err);
	registry = store ? fg_registry_create(store, &err) : NULL;
	if (ok(registry && fg_fleet_add(fleet, &options, &err) == 0, "a registry and a host"))
		adopt(registry, fg_fleet_find(fleet, "h"));
	fg_registry_destroy(registry);
	fg_store_close(store);
	fg_fleet_unref(fleet);
	fg_http_finish();
}

int main(void)
{
	static const char *const files[] = {"test.db", "test.db-wal", "test.db-shm", "engine"};
	cleanup_free char *engine = NULL;
	pid_t pid;

	counts = mmap(NULL, sizeof(*counts), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (counts == MAP_FAILED || !mkdtemp(folder))
		return 1;
	engine = fg_printf("%s/engine", folder);
	pid = engine_start(engine);
	if (pid < 0)
		return 1;
	fg_loop_run("test", run, NULL);
	kill(-pid, SIGKILL);
	waitpid(pid, NULL, 0);
	for (size_t i = 0; i < FG_ARRAY_LEN(files); i++) {
		cleanup_free char *path = fg_printf("%s/%s", folder, files[i]);

		unlink(path);
	}
	rmdir(folder);
	fg_log_finish();
	return done_testing();
}
