/*
 * Clones from canned inspect documents: what is the image's own or the engine's is left out, all the rest is kept.
 */
#include "replace/clone.h"
#include <stdlib.h>
#include "fleetgram/base/json.h"
#include "fleetgram/base/mem.h"
#include "tap.h"

#define ID "98ab2f353efdafed5c5fdf9222d68a7a691c97906df080f6985e88d8d83d3b94"
#define SHORT "98ab2f353efd"

static cJSON *json(const char *text)
{
	struct fg_err err;
	cJSON *doc = fg_json_parse(text, strlen(text), &err);

	if (!doc)
		diag("bad test: %s: %s", text, err.text);
	return doc;
}

static char *canonical(const cJSON *item)
{
	struct fg_str out;

	fg_str_init(&out, 1 << 20);
	fg_json_canonical(&out, item);
	return fg_str_take(&out);
}

static void same(const cJSON *got, const char *want, const char *what)
{
	cleanup_json cJSON *doc = json(want);
	cleanup_free char *a = canonical(got), *b = canonical(doc);

	is_str(a, b, what);
}

/* The members of Config: the container's, its image's, and those of the body beside Image and HostConfig. */
static const struct {
	const char *what, *config, *image, *body;
} configs[] = {
	{"nothing is nothing", "", "", ""},
	{"an image's command is left out", "'Cmd':['a']", "'Cmd':['a']", ""},
	{"another command stays", "'Cmd':['b']", "'Cmd':['a']", "'Cmd':['b']"},
	{"an image's entrypoint is left out, the command stays", "'Entrypoint':['e'],'Cmd':['b']",
		"'Entrypoint':['e'],'Cmd':['a']", "'Cmd':['b']"},
	{"with another entrypoint the same command is the user's", "'Entrypoint':['f'],'Cmd':['a']",
		"'Entrypoint':['e'],'Cmd':['a']", "'Entrypoint':['f'],'Cmd':['a']"},
	{"the same entrypoint without the image's command was asked for", "'Entrypoint':['e'],'Cmd':null",
		"'Entrypoint':['e'],'Cmd':['a']", "'Entrypoint':['e'],'Cmd':null"},
	{"an entrypoint that was taken away is taken away again", "'Entrypoint':null,'Cmd':['b']",
		"'Entrypoint':['e'],'Cmd':['a']", "'Entrypoint':[''],'Cmd':['b']"},
	{"none and empty are the same", "'Entrypoint':null,'Cmd':['b']", "'Entrypoint':[],'Cmd':['a']", "'Cmd':['b']"},
	{"the environment entry by entry", "'Env':['U=1','A=2','B=1','PATH=/bin']", "'Env':['A=1','B=1','PATH=/bin']",
		"'Env':['U=1','A=2']"},
	{"an environment without an image's", "'Env':['U=1']", "'Env':null", "'Env':['U=1']"},
	{"labels entry by entry", "'Labels':{'u':'1','i':'1','o':'2'}", "'Labels':{'i':'1','o':'1'}", "'Labels':{'u':'1','o':'2'}"},
	{"ports entry by entry", "'ExposedPorts':{'80/tcp':{},'81/tcp':{}}", "'ExposedPorts':{'80/tcp':{}}",
		"'ExposedPorts':{'81/tcp':{}}"},
	{"volumes entry by entry", "'Volumes':{'/a':{},'/b':{}}", "'Volumes':{'/a':{}}", "'Volumes':{'/b':{}}"},
	{"a whole check that is the image's", "'Healthcheck':{'Test':['CMD','t'],'Retries':3}",
		"'Healthcheck':{'Test':['CMD','t'],'Retries':3}", ""},
	{"of a check the fields that are not", "'Healthcheck':{'Test':['CMD','t'],'Interval':5}", "'Healthcheck':{'Test':['CMD','t']}",
		"'Healthcheck':{'Interval':5}"},
	{"a check that was switched off", "'Healthcheck':{'Test':['NONE']}", "'Healthcheck':{'Test':['CMD','t']}",
		"'Healthcheck':{'Test':['NONE']}"},
	{"single values", "'User':'u','WorkingDir':'/w','StopSignal':'HUP','Shell':['s']",
		"'User':'u','WorkingDir':'/x','StopSignal':'HUP','Shell':['s']", "'WorkingDir':'/w'"},
	{"what no image has", "'Tty':true,'OpenStdin':true,'StopTimeout':7,'Domainname':'d','Hostname':'h'", "",
		"'Tty':true,'OpenStdin':true,'StopTimeout':7,'Domainname':'d','Hostname':'h'"},
	{"a hostname that is the id", "'Hostname':'" SHORT "'", "", ""},
	{"fields that nobody has heard of", "'Newest':{'a':[1]}", "'Newest':{'a':[2]}", "'Newest':{'a':[1]}"},
};

