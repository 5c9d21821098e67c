/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/str.h"
#include "runtime/container/cgroup_priv.h"

/* The host's hierarchies below a parent of the test's own; and a folder for pretended ones. */
struct fixture {
	char parent[32];
	char group[48];
	char dir[32];
};

static int setup(void **state)
{
	static struct fixture f;

	snprintf(f.parent, sizeof(f.parent), "ctctl-unit-%d", getpid());
	snprintf(f.group, sizeof(f.group), "%s/web1", f.parent);
	snprintf(f.dir, sizeof(f.dir), "/tmp/ctctl-cgroup-XXXXXX");
	assert_non_null(mkdtemp(f.dir));
	*state = &f;
	return 0;
}

static int teardown(void **state)
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

#define need_root()                                    \
	do {                                           \
		if (geteuid() != 0) {                  \
			print_message("needs root\n"); \
			skip();                        \
		}                                      \
	} while (0)

static void test_paths(void **state)
{
	static const char *const good[] = { "ctctl", "ctctl/web1", "a.b/_c-D9", "ctctl/..x", "...", "ctctl/_monitors" };
	static const char *const bad[] = { "",	   "/",	     "/ctctl", "ctctl/", "a//b", ".",	 "..",
					   "a/..", "a/../b", "../x",   "a/./b",	 "a b",	 "a\nb", "a/b:c" };
	struct err err = ERR_INIT;
	char longer[400];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		assert_ok(cgroup_check_path(good[i], &err), &err);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		if (cgroup_check_path(bad[i], &err) != -EINVAL)
			fail_msg("'%s' was accepted", bad[i]);
		assert_int_equal(err.exit, EXIT_INVALID);
	}
	memset(longer, 'a', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	assert_int_equal(cgroup_check_path(longer, &err), -EINVAL);
}

/* Pretended hierarchies: files in a folder. */
static void put(const struct fixture *f, const char *name, const char *text)
{
	_cleanup_free_ char *path = str_printf("%s/%s", f->dir, name);
	char *slash = strrchr(path, '/');

	*slash = '\0';
	assert_int_equal(path_make_dirs(path, 0755), 0);
	*slash = '/';

	_cleanup_fd_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_int_equal(fd_write_all(fd, text, strlen(text)), 0);
}

static void assert_file(const struct fixture *f, const char *name, const char *text)
{
	_cleanup_free_ char *path = str_printf("%s/%s", f->dir, name), *found = NULL;

	assert_true(fd_read_file_at(AT_FDCWD, path, 4096, &found) >= 0);
	assert_string_equal(found, text);
}

/* The mount points begin with '@', which stands for the folder. */
static struct cgroup_map map_of(const struct fixture *f, const char *mountinfo)
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

static void test_hybrid_mounts(void **state)
{
	struct fixture *f = *state;

	put(f, "unified/cgroup.controllers", "hugetlb\n");

	struct cgroup_map map = map_of(f, HYBRID);

	assert_int_equal(map.n, 4);
	assert_ptr_equal(cgroup_map_v2(&map), &map.h[0]);
	assert_string_equal(map.h[0].controllers, "hugetlb");
	assert_string_equal(cgroup_map_find(&map, "cpuacct")->controllers, "cpu,cpuacct");
	assert_string_equal(cgroup_map_find(&map, "name=systemd")->controllers, "name=systemd");
	assert_true(strstr(cgroup_map_find(&map, "memory")->mount, "/memory") != NULL);
	assert_null(cgroup_map_find(&map, "mem"));
	assert_null(cgroup_map_find(&map, "pids"));
	assert_null(cgroup_map_find(&map, "acct"));
}

static void assert_setting(const struct cgroup_plan *plan, int i, const char *file, const char *value)
{
	assert_true(i < plan->n);
	assert_string_equal(plan->s[i].file, file);
	assert_string_equal(plan->s[i].value, value);
}

