/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/proc.h"
#include "base/str.h"
#include "netns/filter.h"
#include "netns/link.h"
#include "runtime/doctor_network_priv.h"

#define BRIDGE "br-of-us"
#define TABLE  "table-of-us"

/* Each test has a network namespace of its own, in which it can have any host. */
static struct node host_of(bool may_forward)
{
	return (struct node){
		.bridge = (char *)BRIDGE,
		.bridge_address = (char *)"10.200.0.1/20",
		.bridge_address6 = (char *)"fd12:3456:789a::1/64",
		.nft_table = (char *)TABLE,
		.may_forward = may_forward,
	};
}

static int begin(void **state _unused_)
{
	return geteuid() == 0 ? unshare(CLONE_NEWNET) : 0;
}

#define HOST_TEST(f) cmocka_unit_test_setup(f, begin)

static void needs_root(void)
{
	if (geteuid() != 0)
		skip();
}

/* A program of the host with these words as arguments; the test is skipped where it is not installed. */
static void run(const char *line)
{
	_cleanup_free_ char *copy = strdup(line);
	const char *argv[32] = { NULL };
	struct err err = ERR_INIT;
	char *rest = NULL;
	size_t n = 0;

	assert_non_null(copy);
	for (char *word = strtok_r(copy, " ", &rest); word && n + 1 < ARRAY_SIZE(argv); word = strtok_r(NULL, " ", &rest))
		argv[n++] = word;

	const struct proc_spec spec = { .argv = argv, .stdin_fd = -1, .stdout_fd = -1, .dir_fd = -1, .timeout_ms = 20000 };
	int r = proc_run(&spec, argv[0], &err);

	if (r == -ENOENT)
		skip();
	assert_ok(r, &err);
}

static void set(const char *path, const char *value)
{
	_cleanup_free_ char *whole = str_printf("/proc/sys/net/%s", path);

	assert_non_null(whole);
	assert_int_equal(fd_write_file_at(AT_FDCWD, whole, value), 0);
}

/* A host with an uplink and default routes, by hand. */
static void bring_up(const char *link, const char *address4, const char *address6)
{
	char line[128];

	snprintf(line, sizeof(line), "ip link add %s type veth peer name %s-end", link, link);
	run(line);
	snprintf(line, sizeof(line), "ip link set %s up", link);
	run(line);
	snprintf(line, sizeof(line), "ip link set %s-end up", link);
	run(line);
	snprintf(line, sizeof(line), "ip addr add %s dev %s", address4, link);
	run(line);
	snprintf(line, sizeof(line), "ip addr add %s dev %s nodad", address6, link);
	run(line);
}

static void bring_up_with_routes(void)
{
	bring_up("up0", "198.51.100.1/24", "2001:db8:1::1/64");
	run("ip route add default via 198.51.100.254");
	run("ip -6 route add default via 2001:db8:1::ff");
}

/* What a check finds: its verdict, and `says` in the finding or the advice. A problem comes with advice. */
static void expect_at(doctor_fn *look, const struct node *node, enum doctor_verdict verdict, const char *says, int line)
{
	struct doctor_finding f = { 0 };

	look(node, &f);
	if (f.verdict == verdict && (strstr(f.found, says) || strstr(f.advice, says)) && (verdict == DOCTOR_OK) == !*f.advice)
		return;
	print_error("ERROR: expected %d with '%s', got %d: '%s' -> '%s'\n", verdict, says, f.verdict, f.found, f.advice);
	_fail(__FILE__, line);
}

#define expect(look, node, verdict, says) expect_at(look, node, verdict, says, __LINE__)

/* Nothing of what was tried is here afterwards. */
static void test_trials(void **state _unused_)
{
	static doctor_fn *const trials[] = { doctor_links, doctor_macvlan,   doctor_vlans,  doctor_nftables,
					     doctor_nat,   doctor_firewalls, doctor_shaping };
	struct node node = host_of(true);

	needs_root();
	for (size_t i = 0; i < ARRAY_SIZE(trials); i++) {
		struct doctor_finding f = { 0 };

		trials[i](&node, &f);
		assert_true(*f.found);
		assert_int_equal(f.verdict == DOCTOR_OK, !*f.advice);
	}
	expect(doctor_links, &node, DOCTOR_OK, BRIDGE);
	expect(doctor_macvlan, &node, DOCTOR_OK, "tried");
	expect(doctor_nftables, &node, DOCTOR_OK, "filter");
	expect(doctor_nat, &node, DOCTOR_OK, "published");

	struct err err = ERR_INIT;

	assert_int_equal(net_link_exists("doctor0", &err), 0);
	assert_int_equal(net_link_exists("doctor1", &err), 0);
	assert_int_equal(net_filter_remove_all("doctor", &err), 0);
}

/* The trial as somebody without rights: it says that it failed. */
static int try_nothing(struct doctor_trial *t)
{
	t->value = 7;
	return err_set(&t->err, ENODEV, "nothing to be had");
}

static int try_dying(struct doctor_trial *t _unused_)
{
	_exit(3);
}

