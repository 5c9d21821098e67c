/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"

#define LOCK_NOTE_MAX 128

static int busy(int dir_fd, const char *name, const char *what, struct err *err)
{
	_cleanup_free_ char *note = NULL;
	int pid;
	char verb[32], since[32];
	long long when;

	if (fd_read_file_at(dir_fd, name, LOCK_NOTE_MAX, &note) < 0 || sscanf(note, "%d %31s %lld", &pid, verb, &when) != 3)
		return err_exit(err, EXIT_LOCKED, EBUSY, "%s is busy", what);

	time_t t = (time_t)when;
	struct tm tm;

	/* Fails for a year that does not fit: the file is only believed to be ours. */
	if (!localtime_r(&t, &tm))
		return err_exit(err, EXIT_LOCKED, EBUSY, "%s is busy", what);
	strftime(since, sizeof(since), "%H:%M:%S", &tm);
	return err_exit(err, EXIT_LOCKED, EBUSY, "%s is busy: '%s' by process %d since %s; try again when it has ended", what,
			verb, pid, since);
}

/* Was the file that we locked removed (with its folder, by a destroy) while we waited for it? */
static bool is_stale(int dir_fd, const char *name, int fd)
{
	struct stat ours, there;

	return fstat(fd, &ours) < 0 || fstatat(dir_fd, name, &there, AT_SYMLINK_NOFOLLOW) < 0 || ours.st_ino != there.st_ino ||
	       ours.st_dev != there.st_dev;
}

int lock_take(int dir_fd, const char *name, const char *what, const char *verb, bool wait, struct err *err)
{
	for (;;) {
		_cleanup_fd_ int fd = openat(dir_fd, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

		if (fd < 0)
			return err_sys(err, errno, "open the lock of %s", what);
		struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

		while (fcntl(fd, wait ? F_OFD_SETLKW : F_OFD_SETLK, &whole) < 0) {
			if (errno == EAGAIN || errno == EACCES)
				return busy(dir_fd, name, what, err);
			if (errno != EINTR)
				return err_sys(err, errno, "lock %s", what);
		}
		if (is_stale(dir_fd, name, fd))
			continue;
		lock_note(fd, verb);
		return TAKE_FD(fd);
	}
}

void lock_note(int lock_fd, const char *verb)
{
	char note[LOCK_NOTE_MAX];
	int n = snprintf(note, sizeof(note), "%d %s %lld\n", getpid(), verb, (long long)time(NULL));

	/* Only a courtesy to the one who finds it busy: without it, the message is shorter. */
	if (n > 0 && ftruncate(lock_fd, 0) == 0 && pwrite(lock_fd, note, (size_t)n, 0) < 0)
		return;
}

bool lock_is_held(int dir_fd, const char *name, char *note, size_t size)
{
	_cleanup_fd_ int fd = openat(dir_fd, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	if (fd < 0 || fcntl(fd, F_OFD_GETLK, &whole) < 0 || whole.l_type == F_UNLCK)
		return false;

	ssize_t n = pread(fd, note, size - 1, 0);

	note[n > 0 ? n : 0] = '\0';
	return true;
}
