/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "node_unit.h"

#include "runtime/policy.h"

static void put_conf(const struct scratch *s, const char *text)
{
	(void)!mkdirat(s->fd, "etc", 0700);
	put_file(s->fd, "etc/ctctl.conf", text);
}

static void test_folders_are_for_root_only(void **state)
{
	static const char *const names[] = { "lib/guests", "lib/pools", "lib/templates", "run", "run/_images" };
	const struct scratch *s = *state;
	struct stat st;

	NEED_ROOT();

	mode_t old = umask(0);
	_cleanup_node_ struct node *node = open_node(s, NULL);

	umask(old);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		assert_int_equal(fstatat(s->fd, names[i], &st, AT_SYMLINK_NOFOLLOW), 0);
		assert_int_equal(st.st_mode, S_IFDIR | 0700);
	}
}

static void test_defaults_of_a_prefix(void **state)
{
	const struct scratch *s = *state;

	NEED_ROOT();
	put_dir(s->fd, "one");
	put_dir(s->fd, "two");

	_cleanup_free_ char *one = str_printf("%s/one", s->path), *same = str_printf("%s/./two/../one/", s->path);
	_cleanup_free_ char *two = str_printf("%s/two", s->path);
	_cleanup_node_ struct node *a = NULL, *b = NULL, *c = NULL;
	struct err err = ERR_INIT;

	assert_ok(node_open(one, NULL, &a, &err), &err);
	assert_ok(node_open(same, NULL, &b, &err), &err);
	assert_ok(node_open(two, NULL, &c, &err), &err);
	assert_string_equal(a->prefix, b->prefix);
	assert_string_equal(a->cgroup_parent, b->cgroup_parent);
	assert_string_not_equal(a->cgroup_parent, c->cgroup_parent);
	assert_string_not_equal(a->bridge, c->bridge);
	/* IFNAMSIZ is 16 with the terminator. */
	assert_true(strlen(a->bridge) < 16);
	/* Behind the ranges of the instance without a prefix, and below 2^31. */
	assert_true(a->ids_first >= 0x40000000ULL + 6144ULL * NODE_IDS_PER_GUEST);
	assert_true(a->ids_first + a->ids_slots * NODE_IDS_PER_GUEST <= 0x80000000ULL);
}

static void test_a_prefix_that_is_none(void **state)
{
	const struct scratch *s = *state;
	_cleanup_free_ char *file = str_printf("%s/file", s->path), *below = str_printf("%s/file/x", s->path);
	struct node *node = NULL;

	NEED_ROOT();
	put_file(s->fd, "file", "");
	for (int i = 0; i < 2; i++) {
		struct err err = ERR_INIT;

		assert_true(node_open(i ? file : below, NULL, &node, &err) < 0);
		assert_err_has(&err, "file");
	}
	assert_null(node);
}

static void test_conf_is_read(void **state)
{
	const struct scratch *s = *state;

	NEED_ROOT();
	put_conf(s, "bridge = br7\ndefault-pool: fast\nids-first = 1048576\nids-slots = 2\nfuture-key = x\n"
		    "bridge-address = 10.9.0.1/16\ndefault-memory = 512M\n[later]\nbridge = other\n");

	_cleanup_node_ struct node *node = open_node(s, NULL);

	assert_string_equal(node->bridge, "br7");
	assert_string_equal(node->default_pool, "fast");
	assert_string_equal(node->bridge_address, "10.9.0.1/16");
	assert_true(node->ids_first == 1048576 && node->ids_slots == 2);
	assert_int_equal(node->default_memory, 512 << 20);
}

static void test_default_memory(void **state)
{
	const struct scratch *s = *state;

	NEED_ROOT();

	_cleanup_node_ struct node *node = open_node(s, NULL), *other = NULL;

	assert_int_equal(node->default_memory, 1 << 30);
	put_conf(s, "default-memory = none\n");
	other = open_node(s, NULL);
	assert_int_equal(other->default_memory, 0);
}

