/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cgroup_unit.h"

/* A guest's groups as lines of a manifest, and back. */

static void test_parse(void **state)
{
	static const char text[] = "100000 100001 cpu,memory,pids .\n"
				   "100000 100000 - init.scope\n"
				   "0 4294967294 hugetlb system.slice\n"
				   "1 2 - system.slice/dev-disk-by\\x2duuid-a.b:c@d_E.swap\n"
				   "0 0 - a cgroup.type=threaded;cpu.max=max 50000;pids.max=20\n";
	struct cgroup_tree tree = CGROUP_TREE_INIT;
	_cleanup_free_ char *again = NULL;

	(void)state;
	assert_int_equal(cgroup_tree_parse(text, &tree), 0);
	assert_int_equal(tree.n, 5);
	assert_string_equal(tree.list[4].path, "a");
	assert_string_equal(tree.list[4].properties, "cgroup.type=threaded;cpu.max=max 50000;pids.max=20");
	assert_string_equal(tree.list[0].path, "");
	assert_string_equal(tree.list[0].controllers, "cpu memory pids");
	assert_int_equal(tree.list[0].gid, 100001);
	assert_string_equal(tree.list[1].controllers, "");
	assert_true(tree.list[2].gid == 4294967294);
	assert_int_equal(cgroup_tree_print(&tree, &again), 0);
	assert_string_equal(again, text);
	cgroup_tree_free(&tree);
}

/* What is no tree: by itself, or after a good line for the guest's own group. */
static const char malformed_own[] = "0 0 cpu .\n";
static const char *const malformed_alone[] = {
	"", "\n", "0 0 cpu .", "0 0 cpu . pids.max=1\n", "0 0 - a\n", "0 0 cpu .\n0 0 cpu .\n", "0 0 cpu .\n\n"
};
static const char *const malformed_rows[] = {
	"0 0 - ..\n",
	"0 0 - ../a\n",
	"0 0 - a/..\n",
	"0 0 - ./a\n",
	"0 0 - /\n",
	"0 0 - /a\n",
	"0 0 - /etc\n",
	"0 0 - a/\n",
	"0 0 - a//b\n",
	"0 0 - \n",
	"0 0 -\n",
	"0 0\n",
	"0\n",
	"a\n",
	" \n",
	"0 0 - a b\n",
	"0 0 -  a\n",
	"0  0 - a\n",
	" 0 0 - a\n",
	"0 0 - a \n",
	"-1 0 - a\n",
	"0 -1 - a\n",
	"4294967295 0 - a\n",
	"0 4294967295 - a\n",
	"0 99999999999 - a\n",
	"x 0 - a\n",
	"0 0 - a",
	"0 0 , a\n",
	"0 0 cpu, a\n",
	"0 0 ,cpu a\n",
	"0 0 cpu,,pids a\n",
	"0 0 +cpu a\n",
	"0 0 CPU a\n",
	"0 0 c/pu a\n",
	"0 0  a\n",
	"0 0 - a$b\n",
	"0 0 - a\tb\n",
	"0 0 - \xc3\xa4\n",
	"0 0 - a'b\n",
	"0 0 - a*\n",
	"0 0 - a/b\n",
	"0 0 - a\n0 0 - a\n",
	"0 0 - a\n0 0 - b/c\n",
	"0 0 - a\r\n",
	"0 0 - a pids.max\n",
	"0 0 - a pids.max=\n",
	"0 0 - a =1\n",
	"0 0 - a pids.max=1;\n",
	"0 0 - a ;pids.max=1\n",
	"0 0 - a memory.max=1;;pids.max=1\n",
	"0 0 - a  pids.max=1\n",
	"0 0 - a pids.max=1;pids.max=1\n",
	"0 0 - a pids.max=1;memory.max=1\n",
	"0 0 - a pids.maxi=1\n",
	"0 0 - a pids.ma=1\n",
	"0 0 - a cgroup.procs=1\n",
	"0 0 - a cgroup.subtree_control=1\n",
	"0 0 - a ../pids.max=1\n",
	"0 0 - a pids.max=1=2\n",
	"0 0 - a pids.max=1\t\n",
	"0 0 - a pids.max=MAX\n",
	"0 0 - a pids.max=\\x2d\n",
	"0 0 - a cgroup.type=domain\n",
};

static void test_parse_malformed(void **state)
{
	struct cgroup_tree tree = CGROUP_TREE_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(malformed_alone); i++)
		assert_int_equal(cgroup_tree_parse(malformed_alone[i], &tree), -EBADMSG);
	for (size_t i = 0; i < ARRAY_SIZE(malformed_rows); i++) {
		_cleanup_free_ char *text = str_printf("%s%s", malformed_own, malformed_rows[i]);

		if (cgroup_tree_parse(text, &tree) != -EBADMSG)
			fail_msg("taken: %s", malformed_rows[i]);
	}
	assert_int_equal(tree.n, 0);
}

/* `n` groups, each in the one before it, with names of `len` characters. */
static int parse_deep(int n, int len)
{
	struct strbuf text = { 0 }, path = { 0 };
	struct cgroup_tree tree = CGROUP_TREE_INIT;

	strbuf_add(&text, "0 0 - .\n");
	for (int i = 0; i < n; i++) {
		strbuf_addf(&path, "%s%0*d", i > 0 ? "/" : "", len, i);
		strbuf_addf(&text, "0 0 - %s\n", path.data);
	}

	int r = cgroup_tree_parse(text.data, &tree);

	cgroup_tree_free(&tree);
	strbuf_free(&text);
	strbuf_free(&path);
	return r;
}

static int parse_many(int n)
{
	struct strbuf text = { 0 };
	struct cgroup_tree tree = CGROUP_TREE_INIT;

	strbuf_add(&text, "0 0 - .\n");
	for (int i = 0; i < n; i++)
		strbuf_addf(&text, "0 0 - %d\n", i);

	int r = cgroup_tree_parse(text.data, &tree);

	cgroup_tree_free(&tree);
	strbuf_free(&text);
	return r;
}

static void test_parse_too_much(void **state)
{
	(void)state;
	assert_int_equal(parse_deep(64, 2), 0);
	assert_int_equal(parse_deep(65, 2), -EBADMSG);
	assert_int_equal(parse_deep(1, 255), 0);
	assert_int_equal(parse_deep(1, 256), -EBADMSG);
	assert_int_equal(parse_deep(8, 255), 0); /* 2047 characters */
	assert_int_equal(parse_deep(9, 255), -EBADMSG);
	assert_int_equal(parse_many(4096), 0);
	assert_int_equal(parse_many(4097), -EBADMSG);
}

/* What could not be read again is not written. */
static void test_print_refuses(void **state)
{
	static const char *const paths[] = { "..", "/a", "a b", "a\nb", "a/b", "" };
	struct cgroup_tree tree = CGROUP_TREE_INIT;
	char *text = NULL;

	(void)state;
	assert_int_equal(cgroup_tree_print(&tree, &text), -EBADMSG);
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		struct cgroup_tree_node list[] = { { .path = (char *)"", .controllers = (char *)"" },
						   { .path = (char *)paths[i], .controllers = (char *)"" } };

		tree = (struct cgroup_tree){ .list = list, .n = 2 };
		assert_int_equal(cgroup_tree_print(&tree, &text), -EBADMSG);
		assert_null(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_parse_malformed),
		cmocka_unit_test(test_parse_too_much),
		cmocka_unit_test(test_print_refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
