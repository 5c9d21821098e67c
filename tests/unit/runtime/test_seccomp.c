/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "runtime/container/seccomp.h"
#include "seccomp_filter.h"

#define GARBAGE 0xdeadbeef00000000UL /* the upper half of an int argument, which the kernel ignores */

/*
 * Each call is really made, in a child under the filter, by both ABIs. `expected` is the errno; LET_THROUGH: what the kernel says
 * without the filter, which is asked first.
 */
#define SETUP_FAILED 250 /* above every errno: a world that could not be made proves nothing */
#define LET_THROUGH  (-1)
#define NO_CALL	     (-1)

struct call {
	const char *name;
	long nr64;
	long nr32; /* arch/x86/entry/syscalls/syscall_32.tbl */
	unsigned long args[5];
	int expected;
};

static const struct seccomp_policy strict = { 0 };

static long call64(const struct call *c)
{
	long r = syscall(c->nr64, c->args[0], c->args[1], c->args[2], c->args[3], c->args[4]);

	return r < 0 ? -errno : r;
}

static long call32(const struct call *c)
{
	long r;

	__asm__ volatile("int $0x80"
			 : "=a"(r)
			 : "a"(c->nr32), "b"(c->args[0]), "c"(c->args[1]), "d"(c->args[2]), "S"(c->args[3]), "D"(c->args[4])
			 : "memory", "r8", "r9", "r10", "r11");
	return (int)r;
}

static int wait_child(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status);
}

/* As a guest's processes are: in a user namespace with ids, and a mount and a PID namespace that it owns. */
static void enter_guest_namespaces(void)
{
	static const struct {
		const char *file;
		const char *text;
	} maps[] = { { "/proc/self/setgroups", "deny" }, { "/proc/self/uid_map", "0 0 1" }, { "/proc/self/gid_map", "0 0 1" } };

	if (unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID) < 0)
		_exit(SETUP_FAILED);
	for (size_t i = 0; i < ARRAY_SIZE(maps); i++) {
		if (fd_write_file_at(AT_FDCWD, maps[i].file, maps[i].text) < 0)
			_exit(SETUP_FAILED);
	}

	pid_t pid = fork();

	if (pid != 0) {
		int status;

		_exit(waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : SETUP_FAILED);
	}
}

/* Makes the call in a child and returns its errno, 0 for a success; with no policy, without a filter. */
static int errno_of_call(const struct call *c, long (*make)(const struct call *), bool userns,
			 const struct seccomp_policy *policy)
{
	pid_t pid = fork();

	if (pid == 0) {
		struct err err = ERR_INIT;

		if (userns)
			enter_guest_namespaces();
		if (policy && seccomp_install(policy, &err) < 0) {
			fprintf(stderr, "%s\n", err.msg);
			_exit(SETUP_FAILED);
		}

		long r = make(c);

		_exit(r < 0 ? (int)-r : 0);
	}

	int status = wait_child(pid);

	if (status >= SETUP_FAILED)
		fail_msg("%s: the child could not be set up (%s), see what this host refuses", c->name,
			 userns ? "user, mount and PID namespace, then the filter" : "the filter");
	return status;
}

static bool is_as_expected(const struct call *c, const char *abi, long (*make)(const struct call *), bool userns,
			   const struct seccomp_policy *policy)
{
	int expected = c->expected == LET_THROUGH ? errno_of_call(c, make, userns, NULL) : c->expected;
	int found = errno_of_call(c, make, userns, policy);

	if (found == expected)
		return true;
	print_error("%s, %s: %s (%d), expected %d\n", c->name, abi, strerror(found), found, expected);
	return false;
}

static bool has_ia32(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		static const struct call getpid_call = { .nr32 = 20 };

		signal(SIGSEGV, SIG_DFL);
		_exit(call32(&getpid_call) == getpid() ? 0 : 1);
	}
	return wait_child(pid) == 0;
}

static void try_all(const struct call *calls, size_t n, bool userns, const struct seccomp_policy *policy)
{
	bool ia32 = has_ia32();
	int bad = 0;

	if (geteuid() != 0 && !userns)
		skip();
	for (size_t i = 0; i < n; i++) {
		if (calls[i].nr64 != NO_CALL && !is_as_expected(&calls[i], "64 bit", call64, userns, policy))
			bad++;
		if (ia32 && calls[i].nr32 != NO_CALL && !is_as_expected(&calls[i], "32 bit", call32, userns, policy))
			bad++;
	}
	if (!ia32)
		print_message("the 32-bit ABI was not tried: this kernel has none\n");
	assert_int_equal(bad, 0);
}

