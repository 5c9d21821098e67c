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

/* A checkpoint that nobody looks into. */
static void add_suspended(const struct instance *i, const char *name)
{
	_cleanup_free_ char *dir = str_printf("%s/lib/guests/%s/checkpoint", i->dir, name);
	struct err err = ERR_INIT;

	add_guest(i, name, "autostart = yes\n[eth0]\nnet = routed\nip = 192.0.2.10");
	assert_non_null(dir);
	assert_int_equal(path_make_dirs(dir, 0700), 0);

	_cleanup_fd_ int fd = path_open_dir(AT_FDCWD, dir, O_RDONLY);

	assert_true(fd >= 0);
	assert_ok(fd_replace_file_at(fd, "manifest", "version 1\n", 10, false, &err), &err);
}

static void test_suspended(void **state)
{
	const struct instance *i = instance_of(state);

	add_suspended(i, "web1");
	add_guest(i, "web2", "");

	_cleanup_run_ struct run list = run_in(i, "list -o name,state"), net = run_in(i, "net list -o interface,state");

	assert_string_equal(list.out, "NAME STATE\n"
				      "web1 suspended\n"
				      "web2 stopped\n");
	assert_string_equal(net.out, "INTERFACE STATE\n"
				     "eth0      suspended\n");
}

/* What a checkpoint holds cannot be changed, and nothing takes a suspended guest for a stopped one. */
static void test_refuses_suspended(void **state)
{
	static const char *const lines[] = {
		"stop web1",
		"kill web1",
		"restart web1",
		"exec web1 true",
		"enter web1",
		"console web1",
		"suspend web1",
		"set web1 hostname=other",
		"set web1 features=tun",
		"set web1 memory=1G ip=192.0.2.11",
		"net set web1 eth0 mtu=1400",
		"net add web1 eth1 ip=192.0.2.11",
		"net remove web1 eth0",
		"net capture web1",
	};
	const struct instance *i = instance_of(state);

	add_suspended(i, "web1");
	for (size_t k = 0; k < ARRAY_SIZE(lines); k++) {
		_cleanup_run_ struct run run = run_in(i, lines[k]);

		if (run.status != EXIT_SUSPENDED || !strstr(run.err, "ctctl resume web1"))
			fail_msg("%s: status %d: %s", lines[k], run.status, run.err);
	}

	_cleanup_run_ struct run show = run_in(i, "show web1");

	assert_non_null(strstr(show.out, "\nmemory =  # default\n"));
	assert_non_null(strstr(show.out, "\nip = 192.0.2.10\n"));
}

static void test_changes_suspended(void **state)
{
	static const char *const lines[] = {
		"set web1 description=away", "set web1 rate-in=10M quota=1G", "net allow web1 tcp/22", "rename web1 web2",
		"console web2 --log",
	};
	const struct instance *i = instance_of(state);

	add_suspended(i, "web1");
	for (size_t k = 0; k < ARRAY_SIZE(lines); k++) {
		_cleanup_run_ struct run run = run_in(i, lines[k]);

		if (run.status != 0)
			fail_msg("%s: status %d: %s", lines[k], run.status, run.err);
	}

	_cleanup_run_ struct run list = run_in(i, "list -o name,state,description");

	assert_string_equal(list.out, "NAME STATE     DESCRIPTION\n"
				      "web2 suspended away\n");

	_cleanup_run_ struct run destroy = run_in(i, "destroy web2"), after = run_in(i, "list -o name");
	_cleanup_free_ char *dir = str_printf("%s/lib/guests/web2", i->dir);

	assert_int_equal(destroy.status, 0);
	assert_string_equal(after.out, "");
	assert_true(access(dir, F_OK) < 0);
}

static void test_not_suspended(void **state)
{
	const struct instance *i = instance_of(state);

	add_guest(i, "web1", "");

	_cleanup_run_ struct run resume = run_in(i, "resume web1"), suspend = run_in(i, "suspend web1");

	assert_int_equal(resume.status, EXIT_NOT_SUSPENDED);
	assert_int_equal(suspend.status, EXIT_NOT_RUNNING);
}

static void test_completes_by_state(void **state)
{
	const struct instance *i = instance_of(state);
	_cleanup_free_ char *resume = str_printf("ctctl __complete -- --prefix %s resume w", i->dir);
	_cleanup_free_ char *suspend = str_printf("ctctl __complete -- --prefix %s suspend w", i->dir);

	assert_true(resume && suspend);
	add_suspended(i, "web1");
	add_guest(i, "web2", "");

	_cleanup_run_ struct run resumes = run_line(resume), suspends = run_line(suspend);

	assert_string_equal(resumes.out, "web1\n");
	assert_string_equal(suspends.out, "");
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
		INSTANCE_TEST(test_suspended),
		INSTANCE_TEST(test_refuses_suspended),
		INSTANCE_TEST(test_changes_suspended),
		INSTANCE_TEST(test_not_suspended),
		INSTANCE_TEST(test_completes_by_state),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
