/*
 * Calls over ssh when connections end: this program is the ssh command too, and does what the test
 * has put down in its folder.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include "../../../engine/docker/call.h"
#include "../../../engine/docker/ssh.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/task.h"
#include "fleetgram/docker/container.h"
#include "fleetgram/docker/engine.h"
#include "tap.h"

static char folder[64];

/* Notes between the test and its ssh: files of the folder, of which only the name says something.
 */
static char *note(const char *name)
{
	return fg_printf("%s/%s", folder, name);
}

static void put_note(const char *name)
{
	cleanup_free char *path = note(name);

	close(open(path, O_CREAT | O_WRONLY, 0600));
}

static void drop_note(const char *name)
{
	cleanup_free char *path = note(name);

	unlink(path);
}

static bool has_note(const char *name)
{
	cleanup_free char *path = note(name);

	return access(path, F_OK) == 0;
}

/* The far side */

static void await_note(const char *name)
{
	for (int i = 0; i < 30000 && !has_note(name); i++)
		usleep(1000);
}

/* A request from standard input, its body too. False: there is no more. */
static bool read_request(char *line, size_t size)
{
	char header[1024];
	size_t length = 0;

	if (!fgets(line, (int)size, stdin))
		return false;
	while (fgets(header, sizeof(header), stdin) && *header != '\r')
		if (strncmp(header, "Content-Length: ", 16) == 0)
			length = strtoul(header + 16, NULL, 10);
	while (length-- > 0 && getchar() != EOF)
		;
	return true;
}

static void answer(const char *body)
{
	printf("HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s", strlen(body), body);
	fflush(stdout);
}

static void keep_pid(void)
{
	cleanup_free char *path = note("creator");
	FILE *file = fopen(path, "w");

	fprintf(file, "%d", (int)getpid());
	fclose(file);
}

/* Answers, but for a creation: then it dies when it is told to. */
static int serve(void)
{
	static const char *const posts[] = {"post-1", "post-2", "post-3"};
	char line[1024];

	while (read_request(line, sizeof(line))) {
		size_t i = 0;

		if (has_note("freeze"))
			await_note("thaw");
		if (strncmp(line, "POST ", 5) != 0) {
			answer("{\"Version\":\"20.10\",\"ApiVersion\":\"1.41\",\"MinAPIVersion\":\"1.12\"}");
			continue;
		}
		while (i < 2 && has_note(posts[i]))
			i++;
		keep_pid();
		put_note(posts[i]);
		await_note("die");
		return 1;
	}
	return 0;
}

/* The connection ends now; the process later than the one with the creation, which is reaped then.
 */
static void outlive_creator(void)
{
	cleanup_free char *path = note("creator");
	FILE *file = fopen(path, "r");
	int pid = 0;

	if (!file || fscanf(file, "%d", &pid) != 1)
		return;
	fclose(file);
	close(0);
	close(1);
	put_note("closed");
	for (int i = 0; i < 30000 && kill(pid, 0) == 0; i++)
		usleep(1000);
}

static int be_ssh(char **argv)
{
	const char *command = "";

	while (*argv)
		command = *argv++;
	if (has_note("no-engine")) {
		outlive_creator();
		fputs("Cannot connect to the Docker daemon at unix:///x. Is the docker daemon running?\n",
			stderr);
		return 1;
	}
	if (has_note("no-docker") && strncmp(command, "docker ", 7) == 0) {
		outlive_creator();
		return SSH_NOT_FOUND;
	}
	return serve();
}

/* This side */

struct creation {
	struct fg_engine *engine;
	int rc;
	struct fg_err err;
};

static void create(void *arg)
{
	struct creation *c = arg;
	cleanup_json cJSON *body = cJSON_CreateObject();
	char id[FG_ID_SIZE];

	c->rc = fg_container_create(c->engine, "web", body, id, NULL, &c->err);
}

static struct fg_engine *connect_to(int64_t timeout_ms)
{
	struct fg_engine *e = fg_engine_create(
		&(struct fg_engine_options){.url = "ssh://far", .timeout_ms = timeout_ms}, NULL);
	struct fg_engine_version v;
	struct fg_err err;

	ok(fg_engine_version(e, &v, &err) == 0, "an engine behind ssh");
	return e;
}

static void ask(void *arg)
{
	struct fg_engine_version v;

	fg_engine_version(arg, &v, NULL);
}

static void expect_note(const char *name, const char *meaning)
{
	for (int i = 0; i < 5000 && !has_note(name); i++)
		fg_task_sleep(2, NULL);
	ok(has_note(name), "%s", meaning);
}

