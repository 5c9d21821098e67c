/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cgroup_unit.h"

/* Two rows of two groups each, as the kernel of a v2 host shows them. */
static struct cgroup_map pretended(const struct fixture *f)
{
	put(f, "cgroup.controllers", "cpu memory pids\n");
	put(f, "ctctl/web1/cgroup.subtree_control", "cpu memory\n");
	put(f, "ctctl/web1/init.scope/cgroup.subtree_control", "\n");
	put(f, "ctctl/web1/system.slice/cgroup.subtree_control", "pids\n");
	put(f, "ctctl/web1/system.slice/a\\x2db@1.service/cgroup.subtree_control", "");
	return map_of(f, UNIFIED);
}

static const struct cgroup_tree_node *find(const struct cgroup_tree *tree, const char *path)
{
	for (size_t i = 0; i < tree->n; i++) {
		if (strcmp(tree->list[i].path, path) == 0)
			return &tree->list[i];
	}
	fail_msg("no group '%s'", path);
	return NULL;
}

static void assert_same(const struct cgroup_tree *a, const struct cgroup_tree *b)
{
	assert_int_equal(a->n, b->n);
	for (size_t i = 0; i < a->n; i++) {
		assert_string_equal(a->list[i].path, b->list[i].path);
		assert_string_equal(a->list[i].controllers, b->list[i].controllers);
		assert_true(a->list[i].uid == b->list[i].uid && a->list[i].gid == b->list[i].gid);
	}
}

static void test_read(void **state)
{
	struct fixture *f = *state;
	struct cgroup_map map = pretended(f);
	struct cgroup_tree tree = CGROUP_TREE_INIT, again = CGROUP_TREE_INIT;
	_cleanup_free_ char *service = str_printf("%s/ctctl/web1/system.slice/a\\x2db@1.service", f->dir), *text = NULL;
	struct err err = ERR_INIT;

	need_root();
	assert_int_equal(chown(service, 100005, 100006), 0);
	assert_ok(cgroup_map_tree_read(&map, "ctctl/web1", &tree, &err), &err);
	assert_int_equal(tree.n, 4);
	assert_string_equal(tree.list[0].path, "");
	assert_string_equal(tree.list[0].controllers, "cpu memory");
	assert_string_equal(find(&tree, "init.scope")->controllers, "");
	assert_string_equal(find(&tree, "system.slice")->controllers, "pids");
	assert_string_equal(tree.list[3].path, "system.slice/a\\x2db@1.service");
	assert_int_equal(tree.list[3].uid, 100005);
	assert_int_equal(tree.list[3].gid, 100006);
	assert_int_equal(cgroup_tree_print(&tree, &text), 0);
	assert_int_equal(cgroup_tree_parse(text, &again), 0);
	assert_same(&tree, &again);
	cgroup_tree_free(&tree);
	cgroup_tree_free(&again);
}

/* A guest gives its groups names that it likes: the manifest has one line for each, and no name may be two. */
static void test_read_hostile(void **state)
{
	static const char *const names[] = { "a b", "a\n0 0 - b", "\xff", "tab\t", "$(x)", "\x1b[2J" };
	struct fixture *f = *state;
	struct cgroup_map map = pretended(f);

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		_cleanup_free_ char *file = str_printf("ctctl/web1/system.slice/%s/cgroup.subtree_control", names[i]);
		_cleanup_free_ char *folder = str_printf("%s/ctctl/web1/system.slice/%s", f->dir, names[i]);
		struct cgroup_tree tree = CGROUP_TREE_INIT;
		struct err err = ERR_INIT;

		put(f, file, "");
		assert_int_equal(cgroup_map_tree_read(&map, "ctctl/web1", &tree, &err), -EBADMSG);
		assert_int_equal(err.exit, EXIT_CHECKPOINT);
		assert_err_has(&err, "cannot be saved");
		assert_null(strchr(err.msg, '\n'));
		assert_int_equal(tree.n, 0);
		assert_int_equal(path_remove_tree_at(AT_FDCWD, folder), 0);
	}
}

/* A symlink, which no cgroup file system has, leads nowhere. */
static void test_read_stays_inside(void **state)
{
	struct fixture *f = *state;
	struct cgroup_map map = pretended(f);
	_cleanup_free_ char *link = str_printf("%s/ctctl/web1/out", f->dir);
	struct cgroup_tree tree = CGROUP_TREE_INIT;
	struct err err = ERR_INIT;

	assert_int_equal(symlink("/", link), 0);
	assert_ok(cgroup_map_tree_read(&map, "ctctl/web1", &tree, &err), &err);
	assert_int_equal(tree.n, 4);
	cgroup_tree_free(&tree);
}

