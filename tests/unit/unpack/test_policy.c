/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include <errno.h>

#include "base/cleanup.h"
#include "templates/unpack/policy.h"

static const struct limits limits = { .max_bytes = 1000, .max_files = 3 };

static int judge(struct entry e, struct err *err)
{
	struct counts counts = { 0 };

	*err = ERR_INIT;
	return policy_judge(&e, &limits, &counts, err);
}

static void honest_paths_are_kept(void **state _unused_)
{
	static const char *const paths[] = { ".", "./", "./etc/passwd", "usr/bin/[", "a..b/..c/d..", "etc//x/" };
	struct err err;

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		assert_int_equal(judge((struct entry){ .kind = ENTRY_FILE, .path = paths[i] }, &err), 1);
}

static void paths_that_lead_out_are_refused(void **state _unused_)
{
	static const char *const paths[] = { "", "/etc/passwd", "..", "../x", "a/../../x", "a/..", "./..//x" };
	struct err err;

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		assert_int_equal(judge((struct entry){ .kind = ENTRY_FILE, .path = paths[i] }, &err), -EBADMSG);
		assert_int_equal(err.exit, EXIT_BAD_TEMPLATE);
		assert_int_equal(judge((struct entry){ .kind = ENTRY_HARDLINK, .path = "x", .target = paths[i] }, &err),
				 -EBADMSG);
		assert_err_has(&err, "hard link");
	}
	assert_int_equal(judge((struct entry){ .kind = ENTRY_FILE }, &err), -EBADMSG);
	assert_int_equal(judge((struct entry){ .kind = ENTRY_HARDLINK, .path = "x" }, &err), -EBADMSG);
}

static void long_names_are_refused(void **state _unused_)
{
	char component[300], path[POLICY_PATH_MAX + 2];
	struct err err;

	memset(component, 'c', sizeof(component));
	component[255] = '\0';
	assert_int_equal(judge((struct entry){ .kind = ENTRY_FILE, .path = component }, &err), 1);
	component[255] = 'c';
	component[256] = '\0';
	assert_int_equal(judge((struct entry){ .kind = ENTRY_FILE, .path = component }, &err), -EBADMSG);
	for (size_t i = 0; i < sizeof(path); i++)
		path[i] = i % 2 ? '/' : 'a';
	path[POLICY_PATH_MAX] = '\0';
	assert_int_equal(judge((struct entry){ .kind = ENTRY_FILE, .path = path }, &err), 1);
	path[POLICY_PATH_MAX] = 'a';
	path[POLICY_PATH_MAX + 1] = '\0';
	assert_int_equal(judge((struct entry){ .kind = ENTRY_FILE, .path = path }, &err), -EBADMSG);
}

static void ids_of_no_guest_are_refused(void **state _unused_)
{
	struct err err;

	assert_int_equal(judge((struct entry){ .kind = ENTRY_FILE, .path = "x", .uid = 65535, .gid = 65535 }, &err), 1);
	assert_int_equal(judge((struct entry){ .kind = ENTRY_FILE, .path = "x", .uid = 65536 }, &err), -EBADMSG);
	assert_err_has(&err, "65536:0");
	assert_int_equal(judge((struct entry){ .kind = ENTRY_FILE, .path = "x", .gid = -1 }, &err), -EBADMSG);
}

static void limits_hold_over_all_entries(void **state _unused_)
{
	struct counts counts = { 0 };
	struct err err = ERR_INIT;
	struct entry e = { .kind = ENTRY_FILE, .path = "x", .size = 500 };

	assert_int_equal(policy_judge(&e, &limits, &counts, &err), 1);
	assert_int_equal(policy_judge(&e, &limits, &counts, &err), 1);
	e.size = 1;
	assert_int_equal(policy_judge(&e, &limits, &counts, &err), -EBADMSG);
	assert_err_has(&err, "1000 bytes");
	counts = (struct counts){ .files = 3 };
	e.size = 0;
	assert_int_equal(policy_judge(&e, &limits, &counts, &err), -EBADMSG);
	assert_err_has(&err, "3 files");
	e.size = INT64_MAX;
	counts = (struct counts){ .bytes = 999 };
	assert_int_equal(policy_judge(&e, &limits, &counts, &err), -EBADMSG);
	e.size = -5;
	assert_int_equal(policy_judge(&e, &limits, &counts, &err), -EBADMSG);
}

static void devices_and_sockets_are_left_out(void **state _unused_)
{
	struct counts counts = { 0 };
	struct err err = ERR_INIT;
	struct entry device = { .kind = ENTRY_DEVICE, .path = "dev/null" }, sock = { .kind = ENTRY_SOCKET, .path = "run/s" };

	assert_int_equal(policy_judge(&device, &limits, &counts, &err), 0);
	assert_int_equal(policy_judge(&sock, &limits, &counts, &err), 0);
	assert_int_equal(counts.devices, 1);
	assert_int_equal(counts.sockets, 1);
	assert_int_equal(judge((struct entry){ .kind = ENTRY_FIFO, .path = "run/initctl" }, &err), 1);
	assert_int_equal(judge((struct entry){ .kind = ENTRY_UNKNOWN, .path = "x" }, &err), -EBADMSG);
}

static void attributes_of_the_host_are_dropped(void **state _unused_)
{
	assert_true(policy_keeps_xattr("user.mime_type"));
	assert_true(policy_keeps_xattr("security.capability"));
	assert_true(policy_keeps_xattr("system.posix_acl_access"));
	assert_false(policy_keeps_xattr("trusted.overlay.opaque"));
	assert_false(policy_keeps_xattr("security.selinux"));
	assert_false(policy_keeps_xattr("security.capability2"));
}

static void names_of_strangers_are_made_printable(void **state _unused_)
{
	char shown[POLICY_SHOWN_ROOM], path[1000];

	policy_show("a\n\x1b[2J\xff", shown);
	assert_string_equal(shown, "a\\x0a\\x1b[2J\\xff");
	memset(path, 1, sizeof(path));
	path[sizeof(path) - 1] = '\0';
	policy_show(path, shown);
	assert_true(strlen(shown) < POLICY_SHOWN_ROOM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(honest_paths_are_kept),
		cmocka_unit_test(paths_that_lead_out_are_refused),
		cmocka_unit_test(long_names_are_refused),
		cmocka_unit_test(ids_of_no_guest_are_refused),
		cmocka_unit_test(limits_hold_over_all_entries),
		cmocka_unit_test(devices_and_sockets_are_left_out),
		cmocka_unit_test(attributes_of_the_host_are_dropped),
		cmocka_unit_test(names_of_strangers_are_made_printable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