static void test_plan_v1(void **state)
{
	struct fixture *f = *state;
	static const struct cgroup_limits none = { 0 };
	struct cgroup_limits small = { .memory_bytes = 1 << 20, .cpu_milli = 1500, .cpu_weight = 1 };
	struct cgroup_limits large = { .memory_bytes = 1 << 30, .cpu_milli = 1500, .cpu_weight = 200 };
	struct err err = ERR_INIT;
	struct cgroup_plan plan;

	put(f, "unified/cgroup.controllers", "");

	struct cgroup_map map = map_of(f, HYBRID);

	put(f, "memory/a/memory.memsw.limit_in_bytes", "");
	put(f, "memory/memory.memsw.limit_in_bytes", "");
	assert_ok(cgroup_plan_limits(&map, &none, &small, &plan, &err), &err);
	assert_int_equal(plan.n, 4);
	assert_setting(&plan, 0, "memory.limit_in_bytes", "1048576");
	assert_setting(&plan, 1, "memory.memsw.limit_in_bytes", "1048576");
	assert_setting(&plan, 2, "cpu.cfs_quota_us", "150000");
	assert_setting(&plan, 3, "cpu.shares", "10");
	/* Only what differs, and memory with swap first when it grows. */
	assert_ok(cgroup_plan_limits(&map, &small, &large, &plan, &err), &err);
	assert_int_equal(plan.n, 3);
	assert_setting(&plan, 0, "memory.memsw.limit_in_bytes", "1073741824");
	assert_setting(&plan, 1, "memory.limit_in_bytes", "1073741824");
	assert_setting(&plan, 2, "cpu.shares", "2048");
	assert_ok(cgroup_plan_limits(&map, &large, &none, &plan, &err), &err);
	assert_setting(&plan, 0, "memory.memsw.limit_in_bytes", "-1");
	assert_setting(&plan, 2, "cpu.cfs_quota_us", "-1");
	assert_setting(&plan, 3, "cpu.shares", "1024");
	/* 0 and the default weight are the same. */
	small = (struct cgroup_limits){ .cpu_weight = 100 };
	assert_ok(cgroup_plan_limits(&map, &none, &small, &plan, &err), &err);
	assert_int_equal(plan.n, 0);
}

static void test_plan_refuses(void **state)
{
	struct fixture *f = *state;
	static const struct cgroup_limits none = { 0 };
	struct cgroup_limits want = { .pids_max = 10 };
	struct err err = ERR_INIT;
	struct cgroup_plan plan;

	put(f, "unified/cgroup.controllers", "");

	struct cgroup_map map = map_of(f, HYBRID);

	assert_int_equal(cgroup_plan_limits(&map, &none, &want, &plan, &err), -EOPNOTSUPP);
	assert_int_equal(err.exit, EXIT_UNSUPPORTED);
	assert_err_has(&err, "'pids'");
	want = (struct cgroup_limits){ .cpu_milli = 5 };
	assert_int_equal(cgroup_plan_limits(&map, &none, &want, &plan, &err), -EINVAL);
	want = (struct cgroup_limits){ .cpu_weight = 10001 };
	assert_int_equal(cgroup_plan_limits(&map, &none, &want, &plan, &err), -EINVAL);
}

/* On v2 the controllers are enabled above the group, those that are missing, and never in it. */
static void test_unified(void **state)
{
	struct fixture *f = *state;
	struct cgroup_spec spec = {
		.path = "ctctl/web1",
		.limits = { .memory_bytes = 64 << 20, .cpu_milli = 250, .cpu_weight = 50, .pids_max = 7 },
	};
	struct err err = ERR_INIT;

	put(f, "cgroup.controllers", "cpuset cpu io memory hugetlb pids rdma\n");
	put(f, "cgroup.subtree_control", "cpuset cpu io memory\n");
	put(f, "ctctl/cgroup.subtree_control", "cpuset cpu io pids\n");
	put(f, "ctctl/web1/cgroup.subtree_control", "");
	put(f, "ctctl/web1/memory.max", "");
	put(f, "ctctl/web1/cpu.max", "");
	put(f, "ctctl/web1/cpu.weight", "");
	put(f, "ctctl/web1/pids.max", "");

	struct cgroup_map map = map_of(f, UNIFIED);

	assert_int_equal(map.n, 1);
	assert_ok(cgroup_map_create(&map, &spec, &err), &err);
	assert_file(f, "cgroup.subtree_control",
		    "+pidst cpu io memory\n"); /* a file keeps what was behind; the kernel's does not */
	assert_file(f, "ctctl/cgroup.subtree_control", "+memorycpu io pids\n");
	assert_file(f, "ctctl/web1/cgroup.subtree_control", "");
	assert_file(f, "ctctl/web1/memory.max", "67108864");
	assert_file(f, "ctctl/web1/cpu.max", "25000 100000");
	assert_file(f, "ctctl/web1/cpu.weight", "50");
	assert_file(f, "ctctl/web1/pids.max", "7");
}

