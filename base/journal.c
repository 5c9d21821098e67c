/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"

#define JOURNAL_SIZE_MAX 4096

static int append(int fd, const char *line, bool durable)
{
	int r = fd_write_all(fd, line, strlen(line));

	if (r < 0)
		return r;
	return durable && fdatasync(fd) < 0 ? -errno : 0;
}

static int sync_folder(int dir_fd)
{
	_cleanup_fd_ int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

/* What could not be read back after a crash must not get in. */
static int check_word(const char *what, const char *text, size_t room, const char *refused, struct err *err)
{
	if (strlen(text) < room && !strpbrk(text, refused))
		return 0;
	return err_set(err, EINVAL, "the journal's %s '%.80s': expected 1 to %zu characters in one line", what, text, room - 1);
}

static int check_intent(const char *op, const char *arg, struct err *err)
{
	struct journal_entry e;
	int r = check_word("operation", *op ? op : " ", sizeof(e.op), " \n", err);

	return r < 0 ? r : check_word("argument", arg, sizeof(e.arg), "\n", err);
}

int journal_begin(int dir_fd, const char *op, const char *arg, bool durable, struct err *err)
{
	_cleanup_free_ char *line = str_printf("%s %s\n", op, arg ? arg : "");
	int r = check_intent(op, arg ? arg : "", err);

	if (r < 0)
		return r;

	_cleanup_fd_ int fd = openat(dir_fd, JOURNAL_FILE, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0 && errno == EEXIST)
		return err_set(err, EBUSY, "an interrupted operation is in the journal");
	if (fd < 0)
		return err_sys(err, errno, "open the journal for '%s'", op);
	if (!line)
		return err_oom(err);
	r = append(fd, line, durable);
	if (r == 0 && durable)
		r = sync_folder(dir_fd);
	if (r < 0) {
		/* An intent that is not whole counts as none; nothing was done yet. */
		unlinkat(dir_fd, JOURNAL_FILE, 0);
		return err_sys(err, -r, "write the journal for '%s'", op);
	}
	return 0;
}

int journal_step(int dir_fd, const char *step, bool durable, struct err *err)
{
	struct journal_entry e;
	_cleanup_free_ char *line = str_printf("%s\n", step);
	int r = check_word("step", *step ? step : "\n", sizeof(e.steps[0]), "\n", err);

	if (r < 0)
		return r;
	if (!line)
		return err_oom(err);

	_cleanup_fd_ int fd = openat(dir_fd, JOURNAL_FILE, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW);

	r = fd < 0 ? -errno : append(fd, line, durable);
	return r < 0 ? err_sys(err, -r, "note '%s' in the journal", step) : 0;
}

int journal_done(int dir_fd, bool durable, struct err *err)
{
	if (unlinkat(dir_fd, JOURNAL_FILE, 0) < 0 && errno != ENOENT)
		return err_sys(err, errno, "close the journal");

	int r = durable ? sync_folder(dir_fd) : 0;

	return r < 0 ? err_sys(err, -r, "sync the journal's folder") : 0;
}

static int parse(char *text, struct journal_entry *ret)
{
	char *end = strchr(text, '\n');

	if (!end)
		return -ENODATA;
	*end = '\0';

	char *space = strchr(text, ' ');

	if (!space)
		return -EBADMSG;
	*space = '\0';
	if (str_copy(ret->op, sizeof(ret->op), text) < 0 || str_copy(ret->arg, sizeof(ret->arg), space + 1) < 0)
		return -EBADMSG;
	for (char *line = end + 1; (end = strchr(line, '\n')); line = end + 1) {
		*end = '\0';
		if (ret->n_steps == JOURNAL_STEPS_MAX || str_copy(ret->steps[ret->n_steps++], sizeof(ret->steps[0]), line) < 0)
			return -EBADMSG;
	}
	return 0;
}

int journal_read(int dir_fd, struct journal_entry *ret, struct err *err)
{
	_cleanup_free_ char *text = NULL;
	ssize_t n = fd_read_file_at(dir_fd, JOURNAL_FILE, JOURNAL_SIZE_MAX, &text);

	if (n == -ENOENT)
		return 0;
	if (n < 0)
		return err_sys(err, (int)-n, "read the journal");
	*ret = (struct journal_entry){ 0 };

	int r = strlen(text) != (size_t)n ? -EBADMSG : parse(text, ret);

	if (r == -ENODATA) {
		/* Killed while writing the intent: nothing was done. */
		if (unlinkat(dir_fd, JOURNAL_FILE, 0) < 0 && errno != ENOENT)
			return err_sys(err, errno, "remove a torn journal");
		return 0;
	}
	if (r < 0)
		return err_exit(err, EXIT_RECOVERY, -r, "the file '" JOURNAL_FILE "' is damaged: look at it, then remove it");
	return 1;
}

bool journal_has_step(const struct journal_entry *entry, const char *step)
{
	for (int i = 0; i < entry->n_steps; i++) {
		if (strcmp(entry->steps[i], step) == 0)
			return true;
	}
	return false;
}
