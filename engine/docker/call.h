/*
 * The one path from an operation to HTTP and back to a result or an error; private to this room.
 *
 * A call names a path without the API version. The version is negotiated when it is not known, the
 * request is made, and every status but 2xx and 304 becomes an error with the engine's own message.
 * When the engine refuses the version (it was replaced by another one meanwhile), nothing has
 * happened there: the version is negotiated again and the call made once more.
 */
#ifndef FLEETGRAM_DOCKER_CALL_H
#define FLEETGRAM_DOCKER_CALL_H

#include "fleetgram/base/http.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/str.h"
#include "fleetgram/base/task.h"
#include "fleetgram/docker/engine.h"

#define FG_CAP_LIST (64u << 20)                 /* answers that grow with the number of things */
#define FG_CAP_OBJECT (16u << 20)               /* answers about one thing */
#define FG_CAP_ERROR (64u << 10)                /* what is read of an error */
#define FG_CAP_PATH (32u << 10)                 /* a path with its query */
#define FG_API_SIZE 16                          /* "1.41" and the like */
#define FG_LONGEST_MS (20LL * 24 * 3600 * 1000) /* curl counts in 31 bits of milliseconds */

struct fg_engine {
	char *name;        /* in metrics */
	char *url;         /* as configured, for messages */
	char *base;        /* "http://localhost" or "https://host:port" */
	char *unix_socket; /* NULL: TCP */
	struct ssh *ssh;   /* NULL: no ssh */
	char *ca, *cert, *key;
	int64_t timeout_ms;
	struct fg_lock lock;           /* one negotiates, the others wait for the outcome */
	bool known;                    /* seen holds */
	struct fg_engine_version seen; /* of the last negotiation, or of a ping */
	bool told;                     /* the last ping has said that it is as seen */
	uint64_t rounds;               /* negotiations that have ended, well or badly */
	int outcome;                   /* of the last one, 0 or -1 */
	bool shared;           /* it holds for everybody, not only for the task that met it */
	struct fg_err failure; /* when outcome is -1 */
	const struct fg_engine_observer *observer; /* NULL: nobody */
	void *observer_arg;
};

struct link; /* ssh.h */

struct fg_call {
	const char *method; /* NULL: GET */
	const char *path;   /* escaped, with its query, from the slash on */
	const cJSON *body;  /* NULL: none */
	const char *header; /* one more; NULL: none */
	int64_t timeout_ms; /* 0: the engine's; of a stream: until its headers */
	size_t cap;         /* of the answer; 0: FG_CAP_OBJECT */
	struct fg_str *lines; /* gets the answer's header lines; NULL: nobody wants them */
	bool unversioned;
};

/* rs has to be zeroed. 0 with a status of 2xx or 304, else -1. */
int fg_call_perform(struct fg_engine *engine, const struct fg_call *call,
	struct fg_http_response *rs, struct fg_err *err);

/* 1: done; 0: it was so already (304). */
int fg_call_action(struct fg_engine *engine, const struct fg_call *call, struct fg_err *err);

/* The answer as JSON of the type cJSON_Object or cJSON_Array, valid UTF-8 throughout; NULL on an
 * error. Caller deletes. */
cJSON *fg_call_json(
	struct fg_engine *engine, const struct fg_call *call, int type, struct fg_err *err);

/* An answer that is a list, row by row; no row is left after its each(). -1: some may have been
 * handed over by then. */
int fg_call_rows(struct fg_engine *engine, const struct fg_call *call,
	void (*each)(const cJSON *row, void *arg), void *arg, struct fg_err *err);

/* An answer that is read bit by bit; caller closes. */
struct fg_http_stream *fg_call_open(
	struct fg_engine *engine, const struct fg_call *call, struct fg_err *err);

/* After a request has failed with err: put into it what that means for this engine, and what to do.
 * dialled: the connection that ssh made for it, NULL: none. True: nothing of it arrived, and
 * another try may do better. */
bool fg_call_explain(struct fg_engine *engine, enum fg_http_trouble trouble, struct link *dialled,
	struct fg_err *err);

/* Start a path: "/containers/" ID "/json", the id escaped. FG_EINVAL for what can be no id. */
int fg_call_path(struct fg_str *path, const char *before, const char *id, const char *after,
	struct fg_err *err);

/* Turn the body of a refusal into an error. Always -1. */
int fg_call_refused(long status, const char *body, size_t len, struct fg_err *err);

/* Text from an engine as JSON. Bytes that are not UTF-8 are replaced in text, which has to be
 * writable. */
cJSON *fg_call_parse(struct fg_str *text, struct fg_err *err);

/* Make sure that a version is agreed on and copy it to api. deadline in monotonic ms. */
int fg_engine_agree(
	struct fg_engine *engine, int64_t deadline, char api[FG_API_SIZE], struct fg_err *err);
/* Whether it is Podman's service: 1 or 0, or -1 when it cannot be asked. For what Podman does
 * otherwise than Docker. */
int fg_engine_podman(struct fg_engine *engine, struct fg_err *err);
/*
 * Learn what a ping's headers Server and Api-Version say of a Podman: all but what it runs on.
 * Podman's /version has the machine's package manager look up who owns its programs, which takes
 * seconds of CPU: it is asked once, and may come late.
 */
void fg_engine_told(struct fg_engine *engine, const char *server, const char *api);
/* Forget the agreed version if it still is api (NULL: whatever it is). */
void fg_engine_forget(struct fg_engine *engine, const char *api);

/* -1, 0, 1 as a is older, the same, newer than b; INT_MIN when one of them is no version. */
int fg_api_compare(const char *a, const char *b);
/* What to speak with an engine that speaks minimum ("" when it names none) to newest. */
int fg_api_choose(
	const char *newest, const char *minimum, char api[FG_API_SIZE], struct fg_err *err);
/* Decode an engine's /version; server is the Server header. */
int fg_version_decode(
	const cJSON *doc, const char *server, struct fg_engine_version *out, struct fg_err *err);

#endif
