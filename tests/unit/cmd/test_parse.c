/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include "base/cleanup.h"
#include "base/str.h"
#include "cmd/parse.h"
#include "cmd_unit.h"

/* A request as one line: "create(web1,micro) start {memory=1G} [A=b]". */
static char *describe(const struct request *r)
{
	struct strbuf b = { 0 };

	if (r->group)
		strbuf_addf(&b, "%s ", r->group);
	strbuf_addf(&b, "%s(", r->command ? r->command->name : "");
	for (size_t i = 0; i < r->n_arguments; i++)
		strbuf_addf(&b, "%s%s", i ? "," : "", r->arguments[i]);
	strbuf_add(&b, ")");
	for (int id = 0; id < OPT_COUNT; id++) {
		if (r->values[id])
			strbuf_addf(&b, " %s%s%s", option_row((enum option_id)id)->name, *r->values[id] ? "=" : "",
				    r->values[id]);
	}
	for (size_t i = 0; i < r->n_settings; i++)
		strbuf_addf(&b, " {%s=%s}", r->settings[i].param->key, r->settings[i].value);
	for (size_t i = 0; i < r->n_env; i++)
		strbuf_addf(&b, " [%s]", r->env[i]);
	assert_null(r->arguments[r->n_arguments]);
	assert_null(r->env[r->n_env]);

	char *s = strbuf_take(&b);

	assert_non_null(s);
	return s;
}

