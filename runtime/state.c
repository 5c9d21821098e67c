/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/state.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"

#define STATE_SIZE_MAX 4096

#define CONSOLE_KEY "console "
#define CGROUP_KEY  "cgroup "

#define HOST_BOOT_FILE "/proc/sys/kernel/random/boot_id"
#define HOST_BOOT_ROOM 40

/* Which boot of the host this is: where the run folders are on a disk, a pid of the last boot may be anybody's by now. */
static int read_host_boot(char room[HOST_BOOT_ROOM], struct err *err)
{
	_cleanup_free_ char *text = NULL;
	ssize_t n = fd_read_file_at(AT_FDCWD, HOST_BOOT_FILE, HOST_BOOT_ROOM, &text);
	int r = n < 0 ? (int)n : str_copy(room, HOST_BOOT_ROOM, str_trim(text));

	return r < 0 ? err_sys(err, -r, "read '" HOST_BOOT_FILE "'") : 0;
}

int state_write(int run_fd, const struct guest_run *run, struct err *err)
{
	char host[HOST_BOOT_ROOM];
	bool has_group = run->cgroup[0] != '\0', has_console = run->console[0] != '\0';
	int r = read_host_boot(host, err);

	if (r < 0)
		return r;

	_cleanup_free_ char *text = str_printf(
		"host %s\ninit %d %" PRIu64 "\nmonitor %d %" PRIu64 "\nboot %s\nstarted %" PRIu64 "\nfeatures %" PRIu64
		"\nids %" PRIu64 "\n%s%s%s%s%s%s",
		host, run->init.pid, run->init.start_ticks, run->monitor.pid, run->monitor.start_ticks, run->boot,
		run->started_at, run->features, run->ids_first, has_console ? CONSOLE_KEY : "", run->console,
		has_console ? "\n" : "", has_group ? CGROUP_KEY : "", run->cgroup, has_group ? "\n" : "");

	if (!text)
		return err_oom(err);
	return fd_replace_file_at(run_fd, STATE_FILE, text, strlen(text), false, err);
}

/* A line that may be missing: its value. */
static const char *find_line(const char *text, const char *key, size_t *ret_len)
{
	const char *at = strstr(text, key);

	*ret_len = at ? strcspn(at + strlen(key), " \n") : 0;
	return at ? at + strlen(key) : NULL;
}

/* Whatever is no whole line of that length is not known, and then asked of the monitor. */
static void read_console(const char *text, char room[CONSOLE_ROOM])
{
	size_t len;
	const char *name = find_line(text, "\n" CONSOLE_KEY, &len);

	if (name && len < CONSOLE_ROOM && name[len] == '\n')
		memcpy(room, name, len);
}

/*
 * Not in the state of a guest that an older ctctl started. A path that was cut is that of a group above, with other guests in
 * it: only a whole line counts, and one that names no group is damaged.
 */
static int read_group(const char *text, char room[GROUP_ROOM])
{
	size_t len;
	const char *path = find_line(text, "\n" CGROUP_KEY, &len);

	if (!path)
		return 0;
	if (len == 0 || len >= GROUP_ROOM || path[len] != '\n' || path[0] == '/' || path[len - 1] == '/')
		return -EBADMSG;
	memcpy(room, path, len);
	return 0;
}

int state_read(int run_fd, struct guest_run *ret, struct err *err)
{
	_cleanup_free_ char *text = NULL;
	char host[HOST_BOOT_ROOM], written[HOST_BOOT_ROOM];
	ssize_t n = fd_read_file_at(run_fd, STATE_FILE, STATE_SIZE_MAX, &text);

	if (n == -ENOENT)
		return 0;
	if (n < 0)
		return err_sys(err, (int)-n, "read the state");
	*ret = (struct guest_run){ 0 };

	int got = sscanf(text,
			 "host %39s init %d %" SCNu64 " monitor %d %" SCNu64 " boot %32s started %" SCNu64 " features %" SCNu64
			 " ids %" SCNu64,
			 written, &ret->init.pid, &ret->init.start_ticks, &ret->monitor.pid, &ret->monitor.start_ticks, ret->boot,
			 &ret->started_at, &ret->features, &ret->ids_first);

	if (got != 9)
		return err_exit(err, EXIT_RECOVERY, EBADMSG,
				"the file '" STATE_FILE "' in the guest's run folder is damaged: expected 9 values, found %d",
				got);

	read_console(text, ret->console);

	int r = read_group(text, ret->cgroup);

	if (r < 0)
		return err_exit(err, EXIT_RECOVERY, EBADMSG,
				"the file '" STATE_FILE "' in the guest's run folder is damaged: its '" CGROUP_KEY
				"' is no group");
	r = read_host_boot(host, err);
	if (r < 0)
		return r;
	/* Nobody of it lives. The file stays: it says that there is something to clean up. */
	if (strcmp(host, written) != 0)
		ret->init.pid = ret->monitor.pid = 0;
	return 1;
}
