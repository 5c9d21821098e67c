/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include <stdlib.h>
#include <sys/sysmacros.h>

#include "runtime/checkpoint/preflight_text.h"

/* Texts of /proc as a kernel (6.18) wrote them, and what a guest could make of them. */

static const char status_text[] = "Name:\tpost\\ngres\n"
				  "Umask:\t0077\n"
				  "State:\tS (sleeping)\n"
				  "Tgid:\t4711\n"
				  "Ngid:\t0\n"
				  "Pid:\t4711\n"
				  "PPid:\t4700\n"
				  "TracerPid:\t12\n"
				  "Uid:\t100000\t100000\t100000\t100000\n"
				  "NStgid:\t4711\t812\t17\n"
				  "NSpid:\t4711\t812\t17\n"
				  "VmRSS:\t  9000 kB\n"
				  "RssAnon:\t    1024 kB\n"
				  "RssFile:\t    4096 kB\n"
				  "RssShmem:\t      64 kB\n"
				  "VmSwap:\t       8 kB\n"
				  "Threads:\t3\n";

static void test_status(void **state)
{
	struct proc_status s;

	(void)state;
	assert_true(proc_parse_status(status_text, &s));
	assert_string_equal(s.command, "post\\ngres");
	assert_int_equal(s.state, 'S');
	assert_int_equal(s.parent, 4700);
	assert_int_equal(s.tracer, 12);
	assert_int_equal(s.inner, 17);
	assert_int_equal(s.threads, 3);
	assert_int_equal(s.memory_bytes, (1024 + 64 + 8) << 10);
}

/* A name is cut where it is longer than any can be, and none begins a line of its own. */
static void test_status_names(void **state)
{
	static const char zombie[] = "Name:\tPPid:\t1 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n"
				     "State:\tZ (zombie)\nPPid:\t5\nTracerPid:\t0\nThreads:\t1\n";
	struct proc_status s;

	(void)state;
	assert_true(proc_parse_status(zombie, &s));
	assert_int_equal(strlen(s.command), COMMAND_ROOM - 1);
	assert_int_equal(s.parent, 5);
	assert_int_equal(s.inner, 0);
	assert_int_equal(s.memory_bytes, 0);
	assert_false(proc_parse_status("", &s));
	assert_false(proc_parse_status("Name:\tx\nState:\tS\nPPid:\tx\n", &s));
}

static void test_mount(void **state)
{
	struct mount_line m;

	(void)state;
	assert_true(
		proc_parse_mount("289 243 0:126 / /run rw,nosuid,nodev,relatime - tmpfs tmpfs rw,size=4936820k,mode=755", &m));
	assert_int_equal(m.id, 289);
	assert_int_equal(m.parent, 243);
	assert_true(m.device == makedev(0, 126));
	assert_string_equal(m.type, "tmpfs");
	assert_string_equal(m.root, "/");
	assert_string_equal(m.path, "/run");
	assert_true(proc_parse_mount("43 28 0:4 net:[4026532399] /run/a\\040b\\134 rw shared:5 master:1 - nsfs nsfs rw", &m));
	assert_string_equal(m.root, "net:[4026532399]");
	assert_string_equal(m.path, "/run/a b\\");
	assert_string_equal(m.type, "nsfs");
}

