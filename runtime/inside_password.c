/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "base/str.h"
#include "runtime/inside_priv.h"

/* Of /etc/shadow: 50,000 users. */
#define SHADOW_MAX (8 << 20)

#define SECONDS_PER_DAY 86400

/*
 * The lock of lckpwdf(3), which the guest's own programs take. A lock of an open file description and one of a process exclude
 * each other (fcntl_locking(2)).
 */
static int take_lock(int etc_fd, struct err *err)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	_cleanup_fd_ int fd = path_open_beneath(etc_fd, ".pwd.lock", O_RDWR | O_CREAT | O_NONBLOCK | O_NOFOLLOW, 0600);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(err, fd < 0 ? -fd : errno, "open the guest's /etc/.pwd.lock");
	if (!S_ISREG(st.st_mode))
		return err_set(err, ENOTSUP, "the guest's /etc/.pwd.lock is no plain file");
	while (fcntl(fd, F_OFD_SETLKW, &lock) < 0) {
		if (errno != EINTR)
			return err_sys(err, errno, "lock the guest's /etc/.pwd.lock");
	}
	return TAKE_FD(fd);
}

static bool says(int root_fd, const char *dir, const char *name, const char *word)
{
	_cleanup_fd_ int dir_fd = inside_open_dir(root_fd, dir, false);
	_cleanup_free_ char *text = NULL;

	return dir_fd >= 0 && inside_read(dir_fd, name, INSIDE_TEXT_MAX, &text, NULL) >= 0 && strcasestr(text, word);
}

/* yescrypt is libxcrypt's; who uses it, or means to, has a C library and PAM that understand it. */
static bool knows_yescrypt(int root_fd, const char *shadow)
{
	return strstr(shadow, ":$y$") || says(root_fd, "etc", "login.defs", "\nENCRYPT_METHOD YESCRYPT") ||
	       says(root_fd, "etc/pam.d", "common-password", "yescrypt") || says(root_fd, "etc/pam.d", "system-auth", "yescrypt");
}

static const char *find_user(const char *shadow, const char *user)
{
	size_t len = strlen(user);

	for (const char *line = shadow; line && *line;) {
		const char *end = strchr(line, '\n');

		if (strncmp(line, user, len) == 0 && line[len] == ':')
			return line;
		line = end ? end + 1 : NULL;
	}
	return NULL;
}

/* shadow(5): the second field is the hash, the third the day of its last change, the others are left as they are. */
static char *edit(const char *shadow, const char *line, const char *user, const char *hash)
{
	const char *rest = strchr(line, ':') + 1;
	struct strbuf b = { 0 };

	rest += strcspn(rest, ":\n");
	if (*rest == ':')
		rest += 1 + strcspn(rest + 1, ":\n");
	strbuf_add_bytes(&b, shadow, (size_t)(line - shadow));
	strbuf_addf(&b, "%s:%s:%lld", user, hash, (long long)time(NULL) / SECONDS_PER_DAY);
	strbuf_add(&b, rest);
	return strbuf_take(&b);
}

int inside_write_password(int root_fd, const char *user, const struct inside_hashes *hashes, struct err *err)
{
	_cleanup_fd_ int etc_fd = inside_open_dir(root_fd, "etc", false);
	_cleanup_fd_ int lock = etc_fd < 0 ? -EBADF : take_lock(etc_fd, err);
	_cleanup_free_ char *shadow = NULL;
	struct stat st;

	if (etc_fd < 0)
		return err_sys(err, -etc_fd, "open the guest's /etc");
	if (lock < 0)
		return -err->code;

	ssize_t n = inside_read(etc_fd, "shadow", SHADOW_MAX, &shadow, &st);

	if (n < 0)
		return err_sys(err, (int)-n, "read the guest's /etc/shadow, expected as a plain file of at most 8M");

	const char *line = find_user(shadow, user);

	if (!line)
		return err_exit(err, EXIT_INVALID, ENOENT, "no user '%s' in the guest's /etc/shadow", user);

	_cleanup_free_ char *text = edit(shadow, line, user, knows_yescrypt(root_fd, shadow) ? hashes->yescrypt : hashes->sha512);
	int r = text ? inside_replace(etc_fd, "shadow", text, &st, 0) : -ENOMEM;

	return r < 0 ? err_sys(err, -r, "write the guest's /etc/shadow") : 0;
}