static void test_missing_group(void **state)
{
	struct fixture *f = *state;
	struct cgroup_map map = pretended(f), none = { 0 };
	struct cgroup_tree tree = CGROUP_TREE_INIT;
	struct err err = ERR_INIT;

	assert_int_equal(cgroup_map_tree_read(&map, "ctctl/web2", &tree, &err), -ENOENT);
	assert_err_has(&err, "ctctl/web2");
	assert_int_equal(cgroup_map_tree_read(&none, "ctctl/web1", &tree, &err), -EOPNOTSUPP);
	assert_int_equal(err.exit, EXIT_UNSUPPORTED);
}

static void test_parse(void **state)
{
	static const char text[] = "100000 100001 cpu,memory,pids .\n"
				   "100000 100000 - init.scope\n"
				   "0 4294967294 hugetlb system.slice\n"
				   "1 2 - system.slice/dev-disk-by\\x2duuid-a.b:c@d_E.swap\n";
	struct cgroup_tree tree = CGROUP_TREE_INIT;
	_cleanup_free_ char *again = NULL;

	(void)state;
	assert_int_equal(cgroup_tree_parse(text, &tree), 0);
	assert_int_equal(tree.n, 4);
	assert_string_equal(tree.list[0].path, "");
	assert_string_equal(tree.list[0].controllers, "cpu memory pids");
	assert_int_equal(tree.list[0].gid, 100001);
	assert_string_equal(tree.list[1].controllers, "");
	assert_true(tree.list[2].gid == 4294967294);
	assert_int_equal(cgroup_tree_print(&tree, &again), 0);
	assert_string_equal(again, text);
	cgroup_tree_free(&tree);
}

/* Each after a good line for the guest's own group, but the first rows. */
static void test_parse_malformed(void **state)
{
	static const char own[] = "0 0 cpu .\n";
	static const char *const alone[] = { "", "\n", "0 0 cpu .", "0 0 - a\n", "0 0 cpu .\n0 0 cpu .\n", "0 0 cpu .\n\n" };
	static const char *const rows[] = {
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
	};
	struct cgroup_tree tree = CGROUP_TREE_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(alone); i++)
		assert_int_equal(cgroup_tree_parse(alone[i], &tree), -EBADMSG);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_free_ char *text = str_printf("%s%s", own, rows[i]);

		if (cgroup_tree_parse(text, &tree) != -EBADMSG)
			fail_msg("taken: %s", rows[i]);
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

static void parse_ok(const char *text, struct cgroup_tree *ret)
{
	assert_int_equal(cgroup_tree_parse(text, ret), 0);
}

/* Each controller is a write of its own, those of a parent before those of its children. */
static void test_enable_writes(void **state)
{
	struct fixture *f = *state;
	struct cgroup_map map = pretended(f);
	struct cgroup_tree tree;
	struct err err = ERR_INIT;
	_cleanup_free_ char *path = str_printf("%s/ctctl/web1/cgroup.subtree_control", f->dir);
	char text[64] = "";

	/* A pipe keeps all that is written. */
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);

	_cleanup_fd_ int fifo = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);

	parse_ok("0 0 cpu,memory .\n0 0 - init.scope\n0 0 pids system.slice\n", &tree);
	assert_ok(cgroup_map_tree_enable(&map, "ctctl/web1", &tree, &err), &err);
	assert_true(read(fifo, text, sizeof(text) - 1) > 0);
	assert_string_equal(text, "+cpu+memory");
	assert_file(f, "ctctl/web1/system.slice/cgroup.subtree_control", "+pids");
	assert_file(f, "ctctl/web1/init.scope/cgroup.subtree_control", "\n");
	cgroup_tree_free(&tree);
}