static char *quoted(const char *format, const char *a)
{
	char *text = fg_printf("%s%s%s", format, *a ? "," : "", a);

	for (char *p = text; *p; p++)
		if (*p == '\'')
			*p = '"';
	return text;
}

static char *object(const char *first, const char *more, const char *end)
{
	cleanup_free char *body = quoted(first, more);

	return fg_printf("{%s%s}", body, end);
}

static void test_config(void)
{
	for (size_t i = 0; i < FG_ARRAY_LEN(configs); i++) {
		cleanup_free char *config = object("'Image':'old'", configs[i].config, "");
		cleanup_free char *image = object("'X':0", configs[i].image, "");
		cleanup_free char *want = object("'Image':'new'", configs[i].body, ",\"HostConfig\":{\"NetworkMode\":\"none\"}");
		cleanup_free char *c = fg_printf("{\"Id\":\"" ID "\",\"Config\":%s,\"HostConfig\":{\"NetworkMode\":\"none\"}}", config);
		cleanup_free char *m = fg_printf("{\"Config\":%s}", image);
		cleanup_json cJSON *container = json(c), *from = json(m);
		cleanup_json cJSON *body = clone_body(&(struct clone){.container = container, .from = from, .image = "new"});

		same(body, want, configs[i].what);
	}
}

static cJSON *clone(const char *container, const char *image)
{
	cleanup_json cJSON *c = json(container), *i = image ? json(image) : NULL;

	return clone_body(&(struct clone){.container = c, .from = i, .image = "new"});
}

static void test_published(void)
{
	cleanup_json cJSON *body = clone("{\"Id\":\"" ID "\",\"Config\":{\"ExposedPorts\":{\"80/tcp\":{},\"81/tcp\":{}}},"
		"\"HostConfig\":{\"NetworkMode\":\"none\",\"PortBindings\":{\"80/tcp\":[{\"HostPort\":\"8080\"}]}}}",
		"{\"Config\":{\"ExposedPorts\":{\"80/tcp\":{},\"81/tcp\":{}}}}");

	same(fg_json_get(body, "ExposedPorts"), "{\"80/tcp\":{}}", "a port that is published is asked for, whatever the next image says");
}

static void test_image_gone(void)
{
	cleanup_json cJSON *body = clone("{\"Id\":\"" ID "\",\"Config\":{\"Env\":[\"A=1\"],\"Cmd\":[\"c\"],\"Entrypoint\":null},"
		"\"HostConfig\":{\"NetworkMode\":\"none\"}}", NULL);

	same(body, "{\"Image\":\"new\",\"Env\":[\"A=1\"],\"Cmd\":[\"c\"],\"Entrypoint\":null,\"HostConfig\":{\"NetworkMode\":\"none\"}}",
		"without the old image everything is kept");
}

