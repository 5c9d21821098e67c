/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include <netinet/in.h>
#include <sched.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/str.h"
#include "cmd_unit.h"

/* The commands of the network, of an instance with these. */
static void put_guests(const struct instance *i)
{
	instance_put(i, "web2", "guest.conf", GUEST_IDENTITY);
	instance_put(i, "web1", "guest.conf",
		     GUEST_IDENTITY "[eth0]\nslot = 0\nnet = routed\nip = 192.0.2.10, 2001:db8::10\nrate-out = 100M\nquota = 1T\n"
				    "rules = allow tcp/22 from 192.0.2.0/24, deny any\n"
				    "[eth1]\nslot = 1\nnet = none\n");
	instance_put(i, "db1", "guest.conf", "nonsense");
}

static void test_list(void **state)
{
	const struct instance *i = instance_of(state);

	put_guests(i);

	_cleanup_run_ struct run all = run_in(i, "net list"), one = run_in(i, "net list web2");
	_cleanup_run_ struct run some = run_in(i, "net list web1 -o interface,link,mac,gateway,quota");

	assert_int_equal(all.status, 0);
	assert_string_equal(all.out,
			    "GUEST INTERFACE STATE   ADDRESSES                       LINK            NET    RATE-IN RATE-OUT\n"
			    "web1  eth0      stopped 192.0.2.10/32, 2001:db8::10/128 ct0000000000000 routed       -     100M\n"
			    "web1  eth1      stopped -                               -               none         -        -\n");
	assert_true(str_has_prefix(all.err, "ctctl: warning: db1: "));
	assert_string_equal(some.out, "INTERFACE LINK            MAC               GATEWAY              QUOTA\n"
				      "eth0      ct0000000000000 02:00:00:00:00:00 169.254.1.1, fe80::1    1T\n"
				      "eth1      -               -                 -                        -\n");
	assert_int_equal(one.status, 0);
	assert_string_equal(one.out, "");
	assert_non_null(strstr(one.err, "ctctl net add web2 eth0"));
}

static void test_json(void **state)
{
	const struct instance *i = instance_of(state);
	_cleanup_json_ struct json *list = NULL, *one = NULL;
	struct err err = ERR_INIT;
	const char *text;
	uint64_t number;

	put_guests(i);

	_cleanup_run_ struct run all = run_in(i, "net list web1 --json"), show = run_in(i, "net show web1 eth0 --json");

	assert_ok(json_parse(all.out, "list", &list, &err), &err);
	assert_non_null(strstr(all.out, "\"addresses\": [\n      \"192.0.2.10/32\",\n      \"2001:db8::10/128\"\n    ]"));
	assert_ok(json_parse(show.out, "show", &one, &err), &err);
	assert_int_equal(json_get_string(one, "net", &text), 0);
	assert_string_equal(text, "routed");
	assert_int_equal(json_get_u64(one, "rate_out_bits_per_second", &number), 0);
	assert_int_equal(number, 100000000);
	assert_int_equal(json_get_u64(one, "quota_bytes", &number), 0);
	assert_int_equal(number, UINT64_C(1) << 40);
}

static void test_rules(void **state)
{
	const struct instance *i = instance_of(state);

	put_guests(i);

	_cleanup_run_ struct run run = run_in(i, "net rules web1"), none = run_in(i, "net rules web1 --interface eth1");

	assert_string_equal(run.out, "INTERFACE NUMBER RULE\n"
				     "eth0           1 allow tcp/22 from 192.0.2.0/24\n"
				     "eth0           2 deny any\n");
	assert_string_equal(none.out, "");
	assert_non_null(strstr(none.err, "everything is allowed"));
}