/* What is above a unit of systemd is systemd's: nothing is made or written there. */
static void test_unified_in_a_slice(void **state)
{
	struct fixture *f = *state;
	struct cgroup_spec spec = { .path = "c.slice/c.service/web1", .limits = { .pids_max = 7 } };
	struct err err = ERR_INIT;

	put(f, "cgroup.controllers", "pids\n");
	put(f, "cgroup.subtree_control", "");
	put(f, "c.slice/cgroup.subtree_control", "");
	put(f, "c.slice/c.service/cgroup.subtree_control", "");
	put(f, "c.slice/c.service/web1/pids.max", "");

	struct cgroup_map map = map_of(f, UNIFIED);

	assert_ok(cgroup_map_create(&map, &spec, &err), &err);
	assert_file(f, "cgroup.subtree_control", "");
	assert_file(f, "c.slice/cgroup.subtree_control", "");
	assert_file(f, "c.slice/c.service/cgroup.subtree_control", "+pids");
	assert_file(f, "c.slice/c.service/web1/pids.max", "7");
	/* Without the slice there is nothing of ours to be in. */
	spec.path = "d.slice/d.service/web1";
	assert_int_equal(cgroup_map_create(&map, &spec, &err), -ENOENT);
	assert_err_has(&err, "systemctl status d.service");
	assert_false(cgroup_exists(&map.h[0], "d.slice"));
}

static void test_unified_without_the_controller(void **state)
{
	struct fixture *f = *state;
	struct cgroup_spec spec = { .path = "ctctl/web2", .limits = { .memory_bytes = 64 << 20 } };
	struct err err = ERR_INIT;

	put(f, "cgroup.controllers", "memory\n");
	put(f, "cgroup.subtree_control", "memory\n");
	put(f, "ctctl/cgroup.subtree_control", "memory\n");

	struct cgroup_map map = map_of(f, UNIFIED);

	/* The group has no memory.max: somebody took the controller away above it. What was made is gone again. */
	assert_int_equal(cgroup_map_create(&map, &spec, &err), -EOPNOTSUPP);
	assert_err_has(&err, "'memory'");
	assert_false(cgroup_exists(&map.h[0], "ctctl/web2"));
}

/* A limit on v2 must not kill: what is used now is looked at first. */
static void test_unified_limit_below_usage(void **state)
{
	struct fixture *f = *state;
	struct cgroup_limits old = { .memory_bytes = 1000000 }, new = { .memory_bytes = 5000 };
	struct err err = ERR_INIT;

	put(f, "cgroup.controllers", "memory\n");
	put(f, "ctctl/web1/memory.max", "1000000");
	put(f, "ctctl/web1/memory.current", "6000\n");
	put(f, "ctctl/web1/memory.reclaim", "");

	struct cgroup_map map = map_of(f, UNIFIED);

	assert_int_equal(cgroup_map_set_limits(&map, "ctctl/web1", &old, &new, &err), -EBUSY);
	assert_err_has(&err, "uses more");
	assert_file(f, "ctctl/web1/memory.reclaim", "1000");
	assert_file(f, "ctctl/web1/memory.max", "1000000");
	/* After an interrupted change nobody knows what the limits were: there is nothing to put back. */
	assert_int_equal(cgroup_map_set_limits(&map, "ctctl/web1", NULL, &new, &err), -EBUSY);
	put(f, "ctctl/web1/memory.current", "5000\n");
	assert_ok(cgroup_map_set_limits(&map, "ctctl/web1", &old, &new, &err), &err);
}

/* The second of two values cannot be written: the first is put back. */
static void test_limits_are_all_or_nothing(void **state)
{
	struct fixture *f = *state;
	struct cgroup_limits old = { .memory_bytes = 1000 }, new = { .memory_bytes = 2000, .pids_max = 5 };
	struct err err = ERR_INIT;

	put(f, "cgroup.controllers", "memory pids\n");
	put(f, "ctctl/web1/memory.max", "1000");

	struct cgroup_map map = map_of(f, UNIFIED);

	assert_int_equal(cgroup_map_set_limits(&map, "ctctl/web1", &old, &new, &err), -EOPNOTSUPP);
	assert_err_has(&err, "'pids'");
	assert_file(f, "ctctl/web1/memory.max", "1000");
}

