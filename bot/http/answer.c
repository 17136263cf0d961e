/* Answers as libmicrohttpd takes them. */
#include <string.h>
#include "fleetgram/base/json.h"
#include "fleetgram/base/mem.h"
#include "http/answer.h"

void answer_mark(struct MHD_Response *answer, const char *type)
{
	MHD_add_response_header(answer, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	MHD_add_response_header(answer, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
	MHD_add_response_header(answer, "X-Content-Type-Options", "nosniff");
}

struct MHD_Response *answer_create(const char *type, char *body)
{
	struct MHD_Response *answer =
		MHD_create_response_from_buffer(strlen(body), body, MHD_RESPMEM_MUST_FREE);

	if (!answer) {
		free(body);
		return NULL;
	}
	answer_mark(answer, type);
	return answer;
}

enum MHD_Result answer_send(
	struct MHD_Connection *connection, unsigned int status, struct MHD_Response *answer)
{
	enum MHD_Result rc;

	if (!answer)
		return MHD_NO;
	rc = MHD_queue_response(connection, status, answer);
	MHD_destroy_response(answer);
	return rc;
}

enum MHD_Result answer_error(struct MHD_Connection *connection, unsigned int status,
	const char *message, const char *name, const char *value)
{
	cleanup_json cJSON *doc = cJSON_CreateObject();
	cJSON *error = cJSON_AddObjectToObject(doc, "error");
	struct MHD_Response *answer;

	cJSON_AddNumberToObject(error, "code", status);
	cJSON_AddStringToObject(error, "message", message);
	answer = answer_create(ANSWER_JSON, fg_json_print(doc));
	if (answer && name)
		MHD_add_response_header(answer, name, value);
	return answer_send(connection, status, answer);
}

void answer_forget(struct answer_kept *kept)
{
	if (kept->answer)
		MHD_destroy_response(kept->answer);
	memset(kept, 0, sizeof(*kept));
}
