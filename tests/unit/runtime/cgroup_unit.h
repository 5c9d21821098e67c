/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/str.h"
#include "runtime/container/cgroup_priv.h"

/* What the tests of control groups share: CGROUP_TEST(f) has a struct fixture as *state. */

/* The host's hierarchies below a parent of the test's own; and a folder for pretended ones. */
struct fixture {
	char parent[32];
	char group[48];
	char dir[32];
};

static inline _unused_ int cgroup_setup(void **state)
{
	static struct fixture f;

	snprintf(f.parent, sizeof(f.parent), "ctctl-unit-%d", getpid());
	snprintf(f.group, sizeof(f.group), "%s/web1", f.parent);
	snprintf(f.dir, sizeof(f.dir), "/tmp/ctctl-cgroup-XXXXXX");
	assert_non_null(mkdtemp(f.dir));
	*state = &f;
	return 0;
}

static inline _unused_ int cgroup_teardown(void **state)
{
	struct fixture *f = *state;
	struct err err = ERR_INIT;

	if (geteuid() == 0) {
		assert_ok(cgroup_kill(f->group, 5000, &err), &err);
		assert_ok(cgroup_kill(f->parent, 5000, &err), &err);
		assert_ok(cgroup_destroy(f->parent, &err), &err);
	}
	return path_remove_tree_at(AT_FDCWD, f->dir);
}

#define CGROUP_TEST(f) cmocka_unit_test_setup_teardown(f, cgroup_setup, cgroup_teardown)

#define need_root()                                    \
	do {                                           \
		if (geteuid() != 0) {                  \
			print_message("needs root\n"); \
			skip();                        \
		}                                      \
	} while (0)

/* Pretended hierarchies: files in a folder. */
static inline _unused_ void put(const struct fixture *f, const char *name, const char *text)
{
	_cleanup_free_ char *path = str_printf("%s/%s", f->dir, name);
	char *slash = strrchr(path, '/');

	*slash = '\0';
	assert_int_equal(path_make_dirs(path, 0755), 0);
	*slash = '/';

	_cleanup_fd_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_int_equal(fd_write_all(fd, text, strlen(text)), 0);
}

static inline _unused_ void assert_file(const struct fixture *f, const char *name, const char *text)
{
	_cleanup_free_ char *path = str_printf("%s/%s", f->dir, name), *found = NULL;

	assert_true(fd_read_file_at(AT_FDCWD, path, 4096, &found) >= 0);
	assert_string_equal(found, text);
}

/* The mount points begin with '@', which stands for the folder. */
static inline _unused_ struct cgroup_map map_of(const struct fixture *f, const char *mountinfo)
{
	struct strbuf text = { 0 };
	struct cgroup_map map;

	for (const char *c = mountinfo; *c; c++)
		strbuf_add_bytes(&text, *c == '@' ? f->dir : c, *c == '@' ? strlen(f->dir) : 1);
	assert_int_equal(cgroup_map_parse(&map, text.data), 0);
	strbuf_free(&text);
	return map;
}

#define HYBRID                                                                                        \
	"22 27 0:21 / /proc rw,relatime - proc proc rw\n"                                             \
	"32 31 0:29 / @/cpu rw,relatime - cgroup cgroup rw,cpu,cpuacct\n"                             \
	"35 31 0:32 / @/memory rw,relatime shared:9 master:3 - cgroup cgroup rw,memory\n"             \
	"40 31 0:37 / @/systemd rw,relatime - cgroup cgroup rw,xattr,release_agent=/x,name=systemd\n" \
	"41 31 0:38 / @/unified rw,relatime - cgroup2 cgroup2 rw,nsdelegate\n"                        \
	"42 31 0:32 / @/again rw,relatime - cgroup cgroup rw,memory\n"                                \
	"43 31 0:99 / /a\\040b rw,relatime - cgroup cgroup rw,pids\n"
#define UNIFIED "30 25 0:27 / @ rw,nosuid - cgroup2 cgroup2 rw\n"