static void test_traffic(void **state)
{
	const struct instance *i = instance_of(state);

	put_guests(i);
	/* Of a month that is over: its bytes are none of this one's. */
	instance_put(i, "web1", "traffic",
		     "interfaces = 1\n[eth0]\nin-local-ipv4 = 1024 1\nin-local-ipv6 = 1024 2\nin-outside-ipv4 = 2048 3\n"
		     "in-outside-ipv6 = 1048576 4\nout-local-ipv4 = 1 1\nout-local-ipv6 = 0 0\nout-outside-ipv4 = 7 1\n"
		     "out-outside-ipv6 = 0 0\ndropped = 100 1\nmonth = 202001 555\ntold = 0 0\n");

	_cleanup_run_ struct run run = run_in(i, "net traffic");
	_cleanup_run_ struct run some = run_in(i, "net traffic web1 -o in-outside-ipv6-packets,dropped,dropped-packets");
	_cleanup_run_ struct run list = run_in(i, "list -o name,ip,traffic-in,traffic-out");

	assert_string_equal(run.out, "GUEST INTERFACE IN-OUTSIDE OUT-OUTSIDE IN-LOCAL OUT-LOCAL MONTH QUOTA\n"
				     "web1  eth0            1.0M           7     2.0K         1     0    1T\n");
	assert_string_equal(some.out, "IN-OUTSIDE-IPV6-PACKETS DROPPED DROPPED-PACKETS\n"
				      "                      4     100               1\n");
	assert_non_null(strstr(list.out, "web1 192.0.2.10, 2001:db8::10"));
}

static const struct {
	const char *line;
	int status;
	const char *message;
} failures[] = {
	{ "net list nosuch", EXIT_NO_GUEST, "ctctl: no guest 'nosuch'" },
	{ "net show web1 eth7", EXIT_INVALID, "guest 'web1' has no interface 'eth7': expected one of eth0, eth1" },
	{ "net show web2 eth0", EXIT_INVALID, "guest 'web2' has no interface: ctctl net add web2 eth0" },
	{ "net show web1 eth0 more", EXIT_USAGE, "'more' is one argument too many" },
	{ "net add web1", EXIT_USAGE, "INTERFACE is missing" },
	{ "net add web1 eth2 --ip 192.0.2.300", EXIT_INVALID, "192.0.2.300" },
	{ "net add web1 eth2 memory=1G", EXIT_USAGE, "memory is a parameter of the guest" },
	{ "net add nosuch eth2", EXIT_NO_GUEST, "no guest 'nosuch'" },
	{ "net set web1 eth0", EXIT_USAGE, "nothing to set" },
	{ "net set web1 eth7 --mtu 1400", EXIT_INVALID, "no interface 'eth7'" },
	{ "net set web1 eth0 --rate-out fast", EXIT_INVALID, "rate-out 'fast'" },
	{ "net remove web1 eth7", EXIT_INVALID, "eth7" },
	{ "net allow web1", EXIT_USAGE, "RULE is missing" },
	{ "net allow web1 tcp/22", EXIT_USAGE, "several interfaces: say --interface and one of eth0, eth1" },
	{ "net allow web1 tcp/0 --interface eth0", EXIT_INVALID, "'allow tcp/0': expected" },
	{ "net deny web1 tcp/22 form 192.0.2.1 --interface eth0", EXIT_INVALID, "'deny tcp/22 form 192.0.2.1': expected" },
	{ "net forget web1", EXIT_USAGE, "the number of one rule, or --all" },
	{ "net forget web1 1 --all", EXIT_USAGE, "the number of one rule, or --all" },
	{ "net forget web1 0", EXIT_USAGE, "'0': expected the number of a rule" },
	{ "net forget web1 3 --interface eth0", EXIT_INVALID, "has 2 rules" },
	{ "net capture web1", EXIT_USAGE, "several interfaces" },
	{ "net capture web1 --count many", EXIT_USAGE, "--count 'many'" },
	{ "net capture web1 --snap 8G", EXIT_USAGE, "--snap '8G'" },
	{ "net pool create p", EXIT_USAGE, "--range is missing" },
	{ "net pool create p --range x", EXIT_INVALID, "'x'" },
	{ "net pool show nosuch", EXIT_NO_POOL, "no pool of addresses 'nosuch'" },
	{ "net pool remove default", EXIT_INVALID, "'default' cannot be removed" },
	{ "net pool", EXIT_USAGE, "Usage: ctctl net pool COMMAND" },
	{ "net nosuch", EXIT_USAGE, "'net nosuch' is no command" },
};

static void test_failures(void **state)
{
	const struct instance *i = instance_of(state);

	put_guests(i);
	for (size_t k = 0; k < ARRAY_SIZE(failures); k++) {
		_cleanup_run_ struct run run = run_in(i, failures[k].line);

		if (run.status != failures[k].status || !strstr(run.err, failures[k].message))
			fail_msg("%s: status %d: %s", failures[k].line, run.status, run.err);
		assert_string_equal(run.out, "");
	}
}

