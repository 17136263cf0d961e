/* What an ssh that failed has said, and what an operator can do about it. */
#include <ctype.h>
#include <string.h>
#include <strings.h>
#include "fleetgram/base/language.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/str.h"
#include "fleetgram/base/text.h"
#include "ssh.h"

#define SSH_FAILED 255
#define DETAIL 300 /* bytes of its own words that are shown */

enum about { ABOUT_NOTHING, ABOUT_KEY, ABOUT_KNOWN_HOSTS, ABOUT_USER };

/* The first row whose words are all there counts, whatever their case. */
static const struct {
	bool far; /* said by the far side, once ssh was in; else by ssh, which then got nowhere */
	const char *words[2];
	enum about about;
	const char *advice;
} rows[] = {
	{false, {"remote host identification has changed"}, ABOUT_KNOWN_HOSTS,
		FG_TEXT("the host has another key than the known one. Somebody may be in between; if "
			"it has really got a new one, put that in the place of the old one in the "
			"known hosts")},
	{false, {"host key is known for"}, ABOUT_KNOWN_HOSTS,
		FG_TEXT("the host's key is not known here. Take it from the host itself, or from "
			"ssh-keyscan and compare the fingerprint, and add it to the known hosts")},
	{false, {"revoked"}, ABOUT_KNOWN_HOSTS,
		FG_TEXT("the host's key is marked as revoked; it needs a new one")},
	{false, {"host key verification failed"}, ABOUT_KNOWN_HOSTS,
		FG_TEXT("the host's key could not be checked; look at the known hosts")},
	{false, {"no matching"}, ABOUT_NOTHING,
		FG_TEXT("this ssh and the host's have no algorithm in common; one of them is too old")},
	{false, {"unprotected private key"}, ABOUT_KEY,
		FG_TEXT("ssh does not use a key that others can read; chmod 600")},
	{false, {"incorrect passphrase"}, ABOUT_KEY,
		FG_TEXT("the key has a passphrase, which nobody is there to type; use one without, or an "
			"agent")},
	{false, {"load key", "invalid format"}, ABOUT_KEY,
		FG_TEXT("this is no private key that ssh can read")},
	{false, {"load key", "error in libcrypto"}, ABOUT_KEY,
		FG_TEXT("this is no private key that ssh can read, or it has a passphrase")},
	{false, {"load key", "permission denied"}, ABOUT_KEY,
		FG_TEXT("the key cannot be read; it has to belong to the user that Fleetgram runs as")},
	{false, {"too many authentication failures"}, ABOUT_NOTHING,
		FG_TEXT("the host gave up before the right key was tried; name it as the host's ssh.key")},
	{false, {"permission denied ("}, ABOUT_USER,
		FG_TEXT("the host refuses the login; check that the public key is in authorized_keys "
			"there, that the key has no passphrase, and the user")},
	{false, {"could not resolve hostname"}, ABOUT_NOTHING,
		FG_TEXT("the host's name has no address; check its spelling and the DNS")},
	{false, {"connect to host", "connection refused"}, ABOUT_NOTHING,
		FG_TEXT("nobody listens there; does sshd run, and is the port right?")},
	{false, {"connect to host", "timed out"}, ABOUT_NOTHING,
		FG_TEXT("the host does not answer; is it up, and does a firewall let ssh through?")},
	{false, {"timed out during banner exchange"}, ABOUT_NOTHING,
		FG_TEXT("what listens there does not answer; does sshd run, and is the port right?")},
	{false, {"connect to host", "no route to host"}, ABOUT_NOTHING,
		FG_TEXT("no way leads to the host; is it up, and the network right?")},
	{false, {"connect to host", "network is unreachable"}, ABOUT_NOTHING,
		FG_TEXT("no way leads to the host; is it up, and the network right?")},
	{false, {"kex_exchange_identification"}, ABOUT_NOTHING,
		FG_TEXT("the host hung up before the login; is it sshd that listens there, and does it "
			"let so many log in (MaxStartups)?")},
	{false, {"bad configuration option"}, ABOUT_NOTHING,
		FG_TEXT("ssh does not take its options; OpenSSH 7.6 or newer is needed")},
	{false, {"terminating,", "bad configuration"}, ABOUT_NOTHING,
		FG_TEXT("ssh cannot read its own config")},
	{true, {"permission denied", "dial unix"}, ABOUT_USER,
		FG_TEXT("the user may not use the engine's socket there; add it to the group docker")},
	{true, {"dial unix", "no such file"}, ABOUT_NOTHING,
		FG_TEXT("no engine runs there; start it, or set DOCKER_HOST for that login")},
	{true, {"dial unix", "connection refused"}, ABOUT_NOTHING,
		FG_TEXT("no engine runs there; start it")},
	{true, {"failed to open the raw stream connection"}, ABOUT_NOTHING,
		FG_TEXT("the engine cannot be reached from there; does it run?")},
	{true, {"is not a docker command"}, ABOUT_NOTHING,
		FG_TEXT("the docker command there is too old: 18.09 or newer is needed")},
	{true, {"unrecognized command"}, ABOUT_NOTHING,
		FG_TEXT("the podman command there is too old: 4.2 or newer is needed")},
	{true, {"cannot connect to the docker daemon"}, ABOUT_NOTHING,
		FG_TEXT("no engine runs there; start it")},
};

