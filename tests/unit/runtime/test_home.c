/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "node_unit.h"

#include "runtime/home_priv.h"

static struct node node_of(const char *parent, bool by_systemd)
{
	struct node node = { .cgroup_parent = strdup(parent) };
	struct err err = ERR_INIT;

	assert_ok(home_name(&node, by_systemd, &err), &err);
	return node;
}

static void drop(struct node *node)
{
	free(node->cgroup_parent);
	free(node->guests_unit);
}

static void test_names(void **state)
{
	static const struct {
		const char *parent, *group, *unit, *marker;
	} rows[] = {
		{ "ctctl", "ctctl.slice/ctctl-guests.service", "ctctl-guests.service", "/run/ctctl-guests" },
		{ "ctctl-0badcafe", "ctctl.slice/ctctl-0badcafe-guests.service", "ctctl-0badcafe-guests.service",
		  "/run/ctctl-0badcafe-guests" },
		/* A unit's name has no '/'. */
		{ "a/b.c/d", "ctctl.slice/a-b.c-d-guests.service", "a-b.c-d-guests.service", "/run/a-b.c-d-guests" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct node node = node_of(rows[i].parent, true);
		_cleanup_free_ char *marker = home_marker(&node);

		assert_string_equal(node.cgroup_parent, rows[i].group);
		assert_string_equal(node.guests_unit, rows[i].unit);
		assert_string_equal(marker, rows[i].marker);
		drop(&node);
	}
}

/* Without systemd the name is what was configured, and nobody is asked. */
static void test_without_systemd(void **state)
{
	struct node node = node_of("a/b", false);
	struct err err = ERR_INIT;

	(void)state;
	assert_string_equal(node.cgroup_parent, "a/b");
	assert_null(node.guests_unit);
	assert_ok(home_open(&node, &err), &err);
	assert_ok(home_protect(&node, &err), &err);
	home_close(&node);
	drop(&node);
}

/* Lets the unit's group be one that is there: the root of all. The caller puts back what was returned. */
static char *take_root_as_group(struct node *node)
{
	char *group = node->cgroup_parent;

	node->cgroup_parent = strdup(".");
	return group;
}

/* A folder in /run and the group say that all is prepared: then systemd, which does not know this unit, is not asked. */
static void test_marker(void **state)
{
	NEED_ROOT();

	_cleanup_free_ char *parent = str_printf("ctctl-unit-%d", getpid());
	struct node node = node_of(parent, true);
	_cleanup_free_ char *marker = home_marker(&node), *lock = str_printf("%s.lock", marker);
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(mkdir(marker, 0755), 0);

	char *group = take_root_as_group(&node);

	assert_true(home_has_group(&node));
	assert_ok(home_open(&node, &err), &err);
	assert_int_equal(access(lock, F_OK), -1);
	free(node.cgroup_parent);
	node.cgroup_parent = group;
	assert_false(home_has_group(&node));
	/* Its group, of which there is none, has what is below it: systemd is not asked for that, either. */
	assert_ok(home_protect(&node, &err), &err);
	home_close(&node);
	assert_int_equal(access(marker, F_OK), -1);
	assert_ok(home_protect(&node, &err), &err);
	drop(&node);
}

/* The group went with the unit, and the folder is still there: it is not believed. */
static void test_marker_without_the_group(void **state)
{
	NEED_ROOT();
	/* A real one would make the unit. */
	if (home_is_by_systemd())
		skip();

	_cleanup_free_ char *parent = str_printf("ctctl-unit-%d", getpid());
	struct node node = node_of(parent, true);
	_cleanup_free_ char *marker = home_marker(&node), *lock = str_printf("%s.lock", marker);
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(mkdir(marker, 0755), 0);

	int r = home_open(&node, &err);

	assert_int_equal(unlink(lock), 0);
	assert_int_equal(rmdir(marker), 0);
	assert_true(r < 0);
	assert_int_equal(err.exit, EXIT_UNSUPPORTED);
	drop(&node);
}

/* Names that become the name of a unit, or a group of systemd's own, are looked at when they are read. */
static void test_parents(void **state)
{
	static const char *const bad[] = { "machine.slice", "a/b.slice", "b.slice/a", ".slice", "a b",	      "a@b",	 "a:b",
					   "a/../b",	    "_a",	 ".a",	      "cpu.a",	"memory.a/b", "cgroup.a" };
	const struct scratch *s = *state;

	NEED_ROOT();
	put_dir(s->fd, "etc");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		_cleanup_free_ char *text = str_printf("cgroup-parent = %s\n", bad[i]);
		_cleanup_node_ struct node *node = NULL;
		struct err err = ERR_INIT;

		put_file(s->fd, "etc/ctctl.conf", text);
		if (node_open(s->path, NULL, &node, &err) == 0)
			fail_msg("'%s' was accepted", bad[i]);
		assert_err_has(&err, bad[i]);
		assert_err_has(&err, "expected a path such as 'ctctl'");
	}
	put_file(s->fd, "etc/ctctl.conf", "cgroup-parent = cpu/_a.slices\n");

	_cleanup_node_ struct node *node = open_node(s, NULL);

	if (!node->guests_unit)
		assert_string_equal(node->cgroup_parent, "cpu/_a.slices");
	else
		assert_string_equal(node->guests_unit, "cpu-_a.slices-guests.service");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),  cmocka_unit_test(test_without_systemd),
		cmocka_unit_test(test_marker), cmocka_unit_test(test_marker_without_the_group),
		SCRATCH_TEST(test_parents),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