static void test_bad_conf(void **state)
{
	static const struct {
		const char *text, *why;
	} rows[] = {
		{ "ids-first = 0\n", "line 1: ids-first '0': expected" },
		{ "ids-first = 100000\n", "must be a multiple of 65536" },
		{ "ids-first = -65536\n", "line 1: ids-first" },
		{ "ids-slots = 0\n", "line 1: ids-slots" },
		{ "ids-slots = 65536\n", "must be a multiple of 65536, and the last id below" },
		{ "\nids-slots = 99999999999999999999\n", "line 2: ids-slots" },
		{ "bridge-address = 10.0.0.1\n", "line 1: bridge-address" },
		{ "bridge\n", "line 1: expected 'key = value'" },
		{ "bridge =\n", "line 1: bridge ''" },
		{ "bridge = a/b\n", "line 1: bridge 'a/b'" },
		{ "bridge = a-name-too-long-for-it\n", "line 1: bridge" },
		{ "cgroup-parent = ../x\n", "line 1: cgroup-parent '../x'" },
		{ "cgroup-parent = /x\n", "line 1: cgroup-parent" },
		{ "cgroup-parent =\n", "line 1: cgroup-parent" },
		{ "default-memory = 1M\n", "line 1: default-memory '1M': expected" },
		{ "default-memory =\n", "line 1: default-memory ''" },
		{ "default-pool = ../x\n", "line 1: default-pool name" },
	};
	const struct scratch *s = *state;

	NEED_ROOT();
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct node *node = NULL;
		struct err err = ERR_INIT;

		put_conf(s, rows[i].text);
		if (node_open(s->path, NULL, &node, &err) == 0)
			fail_msg("'%s' was accepted", rows[i].text);
		assert_int_equal(err.exit, EXIT_BAD_CONFIG);
		assert_err_has(&err, rows[i].why);
	}
}

static int policy_of(const char *const pairs[][2], size_t n, struct err *err)
{
	struct guest_config c;
	struct node node = { 0 };

	assert_ok(config_init(&c, err), err);
	for (size_t i = 0; i < n; i++)
		assert_ok(config_set(&c, param_find(pairs[i][0]), pairs[i][1], err), err);

	int r = policy_check(&node, &c, err);
	struct err start = ERR_INIT;

	/* Of what is refused when it is set, only a processor that is offline does not keep a guest from starting. */
	assert_int_equal(policy_check_start(&node, &c, &start) < 0, r < 0 && !c.cpuset);

	config_free(&c);
	return r;
}

static void test_policy(void **state)
{
	static const struct {
		const char *pairs[2][2];
		const char *why; /* NULL: it is fine */
	} rows[] = {
		{ { { "memory", "" }, { "cpus", "" } }, NULL },
		{ { { "memory", "4M" }, { "cpus", "1" } }, NULL },
		{ { { "memory", "8191P" }, { "cpus", "" } }, "memory limit '8387584T': this host has" },
		{ { { "memory", "" }, { "cpus", "99999" } }, "cpus '99999': this host has" },
		{ { { "memory", "8M" }, { "memory-high", "8M" } }, NULL },
		{ { { "memory", "8M" }, { "memory-high", "9M" } }, "memory-high '9M': expected at most its memory, 8M" },
		{ { { "memory", "8M" }, { "memory-low", "9M" } }, "memory-low '9M': expected at most its memory, 8M" },
		{ { { "memory-high", "8M" }, { "memory-low", "9M" } }, "memory-low '9M': expected at most its memory-high, 8M" },
		{ { { "memory", "" }, { "memory-low", "9M" } }, NULL },
		{ { { "memory", "" }, { "memory-low", "8191P" } }, "memory-low '8387584T': this host has" },
		{ { { "memory", "" }, { "cpuset", "0" } }, NULL },
		{ { { "memory", "" }, { "cpuset", "0,8191" } },
		  "cpuset '0,8191': expected processors that this host has online: 0" },
		{ { { "ip", "10.0.0.5/24" }, { "gateway", "10.0.0.1" } }, NULL },
		{ { { "ip", "" }, { "gateway", "10.0.0.1" } }, "needs an address too" },
		{ { { "ip", "10.0.0.5/24" }, { "gateway", "fe80::1" } }, "of the same family" },
		{ { { "ip", "fd00::5/64" }, { "gateway", "10.0.0.1" } }, "of the same family" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct err err = ERR_INIT;
		int r = policy_of(rows[i].pairs, 2, &err);

		assert_int_equal(r < 0, rows[i].why != NULL);
		if (!rows[i].why)
			continue;
		assert_err_has(&err, rows[i].why);
		assert_int_equal(err.exit, EXIT_INVALID);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(test_folders_are_for_root_only),
		SCRATCH_TEST(test_defaults_of_a_prefix),
		SCRATCH_TEST(test_a_prefix_that_is_none),
		SCRATCH_TEST(test_conf_is_read),
		SCRATCH_TEST(test_default_memory),
		SCRATCH_TEST(test_bad_conf),
		SCRATCH_TEST(test_policy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
