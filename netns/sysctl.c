/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/sysctl_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdint.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"

/* The one '%s' of `path` by `link`; formats of the compiler's kind must be literals. */
static char *file_name(const char *path, const char *link)
{
	const char *hole = link ? strstr(path, "%s") : NULL;

	if (!hole)
		return str_printf(SYSCTL_NET "/%s", path);
	return str_printf(SYSCTL_NET "/%.*s%s%s", (int)(hole - path), path, link, hole + 2);
}

/*
 * A guest may have put something else there: a pipe would make us wait for its reader, and what is no file of proc is not what
 * we mean.
 */
static int open_setting(const char *name, int flags)
{
	_cleanup_fd_ int fd = open(name, flags | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK);
	struct statfs fs;

	if (fd < 0 || fstatfs(fd, &fs) < 0)
		return -errno;
	if (fs.f_type != PROC_SUPER_MAGIC)
		return -EBADF;
	return TAKE_FD(fd);
}

static int read_number(const char *name)
{
	_cleanup_fd_ int fd = open_setting(name, O_RDONLY);
	char text[32];
	uint64_t number;

	if (fd < 0)
		return fd;

	ssize_t n = read(fd, text, sizeof(text) - 1);

	if (n < 0)
		return -errno;
	text[n] = '\0';
	if (str_to_u64(str_trim(text), INT32_MAX, &number) < 0)
		return -EBADMSG;
	return (int)number;
}

int sysctl_get(const char *path, const char *link)
{
	_cleanup_free_ char *name = file_name(path, link);

	return name ? read_number(name) : -ENOMEM;
}

int sysctl_set(const char *path, const char *link, const char *value, struct err *err)
{
	_cleanup_free_ char *name = file_name(path, link);
	uint64_t wanted;

	if (!name)
		return err_oom(err);
	if (str_to_u64(value, INT32_MAX, &wanted) < 0)
		return err_set(err, EINVAL, "setting '%s': '%s' is no number", name, value);
	if (read_number(name) == (int)wanted)
		return 0;

	_cleanup_fd_ int fd = open_setting(name, O_WRONLY);

	if (fd < 0)
		return err_exit(err, EXIT_NETWORK, -fd, "open the setting '%s': %s", name, strerror(-fd));
	if (write(fd, value, strlen(value)) != (ssize_t)strlen(value)) {
		int code = errno;

		return err_exit(err, EXIT_NETWORK, code, "set '%s' to %s: %s", name, value, strerror(code));
	}
	return 0;
}
