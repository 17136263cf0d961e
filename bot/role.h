/*
 * Roles: what a person may do, each including the ones below it.
 */
#ifndef BOT_ROLE_H
#define BOT_ROLE_H

enum role {
	ROLE_NONE, /* nothing; a chat that only receives notifications */
	ROLE_VIEWER,
	ROLE_OPERATOR,
	ROLE_ADMIN,
};

const char *role_name(enum role role); /* "viewer"; "none" */

#endif