/* A creation is lost on the kept connection, and the last end of an ssh is that of another one. */
static void test_other_end(const char *trouble)
{
	static const char *const notes[] = {
		"closed", "creator", "die", "post-1", "post-2", "post-3"};
	struct creation c = {.engine = connect_to(30000)};
	struct fg_task *creator, *other;

	creator = fg_task_spawn("create", create, &c);
	expect_note("post-1", "a creation has arrived");
	put_note(trouble);
	other = fg_task_spawn("ask", ask, c.engine);
	expect_note("closed", "another connection has come about and ended");
	put_note("die");
	fg_task_join(creator);
	fg_task_join(other);
	ok(c.rc < 0 && c.err.code == FG_ELOST,
		"%s elsewhere leaves open what became of it: %s (%d)", trouble, c.err.text,
		c.err.code);
	ok(!has_note("post-2"), "and it is not sent again");
	drop_note(trouble);
	for (size_t i = 0; i < FG_ARRAY_LEN(notes); i++)
		drop_note(notes[i]);
	fg_engine_destroy(c.engine);
}

/* Its own connection is another matter: nothing has arrived. */
static void test_own_end(void)
{
	struct fg_engine_version v;
	struct fg_engine *e;
	struct fg_err err;

	put_note("no-engine");
	e = fg_engine_create(&(struct fg_engine_options){.url = "ssh://far"}, NULL);
	ok(fg_engine_ping(e, &err) < 0 && err.code == FG_EUNREACHABLE &&
			strstr(err.text, "no engine runs there"),
		"no engine: %s", err.text);
	drop_note("no-engine");
	put_note("no-docker");
	ok(fg_engine_version(e, &v, &err) == 0, "without docker Podman's command is run at once");
	drop_note("no-docker");
	fg_engine_destroy(e);
}

static void test_standstill(void)
{
	struct fg_engine *e = connect_to(300);
	struct fg_err err;

	put_note("freeze");
	ok(fg_engine_ping(e, &err) < 0 && err.code == FG_ETIMEOUT &&
			strstr(err.text, "nothing came back through ssh in time"),
		"an engine that stands still, on a kept connection: %s", err.text);
	put_note("thaw");
	drop_note("freeze");
	drop_note("thaw");
	fg_engine_destroy(e);
}

/* What reaches ssh may reach the engine; what waits for its turn does not. */
static void test_unsent(void)
{
	struct fg_engine *e = connect_to(300);
	struct fg_err err;

	put_note("freeze");
	ok(fg_container_start(e, "web", &err) < 0 && fg_may_be_done(&err), "it may be done: %s", err.text);
	for (int i = 0; i < SSH_CALLS; i++)
		ssh_enter(e->ssh, FG_NEVER, NULL);
	ok(fg_container_start(e, "web", &err) < 0 && err.code == FG_ETIMEOUT && !fg_may_be_done(&err), "nothing was done: %s",
		err.text);
	for (int i = 0; i < SSH_CALLS; i++)
		ssh_leave(e->ssh);
	put_note("thaw");
	drop_note("freeze");
	drop_note("thaw");
	fg_engine_destroy(e);
}

/* What is missing here is told by its name. */
static void test_no_socket(void)
{
	struct fg_engine *e =
		fg_engine_create(&(struct fg_engine_options){.url = "ssh://far"}, NULL);
	cleanup_free char *deep = NULL;
	struct rlimit was, now;
	char name[101];
	struct fg_err err;
	int rc, next = dup(0);

	close(next);
	getrlimit(RLIMIT_NOFILE, &was);
	now = (struct rlimit){(rlim_t)next, was.rlim_max};
	setrlimit(RLIMIT_NOFILE, &now);
	rc = fg_engine_ping(e, &err);
	setrlimit(RLIMIT_NOFILE, &was);
	ok(rc < 0 && err.code == FG_EIO && strstr(err.text, "Too many open files"),
		"no descriptor is left: %s", err.text);
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	deep = note(name);
	ok(mkdir(deep, 0700) == 0 && setenv("TMPDIR", deep, 1) == 0 &&
			fg_engine_ping(e, &err) < 0 && strstr(err.text, "File name too long"),
		"a folder's name is too long: %s", err.text);
	unsetenv("TMPDIR");
	ok(rmdir(deep) == 0, "where nothing is left");
	fg_engine_destroy(e);
}

static void run(void *arg)
{
	(void)arg;
	test_other_end("no-engine");
	test_other_end("no-docker");
	test_own_end();
	test_standstill();
	test_unsent();
	test_no_socket();
	fg_http_finish();
}

int main(int argc, char **argv)
{
	cleanup_free char *self = realpath("/proc/self/exe", NULL), *ssh = NULL;
	const char *slash = strrchr(argv[0], '/');

	(void)argc;
	if (strcmp(slash ? slash + 1 : argv[0], "ssh") == 0) {
		snprintf(folder, sizeof(folder), "%s", getenv("PATH"));
		return be_ssh(argv);
	}
	snprintf(folder, sizeof(folder), "/tmp/fg-ssh-link-XXXXXX");
	if (!mkdtemp(folder))
		return 1;
	ssh = note("ssh");
	if (symlink(self, ssh) < 0 || setenv("PATH", folder, 1) < 0)
		return 1;
	fg_loop_run("tests", run, NULL);
	drop_note("ssh");
	rmdir(folder);
	return done_testing();
}
