/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * enter SECONDS NETWORK COMMAND...: becomes the command, in the network namespace that is the file NETWORK ("-" is ours). SIGALRM
 * ends it after so many seconds unless that is 0; an alarm outlives execve(), and a child inherits none. What timeout and nsenter
 * would do with two programs more, for each of a test's commands: on an emulated processor, starting programs is most of what the
 * tests do.
 */
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int enter_network(const char *file)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || setns(fd, CLONE_NEWNET) < 0) {
		fprintf(stderr, "enter: %s: %m\n", file);
		return -1;
	}
	return close(fd);
}

int main(int argc, char **argv)
{
	if (argc < 4) {
		fprintf(stderr, "usage: enter SECONDS NETWORK COMMAND...\n");
		return 125;
	}
	if (strcmp(argv[2], "-") != 0 && enter_network(argv[2]) < 0)
		return 125;
	alarm(atoi(argv[1]));
	execvp(argv[3], argv + 3);
	fprintf(stderr, "enter: %s: %m\n", argv[3]);
	return 127;
}
