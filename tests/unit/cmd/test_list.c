/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include "base/cleanup.h"
#include "base/json.h"
#include "base/str.h"
#include "cmd_unit.h"

static void add_guest(const struct instance *i, const char *name, const char *more)
{
	_cleanup_free_ char *text = str_printf(GUEST_IDENTITY "%s\n", more);

	assert_non_null(text);
	instance_put(i, name, "guest.conf", text);
}

static void test_sorted_and_broken(void **state)
{
	const struct instance *i = instance_of(state);

	add_guest(i, "web2", "memory = 512M");
	add_guest(i, "web1", "pids = many");
	add_guest(i, "db1", "autostart = yes");

	_cleanup_run_ struct run run = run_in(i, "list -o name,state,memory,autostart");

	assert_int_equal(run.status, 0);
	assert_string_equal(run.out, "NAME STATE   MEMORY AUTOSTART\n"
				     "db1  stopped      - yes\n"
				     "web1 broken       - -\n"
				     "web2 stopped   512M no\n");
	assert_true(str_has_prefix(run.err, "ctctl: warning: web1: "));
	assert_non_null(strstr(run.err, "'many'"));

	_cleanup_run_ struct run json = run_in(i, "list -o error --json");

	assert_non_null(strstr(json.out, "guest.conf line 4: "));
}

/* More than a folder would give in order by chance. */
static void test_order(void **state)
{
	const struct instance *i = instance_of(state);
	struct strbuf b = { 0 };

	strbuf_add(&b, "NAME\n");
	for (int k = 0; k < 20; k++) {
		const char name[] = { 'g', (char)('a' + k * 7 % 20), '\0' };

		add_guest(i, name, "");
		strbuf_addf(&b, "g%c\n", 'a' + k);
	}

	_cleanup_free_ char *expected = strbuf_take(&b);
	_cleanup_run_ struct run run = run_in(i, "list -o name");

	assert_string_equal(run.out, expected);
}

static void test_json(void **state)
{
	const struct instance *i = instance_of(state);
	_cleanup_json_ struct json *list = NULL, *one = NULL;
	struct err err = ERR_INIT;
	const char *text;
	uint64_t number;

	add_guest(i, "web1", "memory = 512M\ndescription = say \"hi\" \\ ünï <b>");

	_cleanup_run_ struct run all = run_in(i, "list --json"), show = run_in(i, "show web1 --json");

	assert_ok(json_parse(all.out, "list", &list, &err), &err);
	assert_ok(json_parse(show.out, "show", &one, &err), &err);
	assert_int_equal(json_get_string(one, "description", &text), 0);
	assert_string_equal(text, "say \"hi\" \\ ünï <b>");
	assert_int_equal(json_get_u64(one, "memory_bytes", &number), 0);
	assert_int_equal(number, 512 << 20);
	assert_string_equal(all.err, "");
}

static void test_show(void **state)
{
	const struct instance *i = instance_of(state);

	add_guest(i, "web1", "memory = 512M");

	_cleanup_run_ struct run run = run_in(i, "show web1");

	assert_int_equal(run.status, 0);
	assert_non_null(strstr(run.out, "\nmemory = 512M\n"));
	assert_non_null(strstr(run.out, "\npids = 4096  # default\n"));
	assert_non_null(strstr(run.out, "\ncpus =  # default\n"));
}

static void test_nothing(void **state)
{
	const struct instance *i = instance_of(state);
	_cleanup_run_ struct run list = run_in(i, "list"), json = run_in(i, "list --json"), quiet = run_in(i, "list -q");
	_cleanup_json_ struct json *doc = NULL;
	_cleanup_free_ char *plain = NULL;
	struct err err = ERR_INIT;

	assert_int_equal(list.status, 0);
	assert_string_equal(list.out, "");
	assert_non_null(strstr(list.err, "ctctl create"));
	assert_ok(json_parse(json.out, "list", &doc, &err), &err);
	plain = json_render(doc, false);
	assert_string_equal(plain, "[]");
	assert_string_equal(quiet.err, "");
}

static const struct {
	const char *line;
	int status;
	const char *message;
} failures[] = {
	{ "show nosuch", EXIT_NO_GUEST, "ctctl: no guest 'nosuch'" },
	{ "status ../x", EXIT_INVALID, "guest name '../x'" },
	{ "show web1", EXIT_BAD_CONFIG, "ctctl: web1: " },
	{ "start nosuch", EXIT_NO_GUEST, "ctctl: no guest 'nosuch'" },
	{ "create x nosuch", EXIT_NO_TEMPLATE, "ctctl: x: no template 'nosuch'" },
	{ "create x", EXIT_USAGE, "expected one template" },
	{ "create x a --template b", EXIT_USAGE, "expected one template" },
	{ "set web1", EXIT_USAGE, "nothing to set" },
	{ "stop web1 --timeout soon", EXIT_USAGE, "--timeout 'soon'" },
	{ "exec web1 -e novalue ls", EXIT_USAGE, "--env 'novalue'" },
	{ "console web1 --detach-key x", EXIT_USAGE, "--detach-key 'x'" },
	{ "template show nosuch", EXIT_NO_TEMPLATE, "no template 'nosuch'" },
	{ "pool show nosuch", EXIT_NO_POOL, "nosuch" },
	{ "pool create p --kind zfs", EXIT_USAGE, "--kind 'zfs': expected btrfs or dir" },
	{ "pool create p --path /x --size 1G", EXIT_USAGE, "leave out --size or --path" },
	{ "list -o foo", EXIT_USAGE, "no column 'foo'" },
	{ "__exited web1 boot soon", EXIT_USAGE, "status 'soon'" },
};

/*
 * Each is one line on standard error that says what is wrong, nothing on standard output, and a status that says which kind it
 * is.
 */
static void test_failures(void **state)
{
	const struct instance *i = instance_of(state);

	add_guest(i, "web1", "pids = many");
	for (size_t k = 0; k < ARRAY_SIZE(failures); k++) {
		_cleanup_run_ struct run run = run_in(i, failures[k].line);

		if (run.status != failures[k].status || !strstr(run.err, failures[k].message))
			fail_msg("%s: status %d: %s", failures[k].line, run.status, run.err);
		assert_string_equal(run.out, "");
		assert_true(str_has_prefix(run.err, "ctctl: "));
		assert_ptr_equal(strchr(run.err, '\n'), run.err + strlen(run.err) - 1);
	}
}

/* Several guests: all are tried, and the status is the first failure's. */
static void test_several(void **state)
{
	const struct instance *i = instance_of(state);

	add_guest(i, "web1", "pids = many");

	_cleanup_run_ struct run run = run_in(i, "kill nosuch web1 ../x");

	assert_int_equal(run.status, EXIT_NO_GUEST);
	assert_non_null(strstr(run.err, "nosuch"));
	assert_non_null(strstr(run.err, "web1"));
	assert_non_null(strstr(run.err, "../x"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		INSTANCE_TEST(test_sorted_and_broken),
		INSTANCE_TEST(test_order),
		INSTANCE_TEST(test_json),
		INSTANCE_TEST(test_show),
		INSTANCE_TEST(test_nothing),
		INSTANCE_TEST(test_failures),
		INSTANCE_TEST(test_several),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
