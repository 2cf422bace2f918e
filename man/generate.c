// SPDX-License-Identifier: MIT
/*
 * Makes what comes from the option table at build time: the man page, from a frame whose line
 * "@OPTIONS@" stands for the table's part, or the completion of shells.
 * usage: generate man FRAME VERSION | generate completion
 */
#include <stdio.h>
#include <string.h>

#include "cmd/options.h"

static int make_man(const char *frame, const char *version)
{
	FILE *in = fopen(frame, "r");
	char line[512];

	if (!in) {
		perror(frame);
		return 1;
	}
	while (fgets(line, sizeof(line), in)) {
		char *at = strstr(line, "@VERSION@");

		if (!strcmp(line, "@OPTIONS@\n"))
			cmd_options_man(stdout);
		else if (at)
			printf("%.*s%s%s", (int)(at - line), line, version,
			       at + strlen("@VERSION@"));
		else
			fputs(line, stdout);
	}
	fclose(in);
	return fflush(stdout) ? 1 : 0;
}

int main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], "man"))
		return make_man(argv[2], argv[3]);
	if (argc == 2 && !strcmp(argv[1], "completion")) {
		cmd_options_completion(stdout);
		return fflush(stdout) ? 1 : 0;
	}
	fprintf(stderr, "usage: %s man FRAME VERSION | completion\n", argv[0]);
	return 2;
}
