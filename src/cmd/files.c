// SPDX-License-Identifier: MIT
#include "cmd/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/array.h"
#include "base/log.h"

void cmd_files_init(struct cmd_files *files)
{
	*files = (struct cmd_files){ .stderr_before = -1 };
}

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* Devices and pipes may be written to by many; what standard output has open is written behind it. */
static bool stands_alone(const struct file_output *file)
{
	return S_ISREG(file->st.st_mode) && !file->shared;
}

static const struct cmd_file *find_same(const struct cmd_files *files, const struct stat *st)
{
	for (size_t i = 0; i < files->n; i++) {
		if (same_file(&files->all[i].file.st, st))
			return &files->all[i];
	}
	return NULL;
}

static int check_new(const struct cmd_files *files, struct cmd_file *new, struct error *err)
{
	const struct cmd_file *other = find_same(files, &new->file.st);

	if (!stands_alone(&new->file))
		return 0;
	if (other)
		return error_set(err, -EINVAL, "%s: is the file of both %s and %s", new->path,
				 other->option, new->option);
	new->others = file_lock_output(&new->file) == -EBUSY;
	if (new->others && !new->append)
		return error_set(err, -EBUSY, "%s: another machine writes to it", new->path);
	return 0;
}

static int files_add(struct cmd_files *files, const char *option, const char *path, bool append,
		     struct error *err)
{
	struct cmd_file new = { .option = option, .path = path, .append = append };
	int ret;

	if (!array_reserve(files->all, files->n + 1, &files->room))
		return error_set(err, -ENOMEM, "out of memory");
	ret = file_open_output(&new.file, path, err);
	if (!ret)
		ret = check_new(files, &new, err);
	if (ret) {
		file_close_output(&new.file);
		return ret;
	}
	files->all[files->n++] = new;
	return 0;
}

/* A file that is used otherwise. One that is not there is left to whoever opens it. */
static int check_apart(const struct cmd_files *files, const char *option, const char *path,
		       struct error *err)
{
	static const char *const names[] = {
		[STDOUT_FILENO] = "standard output", [STDERR_FILENO] = "standard error"
	};
	const struct cmd_file *other;
	struct stat st, standard;

	if (stat(path, &st) || !S_ISREG(st.st_mode))
		return 0;
	other = find_same(files, &st);
	if (other)
		return error_set(err, -EINVAL, "%s: is the file of both %s and %s", path, option,
				 other->option);
	for (int fd = STDOUT_FILENO; fd <= STDERR_FILENO; fd++) {
		if (!fstat(fd, &standard) && same_file(&standard, &st))
			return error_set(err, -EINVAL, "%s: is the file of both %s and %s", path,
					 option, names[fd]);
	}
	return 0;
}

static int keep_apart(const struct cmd_files *files, const struct cmd_options *options,
		      const char *bios, struct error *err)
{
	int ret = check_apart(files, "-bios", bios, err);

	for (size_t i = 0; i < options->drives_n && !ret; i++)
		ret = check_apart(files, "-drive", options->drives[i].file, err);
	for (size_t i = 0; i < options->pc.fw_cfg_n && !ret; i++) {
		if (options->pc.fw_cfg[i].file)
			ret = check_apart(files, "-fw_cfg", options->pc.fw_cfg[i].file, err);
	}
	if (!ret && options->pidfile)
		ret = check_apart(files, "-pidfile", options->pidfile, err);
	return ret;
}

static const struct cmd_file *find_log(const struct cmd_files *files)
{
	for (size_t i = 0; i < files->n; i++) {
		if (!strcmp(files->all[i].option, CMD_FILE_LOG))
			return &files->all[i];
	}
	return NULL;
}

/* From now on messages go to the file of -D, if there is one. */
static int begin_log(struct cmd_files *files, struct error *err)
{
	const struct cmd_file *log = find_log(files);
	int ret;

	if (!log || files->stderr_before >= 0)
		return 0;
	files->stderr_before = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	ret = log_to(log->file.fd);
	return ret ? error_set(err, ret, "%s: %s", log->path, strerror(-ret)) : 0;
}

int cmd_files_open_all(struct cmd_files *files, const struct cmd_options *options, const char *bios,
		       struct error *err)
{
	const struct {
		const char *option, *path;
		bool append;
	} outputs[] = {
		{ CMD_FILE_LOG, options->log_file, true },
		{ CMD_FILE_EXITS, options->exits_file, false },
		{ CMD_FILE_QTEST, options->qtest_log, false },
	};
	const struct cmd_file *log;
	int ret = 0;

	for (size_t i = 0; i < sizeof(outputs) / sizeof(outputs[0]) && !ret; i++) {
		if (outputs[i].path)
			ret = files_add(files, outputs[i].option, outputs[i].path,
					outputs[i].append, err);
	}
	for (size_t i = 0; i < options->chardevs_n && !ret; i++) {
		const struct chardev_options *chardev = &options->chardevs[i].options;

		if (chardev->kind == CHARDEV_FILE)
			ret = files_add(files, CMD_FILE_BACKEND, chardev->path, false, err);
	}
	if (!ret)
		ret = keep_apart(files, options, bios, err);
	log = find_log(files);
	return ret || !log || log->others ? ret : begin_log(files, err);
}

int cmd_files_begin(struct cmd_files *files, struct error *err)
{
	int ret = begin_log(files, err);

	for (size_t i = 0; i < files->n && !ret; i++) {
		const struct cmd_file *file = &files->all[i];

		ret = file->append ? 0 : file_empty_output(&file->file);
		if (ret)
			error_set(err, ret, "%s: %s", file->path, strerror(-ret));
	}
	return ret;
}

int cmd_files_end_log(struct cmd_files *files)
{
	const struct cmd_file *log = find_log(files);
	int failure = log_failure();

	if (files->stderr_before < 0)
		return failure ? 1 : 0;
	if (!log_to(files->stderr_before) && failure && log)
		log_error("%s: %s", log->path, strerror(-failure));
	close(files->stderr_before);
	files->stderr_before = -1;
	return failure ? 1 : 0;
}

const struct cmd_file *cmd_files_find(const struct cmd_files *files, const char *option,
				      const char *path)
{
	for (size_t i = 0; i < files->n; i++) {
		if (!strcmp(files->all[i].option, option) && !strcmp(files->all[i].path, path))
			return &files->all[i];
	}
	return NULL;
}

void cmd_files_close(struct cmd_files *files)
{
	for (size_t i = 0; i < files->n; i++)
		file_close_output(&files->all[i].file);
	free(files->all);
	cmd_files_init(files);
}