/* Networks: the mode, a MAC address beside them, the networks as inspect shows them, and as they are asked for. */
static const struct {
	const char *what, *mode, *mac, *networks, *want;
} networks[] = {
	{"the default network, nothing asked for", "default", "", "{\"bridge\":{\"Aliases\":null,\"IPAMConfig\":null,\"IPAddress\":\"1.2.3.4\","
		"\"MacAddress\":\"02:42:ac:11:00:02\",\"NetworkID\":\"n1\",\"GwPriority\":0}}", "{\"bridge\":{}}"},
	{"a MAC address there", "default", "02:00:00:00:00:01", "{\"bridge\":{}}", "{\"bridge\":{\"MacAddress\":\"02:00:00:00:00:01\"}}"},
	{"two networks", "one", "02:00:00:00:00:01",
		"{\"two\":{\"Aliases\":[\"b\",\"h\",\"" SHORT "\",\"h\"],\"MacAddress\":\"x\"},"
		"\"one\":{\"Aliases\":[\"a\",\"" SHORT "\"],\"IPAMConfig\":{\"IPv4Address\":\"10.0.0.9\"},\"Links\":[\"db:db\"],"
		"\"DriverOpts\":{\"k\":\"v\"},\"DNSNames\":[\"web\"],\"GwPriority\":5}}",
		"{\"one\":{\"Aliases\":[\"a\"],\"IPAMConfig\":{\"IPv4Address\":\"10.0.0.9\"},\"Links\":[\"db:db\"],\"DriverOpts\":{\"k\":\"v\"},"
		"\"GwPriority\":5,\"MacAddress\":\"02:00:00:00:00:01\"},\"two\":{\"Aliases\":[\"b\",\"h\"]}}"},
	{"only the id among the aliases", "one", "", "{\"one\":{\"Aliases\":[\"" SHORT "\"],\"IPAMConfig\":{}}}", "{\"one\":{}}"},
	{"a mode that is a network's id", "n1", "", "{\"one\":{\"NetworkID\":\"n1\",\"Aliases\":[\"a\"]}}", "{\"n1\":{\"Aliases\":[\"a\"]}}"},
	{"a first network that was left", "one", "02:00:00:00:00:01", "{\"two\":{}}", "{\"two\":{}}"},
	{"no network any more", "one", "", "{}", "{}"},
	{"none", "none", "", "{\"none\":{}}", NULL},
	{"the host's", "host", "", "{\"host\":{}}", NULL},
	{"another container's", "container:" ID, "", "{}", NULL},
};

static void test_networks(void)
{
	for (size_t i = 0; i < FG_ARRAY_LEN(networks); i++) {
		cleanup_free char *c = fg_printf("{\"Id\":\"" ID "\",\"Config\":{\"MacAddress\":\"%s\",\"Hostname\":\"h\"},\"HostConfig\":{\"NetworkMode\":\"%s\"},"
			"\"NetworkSettings\":{\"Networks\":%s}}", networks[i].mac, networks[i].mode, networks[i].networks);
		cleanup_json cJSON *body = clone(c, NULL);

		if (networks[i].want)
			same(fg_json_path(body, "NetworkingConfig.EndpointsConfig"), networks[i].want, networks[i].what);
		else
			ok(!fg_json_get(body, "NetworkingConfig"), "%s: no endpoints", networks[i].what);
	}
}

static void test_shared(void)
{
	cleanup_json cJSON *body = clone("{\"Id\":\"" ID "\",\"Config\":{\"Hostname\":\"other\",\"Domainname\":\"d\",\"ExposedPorts\":{\"1/tcp\":{}},"
		"\"MacAddress\":\"x\"},\"HostConfig\":{\"NetworkMode\":\"container:abcd\",\"PidMode\":\"container:abcd\",\"IpcMode\":\"container:ef\","
		"\"PortBindings\":{\"1/tcp\":[]},\"Memory\":5}}", NULL);

	same(body, "{\"Image\":\"new\",\"HostConfig\":{\"NetworkMode\":\"container:abcd\",\"PidMode\":\"container:abcd\","
		"\"IpcMode\":\"container:ef\",\"Memory\":5}}", "what shares a network has no name and no ports of its own");
	clone_redirect(body, "abcd", "1234");
	same(fg_json_get(body, "HostConfig"), "{\"NetworkMode\":\"container:1234\",\"PidMode\":\"container:1234\","
		"\"IpcMode\":\"container:ef\",\"Memory\":5}", "references are changed, others are not");
	cJSON_Delete(body);
	body = clone("{\"Id\":\"" ID "\",\"Config\":{\"Hostname\":\"h\"},\"HostConfig\":{\"NetworkMode\":\"none\",\"UTSMode\":\"host\"}}", NULL);
	ok(!fg_json_get(body, "Hostname"), "with the host's name there is none to be set");
}

