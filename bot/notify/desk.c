/* The tasks of the desk. */
#include "fleetgram/base/mem.h"
#include "fleetgram/base/task.h"
#include "notify/desk.h"
#include "notify/digest.h"
#include "notify/hold.h"
#include "notify/itself.h"

struct desk {
	struct app *app;
	struct digest *digest;
};

struct desk *desk_create(struct app *app, struct fg_err *err)
{
	struct desk *desk = fg_alloc(sizeof(*desk));

	desk->app = app;
	app->hold = hold_create(app, err);
	app->itself = app->hold ? itself_create(app, err) : NULL;
	desk->digest = app->itself ? digest_create(app, err) : NULL;
	if (desk->digest)
		return desk;
	desk_destroy(desk);
	return NULL;
}

void desk_destroy(struct desk *desk)
{
	if (!desk)
		return;
	hold_destroy(desk->app->hold);
	itself_destroy(desk->app->itself);
	digest_destroy(desk->digest);
	desk->app->hold = NULL;
	desk->app->itself = NULL;
	free(desk);
}

void desk_kick(struct desk *desk)
{
	hold_kick(desk->app->hold);
	digest_kick(desk->digest);
}

void desk_run(void *arg)
{
	struct desk *desk = arg;
	struct fg_task *tasks[] = {
		fg_task_spawn("notices", hold_run, desk->app->hold),
		fg_task_spawn("digest", digest_run, desk->digest),
	};

	itself_run(desk->app->itself);
	for (size_t i = 0; i < FG_ARRAY_LEN(tasks); i++)
		fg_task_cancel(tasks[i]);
	for (size_t i = 0; i < FG_ARRAY_LEN(tasks); i++)
		fg_task_join(tasks[i]);
}