#define NAMESPACE(flag, error)                                            \
	{ "unshare " #flag, SYS_unshare, 310, { flag }, error },          \
	{                                                                 \
		"clone " #flag, SYS_clone, 120, { flag | SIGCHLD }, error \
	}
#define SOCKET(family, protocol, error)                                                                                      \
	{ "socket " #family, SYS_socket, 359, { family, SOCK_RAW, protocol }, error },                                       \
	{                                                                                                                    \
		"socket " #family " with a dirty upper half", SYS_socket, NO_CALL, { family | GARBAGE, SOCK_RAW, protocol }, \
			error                                                                                                \
	}

static const struct call denied[] = {
	{ "init_module", SYS_init_module, 128, { 0 }, EPERM },
	{ "finit_module", SYS_finit_module, 350, { 0 }, EPERM },
	{ "delete_module", SYS_delete_module, 129, { 0 }, EPERM },
	{ "kexec_load", SYS_kexec_load, 283, { 0 }, EPERM },
	{ "kexec_file_load", SYS_kexec_file_load, NO_CALL, { 0 }, EPERM },
	{ "bpf", SYS_bpf, 357, { 0 }, EPERM },
	{ "open_by_handle_at", SYS_open_by_handle_at, 342, { 0 }, EPERM },
	{ "perf_event_open", SYS_perf_event_open, 336, { 0 }, EPERM },
	{ "userfaultfd", SYS_userfaultfd, 374, { 0 }, EPERM },
	{ "fanotify_init", SYS_fanotify_init, 338, { 0 }, EPERM },
	{ "lookup_dcookie", SYS_lookup_dcookie, 253, { 0 }, EPERM },
	{ "acct", SYS_acct, 51, { 0 }, EPERM },
	{ "iopl", SYS_iopl, 110, { 3 }, EPERM },
	{ "ioperm", SYS_ioperm, 101, { 0 }, EPERM },
	{ "ioctl TIOCSTI", SYS_ioctl, 54, { 0, TIOCSTI }, EPERM },
	{ "ioctl TIOCSTI with a dirty upper half", SYS_ioctl, NO_CALL, { 0, TIOCSTI | GARBAGE }, EPERM },
	{ "ioctl TIOCLINUX", SYS_ioctl, 54, { 0, TIOCLINUX }, EPERM },
	{ "request_key", SYS_request_key, 287, { 0 }, ENOSYS },
	{ "add_key", SYS_add_key, 286, { 0 }, ENOSYS },
	{ "keyctl", SYS_keyctl, 288, { 0 }, ENOSYS },
	NAMESPACE(CLONE_NEWUSER, EPERM),
	NAMESPACE(CLONE_NEWUTS, EPERM),
	NAMESPACE(CLONE_NEWIPC, EPERM),
	NAMESPACE(CLONE_NEWPID, EPERM),
	NAMESPACE(CLONE_NEWCGROUP, EPERM),
	{ "unshare CLONE_NEWTIME", SYS_unshare, 310, { CLONE_NEWTIME }, EPERM },
	{ "unshare of several", SYS_unshare, 310, { CLONE_NEWNS | CLONE_NEWUTS }, EPERM },
	{ "clone3", SYS_clone3, 435, { 0 }, ENOSYS },
	{ "pidfd_open", SYS_pidfd_open, 434, { 1 }, ENOSYS },
	{ "memfd_secret", 447, 447, { 0 }, ENOSYS },
	{ "kcmp", SYS_kcmp, 349, { 1, 1 }, ENOSYS },
	{ "io_uring_setup", SYS_io_uring_setup, 425, { 0 }, ENOSYS },
	{ "io_uring_enter", SYS_io_uring_enter, 426, { 0 }, ENOSYS },
	{ "io_uring_register", SYS_io_uring_register, 427, { 0 }, ENOSYS },
	{ "uselib", SYS_uselib, 86, { 0 }, ENOSYS },
	{ "ustat", SYS_ustat, 62, { 0 }, ENOSYS },
	{ "sysfs", SYS_sysfs, 135, { 0 }, ENOSYS },
	{ "vm86", NO_CALL, 166, { 0 }, ENOSYS },
	{ "vm86old", NO_CALL, 113, { 0 }, ENOSYS },
	SOCKET(38 /* AF_ALG */, 0, EAFNOSUPPORT),
	SOCKET(33 /* AF_RXRPC */, AF_INET, EAFNOSUPPORT),
	SOCKET(AF_VSOCK, 0, EAFNOSUPPORT),
	SOCKET(AF_TIPC, 0, EAFNOSUPPORT),
	SOCKET(AF_CAN, 0, EAFNOSUPPORT),
	SOCKET(AF_BLUETOOTH, 0, EAFNOSUPPORT),
	SOCKET(AF_KEY, 2, EAFNOSUPPORT),
	SOCKET(AF_PPPOX, 0, EAFNOSUPPORT),
	SOCKET(AF_RDS, 0, EAFNOSUPPORT),
	SOCKET(AF_SMC, 0, EAFNOSUPPORT),
	SOCKET(AF_XDP, 0, EAFNOSUPPORT),
	SOCKET(AF_X25, 0, EAFNOSUPPORT),
	SOCKET(AF_APPLETALK, 0, EAFNOSUPPORT),
	SOCKET(99, 0, EAFNOSUPPORT),
	{ "socketpair AF_TIPC", SYS_socketpair, 360, { AF_TIPC, SOCK_STREAM }, EAFNOSUPPORT },
	{ "socketcall SYS_SOCKET", NO_CALL, 102, { 1 }, EAFNOSUPPORT },
	{ "socketcall SYS_SOCKETPAIR", NO_CALL, 102, { 8 }, EAFNOSUPPORT },
	SOCKET(AF_NETLINK, NETLINK_CRYPTO, EPROTONOSUPPORT),
	SOCKET(AF_NETLINK, NETLINK_ISCSI, EPROTONOSUPPORT),
	SOCKET(AF_NETLINK, NETLINK_RDMA, EPROTONOSUPPORT),
	{ "a call of x32", 0x40000000 | 39 /* getpid */, NO_CALL, { 0 }, ENOSYS },
	{ "a negative number", -2, -2, { 0 }, ENOSYS },
};

static const struct call allowed[] = {
	{ "getpid", SYS_getpid, 20, { 0 }, LET_THROUGH },
	{ "unshare CLONE_NEWNS", SYS_unshare, 310, { CLONE_NEWNS }, LET_THROUGH },
	{ "unshare CLONE_NEWNET", SYS_unshare, 310, { CLONE_NEWNET }, LET_THROUGH },
	{ "unshare CLONE_FILES", SYS_unshare, 310, { CLONE_FILES }, LET_THROUGH },
	{ "socket AF_UNIX", SYS_socket, 359, { AF_UNIX, SOCK_STREAM }, LET_THROUGH },
	{ "socket AF_INET", SYS_socket, 359, { AF_INET, SOCK_STREAM }, LET_THROUGH },
	{ "socket AF_INET6", SYS_socket, 359, { AF_INET6, SOCK_DGRAM }, LET_THROUGH },
	{ "socket NETLINK_ROUTE", SYS_socket, 359, { AF_NETLINK, SOCK_RAW, NETLINK_ROUTE }, LET_THROUGH },
	{ "socket NETLINK_NETFILTER", SYS_socket, 359, { AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER }, LET_THROUGH },
	{ "socket NETLINK_KOBJECT_UEVENT", SYS_socket, 359, { AF_NETLINK, SOCK_RAW, NETLINK_KOBJECT_UEVENT }, LET_THROUGH },
	{ "ioctl FIONREAD", SYS_ioctl, 54, { 99, FIONREAD }, LET_THROUGH },
	{ "reboot", SYS_reboot, 88, { 0, 0, 0 }, LET_THROUGH }, /* wrong magic: EINVAL */
	{ "name_to_handle_at", SYS_name_to_handle_at, 341, { 0 }, LET_THROUGH },
	{ "fsopen", SYS_fsopen, 430, { 0 }, LET_THROUGH },
	{ "socketcall SYS_SHUTDOWN", NO_CALL, 102, { 13 }, LET_THROUGH },
	{ "modify_ldt", SYS_modify_ldt, 123, { 0, 0, 0 }, LET_THROUGH },
	{ "personality", SYS_personality, 136, { 0xffffffff }, LET_THROUGH },
	{ "memfd_create", SYS_memfd_create, 356, { 0 }, LET_THROUGH },
	{ "seccomp", SYS_seccomp, 354, { 99 }, LET_THROUGH },
};

static void test_denied(void **state)
{
	(void)state;
	try_all(denied, ARRAY_SIZE(denied), false, &strict);
}

static void test_denied_in_user_namespace(void **state)
{
	(void)state;
	try_all(denied, ARRAY_SIZE(denied), true, &strict);
}

static void test_allowed(void **state)
{
	(void)state;
	try_all(allowed, ARRAY_SIZE(allowed), false, &strict);
}

static void test_allowed_in_user_namespace(void **state)
{
	(void)state;
	try_all(allowed, ARRAY_SIZE(allowed), true, &strict);
}

/* A kernel that is newer than the libseccomp of the build has calls that nobody has judged. */
static void test_calls_of_the_future(void **state)
{
	struct call later[40];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(later); i++) {
		later[i] = (struct call){
			.name = "a call of the future",
			.nr64 = (long)(SECCOMP_HIGHEST_X86_64 + 1 + i),
			.nr32 = (long)(SECCOMP_HIGHEST_I386 + 1 + i),
			.expected = ENOSYS,
		};
	}
	try_all(later, ARRAY_SIZE(later), true, &strict);
}

static void test_nesting(void **state)
{
	static const struct seccomp_policy nesting = { .nesting = true };
	static const struct call calls[] = {
		{ "unshare CLONE_NEWUTS", SYS_unshare, 310, { CLONE_NEWUTS }, LET_THROUGH },
		{ "unshare CLONE_NEWUSER", SYS_unshare, 310, { CLONE_NEWUSER }, LET_THROUGH },
		{ "clone3", SYS_clone3, 435, { 0 }, EINVAL },
		{ "pidfd_open", SYS_pidfd_open, 434, { 1 }, LET_THROUGH },
		{ "keyctl", SYS_keyctl, 288, { 999 }, EOPNOTSUPP },
		{ "request_key", SYS_request_key, 287, { 0 }, ENOSYS },
		{ "io_uring_setup", SYS_io_uring_setup, 425, { 0 }, ENOSYS },
		{ "bpf", SYS_bpf, 357, { 0 }, EPERM },
	};

	(void)state;
	try_all(calls, ARRAY_SIZE(calls), true, &nesting);
}

static void test_io_uring(void **state)
{
	static const struct seccomp_policy io_uring = { .io_uring = true };
	static const struct call calls[] = {
		{ "io_uring_setup", SYS_io_uring_setup, 425, { 8, 0 }, EFAULT },
		{ "clone3", SYS_clone3, 435, { 0 }, ENOSYS },
	};

	(void)state;
	try_all(calls, ARRAY_SIZE(calls), true, &io_uring);
}

static void test_ia32_sockets(void **state)
{
	static const struct seccomp_policy ia32 = { .ia32_sockets = true };
	static const struct call calls[] = {
		{ "socketcall SYS_SOCKET", NO_CALL, 102, { 1 }, EFAULT },
		{ "socketcall SYS_SOCKETPAIR", NO_CALL, 102, { 8 }, EFAULT },
		{ "socket AF_INET", SYS_socket, 359, { AF_INET, SOCK_STREAM }, LET_THROUGH },
		{ "socket AF_ALG of 64 bits", SYS_socket, NO_CALL, { 38, SOCK_SEQPACKET }, EAFNOSUPPORT },
		{ "bpf", SYS_bpf, 357, { 0 }, EPERM },
	};

	(void)state;
	try_all(calls, ARRAY_SIZE(calls), true, &ia32);
}

/* sudo must work in a guest. */
static void test_no_new_privs_stays_off(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();

	pid_t pid = fork();

	if (pid == 0) {
		struct err err = ERR_INIT;

		if (seccomp_install(&strict, &err) < 0)
			_exit(2);
		_exit(syscall(SYS_prctl, 39 /* PR_GET_NO_NEW_PRIVS */, 0, 0, 0, 0) == 0 ? 0 : 1);
	}
	assert_int_equal(wait_child(pid), 0);
}

static void test_needs_privilege(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();

	pid_t pid = fork();

	if (pid == 0) {
		struct err err = ERR_INIT;

		if (setresuid(65534, 65534, 65534) < 0)
			_exit(2);
		_exit(seccomp_install(&strict, &err) == -EACCES && strstr(err.msg, "filter") ? 0 : 1);
	}
	assert_int_equal(wait_child(pid), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_denied),
		cmocka_unit_test(test_denied_in_user_namespace),
		cmocka_unit_test(test_allowed),
		cmocka_unit_test(test_allowed_in_user_namespace),
		cmocka_unit_test(test_calls_of_the_future),
		cmocka_unit_test(test_nesting),
		cmocka_unit_test(test_io_uring),
		cmocka_unit_test(test_ia32_sockets),
		cmocka_unit_test(test_no_new_privs_stays_off),
		cmocka_unit_test(test_needs_privilege),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
