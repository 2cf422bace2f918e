// SPDX-License-Identifier: MIT
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/replace.h"

struct fixture {
	char folder[64], path[96], beside[96];
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	if (!f)
		return -1;
	strcpy(f->folder, "/tmp/coalport-replace-XXXXXX");
	assert_non_null(mkdtemp(f->folder));
	snprintf(f->path, sizeof(f->path), "%s/file", f->folder);
	snprintf(f->beside, sizeof(f->beside), "%s/file.tmp", f->folder);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	unlink(f->path);
	assert_int_equal(rmdir(f->folder), 0); /* nothing else is left */
	free(f);
	return 0;
}

static void check(const char *path, const char *wanted)
{
	FILE *file = fopen(path, "r");
	char text[64] = "";

	assert_non_null(file);
	assert_int_equal(fread(text, 1, sizeof(text), file), strlen(wanted));
	assert_string_equal(text, wanted);
	fclose(file);
}

static void test_commit(void **state)
{
	struct fixture *f = *state;
	struct replace replace;
	struct error err;

	for (unsigned i = 0; i < 3; i++) {
		char text[16];

		snprintf(text, sizeof(text), "content %u", i);
		assert_int_equal(replace_begin(&replace, f->path, &err), 0);
		fputs(text, replace.out);
		fflush(replace.out);
		/* Until the end whoever looks finds the old one. */
		if (i == 0)
			assert_int_equal(access(f->path, F_OK), -1);
		else
			check(f->path, i == 1 ? "content 0" : "content 1");
		assert_int_equal(replace_commit(&replace, &err), 0);
		check(f->path, text);
	}
}

static void test_abandon(void **state)
{
	struct fixture *f = *state;
	struct replace replace;
	struct error err;

	assert_int_equal(replace_begin(&replace, f->path, &err), 0);
	fputs("nothing", replace.out);
	replace_abandon(&replace);
	assert_int_equal(access(f->path, F_OK), -1);
	assert_int_equal(access(f->beside, F_OK), -1);
}

/* One at a time; the other is told and harms nothing, and what it would have waited for goes on. */
static void test_two(void **state)
{
	struct fixture *f = *state;
	struct replace one, two;
	struct error err;

	assert_int_equal(replace_begin(&one, f->path, &err), 0);
	fputs("one", one.out);
	assert_int_equal(replace_begin(&two, f->path, &err), -EBUSY);
	assert_non_null(strstr(err.text, "another process is writing it"));
	assert_int_equal(replace_commit(&one, &err), 0);
	assert_int_equal(replace_begin(&two, f->path, &err), 0);
	fputs("two", two.out);
	assert_int_equal(replace_commit(&two, &err), 0);
	check(f->path, "two");
}

/* A full disk, which a stream tells of at the end or before. */
static void test_full(void **state)
{
	struct fixture *f = *state;
	struct replace replace;
	struct error err;

	assert_int_equal(replace_begin(&replace, f->path, &err), 0);
	fputs("old", replace.out);
	assert_int_equal(replace_commit(&replace, &err), 0);
	assert_int_equal(replace_begin(&replace, f->path, &err), 0);
	assert_non_null(freopen("/dev/full", "w", replace.out));
	fputs("new", replace.out);
	assert_int_equal(replace_commit(&replace, &err), -ENOSPC);
	assert_non_null(strstr(err.text, "No space left"));
	check(f->path, "old");
}

static void test_places(void **state)
{
	struct fixture *f = *state;
	struct replace replace;
	struct error err;
	char path[128];

	assert_int_equal(replace_begin(&replace, "/dev/null", &err), -EINVAL);
	assert_int_equal(replace_begin(&replace, f->folder, &err), -EINVAL);
	snprintf(path, sizeof(path), "%s/no/file", f->folder);
	assert_int_equal(replace_begin(&replace, path, &err), -ENOENT);
	assert_non_null(strstr(err.text, "no/file"));
	/* Nobody's link leads the file beside elsewhere. */
	assert_int_equal(symlink("/tmp/elsewhere", f->beside), 0);
	assert_int_equal(replace_begin(&replace, f->path, &err), -ELOOP);
	assert_int_equal(unlink(f->beside), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_commit, setup, teardown),
		cmocka_unit_test_setup_teardown(test_abandon, setup, teardown),
		cmocka_unit_test_setup_teardown(test_two, setup, teardown),
		cmocka_unit_test_setup_teardown(test_full, setup, teardown),
		cmocka_unit_test_setup_teardown(test_places, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
