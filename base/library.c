/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/library.h"

#include <dlfcn.h>
#include <errno.h>
#include <string.h>

static int find_function(void *handle, const char *soname, const char *package, const struct library_symbol *symbol,
			 struct err *err)
{
	void *function = dlsym(handle, symbol->name);

	if (!function)
		return err_exit(err, EXIT_UNSUPPORTED, ENOSYS, "%s has no %s(): apt-get install %s", soname, symbol->name,
				package);
	/* Not assigned: ISO C converts no pointer to an object into one to a function. */
	memcpy(symbol->ret, &function, sizeof(function));
	return 0;
}

int library_open(const char *soname, const char *package, const struct library_symbol *symbols, size_t n, void **ret_handle,
		 struct err *err)
{
	void *handle = dlopen(soname, RTLD_NOW | RTLD_LOCAL);
	int r = 0;

	*ret_handle = NULL;
	if (!handle)
		return err_exit(err, EXIT_UNSUPPORTED, ENOENT, "the library %s is missing: apt-get install %s", soname, package);
	for (size_t i = 0; r == 0 && i < n; i++)
		r = find_function(handle, soname, package, &symbols[i], err);
	if (r < 0)
		library_close(handle);
	else
		*ret_handle = handle;
	return r;
}

void library_close(void *handle)
{
	if (handle)
		dlclose(handle);
}
