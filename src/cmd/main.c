// SPDX-License-Identifier: MIT
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "bench.h"
#include "cmd/advise.h"
#include "cmd/coalesce.h"
#include "cmd/daemon.h"
#include "cmd/options.h"
#include "cmd/report.h"
#include "cmd/run.h"
#include "cmd/stats.h"
#include "cmd/top.h"
#include "cmd/trace.h"
#include "guests.h"

/* First arguments that are verbs of our own and not options. */
static const struct {
	const char *name;
	int (*run)(int argc, char **argv); /* from the verb on; the exit status */
} verbs[] = {
	{ "advise", cmd_advise }, { "bench", bench_main }, { "coalesce", cmd_coalesce },
	{ "report", cmd_report }, { "stats", cmd_stats },  { "top", cmd_top },
	{ "trace", cmd_trace },
};

/*
 * Files opened later must not become standard input or output by accident. Input that is closed
 * is as good as empty; output that is closed would lose what the guest says.
 */
static bool standard_files_open(void)
{
	if (fcntl(STDIN_FILENO, F_GETFD) < 0 && open("/dev/null", O_RDONLY) != STDIN_FILENO) {
		log_error("/dev/null: %s", strerror(errno));
		return false;
	}
	if (fcntl(STDERR_FILENO, F_GETFD) < 0 && fcntl(STDOUT_FILENO, F_GETFD) >= 0 &&
	    open("/dev/null", O_WRONLY) != STDERR_FILENO) {
		log_error("standard error cannot be used"); /* in case that it can, after all */
		return false;
	}
	if (fcntl(STDOUT_FILENO, F_GETFD) < 0) {
		log_error("standard output is closed");
		return false;
	}
	return true;
}

/* What "coalport" alone means: the embedded guest, what it says, and what that cost. */
static char *const embedded[] = {
	"coalport", "-nodefaults", "-display", "none", "-serial",    "stdio",
	"-m",       "16",          "-exits",   "text", "-no-reboot", NULL,
};

/* 0, or 1 if what was printed did not get out. */
static int flush_output(void)
{
	if (!fflush(stdout) && !ferror(stdout))
		return 0;
	log_error("standard output: %s", strerror(errno));
	return 1;
}

static int begin_run(struct cmd_options *options, const uint8_t *rom)
{
	struct cmd_daemon daemon;
	struct error err;
	int status = 0, ret = cmd_daemon_begin(&daemon, options, &status, &err);

	if (ret < 0) {
		log_error("%s", err.text);
		return 1;
	}
	options->daemon = &daemon;
	if (!ret)
		status = cmd_run(options, rom);
	options->daemon = NULL;
	return status;
}

static int main_run(int argc, char *const argv[], const uint8_t *rom)
{
	struct cmd_options *options = malloc(sizeof(*options));
	int status;

	if (!options) {
		log_error("out of memory");
		return 1;
	}
	if (!cmd_options_parse(options, argc, argv, 0)) {
		log_error("%s", options->error);
		status = CMD_STATUS_USAGE;
	} else if (options->action != CMD_RUN) {
		cmd_options_print(options, stdout);
		status = flush_output();
	} else {
		status = begin_run(options, rom);
	}
	cmd_options_free(options);
	free(options);
	return status;
}

int main(int argc, char **argv)
{
	if (!standard_files_open())
		return 1;
	for (size_t i = 0; argc > 1 && i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		int status;

		if (strcmp(argv[1], verbs[i].name) != 0)
			continue;
		status = verbs[i].run(argc - 1, argv + 1);
		return status ? status : flush_output();
	}
	if (argc <= 1)
		return main_run((int)(sizeof(embedded) / sizeof(embedded[0])) - 1, embedded,
				guest_ticker);
	return main_run(argc, argv, NULL);
}
