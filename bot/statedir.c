/* The state folder: made, or only tried. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "fleetgram/base/mem.h"
#include "statedir.h"

/* path is cut where that fails. *made: how long the first of them is that was not there; 0: all
 * were. */
static int make(char *path, size_t *made, struct fg_err *err)
{
	*made = 0;
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(path, 0755) == 0)
			*made = *made ? *made : strlen(path);
		else if (errno != EEXIST)
			return fg_fail(err, FG_EIO, "cannot make the folder %s: %s", path,
				strerror(errno));
		*slash = '/';
	}
	if (mkdir(path, 0700) == 0)
		*made = *made ? *made : strlen(path);
	else if (errno != EEXIST)
		return fg_fail(
			err, FG_EIO, "cannot make the state folder %s: %s", path, strerror(errno));
	return 0;
}

/* Take away what make() has made. What somebody has put something into meanwhile stays. */
static void unmake(char *path, size_t made)
{
	while (made && strlen(path) >= made) {
		rmdir(path);
		*strrchr(path, '/') = '\0';
	}
}

static int try_files(const char *path, struct fg_err *err)
{
	static const char *const names[] = {"fleetgram.db", "lock"};
	cleanup_free char *fresh = fg_printf("%s/.check-XXXXXX", path);
	int fd = mkstemp(fresh);

	if (fd < 0)
		return fg_fail(err, FG_EIO, "cannot write %s: %s", path, strerror(errno));
	close(fd);
	unlink(fresh);
	for (size_t i = 0; i < FG_ARRAY_LEN(names); i++) {
		cleanup_free char *file = fg_printf("%s/%s", path, names[i]);

		if (access(file, R_OK | W_OK) < 0 && errno != ENOENT)
			return fg_fail(
				err, FG_EIO, "cannot write %s: %s", file, strerror(errno));
	}
	return 0;
}

int statedir_make(const char *path, struct fg_err *err)
{
	cleanup_free char *part = fg_strdup(path);
	size_t made;

	return make(part, &made, err);
}

int statedir_try(const char *path, struct fg_err *err)
{
	cleanup_free char *part = fg_strdup(path);
	size_t made;
	int rc = make(part, &made, err);

	if (rc == 0)
		rc = try_files(path, err);
	unmake(part, made);
	return rc;
}