static inline _unused_ pid_t pausing_child(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		pause();
		_exit(0);
	}
	assert_true(pid > 0);
	return pid;
}

static inline _unused_ void end_child(pid_t pid)
{
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* As fork(2), into the v2 group of `join`. */
static inline _unused_ pid_t fork_into(const struct cgroup_join *join)
{
	struct clone_args args = { .exit_signal = SIGCHLD };

	if (join->v2_fd >= 0) {
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = (uint64_t)join->v2_fd;
	}

	pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));

	assert_true(pid >= 0);
	return pid;
}

/* Is every line of /proc/PID/cgroup that belongs to a mounted hierarchy this path? Returns how many are not. */
static inline _unused_ int n_elsewhere(pid_t pid, const char *path)
{
	_cleanup_free_ char *file = str_printf("/proc/%d/cgroup", pid), *text = NULL, *end = str_printf(":/%s", path);
	char *save = NULL;
	int n = 0;

	assert_true(fd_read_file_at(AT_FDCWD, file, 65536, &text) > 0);
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		size_t len = strlen(line);

		if (len < strlen(end) || strcmp(line + len - strlen(end), end) != 0)
			n++;
	}
	return n;
}

static inline _unused_ void assert_group_exists(const char *path, bool is_there)
{
	struct err err = ERR_INIT;
	struct cgroup_map map;

	assert_ok(cgroup_map_host(&map, &err), &err);
	for (int i = 0; i < map.n; i++)
		assert_int_equal(cgroup_exists(&map.h[i], path), is_there);
}

static inline _unused_ void read_value(const char *controller, const char *path, const char *file, char value[64])
{
	struct err err = ERR_INIT;
	struct cgroup_map map;

	assert_ok(cgroup_map_host(&map, &err), &err);
	assert_int_equal(cgroup_read(cgroup_map_find(&map, controller), path, file, value, 64), 0);
}

static inline _unused_ bool host_is(bool unified)
{
	struct cgroup_host host;
	struct err err = ERR_INIT;

	return geteuid() == 0 && cgroup_probe_host(&host, &err) == 0 && host.is_unified == unified &&
	       strstr(host.controllers, "memory");
}

static inline _unused_ void assert_setting(const struct cgroup_plan *plan, int i, const char *file, const char *value)
{
	assert_true(i < plan->n);
	assert_string_equal(plan->s[i].file, file);
	assert_string_equal(plan->s[i].value, value);
}

/* v2 alone, with a group "ctctl/web1" that has these files, all empty. */
static inline _unused_ struct cgroup_map unified_with(const struct fixture *f, const char *controllers, const char *const *files,
						      size_t n)
{
	put(f, "cgroup.controllers", controllers);
	for (size_t i = 0; i < n; i++) {
		_cleanup_free_ char *path = str_printf("ctctl/web1/%s", files[i]);

		put(f, path, "");
	}
	return map_of(f, UNIFIED);
}

/* The group's file has exactly this. */
static inline _unused_ void assert_value(const struct fixture *f, const char *file, const char *value)
{
	_cleanup_free_ char *path = str_printf("ctctl/web1/%s", file);

	assert_file(f, path, value);
}

static inline _unused_ void change(const struct cgroup_map *map, const struct cgroup_limits *old, const struct cgroup_limits *new)
{
	struct err err = ERR_INIT;

	assert_ok(cgroup_map_set_limits(map, "ctctl/web1", old, new, &err), &err);
}

static inline _unused_ void assert_refused(const struct cgroup_map *map, const struct cgroup_limits *want, const char *part)
{
	static const struct cgroup_limits none = { 0 };
	struct err err = ERR_INIT;
	struct cgroup_plan plan;

	assert_int_equal(cgroup_plan_limits(map, &none, want, &plan, &err), -EOPNOTSUPP);
	assert_int_equal(err.exit, EXIT_UNSUPPORTED);
	assert_err_has(&err, part);
	/* What nobody asks for is nobody's trouble. */
	assert_ok(cgroup_plan_limits(map, NULL, &none, &plan, &err), &err);
}
