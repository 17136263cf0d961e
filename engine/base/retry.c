/* Exponential backoff with jitter, above whatever the other side asked for. */
#include <sodium.h>
#include "fleetgram/base/retry.h"

#define GRAIN 1000000u /* steps that the jitter is divided into */

int64_t fg_retry_delay(const struct fg_retry *policy, int failures, int64_t retry_after_ms)
{
	int64_t delay = policy->min_ms > 0 ? policy->min_ms : 0;
	double swing;

	for (; failures > 1 && delay < policy->max_ms && delay > 0; failures--)
		delay = delay > policy->max_ms / 2 ? policy->max_ms : delay * 2;
	if (delay > policy->max_ms)
		delay = policy->max_ms;
	swing = (double)randombytes_uniform(2 * GRAIN + 1) / GRAIN - 1; /* -1 to 1 */
	delay += (int64_t)((double)delay * policy->jitter * swing);
	return delay > retry_after_ms ? delay : retry_after_ms;
}
