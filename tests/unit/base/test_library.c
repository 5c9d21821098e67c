/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include <errno.h>
#include <math.h>

#include "base/library.h"

/* The C library's own, which is on every host that runs this. */
#define SONAME "libm.so.6"

struct libm {
	void *handle;
	__typeof__(sqrt) *sqrt;
	__typeof__(hypot) *hypot;
};

static void finds_functions(void **state)
{
	struct libm lib = { 0 };
	const struct library_symbol symbols[] = { { "sqrt", &lib.sqrt }, { "hypot", &lib.hypot } };
	struct err err = ERR_INIT;

	(void)state;
	assert_ok(library_open(SONAME, "libc6", symbols, 2, &lib.handle, &err), &err);
	assert_non_null(lib.handle);
	assert_true(lib.sqrt(9) == 3);
	assert_true(lib.hypot(3, 4) == 5);
	library_close(lib.handle);
}

static void says_which_package_is_missing(void **state)
{
	struct err err = ERR_INIT;
	int here;
	void *handle = &here;

	(void)state;
	assert_int_equal(library_open("libnowhere.so.7", "libnowhere7", NULL, 0, &handle, &err), -ENOENT);
	assert_int_equal(err.exit, EXIT_UNSUPPORTED);
	assert_string_equal(err.msg, "the library libnowhere.so.7 is missing: apt-get install libnowhere7");
	assert_null(handle);
	library_close(handle);
}

static void says_which_function_is_missing(void **state)
{
	struct libm lib = { 0 };
	const struct library_symbol symbols[] = { { "sqrt", &lib.sqrt }, { "no_such_root", &lib.hypot } };
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(library_open(SONAME, "libc6", symbols, 2, &lib.handle, &err), -ENOSYS);
	assert_int_equal(err.exit, EXIT_UNSUPPORTED);
	assert_string_equal(err.msg, SONAME " has no no_such_root(): apt-get install libc6");
	assert_null(lib.handle);
	assert_null(lib.hypot);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_functions),
		cmocka_unit_test(says_which_package_is_missing),
		cmocka_unit_test(says_which_function_is_missing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