static const struct {
	const char *line;
	const char *expected; /* describe(), or a part of the error message after "!" */
} cases[] = {
	{ "ctctl", "()" },
	{ "ctctl --help", "() help" },
	{ "ctctl --version nonsense", "() version" },
	{ "ctctl list", "list()" },
	{ "ctctl list --json", "list() json" },
	{ "ctctl -q --prefix /p list -v", "list() prefix=/p quiet verbose" },
	{ "ctctl list --prefix=/p", "list() prefix=/p" },
	{ "ctctl --prefix /a list --prefix /b", "list() prefix=/b" },
	{ "ctctl list -oname,state", "list() output=name,state" },
	{ "ctctl list --output name", "list() output=name" },
	{ "ctctl -- list", "list()" },
	{ "ctctl start web1 web2 web3", "start(web1,web2,web3)" },
	{ "ctctl stop --timeout 5 web1 --kill web2", "stop(web1,web2) timeout=5 kill" },
	{ "ctctl start web1 --discard-checkpoint web2", "start(web1,web2) discard-checkpoint" },
	{ "ctctl suspend web1 web2", "suspend(web1,web2)" },
	{ "ctctl stop -- --kill", "stop(--kill)" },
	{ "ctctl stop -", "stop(-)" },
	{ "ctctl destroy -f web1", "destroy(web1) force" },
	{ "ctctl create web1 micro --start --memory 1G --ip=10.0.0.2/24",
	  "create(web1,micro) start {memory=1G} {ip=10.0.0.2/24}" },
	{ "ctctl create --memory 1G --memory 2G web1 micro", "create(web1,micro) {memory=1G} {memory=2G}" },
	{ "ctctl create web1 --template micro --pool fast", "create(web1) template=micro {pool=fast}" },
	{ "ctctl set web1 --memory 1G disk=2G", "set(web1,disk=2G) {memory=1G} {disk=2G}" },
	{ "ctctl set web1 memory= description=a=b", "set(web1,memory=,description=a=b) {memory=} {description=a=b}" },
	{ "ctctl exec web1 ls -l --help", "exec(web1,ls,-l,--help)" },
	{ "ctctl exec web1 -- ls -l", "exec(web1,ls,-l)" },
	{ "ctctl exec -- web1 ls -- -l", "exec(web1,ls,--,-l)" },
	{ "ctctl exec web1 -u www -t ls -u", "exec(web1,ls,-u) user=www tty" },
	{ "ctctl exec -tu www web1 -e A=b --env C=d ls -e x", "exec(web1,ls,-e,x) user=www tty env=C=d [A=b] [C=d]" },
	{ "ctctl exec web1 --help", "exec(web1) help" },
	{ "ctctl template", "template ()" },
	{ "ctctl template --help", "template () help" },
	{ "ctctl template list --json", "template list() json" },
	{ "ctctl -v template -q build debian-12", "template build(debian-12) quiet verbose" },
	{ "ctctl pool create fast --size 10G", "pool create(fast) size=10G" },
	{ "ctctl net", "net ()" },
	{ "ctctl net --help", "net () help" },
	{ "ctctl net pool --help", "net pool () help" },
	{ "ctctl -q net -v pool list --json", "net pool list() quiet verbose json" },
	{ "ctctl net list web1", "net list(web1)" },
	{ "ctctl net add web1 eth1 --ip 192.0.2.1 rate-in=1M", "net add(web1,eth1,rate-in=1M) {ip=192.0.2.1} {rate-in=1M}" },
	{ "ctctl net set web1 eth0 ip=", "net set(web1,eth0,ip=) {ip=}" },
	{ "ctctl set web1 --rate-in 1M publish=80:80", "set(web1,publish=80:80) {rate-in=1M} {publish=80:80}" },
	{ "ctctl create web1 micro --bridge br0 --ip 192.0.2.1/24", "create(web1,micro) {bridge=br0} {ip=192.0.2.1/24}" },
	{ "ctctl help template build", "help(template,build)" },
	{ "ctctl __exited web1 abc 256", "__exited(web1,abc,256)" },
	{ "ctctl __complete -- create --mem", "__complete(create,--mem)" },

	{ "ctctl strat web1", "!did you mean 'ctctl start'" },
	{ "ctctl rm web1", "!did you mean 'ctctl destroy'" },
	{ "ctctl xyzzy", "!'xyzzy' is no command: see ctctl --help" },
	{ "ctctl template lits", "!did you mean 'ctctl template list'" },
	{ "ctctl template xyzzy", "!see ctctl template --help" },
	{ "ctctl net pol", "!did you mean 'ctctl net pool'" },
	{ "ctctl net pool lits", "!did you mean 'ctctl net pool list'" },
	{ "ctctl net pool xyzzy", "!'net pool xyzzy' is no command: see ctctl net pool --help" },
	{ "ctctl pool net", "!'pool net' is no command" },
	{ "ctctl net set web1 eth0 memory=1G", "!memory is a parameter of the guest, not of an interface" },
	{ "ctctl net set web1 eth0 --memory 1G", "!unknown option --memory" },
	{ "ctctl net set web1 eth0 memroy=1G", "!unknown parameter 'memroy': see ctctl net set --help" },
	{ "ctctl net set web1 eth0 rate-im=1G", "!did you mean 'rate-in'" },
	{ "ctctl net set web1 eth0 slot=1", "!slot is ctctl's own" },
	{ "ctctl set web1 slot=1", "!slot is ctctl's own" },
	{ "ctctl set web1 --slot 1", "!unknown option --slot" },
	{ "ctctl list --jsn", "!did you mean --json" },
	{ "ctctl list --js", "!unknown option --js: did you mean --json" },
	{ "ctctl list --json=1", "!option --json takes no value" },
	{ "ctctl list --memory 1G", "!unknown option --memory" },
	{ "ctctl list -x", "!unknown option -x" },
	{ "ctctl list -qx", "!unknown option -x" },
	{ "ctctl --json list", "!unknown option --json" },
	{ "ctctl list --version", "!unknown option --version" },
	{ "ctctl stop web1 --timeout", "!option --timeout needs a value: --timeout SECONDS" },
	{ "ctctl exec web1 -u", "!option -u needs a value: -u USER" },
	{ "ctctl create web1 micro --memory", "!option --memory needs a value: --memory SIZE" },
	{ "ctctl start", "!NAME is missing; expected: ctctl start NAME... [options]" },
	{ "ctctl exec web1", "!COMMAND is missing" },
	{ "ctctl exec web1 --", "!COMMAND is missing" },
	{ "ctctl rename web1", "!NEW-NAME is missing" },
	{ "ctctl list web1", "!'web1' is one argument too many" },
	{ "ctctl create a b c", "!'c' is one argument too many" },
	{ "ctctl set web1 memory", "!'memory': expected KEY=VALUE" },
	{ "ctctl set web1 memroy=1G", "!did you mean 'memory'" },
	{ "ctctl set web1 xyzzy=1", "!unknown parameter 'xyzzy'" },
	{ "ctctl set web1 pool=fast", "!pool is fixed" },
	{ "ctctl set web1 --pool fast", "!unknown option --pool" },
	{ "ctctl set web1 uuid=1", "!uuid is ctctl's own" },
	{ "ctctl create web1 micro --uuid 1", "!unknown option --uuid" },
};