/* The host's own hierarchies, for real. */

static pid_t pausing_child(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		pause();
		_exit(0);
	}
	assert_true(pid > 0);
	return pid;
}

static void end_child(pid_t pid)
{
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* Is every line of /proc/PID/cgroup that belongs to a mounted hierarchy this path? Returns how many are not. */
static int n_elsewhere(pid_t pid, const char *path)
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

static void assert_group_exists(const char *path, bool is_there)
{
	struct err err = ERR_INIT;
	struct cgroup_map map;

	assert_ok(cgroup_map_host(&map, &err), &err);
	for (int i = 0; i < map.n; i++)
		assert_int_equal(cgroup_exists(&map.h[i], path), is_there);
}

static void read_value(const char *controller, const char *path, const char *file, char value[64])
{
	struct err err = ERR_INIT;
	struct cgroup_map map;

	assert_ok(cgroup_map_host(&map, &err), &err);
	assert_int_equal(cgroup_read(cgroup_map_find(&map, controller), path, file, value, 64), 0);
}

static bool host_is(bool unified)
{
	struct cgroup_host host;
	struct err err = ERR_INIT;

	return geteuid() == 0 && cgroup_probe_host(&host, &err) == 0 && host.is_unified == unified &&
	       strstr(host.controllers, "memory");
}

static void test_life_of_a_group(void **state)
{
	struct fixture *f = *state;
	struct cgroup_spec spec = {
		.path = f->group,
		.limits = { .memory_bytes = 64 << 20, .cpu_milli = 500, .cpu_weight = 200, .pids_max = 50 },
	};
	struct cgroup_limits more = spec.limits;
	struct cgroup_usage usage;
	struct err err = ERR_INIT;
	char value[64];

	need_root();
	assert_ok(cgroup_create(&spec, &err), &err);
	assert_ok(cgroup_create(&spec, &err), &err); /* again is fine */
	assert_group_exists(f->group, true);
	assert_false(cgroup_is_populated(f->group));

	pid_t pid = pausing_child();

	assert_ok(cgroup_attach(f->group, pid, &err), &err);
	assert_int_equal(n_elsewhere(pid, f->group), 0);
	assert_true(cgroup_is_populated(f->group));
	assert_ok(cgroup_get_usage(f->group, &usage, &err), &err);
	assert_int_equal(usage.n_pids, 1);

	more.memory_bytes = 128 << 20;
	more.pids_max = CGROUP_UNLIMITED;
	assert_ok(cgroup_set_limits(f->group, &spec.limits, &more, &err), &err);
	read_value("pids", f->group, "pids.max", value);
	assert_string_equal(value, "max");

	assert_int_equal(cgroup_destroy(f->group, &err), -EBUSY);
	assert_err_has(&err, "still has processes in the hierarchy");
	assert_int_equal(n_elsewhere(pid, f->group), 0); /* and nothing escaped to the parent */
	assert_ok(cgroup_kill(f->group, 5000, &err), &err);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_ok(cgroup_destroy(f->group, &err), &err);
	assert_ok(cgroup_destroy(f->group, &err), &err);
	assert_ok(cgroup_kill(f->group, 5000, &err), &err);
	assert_group_exists(f->group, false);
	assert_int_equal(cgroup_attach(f->group, getpid(), &err), -ENOENT);
}

static void test_v1_values(void **state)
{
	struct fixture *f = *state;
	struct cgroup_spec spec = { .path = f->group,
				    .limits = { .memory_bytes = 64 << 20, .cpu_milli = 500, .cpu_weight = 200 } };
	struct err err = ERR_INIT;
	char value[64], parent[64];

	if (!host_is(false))
		skip();
	assert_ok(cgroup_create(&spec, &err), &err);
	read_value("memory", f->group, "memory.limit_in_bytes", value);
	assert_string_equal(value, "67108864");
	read_value("cpu", f->group, "cpu.cfs_quota_us", value);
	assert_string_equal(value, "50000");
	read_value("cpu", f->group, "cpu.shares", value);
	assert_string_equal(value, "2048");
	read_value("cpuset", f->group, "cpuset.cpus", value);
	read_value("cpuset", ".", "cpuset.cpus", parent);
	assert_string_equal(value, parent);
	assert_true(value[0] != '\0');
}

/* As fork(2), into the v2 group of `join`. */
static pid_t fork_into(const struct cgroup_join *join)
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

static void test_v2_values(void **state)
{
	struct fixture *f = *state;
	struct cgroup_spec spec = {
		.path = f->group,
		.limits = { .memory_bytes = 64 << 20, .cpu_milli = 500, .cpu_weight = 200, .pids_max = 9 },
	};
	struct err err = ERR_INIT;
	char value[64];

	if (!host_is(true))
		skip();
	assert_ok(cgroup_create(&spec, &err), &err);
	read_value("memory", f->group, "memory.max", value);
	assert_string_equal(value, "67108864");
	read_value("cpu", f->group, "cpu.max", value);
	assert_string_equal(value, "50000 100000");
	read_value("cpu", f->group, "cpu.weight", value);
	assert_string_equal(value, "200");
	read_value("pids", f->group, "pids.max", value);
	assert_string_equal(value, "9");
	/* A guest's init goes into this very group: nothing may be enabled for what is below it. */
	read_value("memory", f->group, "cgroup.subtree_control", value);
	assert_string_equal(value, "");
}

/* systemd in the guest has moved to a leaf and given the controllers of its group away: the group itself takes no process any more. */
static void test_leaf(void **state)
{
	struct fixture *f = *state;
	struct cgroup_spec spec = { .path = f->group };
	static const char *const leaves[] = { "ctctl", "init.scope" };
	struct err err = ERR_INIT;
	struct cgroup_map map;

	if (!host_is(true))
		skip();
	assert_ok(cgroup_create(&spec, &err), &err);
	assert_ok(cgroup_map_host(&map, &err), &err);
	assert_int_equal(cgroup_write(&map.h[0], f->group, "cgroup.subtree_control", "+memory"), 0);
	for (size_t i = 0; i < ARRAY_SIZE(leaves); i++) {
		_cleanup_free_ char *leaf = str_printf("%s/%s", f->group, leaves[i]);
		_cleanup_free_ char *folder = str_printf("%s/%s", map.h[0].mount, leaf);
		struct cgroup_join join = CGROUP_JOIN_INIT;
		pid_t pid = pausing_child();

		if (i > 0) /* ours is made where there is none of systemd's */
			assert_int_equal(mkdir(folder, 0755), 0);
		assert_ok(cgroup_attach(f->group, pid, &err), &err);
		assert_int_equal(n_elsewhere(pid, leaf), 0);
		end_child(pid);
		assert_ok(cgroup_join_open(f->group, &join, &err), &err);

		pid = fork_into(&join);
		if (pid == 0) {
			pause();
			_exit(0);
		}
		assert_int_equal(n_elsewhere(pid, leaf), 0);
		end_child(pid);
		cgroup_join_close(&join);
	}
}

static const char *memory_file(void)
{
	return host_is(true) ? "memory.max" : "memory.limit_in_bytes";
}

static void test_limit_below_usage(void **state)
{
	struct fixture *f = *state;
	struct cgroup_spec spec = { .path = f->group, .limits = { .memory_bytes = 64 << 20 } };
	struct cgroup_limits less = { .memory_bytes = 4 << 20, .cpu_milli = 100 };
	struct err err = ERR_INIT;
	int ready[2];
	char byte, value[64];

	if (!host_is(false) && !host_is(true))
		skip();
	assert_ok(cgroup_create(&spec, &err), &err);
	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);

	struct cgroup_join join;

	assert_ok(cgroup_join_open(f->group, &join, &err), &err);

	pid_t pid = fork_into(&join);

	if (pid == 0) {
		if (cgroup_join_self(&join) < 0)
			_exit(1);

		char *p = mmap(NULL, 16 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (p == MAP_FAILED || syscall(SYS_mlock, p, 16 << 20) < 0) /* by number: the sanitizer's does nothing */
			_exit(2);
		if (write(ready[1], "x", 1) == 1)
			pause();
		_exit(0);
	}
	close(ready[1]);
	cgroup_join_close(&join);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	assert_int_equal(cgroup_set_limits(f->group, &spec.limits, &less, &err), -EBUSY);
	assert_err_has(&err, "uses more than that now");
	/* All or nothing. */
	read_value("memory", f->group, memory_file(), value);
	assert_string_equal(value, "67108864");
	if (host_is(false)) {
		read_value("memory", f->group, "memory.memsw.limit_in_bytes", value);
		assert_string_equal(value, "67108864");
	}
	read_value("cpu", f->group, host_is(true) ? "cpu.max" : "cpu.cfs_quota_us", value);
	assert_string_equal(value, host_is(true) ? "max 100000" : "-1");
	assert_int_equal(waitpid(pid, NULL, WNOHANG), 0); /* and the limit killed nobody */
	end_child(pid);
}

/* A child in a user namespace of its own, born into the group, without any privilege over it. */
static void test_join_at_birth(void **state)
{
	struct fixture *f = *state;
	struct cgroup_spec spec = { .path = f->group };
	struct err err = ERR_INIT;
	struct cgroup_join join;
	int ready[2];
	char byte;

	need_root();
	assert_ok(cgroup_create(&spec, &err), &err);
	assert_ok(cgroup_join_open(f->group, &join, &err), &err);
	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);

	struct clone_args args = { .flags = CLONE_NEWUSER | CLONE_NEWPID, .exit_signal = SIGCHLD };

	if (join.v2_fd >= 0) {
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = (uint64_t)join.v2_fd;
	}

	pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));

	if (pid == 0) {
		int r = cgroup_join_self(&join);

		byte = r < 0 ? (char)-r : 0;
		if (write(ready[1], &byte, 1) == 1)
			pause();
		_exit(0);
	}
	if (pid < 0)
		fail_msg("clone3 with a user namespace: %s", strerror(errno));
	close(ready[1]);
	cgroup_join_close(&join);
	assert_int_equal(join.n_tasks, 0);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	assert_int_equal(byte, 0);
	assert_int_equal(n_elsewhere(pid, f->group), 0);
	assert_ok(cgroup_kill(f->group, 5000, &err), &err);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void test_delegate(void **state)
{
	struct fixture *f = *state;
	struct cgroup_spec spec = { .path = f->group };
	struct err err = ERR_INIT;
	struct cgroup_map map;
	struct stat st;

	need_root();
	assert_ok(cgroup_create(&spec, &err), &err);
	assert_ok(cgroup_delegate(f->group, 100000, 100001, &err), &err);
	assert_ok(cgroup_map_host(&map, &err), &err);
	if (!cgroup_map_v2(&map))
		skip();

	_cleanup_fd_ int dir = cgroup_open_group(cgroup_map_v2(&map), f->group);

	assert_int_equal(fstat(dir, &st), 0);
	assert_int_equal(st.st_uid, 100000);
	assert_int_equal(st.st_gid, 100001);
	assert_int_equal(fstatat(dir, "cgroup.procs", &st, 0), 0);
	assert_int_equal(st.st_uid, 100000);
	assert_int_equal(fstatat(dir, "cgroup.max.depth", &st, 0), 0);
	assert_int_equal(st.st_uid, 0);
	assert_int_equal(fstatat(dir, "cgroup.freeze", &st, 0), 0);
	assert_int_equal(st.st_uid, 0);
}

