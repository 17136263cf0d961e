/* Connections that did not come about: what that means for an engine, and what to do. */
#include "call.h"
#include "fleetgram/base/language.h"
#include "fleetgram/base/mem.h"
#include "ssh.h"

static const char *const advice[] = {
	[FG_TROUBLE_AUTHORITY] =
		FG_TEXT("nobody who is trusted here has signed the engine's "
			"certificate; name the authority that did, as the host's tls.ca"),
	[FG_TROUBLE_CERTIFICATE] =
		FG_TEXT("the engine does not let this certificate in, or wants one; "
			"name one that its authority has signed, as the host's "
			"tls.cert and tls.key"),
	[FG_TROUBLE_EXPIRED] =
		FG_TEXT("the engine's certificate is not valid today; renew it there, and "
			"check the clocks of both machines"),
	[FG_TROUBLE_FILES] =
		FG_TEXT("a certificate or key cannot be used; look at the host's tls files: "
			"PEM, readable for Fleetgram, the key without a passphrase"),
	[FG_TROUBLE_FORBIDDEN] =
		FG_TEXT("Fleetgram may not use the socket; run it as a user in the "
			"socket's group, often docker"),
	[FG_TROUBLE_MISSING] = FG_TEXT("there is no such socket; does the engine run?"),
	[FG_TROUBLE_NAME] =
		FG_TEXT("the host's name has no address; check its spelling and the DNS"),
	[FG_TROUBLE_OTHER_NAME] =
		FG_TEXT("the engine's certificate is for another name; use one of its "
			"names in the host's url, or have one made for this one"),
	[FG_TROUBLE_PLAIN] =
		FG_TEXT("the port does not speak TLS; use the engine's TLS port, often 2376, "
			"or take the tls files away from the host"),
	[FG_TROUBLE_REFUSED] =
		FG_TEXT("nobody listens there; does the engine run, and is the address "
			"right?"),
	[FG_TROUBLE_ROUTE] = FG_TEXT("no way leads to the host; is it up, and the network right?"),
	[FG_TROUBLE_SILENT] = FG_TEXT("no connection came about in time; is the host up, does its "
				      "engine answer, and does a firewall let this port through?"),
	[FG_TROUBLE_STALLED] =
		FG_TEXT("the engine has not answered in time; it may be overloaded, or "
			"stand still"),
};

/* A connection to ssh always comes about. */
static void ssh_silence(struct fg_err *err)
{
	struct fg_err was = *err;

	fg_fail(err, was.code,
		"nothing came back through ssh in time; the host or its engine stands still, or the "
		"way there is slow (%s)",
		was.text);
}

/* The words of whoever noticed it say little. What an ssh says that was not started for this
 * request is about another one. */
static void loss(struct fg_err *err)
{
	struct fg_err was = *err;

	fg_fail(err, was.code, "%s (%s)", fg_tr(FG_TEXT("the connection broke")), was.text);
}

/* Bytes that are no HTTP, before any answer. */
static void ssh_noise(struct fg_err *err)
{
	struct fg_err was = *err;

	fg_fail(err, FG_EPROTO,
		"what comes back is not the engine's; does the login there print something? Its "
		"shell's start-up files have to be silent (%s)",
		was.text);
}

bool fg_call_explain(struct fg_engine *engine, enum fg_http_trouble trouble, struct link *dialled,
	struct fg_err *err)
{
	struct fg_err was = *err;

	if (err->code == FG_ECANCELED)
		return false;
	if (engine->ssh) {
		if (err->code == FG_EPROTO) {
			ssh_noise(err);
			return false;
		}
		if (trouble == FG_TROUBLE_STALLED)
			ssh_silence(err);
		else if (err->code == FG_ELOST)
			loss(err);
		return ssh_explain(engine->ssh, dialled, err);
	}
	if (trouble >= FG_ARRAY_LEN(advice) || !advice[trouble]) {
		if (err->code == FG_ELOST)
			loss(err);
		return false;
	}
	fg_fail(err, was.code, "%s (%s)", fg_tr(advice[trouble]), was.text);
	err->status = was.status;
	return false;
}