static const char mounts[] = "{\"Id\":\"" ID "\",\"Config\":{\"Volumes\":{\"/anon\":{},\"/ro\":{},\"/gone\":{}}},"
	"\"HostConfig\":{\"NetworkMode\":\"none\",\"Binds\":[\"named:/nv\",\"/ab\",\"/rel:ro\",\"/host:/h:ro\"],"
	"\"Mounts\":[{\"Type\":\"volume\",\"Target\":\"/am\"},{\"Type\":\"volume\",\"Source\":\"n2\",\"Target\":\"/n2\"},{\"Type\":\"tmpfs\",\"Target\":\"/t\"}]},"
	"\"Mounts\":[{\"Type\":\"volume\",\"Name\":\"v1\",\"Destination\":\"/anon\",\"RW\":true},"
	"{\"Type\":\"volume\",\"Name\":\"v2\",\"Destination\":\"/ro\",\"RW\":false},"
	"{\"Type\":\"volume\",\"Name\":\"v3\",\"Destination\":\"/ab\",\"RW\":true},"
	"{\"Type\":\"volume\",\"Source\":\"/d/volumes/" ID "/_data\",\"Destination\":\"/rel\",\"RW\":false},"
	"{\"Type\":\"volume\",\"Name\":\"v5\",\"Destination\":\"/am\",\"RW\":true},"
	"{\"Type\":\"volume\",\"Name\":\"named\",\"Destination\":\"/nv\",\"RW\":true},"
	"{\"Type\":\"volume\",\"Name\":\"n2\",\"Destination\":\"/n2\",\"RW\":true},"
	"{\"Type\":\"volume\",\"Name\":\"v6\",\"Destination\":\"/gone\",\"RW\":true},"
	"{\"Type\":\"volume\",\"Name\":\"v7\",\"Destination\":\"/of-another\",\"RW\":true},"
	"{\"Type\":\"bind\",\"Source\":\"/host\",\"Destination\":\"/h\",\"RW\":false}]}";

static void test_volumes(void)
{
	cleanup_json cJSON *container = json(mounts), *body = clone_body(&(struct clone){.container = container, .image = "new"});
	cleanup_json cJSON *other = json("{\"Volumes\":{\"/anon\":{}},\"HostConfig\":{\"Binds\":[\"x:/ab\"]}}");
	cleanup_json cJSON *image = json("{\"Config\":{\"Volumes\":{\"/ro\":{}}}}");
	cleanup_str struct fg_str left = {0};

	clone_volumes(body, container, NULL, NULL);
	same(fg_json_path(body, "HostConfig.Binds"), "[\"named:/nv\",\"v3:/ab\",\"" ID ":/rel:ro\",\"/host:/h:ro\"]",
		"a bind without a source gets its volume");
	same(fg_json_path(body, "HostConfig.Mounts"),
		"[{\"Type\":\"volume\",\"Target\":\"/am\",\"Source\":\"v5\"},{\"Type\":\"volume\",\"Source\":\"n2\",\"Target\":\"/n2\"},"
		"{\"Type\":\"tmpfs\",\"Target\":\"/t\"},{\"Type\":\"volume\",\"Source\":\"v1\",\"Target\":\"/anon\"},"
		"{\"Type\":\"volume\",\"Source\":\"v2\",\"Target\":\"/ro\",\"ReadOnly\":true},"
		"{\"Type\":\"volume\",\"Source\":\"v6\",\"Target\":\"/gone\"}]",
		"anonymous volumes are carried over, those of other containers are not");
	fg_str_init(&left, 4096);
	clone_volumes(other, container, image, &left);
	same(other, "{\"Volumes\":{\"/anon\":{}},\"HostConfig\":{\"Binds\":[\"x:/ab\"],"
		"\"Mounts\":[{\"Type\":\"volume\",\"Source\":\"v1\",\"Target\":\"/anon\"},"
		"{\"Type\":\"volume\",\"Source\":\"v2\",\"Target\":\"/ro\",\"ReadOnly\":true}]}}",
		"into another body only where it or the image wants a volume");
	ok(strstr(left.s, "volume v6 of /gone") && strstr(left.s, "of /am") && strstr(left.s, "of /rel") && !strstr(left.s, "of /ab"),
		"the others are named: %s", left.s);
}

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde"