static void test_trial_fails(void **state _unused_)
{
	struct doctor_trial t;

	needs_root();
	doctor_try(try_nothing, &t);
	assert_int_equal(t.result, -ENODEV);
	assert_int_equal(t.value, 7);
	assert_err_has(&t.err, "nothing to be had");
	doctor_try(try_dying, &t);
	assert_int_equal(t.result, -EIO);
	assert_err_has(&t.err, "could not be tried");
}

static void test_forwarding(void **state _unused_)
{
	struct node may = host_of(true), may_not = host_of(false);

	needs_root();
	set("ipv4/ip_forward", "0");
	set("ipv6/conf/all/forwarding", "0");
	expect(doctor_forwarding, &may, DOCTOR_OK, "IPv4 off, IPv6 off; ctctl switches it on");
	expect(doctor_forwarding, &may_not, DOCTOR_LACKING, "ip_forward=1 net.ipv6.conf.all.forwarding=1");
	set("ipv4/ip_forward", "1");
	expect(doctor_forwarding, &may_not, DOCTOR_LACKING, "sysctl -w net.ipv6.conf.all.forwarding=1");
	set("ipv6/conf/all/forwarding", "1");
	expect(doctor_forwarding, &may_not, DOCTOR_OK, "IPv4 on, IPv6 on");
	/* What the host has not at all is not missing. */
	set("ipv6/conf/all/forwarding", "0");
	set("ipv6/conf/all/disable_ipv6", "1");
	expect(doctor_forwarding, &may_not, DOCTOR_OK, "IPv4 on, IPv6 off");
}

static void test_uplinks(void **state _unused_)
{
	struct node node = host_of(true), named = host_of(true);

	needs_root();
	named.uplink = (char *)"up9";
	expect(doctor_uplinks, &node, DOCTOR_NOTE, "IPv4: no default route, IPv6: no default route");
	expect(doctor_uplinks, &named, DOCTOR_LACKING, "uplink = up9");
	bring_up_with_routes();
	expect(doctor_uplinks, &node, DOCTOR_OK, "IPv4: up0, IPv6: up0");
	run("ip -6 route delete default");
	expect(doctor_uplinks, &node, DOCTOR_NOTE, "IPv4: up0, IPv6: no default route");
	named.uplink = (char *)"up0-end";
	expect(doctor_uplinks, &named, DOCTOR_OK, "IPv4: up0-end, IPv6: up0-end");
}

static void test_ipv6(void **state _unused_)
{
	struct node node = host_of(true);

	needs_root();
	expect(doctor_ipv6, &node, DOCTOR_OK, "on");
	set("ipv6/conf/all/disable_ipv6", "1");
	expect(doctor_ipv6, &node, DOCTOR_NOTE, "disable_ipv6=0");
}

static void test_advertisements(void **state _unused_)
{
	struct node node = host_of(true);

	needs_root();
	bring_up_with_routes();
	set("ipv6/conf/up0/accept_ra", "1");
	expect(doctor_advertisements, &node, DOCTOR_OK, "nothing");
	/* The route was given by hand and stays. */
	set("ipv6/conf/all/forwarding", "1");
	set("ipv6/conf/up0/accept_ra", "1");
	expect(doctor_advertisements, &node, DOCTOR_OK, "nothing");
	run("ip -6 route delete default");
	expect(doctor_advertisements, &node, DOCTOR_NOTE, "net.ipv6.conf.up0.accept_ra=2");
	set("ipv6/conf/up0/accept_ra", "2");
	expect(doctor_advertisements, &node, DOCTOR_OK, "nothing");
}

static void test_reverse_path(void **state _unused_)
{
	struct node node = host_of(true), other_way = host_of(true);

	needs_root();
	set("ipv4/conf/all/rp_filter", "0");
	bring_up_with_routes();
	bring_up("up1", "203.0.113.1/24", "2001:db8:3::1/64");
	set("ipv4/conf/up0/rp_filter", "0");
	set("ipv4/conf/up1/rp_filter", "0");
	other_way.uplink = (char *)"up1";
	expect(doctor_reverse_path, &node, DOCTOR_OK, "not strict");
	expect(doctor_reverse_path, &other_way, DOCTOR_OK, "not strict");
	set("ipv4/conf/up1/rp_filter", "1");
	expect(doctor_reverse_path, &node, DOCTOR_OK, "not strict");
	expect(doctor_reverse_path, &other_way, DOCTOR_NOTE, "'up1'");
	set("ipv4/conf/all/rp_filter", "1");
	expect(doctor_reverse_path, &node, DOCTOR_OK, "one way out");
	run("ip route add default via 203.0.113.254 metric 20");
	expect(doctor_reverse_path, &node, DOCTOR_NOTE, "rp_filter=2");
	set("ipv4/conf/all/rp_filter", "2");
	expect(doctor_reverse_path, &node, DOCTOR_OK, "not strict");
}

