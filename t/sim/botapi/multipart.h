/* Forms, spelled the one way that libmicrohttpd reads. */
#ifndef SIM_MULTIPART_H
#define SIM_MULTIPART_H

#include "text.h"

/* The form of n bytes, whose Content-Type is type, is added to out. */
void multipart_spell(struct buf *out, const char *type, const char *form, size_t n);

#endif
