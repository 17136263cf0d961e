/* Roles and their names. */
#include "role.h"

const char *role_name(enum role role)
{
	static const char *const names[] = {
		[ROLE_NONE] = "none",
		[ROLE_VIEWER] = "viewer",
		[ROLE_OPERATOR] = "operator",
		[ROLE_ADMIN] = "admin",
	};

	return names[role];
}
