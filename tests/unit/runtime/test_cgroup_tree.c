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
		assert_string_equal(a->list[i].properties, b->list[i].properties);
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
	assert_string_equal(tree.list[3].properties, "");
	assert_int_equal(cgroup_tree_print(&tree, &text), 0);
	assert_int_equal(cgroup_tree_parse(text, &again), 0);
	assert_same(&tree, &again);
	cgroup_tree_free(&tree);
	cgroup_tree_free(&again);
}

/* What differs from a fresh group is kept, in the order in which it can be set; of the guest's own group nothing. */
static void test_read_properties(void **state)
{
	static const char *const values[][2] = {
		{ "pids.max", "20\n" },
		{ "memory.max", "52428800\n" },
		{ "memory.high", "max\n" },
		{ "memory.oom.group", "1\n" },
		{ "memory.current", "4096\n" },
		{ "cpu.max", "30000 100000\n" },
		{ "cpu.weight", "100\n" },
		{ "cpuset.cpus", "0-1,3\n" },
		{ "cpuset.mems", "\n" },
		{ "io.weight", "default 50\n8:0 200\n" },
		{ "cgroup.type", "domain threaded\n" },
	};
	struct fixture *f = *state;
	struct cgroup_map map = pretended(f);
	struct cgroup_tree tree = CGROUP_TREE_INIT, again = CGROUP_TREE_INIT;
	_cleanup_free_ char *text = NULL;
	struct err err = ERR_INIT;

	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		_cleanup_free_ char *file = str_printf("ctctl/web1/init.scope/%s", values[i][0]);

		put(f, file, values[i][1]);
	}
	put(f, "ctctl/web1/pids.max", "7\n");
	put(f, "ctctl/web1/system.slice/cgroup.type", "threaded\n");
	assert_ok(cgroup_map_tree_read(&map, "ctctl/web1", &tree, &err), &err);
	assert_string_equal(tree.list[0].properties, "");
	assert_string_equal(find(&tree, "system.slice")->properties, "cgroup.type=threaded");
	assert_string_equal(find(&tree, "init.scope")->properties,
			    "cpu.max=30000 100000;cpuset.cpus=0-1,3;io.weight=default 50;memory.oom.group=1;memory.max=52428800;"
			    "pids.max=20");
	assert_int_equal(cgroup_tree_print(&tree, &text), 0);
	assert_int_equal(cgroup_tree_parse(text, &again), 0);
	assert_same(&tree, &again);
	cgroup_tree_free(&tree);
	cgroup_tree_free(&again);
}

/* No kernel says such a thing; if one did, nothing of it may become a line. */
static void test_read_hostile_value(void **state)
{
	_cleanup_free_ char *zeros = str_printf("%01025d", 0);
	const char *const values[] = { "1;pids.max=2", "A", "1\x1b[2J", "a=b", "../x", zeros };
	struct fixture *f = *state;
	struct cgroup_map map = pretended(f);

	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		struct cgroup_tree tree = CGROUP_TREE_INIT;
		struct err err = ERR_INIT;

		put(f, "ctctl/web1/init.scope/cpuset.cpus", values[i]);
		assert_int_equal(cgroup_map_tree_read(&map, "ctctl/web1", &tree, &err), -EBADMSG);
		assert_int_equal(err.exit, EXIT_CHECKPOINT);
		assert_err_has(&err, "init.scope");
	}
	put(f, "ctctl/web1/init.scope/cpuset.cpus", zeros + 1);

	struct cgroup_tree tree = CGROUP_TREE_INIT;
	struct err err = ERR_INIT;

	assert_ok(cgroup_map_tree_read(&map, "ctctl/web1", &tree, &err), &err);
	cgroup_tree_free(&tree);
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

static void keep_line(void *context, enum log_level level, const char *line)
{
	char *kept = context;

	assert_int_equal(level, LOG_LEVEL_DETAIL);
	snprintf(kept, 256, "%s", line);
}

