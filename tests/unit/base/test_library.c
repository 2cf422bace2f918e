// SPDX-License-Identifier: MIT
/* Loading a library: it is there, it is not, it lacks what is needed. */
#include <errno.h>
#include <math.h>

#include "base/library.h"
#include "cm.h"

#define MATH_CALLS(call)  call(cos) call(floor)
#define MATH_SYMBOL(name) LIBRARY_SYMBOL(struct math, name)

struct math {
	MATH_CALLS(LIBRARY_MEMBER)
};

static const struct library_symbol symbols[] = { MATH_CALLS(MATH_SYMBOL) };

static void there(void **state)
{
	const struct library library = { "libm.so.6", "libc6", symbols, 2 };
	struct math math;
	struct error err;
	void *handle;

	assert_int_equal(library_load(&library, &handle, &math, &err), 0);
	assert_true(math.cos(0) > 0.99);
	assert_true(math.floor(2.5) < 2.01);
	library_unload(handle);
}

static void not_there(void **state)
{
	const struct library library = { "libnowhere.so.9", "libnowhere9", symbols, 2 };
	struct math math;
	struct error err;
	void *handle;

	assert_int_equal(library_load(&library, &handle, &math, &err), -ENOPKG);
	assert_string_equal(err.text,
			    "libnowhere.so.9: not found (install the package libnowhere9)");
}

static void too_old(void **state)
{
	const struct library_symbol more[] = { symbols[0], { "no_such_function", 0 } };
	const struct library library = { "libm.so.6", "libc6", more, 2 };
	struct math math;
	struct error err;
	void *handle;

	assert_int_equal(library_load(&library, &handle, &math, &err), -ENOPKG);
	assert_string_equal(err.text, "libm.so.6: too old: has no no_such_function");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(there),
		cmocka_unit_test(not_there),
		cmocka_unit_test(too_old),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