/* A guest may have made any number of groups, as deep as it liked, with processes in them. */
static void test_deep_tree(void **state)
{
	struct fixture *f = *state;
	struct cgroup_spec spec = { .path = f->group };
	struct err err = ERR_INIT;
	struct cgroup_map map;

	need_root();
	assert_ok(cgroup_create(&spec, &err), &err);
	assert_ok(cgroup_map_host(&map, &err), &err);

	int dir = cgroup_open_group(&map.h[0], f->group);
	pid_t pid = pausing_child();
	char text[16];

	snprintf(text, sizeof(text), "%d", pid);
	for (int depth = 0; depth < 300; depth++) {
		int next = path_make_dir_at(dir, "a-rather-long-name-of-a-group", 0755);

		assert_true(next >= 0);
		assert_int_equal(mkdirat(dir, "sibling", 0755), 0);
		close(dir);
		dir = next;
	}
	assert_int_equal(fd_write_file_at(dir, "cgroup.procs", text), 0);
	close(dir);
	assert_int_equal(cgroup_destroy(f->group, &err), -EBUSY);
	assert_true(cgroup_is_populated(f->group));
	assert_ok(cgroup_kill(f->group, 5000, &err), &err);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_ok(cgroup_destroy(f->group, &err), &err);
	assert_group_exists(f->group, false);
}