/* Only what is in the line, and a file that this kernel has not is left out and said. */
static void test_set(void **state)
{
	struct fixture *f = *state;
	struct cgroup_map map = pretended(f);
	char said[256] = "";
	struct log log = { .write = keep_line, .context = said };
	struct cgroup_tree tree;
	struct err err = ERR_INIT;

	put(f, "ctctl/web1/pids.max", "max\n");
	put(f, "ctctl/web1/init.scope/pids.max", "max\n");
	put(f, "ctctl/web1/init.scope/memory.max", "max\n");
	put(f, "ctctl/web1/init.scope/cgroup.type", "domain\n");
	put(f, "ctctl/web1/system.slice/cpu.max", "max 100000\n");
	parse_ok("0 0 - .\n0 0 - init.scope cgroup.type=threaded;cpu.max=max 5;memory.max=4096\n"
		 "0 0 - system.slice cpu.max=30000 100000\n0 0 - missing pids.max=1\n",
		 &tree);
	assert_ok(cgroup_map_tree_set(&map, "ctctl/web1", &tree, &log, &err), &err);
	assert_file(f, "ctctl/web1/pids.max", "max\n");
	assert_file(f, "ctctl/web1/init.scope/pids.max", "max\n");
	assert_file(f, "ctctl/web1/init.scope/memory.max", "4096");
	assert_file(f, "ctctl/web1/init.scope/cgroup.type", "domain\n");
	assert_file(f, "ctctl/web1/system.slice/cpu.max", "30000 100000");
	assert_non_null(strstr(said, "'init.scope'"));
	assert_non_null(strstr(said, "cpu.max=max 5"));
	assert_ok(cgroup_map_tree_set(&map, "ctctl/web1", &tree, NULL, &err), &err);
	cgroup_tree_free(&tree);
}

/* A thread's group is one before a thread is in it; how deep others may go is read back. */
static void test_real_properties(void **state)
{
	static const char text[] = "0 0 - .\n0 0 - a cgroup.max.depth=2;cgroup.max.descendants=3\n"
				   "0 0 - a/t cgroup.type=threaded\n";
	struct fixture *f = *state;
	struct cgroup_spec spec = { .path = f->group };
	struct cgroup_tree tree, found;
	_cleanup_free_ char *again = NULL;
	struct err err = ERR_INIT;

	need_root();
	assert_ok(cgroup_create(&spec, &err), &err);
	parse_ok(text, &tree);
	assert_ok(cgroup_tree_make(f->group, &tree, &err), &err);
	assert_ok(cgroup_tree_make(f->group, &tree, &err), &err);
	assert_ok(cgroup_tree_set(f->group, &tree, NULL, &err), &err);
	assert_ok(cgroup_tree_read(f->group, &found, &err), &err);
	assert_int_equal(cgroup_tree_print(&found, &again), 0);
	assert_string_equal(again, text);
	cgroup_tree_free(&tree);
	cgroup_tree_free(&found);
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
	/* A limit on a group is that of who made it; never one on the guest's own. */
	assert_owner(top, "cgroup.max.descendants", 0);
	assert_owner(top, "a/cgroup.freeze", 100000);
	assert_owner(top, "a/b\\x2d@c/cgroup.max.depth", 100000);
	assert_owner(top, "a/b\\x2d@c/cgroup.procs", 100001);
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
		CGROUP_TEST(test_read_properties),
		CGROUP_TEST(test_read_hostile_value),
		CGROUP_TEST(test_read_hostile),
		CGROUP_TEST(test_read_stays_inside),
		CGROUP_TEST(test_missing_group),
		CGROUP_TEST(test_enable_writes),
		CGROUP_TEST(test_set),
		CGROUP_TEST(test_real_properties),
		CGROUP_TEST(test_enable_leaves_out),
		CGROUP_TEST(test_make_and_own),
		CGROUP_TEST(test_folder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