static void test_mount_odd(void **state)
{
	char line[600], path[400];
	struct mount_line m;

	(void)state;
	memset(path, 'a', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	snprintf(line, sizeof(line), "1 2 8:1 / /%s rw - ext4 /dev/sda1 rw", path);
	assert_true(proc_parse_mount(line, &m));
	assert_string_equal(m.path, ""); /* a cut path is another one */
	assert_string_equal(m.type, "ext4");
	assert_false(proc_parse_mount("", &m));
	assert_false(proc_parse_mount("1 2 8:1 / /x rw", &m));
	assert_false(proc_parse_mount("x 2 8:1 / /x rw - a b c", &m));
}

static void test_backlog(void **state)
{
	static const char listens[] =
		"   0: 0100007F:8B1D 00000000:0000 0A 00000000:00000005 00:00000000 00000000 100000        0 "
		"15403924 2 0000000000000000 100 0 0 10 0";
	static const char empty[] =
		"   1: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1";
	static const char connected[] =
		"   2: 0100007F:8B1D 0100007F:9B1D 01 00000000:00000007 00:00000000 00000000     0     0 9 1";
	static const char six[] = "   0: 00000000000000000000000001000000:0050 00000000000000000000000000000000:0000 0A "
				  "00000000:00000001 00:00000000 00000000     0        0 77 1 0 100 0 0 10 0";
	uint64_t waiting, inode;

	(void)state;
	assert_true(proc_parse_backlog(listens, &waiting, &inode));
	assert_int_equal(waiting, 5);
	assert_int_equal(inode, 15403924);
	assert_true(proc_parse_backlog(six, &waiting, &inode));
	assert_int_equal(inode, 77);
	assert_false(proc_parse_backlog(empty, &waiting, &inode));
	assert_false(proc_parse_backlog(connected, &waiting, &inode));
	assert_false(proc_parse_backlog("  sl  local_address rem_address   st tx_queue rx_queue tr tm->when", &waiting, &inode));
}

static void test_descriptors(void **state)
{
	static const char info[] = "pos:\t0\nflags:\t02040002\nmnt_id:\t15\nino:\t9\nPid:\t-1\nNSpid:\t-1\n";
	struct epoll_line e;
	int64_t value;

	(void)state;
	assert_true(proc_parse_field(info, "flags:", 8, &value));
	assert_int_equal(value, 02040002);
	assert_true(proc_parse_field(info, "Pid:", 10, &value));
	assert_int_equal(value, -1);
	assert_false(proc_parse_field(info, "scm_fds:", 10, &value));
	assert_true(proc_parse_epoll("tfd:        4 events:       19 data:                0  pos:0 ino:27 sdev:f", &e));
	assert_int_equal(e.fd, 4);
	assert_false(proc_parse_epoll("pos:\t0", &e));
}

static void test_inotify(void **state)
{
	static const char line[] = "inotify wd:1 ino:5 sdev:80000a mask:fff ignored_mask:0 fhandle-bytes:c fhandle-type:1 "
				   "f_handle:993acde40500000000000000";
	char large[600] = "";
	struct inotify_line i;
	int n;

	(void)state;
	assert_true(proc_parse_inotify(line, &i));
	assert_int_equal(i.inode, 5);
	assert_true(i.device == makedev(8, 10));
	assert_int_equal(i.handle_len, 12);
	assert_int_equal(i.handle_type, 1);
	assert_int_equal(i.handle[1], 0x3a);
	/* Without a handle, or with one that is cut or longer than there is: it is a watch all the same. */
	assert_true(proc_parse_inotify("inotify wd:1 ino:5 sdev:7e mask:fff ignored_mask:0 ", &i));
	assert_int_equal(i.handle_len, 0);
	assert_true(proc_parse_inotify("inotify wd:1 ino:5 sdev:7e fhandle-bytes:c fhandle-type:1 f_handle:993acd", &i));
	assert_int_equal(i.handle_len, 0);
	n = snprintf(large, sizeof(large), "inotify wd:1 ino:5 sdev:7e fhandle-bytes:c8 fhandle-type:1 f_handle:");
	memset(large + n, '9', sizeof(large) - 1 - (size_t)n);
	assert_true(proc_parse_inotify(large, &i));
	assert_int_equal(i.handle_len, 0);
	assert_false(proc_parse_inotify("flags:\t00", &i));
}

static void test_maps_and_timers(void **state)
{
	struct map_line m;
	pid_t thread;

	(void)state;
	assert_true(proc_parse_map("7f1c2d400000-7f1c2d422000 r--p 00000000 fe:01 1835 /usr/lib/a b.so (deleted)", &m));
	assert_true(m.start == 0x7f1c2d400000 && m.end == 0x7f1c2d422000);
	assert_true(m.device == makedev(0xfe, 1));
	assert_int_equal(m.inode, 1835);
	assert_string_equal(m.path, "/usr/lib/a b.so (deleted)");
	assert_true(proc_parse_map("7ffd1000-7ffd2000 rw-p 00000000 00:00 0 ", &m));
	assert_string_equal(m.path, "");
	assert_false(proc_parse_map("Size: 4 kB", &m));
	assert_true(proc_parse_timer("notify: signal/tid.4711", &thread));
	assert_int_equal(thread, 4711);
	assert_false(proc_parse_timer("notify: signal/pid.4711", &thread));
	assert_false(proc_parse_timer("ClockID: 1", &thread));
}

static void test_lines(void **state)
{
	char text[] = "a\n\nb";
	char *rest = text, *none = NULL;

	(void)state;
	assert_string_equal(proc_next_line(&rest), "a");
	assert_string_equal(proc_next_line(&rest), "");
	assert_string_equal(proc_next_line(&rest), "b");
	assert_null(proc_next_line(&rest));
	assert_null(proc_next_line(&none));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_status),	  cmocka_unit_test(test_status_names),	  cmocka_unit_test(test_mount),
		cmocka_unit_test(test_mount_odd), cmocka_unit_test(test_backlog),	  cmocka_unit_test(test_descriptors),
		cmocka_unit_test(test_inotify),	  cmocka_unit_test(test_maps_and_timers), cmocka_unit_test(test_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
