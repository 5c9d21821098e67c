/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * hog inotify SECONDS    takes all inotify instances that it can get and holds them; prints how many
 * hog groups COUNT       makes control groups in /sys/fs/cgroup, beside each other; prints how many
 * hog levels COUNT       the same in each other
 * hog folders COUNT      folders in each other, in /tmp
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static int take_instances(void)
{
	struct rlimit all = { 65536, 65536 };
	int n = 0;

	setrlimit(RLIMIT_NOFILE, &all);
	while (inotify_init1(IN_CLOEXEC) >= 0)
		n++;
	return n;
}

static int make_beside(const char *folder, int count)
{
	int n = 0;

	for (; n < count; n++) {
		char name[32];

		snprintf(name, sizeof(name), "hog%d", n);
		if (chdir(folder) < 0 || mkdir(name, 0755) < 0)
			break;
	}
	return n;
}

static int make_inside(const char *folder, int count)
{
	int n = 0;

	if (chdir(folder) < 0)
		return 0;
	while (n < count && mkdir("hog", 0755) == 0 && chdir("hog") == 0)
		n++;
	return n;
}

int main(int argc, char **argv)
{
	const char *what = argc > 2 ? argv[1] : "";
	int count = argc > 2 ? atoi(argv[2]) : 0, n = -1;

	if (strcmp(what, "inotify") == 0)
		n = take_instances();
	else if (strcmp(what, "groups") == 0)
		n = make_beside("/sys/fs/cgroup", count);
	else if (strcmp(what, "levels") == 0)
		n = make_inside("/sys/fs/cgroup", count);
	else if (strcmp(what, "folders") == 0)
		n = make_inside("/tmp", count);
	printf("%d\n", n);
	fflush(stdout);
	if (strcmp(what, "inotify") == 0)
		sleep((unsigned int)count);
	return n < 0;
}
