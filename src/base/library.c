// SPDX-License-Identifier: MIT
#include "base/library.h"

#include <dlfcn.h>
#include <errno.h>
#include <string.h>

int library_load(const struct library *library, void **handle, void *calls, struct error *err)
{
	/* Once loaded it stays: what a library keeps for the process it does not free when it goes. */
	*handle = dlopen(library->file, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
	if (!*handle)
		return error_set(err, -ENOPKG, "%s: not found (install the package %s)",
				 library->file, library->package);
	for (size_t i = 0; i < library->symbols_n; i++) {
		void *symbol = dlsym(*handle, library->symbols[i].name);

		if (!symbol) {
			library_unload(*handle);
			return error_set(err, -ENOPKG, "%s: too old: has no %s", library->file,
					 library->symbols[i].name);
		}
		memcpy((char *)calls + library->symbols[i].at, &symbol, sizeof(symbol));
	}
	return 0;
}

void library_unload(void *handle)
{
	dlclose(handle);
}
