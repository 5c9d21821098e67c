/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include <errno.h>
#include <sched.h>
#include <stdbool.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "runtime/container/caps.h"

/*
 * Runs `check` in a child that has dropped, in a user namespace of its own if asked for; its status is the number of what was
 * wrong.
 */
static int in_child(bool userns, int (*check)(cap_t before))
{
	pid_t pid = fork();

	if (pid == 0) {
		struct err err = ERR_INIT;

		if (userns && unshare(CLONE_NEWUSER) < 0)
			_exit(100);

		cap_t before = cap_get_proc();

		if (caps_drop(&err) < 0) {
			fprintf(stderr, "%s\n", err.msg);
			_exit(101);
		}
		_exit(check(before));
	}

	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static bool has(cap_t caps, cap_flag_t set, cap_value_t cap)
{
	cap_flag_value_t on = CAP_CLEAR;

	return cap_get_flag(caps, cap, set, &on) == 0 && on == CAP_SET;
}

static int check_sets(cap_t before)
{
	static const cap_value_t gone[] = { CAP_SYS_MODULE, CAP_SYS_RAWIO,  CAP_SYS_TIME, CAP_MAC_ADMIN,
					    CAP_SYSLOG,	    CAP_AUDIT_READ, CAP_BPF,	  CAP_PERFMON };
	static const cap_value_t kept[] = { CAP_SYS_ADMIN, CAP_NET_ADMIN, CAP_SYS_CHROOT, CAP_SETFCAP,
					    CAP_SYS_BOOT,  CAP_SETPCAP,	  CAP_SYS_PTRACE, CAP_SYS_RESOURCE };
	cap_t caps = cap_get_proc();

	if (!has(before, CAP_PERMITTED, CAP_SYS_MODULE) && !has(before, CAP_PERMITTED, CAP_SYSLOG))
		return 4; /* nothing to drop: this would prove nothing */
	for (size_t i = 0; i < ARRAY_SIZE(gone); i++) {
		if (has(caps, CAP_PERMITTED, gone[i]) || has(caps, CAP_EFFECTIVE, gone[i]) || cap_get_bound(gone[i]) != 0)
			return 1;
	}
	for (size_t i = 0; i < ARRAY_SIZE(kept); i++) {
		if (!has(before, CAP_PERMITTED, kept[i]))
			continue; /* this machine's root may lack some */
		if (!has(caps, CAP_PERMITTED, kept[i]) || !has(caps, CAP_EFFECTIVE, kept[i]) || cap_get_bound(kept[i]) != 1)
			return 2;
	}
	for (cap_value_t cap = 0; cap < cap_max_bits(); cap++) {
		if (has(caps, CAP_INHERITABLE, cap) || cap_get_ambient(cap) != 0)
			return 3;
	}
	cap_free(caps);
	return 0;
}

/* Root that executes a file has what the bounding set leaves: the dropped ones must not come back that way. */
static int check_after_exec(cap_t before)
{
	(void)before;
	execl("/bin/sh", "sh", "-c",
	      "while read -r key value; do case $key in CapPrm:|CapEff:|CapBnd:) [ $((0x$value >> 16 & 3)) -eq 0 ] && "
	      "[ $((0x$value >> 21 & 1)) -eq 1 ] || exit 1;; CapInh:|CapAmb:) [ $((0x$value)) -eq 0 ] || exit 2;; esac; done "
	      "</proc/self/status",
	      (char *)NULL);
	return 102;
}

static void test_drop(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(in_child(false, check_sets), 0);
	assert_int_equal(in_child(false, check_after_exec), 0);
}

static void test_drop_in_user_namespace(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(in_child(true, check_sets), 0);
}

/* Ambient and inheritable capabilities of the caller (a service manager may give some) do not reach the guest. */
static void test_ambient_is_emptied(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();

	cap_t saved = cap_get_proc(), raised = cap_get_proc();
	cap_value_t cap = CAP_NET_ADMIN;

	assert_int_equal(cap_set_flag(raised, CAP_INHERITABLE, 1, &cap, CAP_SET), 0);
	assert_int_equal(cap_set_proc(raised), 0);
	assert_int_equal(cap_set_ambient(cap, CAP_SET), 0);

	int status = in_child(false, check_sets);

	assert_int_equal(cap_reset_ambient(), 0);
	assert_int_equal(cap_set_proc(saved), 0);
	cap_free(saved);
	cap_free(raised);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_drop),
		cmocka_unit_test(test_drop_in_user_namespace),
		cmocka_unit_test(test_ambient_is_emptied),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
