/* Who may ask: Host, Authorization and Accept. */
#include "fleetgram/base/mem.h"
#include "http/access.h"
#include "tap.h"

static const struct {
	const char *host;
	bool local;
} hosts[] = {
	{"localhost", true},
	{"LocalHost:3000", true},
	{"localhost.", true},
	{"127.0.0.1", true},
	{"127.0.0.1:1", true},
	{"127.255.3.4:65535", true},
	{"[::1]", true},
	{"[::1]:3000", true},
	{"", false},
	{":3000", false},
	{"example.org", false},
	{"localhost.example.org", false},
	{"127.0.0.1.example.org", false},
	{"127.0.0.1@example.org", false},
	{"127.1", false},
	{"128.0.0.1", false},
	{"0.0.0.0", false},
	{"[::1", false},
	{"[::1]x", false},
	{"[::2]", false},
	{"localhost:", true},
	{"localhost:3000x", false},
	{"localhost:123456", false},
	{"localhost :3000", false},
	{"localhost/", false},
	{"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false},
};

static const struct {
	const char *header, *token;
	bool good;
} bearers[] = {
	{"Bearer secret", "secret", true},
	{"bearer  secret", "secret", true},
	{"Bearer secret ", "secret", false},
	{"Bearer secre", "secret", false},
	{"Bearer secrets", "secret", false},
	{"Bearer Secret", "secret", false},
	{"Bearersecret", "secret", false},
	{"Bearer", "secret", false},
	{"Bearer ", "secret", false},
	{"Basic secret", "secret", false},
	{"secret", "secret", false},
	{"", "secret", false},
	{NULL, "secret", false},
	{"Bearer ", "", false},
	{"Bearer", "", false},
};

static const struct {
	const char *accept;
	bool html;
} accepts[] = {
	{NULL, false},
	{"", false},
	{"*/*", false},
	{"application/json", false},
	{"text/html", true},
	{"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", true},
	{"application/json, text/html;q=0.5", true},
	{"text/html;q=0, */*", false},
	{"text/html; q=0.0, */*", false},
	{"text/html;q=0.1", true},
	{"text/html-partial", false},
};

int main(void)
{
	for (size_t i = 0; i < FG_ARRAY_LEN(hosts); i++)
		ok(access_host_is_local(hosts[i].host) == hosts[i].local, "Host \"%s\" is %s",
			hosts[i].host, hosts[i].local ? "this machine" : "foreign");
	for (size_t i = 0; i < FG_ARRAY_LEN(bearers); i++)
		ok(access_bearer(bearers[i].header, bearers[i].token) == bearers[i].good,
			"\"%s\" is %s for \"%s\"", bearers[i].header ? bearers[i].header : "(none)",
			bearers[i].good ? "right" : "wrong", bearers[i].token);
	for (size_t i = 0; i < FG_ARRAY_LEN(accepts); i++)
		ok(access_wants_html(accepts[i].accept) == accepts[i].html, "Accept \"%s\": %s",
			accepts[i].accept ? accepts[i].accept : "(none)",
			accepts[i].html ? "the page" : "JSON");
	return done_testing();
}