/* After a first replacement an anonymous volume is named, by the name that the engine gave it. */
static void test_volumes_again(void)
{
	cleanup_json cJSON *container = json("{\"Id\":\"" ID "\",\"Config\":{},\"HostConfig\":{\"Binds\":[\"" HEX "0:/b\",\"" HEX "3:/cd\",\"mine:/m\"],"
		"\"Mounts\":[{\"Type\":\"volume\",\"Source\":\"" HEX "1\",\"Target\":\"/a\"},{\"Type\":\"volume\",\"Source\":\"own\",\"Target\":\"/o\"}]},"
		"\"Mounts\":[{\"Type\":\"volume\",\"Name\":\"" HEX "0\",\"Destination\":\"/b\",\"RW\":true},"
		"{\"Type\":\"volume\",\"Name\":\"" HEX "1\",\"Destination\":\"/a\",\"RW\":true},"
		"{\"Type\":\"volume\",\"Name\":\"" HEX "2\",\"Destination\":\"/cd\",\"RW\":true},"
		"{\"Type\":\"volume\",\"Name\":\"mine\",\"Destination\":\"/m\",\"RW\":true},"
		"{\"Type\":\"volume\",\"Name\":\"own\",\"Destination\":\"/o\",\"RW\":true}]}");
	cleanup_json cJSON *body = json("{\"HostConfig\":{\"Binds\":[\"/b:ro\"]}}");
	cleanup_json cJSON *image = json("{\"Config\":{\"Volumes\":{\"/a\":{},\"/cd\":{},\"/m\":{},\"/o\":{}}}}");
	cleanup_str struct fg_str left = {0};

	fg_str_init(&left, 4096);
	clone_volumes(body, container, image, &left);
	same(body, "{\"HostConfig\":{\"Binds\":[\"" HEX "0:/b:ro\"],\"Mounts\":[{\"Type\":\"volume\",\"Source\":\"" HEX "1\",\"Target\":\"/a\"}]}}",
		"an anonymous volume that was carried over once is carried over again, one with a name of its own is not");
	ok(!left.len, "and none is left: %s", left.len ? left.s : "");
}

/* Podman's words for what was asked for are not those that it takes. */
static void test_podman(void)
{
	cleanup_json cJSON *container = json("{\"Config\":{\"Hostname\":\"0123456789ab\"}}");
	cleanup_json cJSON *body = json("{\"Env\":[\"A=b\",\"container=podman\",\"HOSTNAME=0123456789ab\",\"HOSTNAME=x\"],\"HostConfig\":{\"NanoCpus\":5,"
		"\"CpuPeriod\":1,\"CpuQuota\":1,\"MemorySwappiness\":0,\"Ulimits\":[{\"Name\":\"RLIMIT_NOFILE\"},{\"Name\":\"core\"}]}}");
	cleanup_json cJSON *quota = json("{\"HostConfig\":{\"NanoCpus\":0,\"CpuQuota\":1,\"MemorySwappiness\":5}}");

	clone_podman(body, container);
	same(body, "{\"Env\":[\"A=b\",\"HOSTNAME=x\"],\"HostConfig\":{\"NanoCpus\":5,\"Ulimits\":[{\"Name\":\"nofile\"},{\"Name\":\"core\"}]}}",
		"in Podman's words");
	clone_podman(quota, container);
	same(quota, "{\"HostConfig\":{\"NanoCpus\":0,\"CpuQuota\":1,\"MemorySwappiness\":5}}", "a quota alone stays");
}

int main(void)
{
	test_config();
	test_published();
	test_image_gone();
	test_networks();
	test_shared();
	test_volumes();
	test_volumes_again();
	test_podman();
	return done_testing();
}
