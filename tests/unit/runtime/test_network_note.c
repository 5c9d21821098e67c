/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "network_unit.h"

#include "base/str.h"
#include "runtime/network_priv.h"

#define GOOD                      \
	"interface eth0\n"        \
	"mode nat\n"              \
	"mac 02:01:23:45:67:89\n" \
	"filter mac\n"            \
	"quota-action block\n"    \
	"link ct0123456789ab0\n"  \
	"table ctctl-v1\n"        \
	"bridge br0\n"            \
	"address 10.200.0.5/20\n" \
	"publish 6 8080 80 -\n"   \
	"rule 1 6 22 23 192.0.2.0/24\n"

/* All that a plan can have. */
static void fill(struct guest *guest)
{
	set_on(guest, "eth0", "net", "routed");
	set_on(guest, "eth0", "ip", "192.0.2.10, 2001:db8::10");
	set_on(guest, "eth0", "route", "2001:db8:5::/64");
	set_on(guest, "eth0", "rules", "allow tcp/22-23 from 192.0.2.0/24, deny any");
	set_on(guest, "eth0", "quota", "1G");
	set_on(guest, "eth0", "quota-action", "block");
	set_on(guest, "eth0", "packets", "1000");
	set_on(guest, "eth0", "connections", "10");
	set_on(guest, "eth0", "rate-in", "100M");
	set_on(guest, "eth0", "rate-out", "50M");
	set_on(guest, "eth0", "burst", "64K");
	set_on(guest, "eth0", "mtu", "1400");
	set_on(guest, "eth1", "net", "nat");
	set_on(guest, "eth1", "ip", "10.200.0.5");
	set_on(guest, "eth1", "filter", "none");
	set_on(guest, "eth1", "publish", "8080:80, 192.0.2.1:53:5353/udp");
	set_on(guest, "eth2", "net", "bridge");
	set_on(guest, "eth2", "bridge", "br0");
	set_on(guest, "eth2", "vlan", "12");
	set_on(guest, "eth3", "net", "macvlan");
	set_on(guest, "eth3", "parent", "up0");
}

static void test_round_trip(void **state)
{
	const struct scratch *s = *state;
	struct err err = ERR_INIT;
	struct net_plans read;
	struct planned p;

	fill(put_guest(s, &p));
	assert_ok(network_plan(&p.guest, &p.plans, &err), &err);
	strcpy(p.plans.list[0].uplinks[0], "up0");
	p.plans.list[0].filter.quota_used_bytes = 12345;

	assert_int_equal(network_read_note(s->fd, LINKS_FILE, &read, &err), 0);
	assert_int_equal(read.n, 0);
	assert_ok(network_note(s->fd, LINKS_FILE, &p.plans, &err), &err);
	assert_int_equal(network_read_note(s->fd, LINKS_FILE, &read, &err), 1);
	assert_int_equal(read.n, 4);
	for (size_t i = 0; i < read.n; i++)
		assert_true(network_is_same(&read.list[i], &p.plans.list[i]));
	assert_int_equal(read.list[0].filter.quota_used_bytes, 12345);
	assert_string_equal(read.list[0].uplinks[0], "up0");
	assert_string_equal(read.list[0].filter.link, "ct0123456789ab0");
	assert_string_equal(read.list[0].table, p.guest.node->nft_table);
	assert_string_equal(read.list[3].table, "");
	assert_int_equal(read.list[0].filter.n_prefixes, 1);
	assert_int_equal(read.list[0].rules[0].port_last, 23);
	assert_address(&read.list[1].filter.publish[1].listen, "192.0.2.1/32");
	assert_true(read.list[1].is_own_bridge);

	/* Each single thing counts. Elements in the tables of an older version are elsewhere. */
	read.list[2].table[0]++;
	assert_false(network_is_same(&read.list[2], &p.plans.list[2]));
	read.list[0].shape.burst_bytes++;
	assert_false(network_is_same(&read.list[0], &p.plans.list[0]));
	read.list[1].publish[0].guest_port++;
	assert_false(network_is_same(&read.list[1], &p.plans.list[1]));
	network_plans_free(&read);
	drop_guest(&p);
}

