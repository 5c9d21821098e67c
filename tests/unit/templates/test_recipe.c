/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "templates_unit.h"

#include "templates/recipe.h"
#include "templates/tree.h"

static void put_recipe(const struct scratch *s, const char *name, const char *text)
{
	_cleanup_free_ char *file = str_printf("recipes/%s.recipe", name);

	put_text(s->fd, file, text);
}

static void assert_text(const struct scratch *s, const char *path, const char *expected)
{
	_cleanup_free_ char *text = NULL;

	assert_true(tree_read_file(s->tree_fd, path, 1000, &text) >= 0);
	assert_string_equal(text, expected);
}

static void everything_in_a_recipe_is_done(void **state)
{
	struct scratch *s = *state;
	_cleanup_recipe_ struct recipe r = { 0 };
	struct err err = ERR_INIT;
	struct stat st;
	char target[32] = "";

	put_recipe(s, "x",
		   "[recipe]\nkind = busybox\ndescription = all of it\n"
		   "[debian]\npackages = a b\npackages = c\n"
		   "[tree]\nremove = /etc/hostname\nremove = /not/there\nempty = /etc/machine-id\nempty = /var/log/*\nfolder = "
		   "/tmp 1777\n"
		   "folder = /a/b/c\nlink = /var/run -> /run\nmask = x.service\n"
		   "[file one]\npath = /etc/one\nmode = 0600\nline = first\nline = second: # = kept\n"
		   "[file two]\npath = /new/folder/two\n");
	assert_ok(tree_write_file(s->tree_fd, "/etc/hostname", "vm\n", 3, 0644), &err);
	assert_ok(tree_write_file(s->tree_fd, "/etc/machine-id", "1234", 4, 0444), &err);
	assert_ok(tree_write_file(s->tree_fd, "/var/log/deep/messages", "x", 1, 0644), &err);
	assert_ok(recipe_load(s->recipes, "x", &r, &err), &err);
	assert_int_equal(r.packages.n, 2);
	assert_ok(recipe_apply(&r, s->tree_fd, &err), &err);

	assert_false(path_exists_at(s->tree_fd, "etc/hostname"));
	assert_text(s, "/etc/machine-id", "");
	assert_false(path_exists_at(s->tree_fd, "var/log/deep"));
	assert_true(path_exists_at(s->tree_fd, "var/log"));
	assert_int_equal(fstatat(s->tree_fd, "tmp", &st, 0), 0);
	assert_int_equal(st.st_mode, S_IFDIR | 01777);
	assert_true(path_exists_at(s->tree_fd, "a/b/c"));
	assert_true(readlinkat(s->tree_fd, "var/run", target, sizeof(target) - 1) > 0);
	assert_string_equal(target, "/run");
	memset(target, 0, sizeof(target));
	assert_true(readlinkat(s->tree_fd, "etc/systemd/system/x.service", target, sizeof(target) - 1) > 0);
	assert_string_equal(target, "/dev/null");
	assert_text(s, "/etc/one", "first\nsecond: # = kept\n");
	assert_int_equal(fstatat(s->tree_fd, "etc/one", &st, 0), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0600);
	assert_text(s, "/new/folder/two", "");
}

static void errors_name_file_and_line(void **state)
{
	static const struct {
		const char *text, *part;
	} cases[] = {
		{ "[recipe]\nkind = busybox\ncolour = red\n", "line 3: unknown key 'colour'" },
		{ "[recipe]\nkind = busybox\ndescription = x\n[file a]\nmode = 9\n", "line 5: mode '9'" },
		{ "[recipe]\nkind = busybox\ndescription = x\n[file a]\nsize = 9\n", "[file a]" },
		{ "[recipe]\nkind = busybox\ndescription = x\n[file a]\nmode = 0644\n", "'path'" },
		{ "[recipe]\ndescription = x\n", "'kind'" },
		{ "not ini\n", "line 1" },
	};
	struct scratch *s = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_recipe_ struct recipe r = { 0 };
		struct err err = ERR_INIT;

		put_recipe(s, "bad", cases[i].text);
		assert_true(recipe_load(s->recipes, "bad", &r, &err) < 0);
		assert_int_equal(err.exit, EXIT_BAD_CONFIG);
		assert_err_has(&err, "bad.recipe");
		assert_err_has(&err, cases[i].part);
	}
}

static int add_name(void *context, const char *name, const char *description)
{
	strbuf_addf(context, "%s=%s ", name, description);
	return 0;
}

static void recipes_are_listed(void **state)
{
	struct scratch *s = *state;
	_cleanup_recipe_ struct recipe r = { 0 };
	struct strbuf b = { 0 };
	struct err err = ERR_INIT;

	put_recipe(s, "web", "[recipe]\nkind = busybox\ndescription = W\n");
	put_recipe(s, "mail", "[recipe]\nkind = busybox\ndescription = M\n");
	put_text(s->fd, "recipes/README", "not one");
	assert_ok(template_each_recipe(s->recipes, add_name, &b, &err), &err);
	assert_string_equal(b.data, "mail=M web=W ");
	strbuf_free(&b);
	assert_true(recipe_load(s->recipes, "nope", &r, &err) < 0);
	assert_int_equal(err.exit, EXIT_NO_TEMPLATE);
	assert_err_has(&err, "mail, web");
	assert_true(recipe_load(s->recipes, "..", &r, &err) < 0);
	assert_int_equal(err.exit, EXIT_INVALID);
}

