// SPDX-License-Identifier: MIT
/*
 * Runs a fuzz target on the files it is given, without libFuzzer: seeds and past finds become an
 * ordinary test of every build. An argument is a file or a folder of files; a folder that is not
 * there holds none. Status 1 if there was no input at all, so that a lost corpus does not pass.
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv) __attribute__((weak));

static bool run_file(const char *path, size_t size)
{
	/* Exactly as large as the input, so that a sanitizer sees the first byte read behind it. */
	uint8_t *data = malloc(size ? size : 1);
	FILE *file = fopen(path, "rb");
	bool ok = data && file && fread(data, 1, size, file) == size;

	if (ok) {
		/* Named first: if the target crashes, the last line says on what. */
		printf("%s\n", path);
		fflush(stdout);
		LLVMFuzzerTestOneInput(data, size);
	} else {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
	}
	if (file)
		fclose(file);
	free(data);
	return ok;
}

/* The number of inputs run, or -1. */
static int run_path(const char *path)
{
	struct dirent **names = NULL;
	struct stat st;
	int n, done = 0;

	if (stat(path, &st) < 0) {
		if (errno == ENOENT)
			return 0;
		perror(path);
		return -1;
	}
	if (S_ISREG(st.st_mode))
		return run_file(path, (size_t)st.st_size) ? 1 : -1;
	if (!S_ISDIR(st.st_mode))
		return 0;
	n = scandir(path, &names, NULL, alphasort);
	if (n < 0) {
		perror(path);
		return -1;
	}
	for (int i = 0; i < n; i++) {
		char inner[PATH_MAX];

		if (names[i]->d_name[0] != '.' && done >= 0) {
			int got = -1;

			if (snprintf(inner, sizeof(inner), "%s/%s", path, names[i]->d_name) <
			    (int)sizeof(inner))
				got = run_path(inner);
			done = got < 0 ? -1 : done + got;
		}
		free(names[i]);
	}
	free(names);
	return done;
}

int main(int argc, char **argv)
{
	int total = 0;

	if (LLVMFuzzerInitialize)
		LLVMFuzzerInitialize(&argc, &argv);
	for (int i = 1; i < argc; i++) {
		int done = run_path(argv[i]);

		if (done < 0)
			return 1;
		total += done;
	}
	printf("%d inputs\n", total);
	return total ? 0 : 1;
}