static void check_refused(const struct err *err, const char *part)
{
	assert_int_equal(err->exit, EXIT_USAGE);
	assert_err_has(err, part);
}

static void check_line(const char *line, const char *expected)
{
	_cleanup_request_ struct request request = { 0 };
	_cleanup_run_ struct run run = { 0 };
	struct err err = ERR_INIT;
	bool is_error = expected[0] == '!';

	split_line(&run, line);

	int r = request_parse(run.n, run.words, &request, &err);

	if (is_error != (r < 0))
		fail_msg("%s: %s", line, r < 0 ? err.msg : "was accepted");
	if (is_error) {
		check_refused(&err, expected + 1);
		return;
	}

	_cleanup_free_ char *got = describe(&request);

	assert_string_equal(got, expected);
}

static void test_table(void **state _unused_)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		check_line(cases[i].line, cases[i].expected);
}

static void test_empty_words(void **state _unused_)
{
	char *const lines[][5] = {
		{ "ctctl", "", NULL },
		{ "ctctl", "template", "", NULL },
		{ "ctctl", "set", "web1", "", NULL },
		{ "ctctl", "set", "web1", "=1", NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		_cleanup_request_ struct request request = { 0 };
		struct err err = ERR_INIT;
		int n = 0;

		while (lines[i][n])
			n++;
		assert_true(request_parse(n, (char **)lines[i], &request, &err) < 0);
		assert_int_equal(err.exit, EXIT_USAGE);
	}
}

static void test_numbers(void **state _unused_)
{
	struct request request = { 0 };
	struct err err = ERR_INIT;
	uint64_t v = 7;

	assert_ok(request_number(&request, OPT_TIMEOUT, 100, &v, &err), &err);
	assert_int_equal(v, 7);
	request.values[OPT_TIMEOUT] = "100";
	assert_ok(request_number(&request, OPT_TIMEOUT, 100, &v, &err), &err);
	assert_int_equal(v, 100);
	request.values[OPT_TIMEOUT] = "101";
	assert_true(request_number(&request, OPT_TIMEOUT, 100, &v, &err) < 0);
	assert_err_has(&err, "--timeout '101': expected a number from 0 to 100");
	request.values[OPT_TIMEOUT] = "-1";
	assert_true(request_number(&request, OPT_TIMEOUT, 100, &v, &err) < 0);
	request.values[OPT_TIMEOUT] = "";
	assert_true(request_number(&request, OPT_TIMEOUT, 100, &v, &err) < 0);
	assert_int_equal(v, 100);
	request.values[OPT_SIZE] = "1.5G";
	assert_ok(request_size(&request, OPT_SIZE, &v, &err), &err);
	assert_int_equal(v, 3ULL << 29);
	request.values[OPT_SIZE] = "1x";
	assert_true(request_size(&request, OPT_SIZE, &v, &err) < 0);
	assert_err_has(&err, "--size '1x': expected a size");
	assert_int_equal(err.exit, EXIT_USAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_empty_words),
		cmocka_unit_test(test_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
