/* Any text as a config: no crash, no leak, and either a config or a reason. */
#include <stdlib.h>
#include "config/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config_errors errors = {0};
	struct config *config = config_parse("fuzz", (const char *)data, size, &errors);

	if (!config == !errors.n)
		abort();
	free(config_errors_text(&errors));
	config_errors_finish(&errors);
	config_destroy(config);
	fg_log_finish();
	return 0;
}