static void test_arp(void **state _unused_)
{
	struct node node = host_of(true);

	needs_root();
	expect(doctor_arp, &node, DOCTOR_OK, "arp_ignore is 0");
	set("ipv4/conf/all/arp_ignore", "1");
	set("ipv4/conf/all/arp_announce", "2");
	expect(doctor_arp, &node, DOCTOR_OK, "arp_ignore is 1, arp_announce 2");
	set("ipv4/conf/default/arp_ignore", "2");
	expect(doctor_arp, &node, DOCTOR_LACKING, "net.ipv4.conf.default.arp_ignore is 2");
	set("ipv4/conf/all/arp_ignore", "8");
	expect(doctor_arp, &node, DOCTOR_LACKING, "net.ipv4.conf.all.arp_ignore is 8");
}

static void test_firewall(void **state _unused_)
{
	struct node node = host_of(true);
	const struct net_filter_node own = { .table = TABLE };
	struct err err = ERR_INIT;

	needs_root();
	assert_ok(net_filter_open(&own, &err), &err);
	expect(doctor_firewall, &node, DOCTOR_OK, "no other one");
	run("nft add table ip filter");
	run("nft add chain ip filter INPUT { type filter hook input priority 0 ; policy drop ; }");
	run("nft add chain ip filter OUTPUT { type filter hook output priority 0 ; policy drop ; }");
	run("nft add chain ip filter FORWARD { type filter hook forward priority 0 ; policy accept ; }");
	expect(doctor_firewall, &node, DOCTOR_OK, "no other one");
	run("nft add chain ip filter FORWARD { policy drop ; }");
	expect(doctor_firewall, &node, DOCTOR_NOTE, "nft insert rule ip filter FORWARD accept");
	run("nft add chain ip filter ufw-user-forward");
	expect(doctor_firewall, &node, DOCTOR_NOTE, "ufw default allow routed");
	run("nft add chain ip filter DOCKER-USER");
	expect(doctor_firewall, &node, DOCTOR_NOTE, "iptables -I DOCKER-USER");
	run("nft delete table ip filter");
	run("nft add table inet firewalld");
	run("nft add chain inet firewalld filter_FORWARD { type filter hook forward priority 10 ; policy accept ; }");
	expect(doctor_firewall, &node, DOCTOR_NOTE, "firewall-cmd");
}

static void test_names(void **state _unused_)
{
	struct node node = host_of(true);
	const struct net_filter_node own = { .table = TABLE };
	struct err err = ERR_INIT;

	needs_root();
	expect(doctor_names, &node, DOCTOR_OK, "free or ctctl's");
	assert_ok(net_filter_open(&own, &err), &err);
	assert_ok(net_bridge_ensure(BRIDGE, NULL, 0, &err), &err);
	/* Of a family that is in nobody's way. */
	run("nft add table netdev " TABLE);
	expect(doctor_names, &node, DOCTOR_OK, "free or ctctl's");
	assert_ok(net_filter_remove_all(TABLE, &err), &err);
	run("nft add table bridge " TABLE);
	expect(doctor_names, &node, DOCTOR_LACKING, "nft delete table bridge " TABLE);
	assert_ok(net_link_delete(BRIDGE, &err), &err);
	run("ip link add " BRIDGE " type veth peer name other");
	expect(doctor_names, &node, DOCTOR_LACKING, "is no bridge");
}

static void test_networks(void **state _unused_)
{
	struct node node = host_of(true), only4 = host_of(true);
	const struct net_address own[] = { { AF_INET, { 10, 200, 0, 1 }, 20 } };
	struct err err = ERR_INIT;

	needs_root();
	only4.bridge_address6 = NULL;
	assert_ok(net_bridge_ensure(BRIDGE, own, 1, &err), &err);
	bring_up("up0", "10.200.16.1/20", "fd12:3456:789a:1::1/64");
	expect(doctor_networks, &node, DOCTOR_OK, "overlap nothing");
	expect(doctor_networks, &only4, DOCTOR_OK, "overlaps nothing");
	run("ip addr add fd12:3456:789a:0::2/48 dev up0 nodad");
	expect(doctor_networks, &node, DOCTOR_LACKING, "'bridge-address6'");
	expect(doctor_networks, &only4, DOCTOR_OK, "overlaps nothing");
	run("ip addr add 10.1.2.3/8 dev up0");
	expect(doctor_networks, &node, DOCTOR_LACKING, "overlaps 10.1.2.3/8, which the host has on 'up0'");
	run("ip addr delete 10.1.2.3/8 dev up0");
	/* Inside of ours, and an address without a network. */
	run("ip addr add 10.200.15.9/32 dev up0");
	expect(doctor_networks, &node, DOCTOR_LACKING, "overlaps 10.200.15.9/32");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		HOST_TEST(test_trials),	  HOST_TEST(test_trial_fails),	  HOST_TEST(test_forwarding),	HOST_TEST(test_uplinks),
		HOST_TEST(test_ipv6),	  HOST_TEST(test_advertisements), HOST_TEST(test_reverse_path), HOST_TEST(test_arp),
		HOST_TEST(test_firewall), HOST_TEST(test_names),	  HOST_TEST(test_networks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