static bool says(const char *said, const char *const words[2])
{
	return strcasestr(said, words[0]) && (!words[1] || strcasestr(said, words[1]));
}

/* The line of it that has the word, else the last that is not blank; cleaned. */
static void pick_line(const char *said, const char *word, struct fg_str *out)
{
	const char *best = "", *line = said;
	size_t best_len = 0;

	while (*line) {
		size_t len = strcspn(line, "\r\n"), blank = strspn(line, " \t");
		cleanup_free char *copy = fg_strndup(line, len);

		if (blank < len) {
			best = line;
			best_len = len;
		}
		if (word && strcasestr(copy, word))
			break;
		line += len + strspn(line + len, "\r\n");
	}
	if (best_len > 5 && strncmp(best, "ssh: ", 5) == 0) {
		best += 5;
		best_len -= 5;
	}
	fg_text_clean_line(out, best, best_len);
}

static const char *subject(const struct ssh_route *route, enum about about)
{
	const char *of[] = {
		[ABOUT_KEY] = route->key,
		[ABOUT_KNOWN_HOSTS] =
			route->known_hosts ? route->known_hosts : "~/.ssh/known_hosts",
		[ABOUT_USER] = route->user,
	};

	return about == ABOUT_NOTHING ? NULL : of[about];
}

static void tell(const struct ssh_route *route, const char *said, enum fg_err_code code,
	const char *advice, enum about about, const char *word, struct fg_err *err)
{
	cleanup_str struct fg_str detail = {0};
	const char *what = subject(route, about);

	fg_str_init(&detail, DETAIL);
	pick_line(said, word, &detail);
	fg_fail(err, code, "%s%s%s%s%s%s", fg_tr(advice), what ? ": " : "", what ? what : "",
		detail.len ? " (ssh: " : "", detail.s, detail.len ? ")" : "");
}

void ssh_words(const struct ssh_route *route, const struct ssh_end *end, struct fg_err *err)
{
	bool far = end->status != SSH_FAILED;

	for (size_t i = 0; i < FG_ARRAY_LEN(rows); i++)
		if (rows[i].far == far && says(end->said, rows[i].words)) {
			tell(route, end->said, FG_EUNREACHABLE, rows[i].advice, rows[i].about,
				rows[i].words[0], err);
			return;
		}
	if (end->status == SSH_NOT_FOUND)
		tell(route, end->said, FG_EUNREACHABLE,
			FG_TEXT("there is no docker or podman command there, or it is not in the PATH "
				"of a login without a terminal"),
			ABOUT_NOTHING, NULL, err);
	else if (far)
		tell(route, end->said, err->code, FG_TEXT("the command on the far side has ended"),
			ABOUT_NOTHING, NULL, err);
	else
		tell(route, end->said, err->code, FG_TEXT("the connection broke"), ABOUT_NOTHING,
			NULL, err);
}