/* ctctl was killed between two hierarchies: what is only in some of them is found all the same. */
static void test_kill_half_attached(void **state)
{
	struct fixture *f = *state;
	struct cgroup_spec spec = { .path = f->group };
	struct err err = ERR_INIT;
	struct cgroup_map map;
	char text[16];

	if (!host_is(false))
		skip();
	assert_ok(cgroup_create(&spec, &err), &err);
	assert_ok(cgroup_map_host(&map, &err), &err);

	pid_t pid = pausing_child();

	snprintf(text, sizeof(text), "%d", pid);
	assert_int_equal(cgroup_write(cgroup_map_find(&map, "freezer"), f->group, "cgroup.procs", text), 0);
	assert_int_equal(cgroup_write(cgroup_map_find(&map, "freezer"), f->group, "freezer.state", "FROZEN"), 0);
	assert_ok(cgroup_kill(f->group, 5000, &err), &err);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_ok(cgroup_destroy(f->group, &err), &err);
}

/* A frozen guest (v1's freezer holds SIGKILL back) ends all the same. */
static void test_kill_frozen(void **state)
{
	struct fixture *f = *state;
	struct cgroup_spec spec = { .path = f->group };
	struct err err = ERR_INIT;
	struct cgroup_map map;

	if (!host_is(false))
		skip();
	assert_ok(cgroup_create(&spec, &err), &err);
	assert_ok(cgroup_map_host(&map, &err), &err);

	pid_t pid = pausing_child();

	assert_ok(cgroup_attach(f->group, pid, &err), &err);
	assert_int_equal(cgroup_write(cgroup_map_find(&map, "freezer"), f->group, "freezer.state", "FROZEN"), 0);
	assert_ok(cgroup_kill(f->group, 5000, &err), &err);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* Time is up while a process cannot end: an error that says so, and nothing is removed. */
static void test_kill_takes_too_long(void **state)
{
	struct fixture *f = *state;
	struct cgroup_spec spec = { .path = f->group };
	_cleanup_free_ char *inner = str_printf("%s/frozen", f->group);
	struct err err = ERR_INIT;
	struct cgroup_map map;

	if (!host_is(false))
		skip();
	assert_ok(cgroup_create(&spec, &err), &err);
	assert_ok(cgroup_map_host(&map, &err), &err);

	/* Frozen a level below, where nobody looks for a freezer. */
	const struct cgroup_hierarchy *freezer = cgroup_map_find(&map, "freezer");
	_cleanup_free_ char *folder = str_printf("%s/%s", freezer->mount, inner);
	pid_t pid = pausing_child();
	char text[16];

	snprintf(text, sizeof(text), "%d", pid);
	assert_ok(cgroup_attach(f->group, pid, &err), &err);
	assert_int_equal(mkdir(folder, 0755), 0);
	assert_int_equal(cgroup_write(freezer, inner, "cgroup.procs", text), 0);
	assert_int_equal(cgroup_write(freezer, inner, "freezer.state", "FROZEN"), 0);

	int r = cgroup_kill(f->group, 50, &err);

	assert_int_equal(cgroup_write(freezer, inner, "freezer.state", "THAWED"), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(r, -ETIMEDOUT);
	assert_int_equal(err.exit, EXIT_TIMEOUT);
	assert_err_has(&err, "did not end within 50 ms");
}

static void test_failure_leaves_nothing(void **state)
{
	struct fixture *f = *state;
	struct cgroup_spec spec = { .path = f->group };
	static const char *const points[] = { "cgroup.create", "cgroup.limits" };
	struct err err = ERR_INIT;

	need_root();
	for (size_t i = 0; i < ARRAY_SIZE(points); i++) {
		setenv("CTCTL_FAULT_FAIL", points[i], 1);
		assert_int_equal(cgroup_create(&spec, &err), -EIO);
		unsetenv("CTCTL_FAULT_FAIL");
		assert_group_exists(f->group, false);
	}
}

/* Opens a device in a group; the errno, or 0. */
static int open_in_group(const char *path, const char *device)
{
	struct err err = ERR_INIT;
	struct cgroup_join join;

	assert_ok(cgroup_join_open(path, &join, &err), &err);

	pid_t pid = fork();

	if (pid == 0) {
		if (cgroup_join_self(&join) < 0)
			_exit(200);
		_exit(open(device, O_RDONLY | O_CLOEXEC | O_NONBLOCK) < 0 ? errno : 0);
	}
	cgroup_join_close(&join);

	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void test_devices(void **state)
{
	struct fixture *f = *state;
	struct cgroup_spec spec = { .path = f->group };
	struct err err = ERR_INIT;

	if (!host_is(false) || access("/dev/kmsg", R_OK) < 0)
		skip();
	assert_ok(cgroup_create(&spec, &err), &err);
	assert_int_equal(open_in_group(f->group, "/dev/null"), 0);
	assert_int_equal(open_in_group(f->group, "/dev/ptmx"), 0);
	assert_int_equal(open_in_group(f->group, "/dev/kmsg"), EPERM);
	if (access("/dev/net/tun", R_OK) == 0)
		assert_int_equal(open_in_group(f->group, "/dev/net/tun"), EPERM);
	assert_ok(cgroup_destroy(f->group, &err), &err);

	/* A group of the host's own processes has no list. */
	spec.allow_all_devices = true;
	assert_ok(cgroup_create(&spec, &err), &err);
	assert_int_equal(open_in_group(f->group, "/dev/kmsg"), 0);
}

/* libcgroup 3.1 would report success and write nothing. */
static void test_library_takes_one_line(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(cgroup_lib_set(f->group, "memory", "memory.limit_in_bytes", "1\n2"), -EINVAL);
}

/*
 * A host with v2 alone, as far as this machine can be one: in a mount namespace of a child, whose only hierarchy is v2, where the machine's v2 is without
 * controllers.
 */
static int on_pure_v2(const struct fixture *f)
{
	struct cgroup_spec spec = { .path = f->group, .limits = { .memory_bytes = 1 << 20 } };
	struct err err = ERR_INIT;
	struct cgroup_host host;

	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    umount2("/sys/fs/cgroup", MNT_DETACH) < 0 || mount("none", "/sys/fs/cgroup", "cgroup2", 0, NULL) < 0)
		return 77;
	if (cgroup_probe_host(&host, &err) < 0 || !host.has_v2 || strcmp(host.v2_mount, "/sys/fs/cgroup") != 0)
		return 2;
	if (cgroup_create(&spec, &err) != -EOPNOTSUPP || err.exit != EXIT_UNSUPPORTED || !strstr(err.msg, "'memory'"))
		return 3;
	spec.limits.memory_bytes = CGROUP_UNLIMITED;
	if (cgroup_create(&spec, &err) < 0 || cgroup_attach(f->group, getpid(), &err) < 0 || !cgroup_is_populated(f->group)) {
		fprintf(stderr, "%s\n", err.msg);
		return 4;
	}
	return 0;
}

static void test_pure_v2(void **state)
{
	struct fixture *f = *state;
	int status;

	if (!host_is(false))
		skip();

	pid_t pid = fork();

	if (pid == 0)
		_exit(on_pure_v2(f));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

#define test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(test_paths),
		test(test_hybrid_mounts),
		test(test_plan_v1),
		test(test_plan_refuses),
		test(test_unified),
		test(test_unified_in_a_slice),
		test(test_unified_without_the_controller),
		test(test_unified_limit_below_usage),
		test(test_limits_are_all_or_nothing),
		test(test_life_of_a_group),
		test(test_v1_values),
		test(test_v2_values),
		test(test_leaf),
		test(test_limit_below_usage),
		test(test_join_at_birth),
		test(test_delegate),
		test(test_deep_tree),
		test(test_kill_half_attached),
		test(test_kill_frozen),
		test(test_kill_takes_too_long),
		test(test_failure_leaves_nothing),
		test(test_devices),
		test(test_library_takes_one_line),
		test(test_pure_v2),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