static void test_an_empty_list_is_a_note(void **state)
{
	const struct scratch *s = *state;
	struct err err = ERR_INIT;
	struct net_plans none = NET_PLANS_INIT, read;

	assert_ok(network_note(s->fd, LINKS_FILE, &none, &err), &err);
	assert_int_equal(network_read_note(s->fd, LINKS_FILE, &read, &err), 1);
	assert_int_equal(read.n, 0);
}

static void expect_damaged(const struct scratch *s, const char *text, const char *part)
{
	struct err err = ERR_INIT;
	struct net_plans read;

	put_file(s->fd, LINKS_FILE, text);
	assert_int_equal(network_read_note(s->fd, LINKS_FILE, &read, &err), -EBADMSG);
	assert_int_equal(err.exit, EXIT_RECOVERY);
	assert_err_has(&err, LINKS_FILE);
	assert_err_has(&err, part);
	assert_int_equal(read.n, 0);
}

static void test_damaged(void **state)
{
	static const char *const lines[] = {
		"mode none\n",	    "mode magic\n",	  "mac 02:01:23:45:67\n",     "mac 02:01:23:45:67:8g\n",
		"filter some\n",    "quota-action beg\n", "link ct0123456789ab012\n", "address 10.200.0.300/20\n",
		"publish 6 8080\n", "rule 1 6 22\n",	  "rule 1 6 22 23 nowhere\n", "packets many\n",
		"packets\n",	    "unknown 1\n",	  "own-bridge perhaps\n",     "\n",
	};
	const struct scratch *s = *state;

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		_cleanup_free_ char *text = str_printf(GOOD "%send\n", lines[i]);

		expect_damaged(s, text, "(line 12)");
	}
	/* A file that was cut, at any place. */
	for (size_t i = 0; i < strlen(GOOD "end\n"); i++) {
		_cleanup_free_ char *text = strndup(GOOD "end\n", i);

		expect_damaged(s, text, "damaged");
	}
	expect_damaged(s, GOOD "end\nmore\n", "damaged");
	expect_damaged(s, "mode nat\nend\n", "(line 1)");
	expect_damaged(s, "interface eth0\nend\n", "damaged");
	/* Without its name nothing of it can be removed. */
	expect_damaged(s, "interface eth0\nmode nat\nend\n", "damaged");
	expect_damaged(s, "interface eth0\nmode nat\nlink ct0123456789ab0\nend\n", "damaged");
	expect_damaged(s, "interface eth0\nmode macvlan\nlink ct0123456789ab0\nend\n", "damaged");
}

static void test_good(void **state)
{
	const struct scratch *s = *state;
	struct err err = ERR_INIT;
	struct net_plans read;

	put_file(s->fd, LINKS_FILE, GOOD "end\n");
	assert_int_equal(network_read_note(s->fd, LINKS_FILE, &read, &err), 1);
	assert_int_equal(read.n, 1);
	assert_int_equal(read.list[0].filter.level, NET_FILTER_MAC);
	assert_int_equal(read.list[0].publish[0].listen.family, 0);
	network_plans_free(&read);
}

static void test_too_many(void **state)
{
	const struct scratch *s = *state;
	struct strbuf b = { 0 };

	for (int i = 0; i <= INTERFACES_MAX; i++)
		strbuf_addf(&b, "interface eth%d\nmode routed\nlink ct%d\n", i, i);
	strbuf_add(&b, "end\n");

	_cleanup_free_ char *text = strbuf_take(&b);

	expect_damaged(s, text, "(line 49)");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(test_round_trip), SCRATCH_TEST(test_an_empty_list_is_a_note),
		SCRATCH_TEST(test_damaged),    SCRATCH_TEST(test_good),
		SCRATCH_TEST(test_too_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
