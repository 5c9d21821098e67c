/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "storage/fsctx_priv.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "base/str.h"

int fsctx_open(const char *type, struct err *err)
{
	int fd = fsopen(type, FSOPEN_CLOEXEC);

	if (fd >= 0)
		return fd;
	if (errno == ENODEV)
		return err_exit(err, EXIT_UNSUPPORTED, ENODEV,
				"this kernel has no file system '%s': load or install its module (see ctctl doctor)", type);
	return err_sys(err, errno, "open the file system '%s'", type);
}

int fsctx_set(int fs_fd, const char *key, const char *value)
{
	unsigned int cmd = value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG;

	return fsconfig(fs_fd, cmd, key, value, 0) < 0 ? -errno : 0;
}

int fsctx_create(int fs_fd)
{
	return fsconfig(fs_fd, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0 ? -errno : 0;
}

/*
 * Each read gives one message: a letter for its weight (e, w, i), a blank, the text, a newline; ENODATA when there are no more.
 */
static void read_log(int fs_fd, struct strbuf *out)
{
	char line[256];
	ssize_t n;

	while ((n = read(fs_fd, line, sizeof(line) - 1)) > 0) {
		line[n] = '\0';
		if (line[0] == 'i' || n < 3)
			continue;

		const char *text = line[1] == ' ' ? line + 2 : line;

		if (out->len > 0)
			strbuf_add(out, "; ");
		strbuf_add_bytes(out, text, strcspn(text, "\n"));
	}
}

int fsctx_err(int fs_fd, struct err *err, enum exit_code exit, int code, const char *fmt, ...)
{
	char what[sizeof(err->msg)];
	struct strbuf words = { 0 };
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);

	read_log(fs_fd, &words);

	int r = err_exit(err, exit, code, "%s: %s", what, words.len > 0 && !words.failed ? words.data : strerror(code));

	strbuf_free(&words);
	return r;
}

int fsctx_attach(int mount_fd, int target_fd, const char *shown, struct err *err)
{
	struct mount_attr attr = { .propagation = MS_PRIVATE };

	if (move_mount(mount_fd, "", target_fd, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
		return err_sys(err, errno, "mount on '%s'", shown);
	/* A mount becomes shared when what it is attached to is: so only afterwards. */
	if (mount_setattr(mount_fd, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0) {
		int code = errno;

		umount2(path_of_fd(mount_fd).s, MNT_DETACH);
		return err_sys(err, code, "make the mount on '%s' private", shown);
	}
	return 0;
}
