/* The limit of open files. */
#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include "files.h"
#include "fleetgram/base/log.h"

void files_raise(void)
{
	struct rlimit limit;
	rlim_t before;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur == limit.rlim_max)
		return;
	before = limit.rlim_cur;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0) {
		fg_warn("no more than %llu files may be open: %s", (unsigned long long)before,
			strerror(errno));
		return;
	}
	fg_debug("%llu files may be open, and no longer only %llu",
		(unsigned long long)limit.rlim_max, (unsigned long long)before);
}
