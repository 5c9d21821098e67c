/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/userns.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"

static int write_map(pid_t pid, const char *file, uint32_t first_id, uint32_t count)
{
	_cleanup_free_ char *path = str_printf("/proc/%d/%s", pid, file);
	_cleanup_free_ char *map = str_printf("0 %u %u\n", first_id, count);

	return path && map ? fd_write_file_at(AT_FDCWD, path, map) : -ENOMEM;
}

/* The namespace of a process that was born in it and does nothing. */
static int take_namespace(pid_t pid, uint32_t first_id, uint32_t count, struct err *err)
{
	_cleanup_free_ char *path = str_printf("/proc/%d/ns/user", pid);
	int r = path ? write_map(pid, "uid_map", first_id, count) : -ENOMEM;

	if (r == 0)
		r = write_map(pid, "gid_map", first_id, count);
	if (r < 0)
		return err_sys(err, -r, "map the ids %u to %u into a user namespace", first_id, first_id + count - 1);

	int fd = open(path, O_RDONLY | O_CLOEXEC);

	return fd < 0 ? err_sys(err, errno, "open a user namespace") : fd;
}

int userns_create(uint32_t first_id, uint32_t count, struct err *err)
{
	pid_t us = getpid();
	/* clone(2) without a new stack is fork() with flags. */
	long pid = syscall(SYS_clone, (unsigned long)CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0);

	if (pid == 0) {
		sigset_t none;

		sigemptyset(&none);
		/* We may have been killed before it could ask to die with us. */
		if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != us)
			_exit(1);
		for (;;)
			(void)sigsuspend(&none);
	}
	if (pid < 0)
		return err_sys(err, errno, "make a user namespace (see user.max_user_namespaces)");

	int fd = take_namespace((pid_t)pid, first_id, count, err);

	kill((pid_t)pid, SIGKILL);
	while (waitpid((pid_t)pid, NULL, 0) < 0 && errno == EINTR)
		;
	return fd;
}