/* The kernel's own refusals: of a controller that the group has not, and of one that nobody knows. */
static void test_enable_leaves_out(void **state)
{
	struct fixture *f = *state;
	struct cgroup_spec spec = { .path = f->group };
	struct cgroup_tree tree;
	struct err err = ERR_INIT;

	need_root();
	assert_ok(cgroup_create(&spec, &err), &err);
	parse_ok("0 0 rdma,nosuch,misc .\n0 0 rdma,nosuch a\n", &tree);
	assert_ok(cgroup_tree_make(f->group, &tree, &err), &err);
	assert_ok(cgroup_tree_enable(f->group, &tree, &err), &err);
	cgroup_tree_free(&tree);
	/* But a group that is not there is an error, and named. */
	parse_ok("0 0 - .\n0 0 cpu b\n", &tree);
	assert_int_equal(cgroup_tree_enable(f->group, &tree, &err), -ENOENT);
	assert_err_has(&err, "'b'");
	cgroup_tree_free(&tree);
}

static void assert_owner(int top, const char *path, uid_t uid)
{
	struct stat st;

	assert_int_equal(fstatat(top, path, &st, 0), 0);
	assert_int_equal(st.st_uid, uid);
	assert_int_equal(st.st_gid, uid);
}

static int open_top(const struct fixture *f)
{
	struct err err = ERR_INIT;
	struct cgroup_map map;

	assert_ok(cgroup_map_host(&map, &err), &err);

	int top = cgroup_open_group(cgroup_map_v2(&map), f->group);

	assert_true(top >= 0);
	return top;
}

/* What was read of one group is made below another, twice, and given away. */
static void test_make_and_own(void **state)
{
	static const char text[] = "100000 100000 - .\n100000 100000 - a\n100001 100001 - a/b\\x2d@c\n";
	struct fixture *f = *state;
	struct cgroup_spec spec = { .path = f->group };
	struct cgroup_tree tree, found;
	_cleanup_free_ char *again = NULL;
	struct err err = ERR_INIT;

	need_root();
	assert_ok(cgroup_create(&spec, &err), &err);
	parse_ok(text, &tree);

	_cleanup_fd_ int top = open_top(f);

	/* One that is there keeps its owner until it is given away. */
	assert_int_equal(mkdirat(top, "a", 0755), 0);
	assert_ok(cgroup_tree_make(f->group, &tree, &err), &err);
	assert_ok(cgroup_tree_make(f->group, &tree, &err), &err);
	assert_owner(top, "a", 0);
	assert_owner(top, "a/b\\x2d@c", 100001);
	assert_owner(top, "a/b\\x2d@c/cgroup.procs", 0);
	assert_ok(cgroup_tree_own(f->group, &tree, &err), &err);
	assert_owner(top, "cgroup.procs", 100000);
	assert_owner(top, "a", 100000);
	assert_owner(top, "a/cgroup.subtree_control", 100000);
	assert_owner(top, "a/b\\x2d@c/cgroup.threads", 100001);
	/* Never a limit. */
	assert_owner(top, "cgroup.max.descendants", 0);
	assert_owner(top, "a/cgroup.freeze", 0);
	assert_ok(cgroup_tree_read(f->group, &found, &err), &err);
	assert_int_equal(cgroup_tree_print(&found, &again), 0);
	assert_string_equal(again, text);
	cgroup_tree_free(&tree);
	cgroup_tree_free(&found);
}

static void test_folder(void **state)
{
	struct fixture *f = *state;
	struct cgroup_spec spec = { .path = f->group };
	_cleanup_free_ char *folder = NULL;
	struct err err = ERR_INIT;
	struct stat a, b;

	need_root();
	assert_int_equal(cgroup_v2_folder(f->group, &folder, &err), -ENOENT);
	assert_ok(cgroup_create(&spec, &err), &err);
	assert_ok(cgroup_v2_folder(f->group, &folder, &err), &err);

	_cleanup_fd_ int top = open_top(f);

	assert_int_equal(stat(folder, &a), 0);
	assert_int_equal(fstat(top, &b), 0);
	assert_true(a.st_ino == b.st_ino && a.st_dev == b.st_dev);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CGROUP_TEST(test_read),
		CGROUP_TEST(test_read_hostile),
		CGROUP_TEST(test_read_stays_inside),
		CGROUP_TEST(test_missing_group),
		CGROUP_TEST(test_parse),
		CGROUP_TEST(test_parse_malformed),
		CGROUP_TEST(test_parse_too_much),
		CGROUP_TEST(test_print_refuses),
		CGROUP_TEST(test_enable_writes),
		CGROUP_TEST(test_enable_leaves_out),
		CGROUP_TEST(test_make_and_own),
		CGROUP_TEST(test_folder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
