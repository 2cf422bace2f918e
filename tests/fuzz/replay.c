// SPDX-License-Identifier: MIT
/*
 * Runs a fuzz target on the files it is given, without libFuzzer: seeds and past finds become an
 * ordinary test of every build. An argument is a file or a folder of files; a folder that is not
 * there holds none. All of them run twice, the second time backwards, and where the target says
 * what came of an input (outcome.h), that must be the same. Status 1 if there was no input at all,
 * so that a lost corpus does not pass.
 */
#include "outcome.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#pragma weak fuzz_outcome

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv) __attribute__((weak));

struct input {
	char *path;
	size_t size;
	uint64_t outcome;
};

struct inputs {
	struct input *at;
	size_t n, room;
};

static bool add_file(struct inputs *inputs, const char *path, size_t size)
{
	struct input *input;

	if (inputs->n == inputs->room) {
		inputs->room = inputs->room ? 2 * inputs->room : 64;
		inputs->at = realloc(inputs->at, inputs->room * sizeof(*inputs->at));
		if (!inputs->at)
			abort();
	}
	input = &inputs->at[inputs->n++];
	*input = (struct input){ .path = strdup(path), .size = size };
	return input->path;
}

static bool add_path(struct inputs *inputs, const char *path)
{
	struct dirent **names = NULL;
	struct stat st;
	bool ok = true;
	int n;

	if (stat(path, &st) < 0) {
		if (errno == ENOENT)
			return true;
		perror(path);
		return false;
	}
	if (S_ISREG(st.st_mode))
		return add_file(inputs, path, (size_t)st.st_size);
	if (!S_ISDIR(st.st_mode))
		return true;
	n = scandir(path, &names, NULL, alphasort);
	if (n < 0) {
		perror(path);
		return false;
	}
	for (int i = 0; i < n; i++) {
		char inner[PATH_MAX];

		if (names[i]->d_name[0] != '.' && ok)
			ok = snprintf(inner, sizeof(inner), "%s/%s", path, names[i]->d_name) <
				     (int)sizeof(inner) &&
			     add_path(inputs, inner);
		free(names[i]);
	}
	free(names);
	return ok;
}

static bool run(const struct input *input, uint64_t *outcome)
{
	/* Exactly as large as the input, so that a sanitizer sees the first byte read behind it. */
	uint8_t *data = malloc(input->size ? input->size : 1);
	FILE *file = fopen(input->path, "rb");
	bool ok = data && file && fread(data, 1, input->size, file) == input->size;

	if (ok) {
		/* Named first: if the target crashes, the last line says on what. */
		printf("%s\n", input->path);
		fflush(stdout);
		LLVMFuzzerTestOneInput(data, input->size);
		*outcome = fuzz_outcome ? fuzz_outcome() : OUTCOME_NONE;
	} else {
		fprintf(stderr, "%s: %s\n", input->path, strerror(errno));
	}
	if (file)
		fclose(file);
	free(data);
	return ok;
}

static bool run_all(struct inputs *inputs)
{
	uint64_t outcome;

	for (size_t i = 0; i < inputs->n; i++) {
		if (!run(&inputs->at[i], &inputs->at[i].outcome))
			return false;
	}
	for (size_t i = inputs->n; i--;) {
		if (!run(&inputs->at[i], &outcome))
			return false;
		if (outcome == inputs->at[i].outcome)
			continue;
		fprintf(stderr, "%s: what comes of it depends on what ran before\n",
			inputs->at[i].path);
		return false;
	}
	return true;
}

int main(int argc, char **argv)
{
	struct inputs inputs = { 0 };
	bool ok = true;

	if (LLVMFuzzerInitialize)
		LLVMFuzzerInitialize(&argc, &argv);
	for (int i = 1; i < argc && ok; i++)
		ok = add_path(&inputs, argv[i]);
	ok = ok && run_all(&inputs);
	printf("%zu inputs\n", inputs.n);
	ok = ok && inputs.n;
	for (size_t i = 0; i < inputs.n; i++)
		free(inputs.at[i].path);
	free(inputs.at);
	return !ok;
}
