/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * next watch COUNT SECONDS: looks at that many processes that appear in its PID namespace, from their first moment on, and prints
 *                           what it sees in them of another mount or network namespace than its own, or of their descriptors
 *                           and folders; at last "seen N", fewer if the time is over.
 * next stop SECONDS: says "ready", and stops the first that appears from then on, as soon as it may.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ROOM 65536

static int read_of(pid_t pid, const char *file, char *text)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);

	int fd = open(path, O_RDONLY | O_CLOEXEC), used = 0, n = 0;

	if (fd < 0)
		return -1;
	while (used < ROOM - 1 && (n = (int)read(fd, text + used, (size_t)(ROOM - 1 - used))) > 0)
		used += n;
	text[used] = '\0';
	close(fd);
	return used;
}

/* Says it once: one leak is as good as a thousand. */
static void compare(pid_t pid, const char *file, const char *own)
{
	static char text[ROOM];
	static int said;

	if (read_of(pid, file, text) > 0 && strcmp(text, own) != 0 && said++ < 4)
		printf("%s of %d is not ours: %.200s\n", file, pid, text);
}

/*
 * Does it run a program that we do not have, ctctl? What it becomes is ours to see, from the moment in execve() on at which it
 * has that program's memory.
 */
static int is_foreign(pid_t pid)
{
	char path[64], exe[256];

	snprintf(path, sizeof(path), "/proc/%d/exe", pid);

	ssize_t n = readlink(path, exe, sizeof(exe) - 1);

	exe[n < 0 ? 0 : n] = '\0';
	return n > 0 && access(exe, F_OK) < 0;
}

static void look(pid_t pid, const char *mounts, const char *addresses)
{
	static const char *const links[] = { "cwd", "root", "exe", "fd/0", "fd/3", "fd/4", "ns/mnt" };
	char path[64], target[256];

	compare(pid, "mountinfo", mounts);
	compare(pid, "net/if_inet6", addresses);
	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
		snprintf(path, sizeof(path), "/proc/%d/%s", pid, links[i]);

		ssize_t n = readlink(path, target, sizeof(target) - 1);

		target[n < 0 ? 0 : n] = '\0';
		if (n > 0 && is_foreign(pid))
			printf("%s leads to %s\n", path, target);
	}
}

/* The next pid that the kernel will give. */
static pid_t next_pid(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	waitpid(pid, NULL, 0);
	return pid + 1;
}

/* The process that comes next; -1 if that was missed, or is late. */
static pid_t meet(void)
{
	static char name[ROOM];
	pid_t pid = next_pid();

	for (int i = 0; i < 2000; i++) {
		if (read_of(pid, "comm", name) > 0)
			return pid;
	}
	return -1;
}

static int watch(int count, time_t end)
{
	static char mounts[ROOM], addresses[ROOM], name[ROOM];
	int seen = 0;

	read_of(getpid(), "mountinfo", mounts);
	read_of(getpid(), "net/if_inet6", addresses);
	while (seen < count && time(NULL) < end) {
		pid_t pid = meet();

		if (pid < 0)
			continue;
		seen++;
		do
			look(pid, mounts, addresses);
		while (read_of(pid, "comm", name) > 0 && strncmp(name, "ctctl", 5) == 0);
	}
	printf("seen %d\n", seen);
	return 0;
}

static int stop(time_t end)
{
	pid_t pid = next_pid();

	puts("ready");
	while (time(NULL) < end) {
		if (kill(pid, SIGSTOP) == 0) {
			printf("stopped %d\n", pid);
			return 0;
		}
	}
	return 1;
}

int main(int argc, char **argv)
{
	time_t end = time(NULL) + (argc > 2 ? atoi(argv[argc - 1]) : 1);

	setvbuf(stdout, NULL, _IOLBF, 0);
	return argc > 3 && strcmp(argv[1], "watch") == 0 ? watch(atoi(argv[2]), end) : stop(end);
}
