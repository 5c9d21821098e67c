/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/app.h"

/*
 * A caller may have closed 0, 1 or 2: the next file that is opened would take its place and be read or overwritten as if it were
 * the terminal. /dev/null takes it instead, opened so that a write of results fails and is noticed.
 */
static bool open_standard_fds(void)
{
	for (int fd = 0; fd <= 2; fd++) {
		int mode = fd == STDOUT_FILENO ? O_RDONLY : O_RDWR;

		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", mode) != fd) /* smell: these three are inherited */
			return false;
	}
	return true;
}

int main(int argc, char **argv)
{
	if (!open_standard_fds())
		return EXIT_SYSTEM;
	/* Ignored by a caller, it would take the status of every child away from us (wait(2)). */
	signal(SIGCHLD, SIG_DFL);
	umask(022);
	return app_main(argc, argv, stdout, stderr);
}