/* One of somebody's own, anywhere, on the base of one that is there. */
static void a_recipe_includes_another(void **state)
{
	struct scratch *s = *state;
	_cleanup_recipe_ struct recipe r = { 0 };
	_cleanup_free_ char *own = str_printf("%s/own.recipe", s->path);
	struct err err = ERR_INIT;

	put_recipe(s, "base", "[recipe]\nkind = mmdebstrap\ndescription = B\ninit = systemd\n[debian]\npackages = dbus\n");
	put_text(s->fd, "own.recipe", "[recipe]\ninclude = base\ndescription = O\n[debian]\npackages = nginx\n");
	assert_ok(recipe_load(s->recipes, own, &r, &err), &err);
	assert_string_equal(r.kind, "mmdebstrap");
	assert_string_equal(r.init, "systemd");
	assert_string_equal(r.description, "O");
	assert_int_equal(r.packages.n, 2);
	assert_string_equal(r.packages.items[0], "dbus");
	assert_string_equal(r.packages.items[1], "nginx");
}

static void what_is_included_has_to_be_there(void **state)
{
	static const struct {
		const char *text, *part;
	} cases[] = {
		{ "[recipe]\ndescription = x\ninclude = nope\n", "bad.recipe line 3: no recipe 'nope'" },
		{ "[recipe]\ndescription = x\ninclude = ./nope\n",
		  "bad.recipe line 3: no recipe './nope': there is no such file" },
		{ "[recipe]\ninclude = bad\n", "expected at most 8 recipes" },
		{ "[recipe]\ninclude = wrong\n", "wrong.recipe line 2: unknown key 'colour'" },
	};
	struct scratch *s = *state;

	put_recipe(s, "wrong", "[recipe]\ncolour = red\n");
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_recipe_ struct recipe r = { 0 };
		struct err err = ERR_INIT;

		put_recipe(s, "bad", cases[i].text);
		assert_true(recipe_load(s->recipes, "bad", &r, &err) < 0);
		assert_int_equal(err.exit, EXIT_BAD_CONFIG);
		assert_err_has(&err, cases[i].part);
	}
	{
		_cleanup_recipe_ struct recipe r = { 0 };
		struct err err = ERR_INIT;

		assert_true(recipe_load(s->recipes, "./nope", &r, &err) < 0);
		assert_int_equal(err.exit, EXIT_NO_TEMPLATE);
	}
}

/* The tree is of strangers: its links lead out, what is done to it stays in. */
static void nothing_happens_outside_of_a_hostile_tree(void **state)
{
	struct scratch *s = *state;
	_cleanup_free_ char *kept = NULL;
	_cleanup_free_ char *outside = str_printf("%s/outside", s->path);

	assert_int_equal(mkdirat(s->fd, "outside", 0755), 0);
	put_text(s->fd, "outside/file", "kept");
	assert_int_equal(symlinkat(outside, s->tree_fd, "absolute"), 0);
	assert_int_equal(symlinkat("../outside", s->tree_fd, "relative"), 0);
	assert_int_equal(symlinkat("../outside/file", s->tree_fd, "file"), 0);

	(void)!tree_remove(s->tree_fd, "/absolute/file");
	(void)!tree_remove(s->tree_fd, "/relative/*");
	(void)!tree_remove(s->tree_fd, "/../outside/file");
	(void)!tree_write_file(s->tree_fd, "/relative/file", "evil", 4, 0644);
	(void)!tree_write_file(s->tree_fd, "/absolute/new", "evil", 4, 0644);
	(void)!tree_link(s->tree_fd, "/relative/link", "x");
	(void)!tree_make_dir(s->tree_fd, "/absolute/dir", 0777);
	assert_int_equal(tree_write_file(s->tree_fd, "/file", "mine", 4, 0644), 0);
	assert_int_equal(tree_remove(s->tree_fd, "/.."), -EINVAL);

	assert_true(fd_read_file_at(s->fd, "outside/file", 100, &kept) > 0);
	assert_string_equal(kept, "kept");
	assert_int_equal(count_names(outside, ""), 1);
	assert_text(s, "/file", "mine");
}

static void a_tree_is_measured_without_following_links(void **state)
{
	struct scratch *s = *state;
	uint64_t bytes, files;
	struct err err = ERR_INIT;

	assert_ok(tree_write_file(s->tree_fd, "/a/b/file", "12345", 5, 0644), &err);
	assert_ok(tree_link(s->tree_fd, "/a/up", ".."), &err);
	assert_ok(tree_link(s->tree_fd, "/a/usr", "/usr"), &err);
	assert_int_equal(tree_measure(s->tree_fd, &bytes, &files), 0);
	assert_int_equal(bytes, 5);
	assert_int_equal(files, 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		EACH(everything_in_a_recipe_is_done),
		EACH(errors_name_file_and_line),
		EACH(recipes_are_listed),
		EACH(a_recipe_includes_another),
		EACH(what_is_included_has_to_be_there),
		EACH(nothing_happens_outside_of_a_hostile_tree),
		EACH(a_tree_is_measured_without_following_links),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
