/*
 * How many files may be open: each host takes several connections.
 */
#ifndef BOT_FILES_H
#define BOT_FILES_H

/* As many as this process may allow itself. The usual soft limit of 1024 is one for programs that
 * call select(), which none of ours does; the fleet of a hundred hosts comes near it. */
void files_raise(void);

#endif
