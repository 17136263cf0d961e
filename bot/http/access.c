/* Host, Authorization and Accept: what each has to be. */
#include <arpa/inet.h>
#include <ctype.h>
#include <string.h>
#include <strings.h>
#include <sodium.h>
#include "http/access.h"

#define HOST_SIZE 64 /* "localhost" and any address fit */

static bool port_valid(const char *s)
{
	if (!*s)
		return true;
	if (*s != ':')
		return false;
	s++;
	return strspn(s, "0123456789") == strlen(s) && strlen(s) <= 5;
}

bool access_host_is_local(const char *host)
{
	char name[HOST_SIZE];
	struct in_addr four;
	size_t len;

	if (strncasecmp(host, "[::1]", 5) == 0)
		return port_valid(host + 5);
	len = strcspn(host, ":");
	if (len == 0 || len >= sizeof(name) || !port_valid(host + len))
		return false;
	memcpy(name, host, len);
	name[len] = '\0';
	if (strcasecmp(name, "localhost") == 0 || strcasecmp(name, "localhost.") == 0)
		return true;
	return inet_pton(AF_INET, name, &four) == 1 && (ntohl(four.s_addr) >> 24) == 127;
}

/* Both sides are hashed first: the comparison then takes as long whatever their lengths are. */
bool access_bearer(const char *authorization, const char *token)
{
	unsigned char given[crypto_generichash_BYTES], wanted[crypto_generichash_BYTES];

	if (!authorization || strncasecmp(authorization, "Bearer", 6) != 0 ||
		authorization[6] != ' ' || !*token)
		return false;
	authorization += 6;
	authorization += strspn(authorization, " ");
	crypto_generichash(given, sizeof(given), (const unsigned char *)authorization,
		strlen(authorization), NULL, 0);
	crypto_generichash(
		wanted, sizeof(wanted), (const unsigned char *)token, strlen(token), NULL, 0);
	return sodium_memcmp(given, wanted, sizeof(given)) == 0;
}

bool access_wants_html(const char *accept)
{
	const char *found = accept ? strcasestr(accept, "text/html") : NULL;

	/* Not the head of a longer word, and not refused by a weight of zero. */
	if (!found || isalnum((unsigned char)found[9]) || found[9] == '-' || found[9] == '+')
		return false;
	found += 9;
	found += strspn(found, " \t");
	if (*found != ';')
		return true;
	found++;
	found += strspn(found, " \t");
	if (strncasecmp(found, "q=0", 3) != 0)
		return true;
	found += 3;
	if (*found == '.')
		found += 1 + strspn(found + 1, "0");
	return isdigit((unsigned char)*found);
}