/* Nothing is captured, and nothing else is said. */
static void test_capture_of_a_stopped_guest(void **state)
{
	const struct instance *i = instance_of(state);

	put_guests(i);

	_cleanup_run_ struct run run = run_in(i, "net capture web1 eth0");

	assert_int_equal(run.status, EXIT_NOT_RUNNING);
	assert_string_equal(run.err, "ctctl: guest 'web1' is not running: ctctl start web1\n");
}

/* What `net forget` and `net allow` do with the list. */
static void test_changing_rules(void **state)
{
	const struct instance *i = instance_of(state);

	put_guests(i);

	_cleanup_run_ struct run forget = run_in(i, "net forget web1 1 --interface eth0");
	_cleanup_run_ struct run closed = run_in(i, "net rules web1 -o rule");
	_cleanup_run_ struct run deny = run_in(i, "net deny web1 udp/53 --interface eth0");
	_cleanup_run_ struct run allow = run_in(i, "net allow web1 tcp/80-90 from 2001:db8::/32 --interface eth0");
	_cleanup_run_ struct run more = run_in(i, "net rules web1 -o rule");
	_cleanup_run_ struct run all = run_in(i, "net forget web1 --all --interface eth0");
	_cleanup_run_ struct run none = run_in(i, "net rules web1 -o rule");

	assert_string_equal(forget.err, "");
	assert_string_equal(closed.out, "RULE\ndeny any\n");
	assert_non_null(strstr(deny.err, "nothing reaches it now"));
	assert_string_equal(allow.err, "");
	assert_string_equal(more.out, "RULE\ndeny any\ndeny udp/53\nallow tcp/80-90 from 2001:db8::/32\n");
	assert_int_equal(all.status, 0);
	assert_string_equal(none.out, "");
}

/* The warning is of what is new only. In a network of the test's own. */
static void test_listening_port(void **state)
{
	const struct instance *i = instance_of(state);
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(22) };
	_cleanup_fd_ int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

	put_guests(i);
	assert_int_equal(unshare(CLONE_NEWNET), 0);

	_cleanup_fd_ int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(s, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(s, 1), 0);

	_cleanup_run_ struct run add = run_in(i, "net add web2 eth0 --net nat --publish 22:22,23:22,22:22/udp");
	_cleanup_run_ struct run rate = run_in(i, "net set web2 eth0 --rate-out 1M");
	_cleanup_run_ struct run set = run_in(i, "set web2 --publish 22:2222");

	assert_int_equal(setns(home, CLONE_NEWNET), 0);
	assert_int_equal(add.status, 0);
	assert_true(str_has_prefix(add.err,
				   "ctctl: warning: guest 'web2': eth0: this host itself listens at 0.0.0.0, port 22/tcp: "));
	assert_null(strstr(add.err + 1, "ctctl: warning"));
	assert_string_equal(rate.err, "");
	assert_non_null(strstr(set.err, "ADDRESS:22:2222"));
	assert_int_equal(set.status, 0);
}

static void test_pools(void **state)
{
	const struct instance *i = instance_of(state);
	_cleanup_run_ struct run create = run_in(
		i, "net pool create p --range 192.0.2.10-192.0.2.19,192.0.2.30-192.0.2.30 --range 2001:db8:5::/64");
	_cleanup_run_ struct run list = run_in(i, "net pool list -o name,net,ipv4,ipv4-taken,ipv6-taken");
	_cleanup_run_ struct run remove = run_in(i, "net pool remove p");
	_cleanup_run_ struct run gone = run_in(i, "net pool list -o name");

	assert_string_equal(create.out, "");
	assert_int_equal(create.status, 0);
	assert_non_null(strstr(list.out, "\np       routed   11          0          0\n"));
	assert_int_equal(remove.status, 0);
	assert_string_equal(gone.out, "NAME\ndefault\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		INSTANCE_TEST(test_list),	    INSTANCE_TEST(test_json),
		INSTANCE_TEST(test_rules),	    INSTANCE_TEST(test_traffic),
		INSTANCE_TEST(test_failures),	    INSTANCE_TEST(test_capture_of_a_stopped_guest),
		INSTANCE_TEST(test_changing_rules), INSTANCE_TEST(test_listening_port),
		INSTANCE_TEST(test_pools),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
