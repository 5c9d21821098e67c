/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "inside_unit.h"

#define NETWORKD "run/systemd/network/10-ctctl-eth0.network"
#define NM	 "run/NetworkManager/system-connections/ctctl-eth0.nmconnection"
#define NETPLAN	 "run/netplan/90-ctctl-eth0.yaml"
#define IFUPDOWN "etc/network/interfaces.d/ctctl-eth0"
#define MAIN	 "etc/network/interfaces"

static void test_nothing_without_tools(void **state)
{
	const struct scratch *s = *state;
	struct inside_example e;

	example_init(&e);
	/* busybox has an ifup, but nothing is configured with it. */
	put_in(s, "sbin/ifup", "");
	write_example(s, &e);
	assert_not_there(s, "run");
	assert_not_there(s, "etc/network");
	assert_not_there(s, "etc/cloud");
}

static void test_networkd(void **state)
{
	const struct scratch *s = *state;
	struct inside_example e;

	example_init(&e);
	put_in(s, "lib/systemd/systemd-networkd", "");
	write_example(s, &e);
	assert_file(s->fd, NETWORKD,
		    "# Written by ctctl.\n# A file of this name in /etc/systemd/network takes its place.\n"
		    "[Match]\nName=eth0\n\n[Network]\nDHCP=no\nIPv6AcceptRA=no\nKeepConfiguration=static\n\n"
		    "[Address]\nAddress=192.0.2.10/32\nDuplicateAddressDetection=none\nAddPrefixRoute=no\nBroadcast=no\n\n"
		    "[Address]\nAddress=2001:db8::10/128\nDuplicateAddressDetection=none\nAddPrefixRoute=no\nBroadcast=no\n\n"
		    "[Route]\nGateway=169.254.1.1\nGatewayOnLink=yes\n\n[Route]\nGateway=fe80::1\nGatewayOnLink=yes\n");
	/* eth1 has no addresses: the guest may configure it. */
	assert_not_there(s, "run/systemd/network/10-ctctl-eth1.network");
	assert_not_there(s, "run/NetworkManager");
}

/* Of a network that is routed to it, it has the first address. */
static void test_routed_prefix(void **state)
{
	const struct scratch *s = *state;
	struct net_address prefix = address_of("2001:db8:5::/64");
	struct inside_example e;

	example_init(&e);
	e.interfaces[0].prefixes = &prefix;
	e.interfaces[0].n_prefixes = 1;
	put_in(s, "lib/systemd/systemd-networkd", "");
	put_in(s, "usr/bin/NetworkManager", "");
	write_example(s, &e);
	assert_has(s, NETWORKD, "\nAddress=2001:db8:5::1/128\n");
	assert_has(s, NM, "\naddress1=2001:db8::10/128\naddress2=2001:db8:5::1/128\n");
}

static void test_networkmanager(void **state)
{
	const struct scratch *s = *state;
	struct inside_example e;
	struct stat st;

	example_init(&e);
	put_in(s, "usr/sbin/NetworkManager", "");
	write_example(s, &e);
	assert_file(s->fd, NM,
		    "# Written by ctctl.\n[connection]\nid=ctctl-eth0\ntype=ethernet\ninterface-name=eth0\n"
		    "autoconnect-priority=-100\n\n[ipv4]\nmethod=manual\naddress1=192.0.2.10/32\ngateway=169.254.1.1\n"
		    "route-metric=0\ndns=192.0.2.53;\ndns-search=example.com;example.net;\n\n"
		    "[ipv6]\naddr-gen-mode=eui64\nmethod=manual\naddress1=2001:db8::10/128\ngateway=fe80::1\n"
		    "route-metric=1024\ndns=2001:db8::53;\ndns-search=example.com;example.net;\n");
	assert_file(s->fd, "run/NetworkManager/conf.d/10-ctctl.conf", "# Written by ctctl.\n[main]\nno-auto-default=*\n");
	/* NetworkManager reads no profile that others could read. */
	assert_int_equal(fstatat(s->fd, NM, &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	e.interfaces[0].n_addresses = 1;
	e.interfaces[0].has_default = false;
	write_example(s, &e);
	assert_has(s, NM, "[ipv6]\naddr-gen-mode=eui64\nmethod=link-local\n");
	e.interfaces[0].addresses = e.addresses + 1;
	write_example(s, &e);
	assert_has(s, NM, "[ipv4]\nmethod=disabled\n");
}

static void test_netplan(void **state)
{
	const struct scratch *s = *state;
	struct inside_example e;

	example_init(&e);
	put_in(s, "usr/sbin/netplan", "");
	put_in(s, "usr/sbin/NetworkManager", "");
	put_in(s, "usr/lib/systemd/systemd-networkd", "");
	write_example(s, &e);
	assert_file(s->fd, NETPLAN,
		    "# Written by ctctl.\nnetwork:\n  version: 2\n  ethernets:\n    eth0:\n      critical: true\n"
		    "      dhcp4: false\n      dhcp6: false\n      accept-ra: false\n      addresses:\n"
		    "        - \"192.0.2.10/32\"\n        - \"2001:db8::10/128\"\n      routes:\n"
		    "        - to: \"0.0.0.0/0\"\n          via: \"169.254.1.1\"\n          on-link: true\n"
		    "        - to: \"::/0\"\n          via: \"fe80::1\"\n          on-link: true\n"
		    "      nameservers:\n        addresses:\n          - \"192.0.2.53\"\n          - \"2001:db8::53\"\n"
		    "        search:\n          - \"example.com\"\n          - \"example.net\"\n");
	/* netplan writes theirs: what the customer changes in his files of netplan must count. */
	assert_not_there(s, NETWORKD);
	assert_not_there(s, NM);
}

static void test_ifupdown(void **state)
{
	const struct scratch *s = *state;
	struct inside_example e;

	example_init(&e);
	put_in(s, "sbin/ifup", "");
	put_in(s, MAIN, "source /etc/network/interfaces.d/*\n");
	write_example(s, &e);
	assert_file(s->fd, MAIN, "source /etc/network/interfaces.d/*\n");
	assert_file(s->fd, IFUPDOWN,
		    "# Written by ctctl.\n"
		    "# To configure it yourself, write a paragraph \"iface eth0\" anywhere else: then this one goes.\n"
		    "auto eth0\niface eth0 inet manual\n"
		    "\tup ip address replace 192.0.2.10/32 dev eth0 noprefixroute || true\n"
		    "\tup ip address replace 2001:db8::10/128 dev eth0 nodad noprefixroute || true\n"
		    "\tup ip route replace default via 169.254.1.1 dev eth0 onlink || true\n"
		    "\tup ip -6 route replace default via fe80::1 dev eth0 onlink || true\n");
}

static void test_ifupdown_that_reads_one_file(void **state)
{
	static const char begin[] = "auto lo\niface lo inet loopback\n\n# ctctl: begin. ";
	const struct scratch *s = *state;
	struct inside_example e;

	example_init(&e);
	put_in(s, "usr/sbin/ifup", "");
	put_dirs(s, "etc/network");
	for (int i = 0; i < 2; i++) {
		write_example(s, &e);
		assert_has(s, MAIN, begin);
		assert_has(s, MAIN, "\nsource /etc/network/interfaces.d/ctctl-*\n");
		assert_has(s, IFUPDOWN, "iface eth0 inet manual");
	}
}

/* An interface that the customer configures himself, in whichever file. */
static void test_ifupdown_of_the_customer(void **state)
{
	static const char his[] = "auto eth0\niface eth0 inet dhcp\n";
	const struct scratch *s = *state;
	struct inside_example e;

	example_init(&e);
	put_in(s, "sbin/ifup", "");
	put_in(s, MAIN, "auto lo\n");
	write_example(s, &e);
	assert_has(s, IFUPDOWN, "iface eth0");
	put_in(s, "etc/network/interfaces.d/mine", his);
	write_example(s, &e);
	assert_not_there(s, IFUPDOWN);
	assert_int_equal(unlinkat(s->fd, "etc/network/interfaces.d/mine", 0), 0);
	put_file(s->fd, MAIN, his);
	write_example(s, &e);
	assert_not_there(s, IFUPDOWN);
	assert_file(s->fd, MAIN, his);
	/* Ours, when he has taken our first line off. */
	put_file(s->fd, MAIN, "source interfaces.d/*\n");
	put_file(s->fd, IFUPDOWN, his);
	write_example(s, &e);
	assert_file(s->fd, IFUPDOWN, his);
}

static void test_cloud_init(void **state)
{
	const struct scratch *s = *state;
	struct inside_example e;

	example_init(&e);
	put_dirs(s, "etc/cloud/cloud.cfg.d");
	write_example(s, &e);
	assert_file(s->fd, "etc/cloud/cloud.cfg.d/99-ctctl.cfg", "# Written by ctctl.\nnetwork: {config: disabled}\n");
	put_file(s->fd, "etc/cloud/cloud.cfg.d/99-ctctl.cfg", "his\n");
	write_example(s, &e);
	assert_file(s->fd, "etc/cloud/cloud.cfg.d/99-ctctl.cfg", "his\n");
}

/* The files of an interface go with it; those that are not ours stay. */
static void test_interface_goes(void **state)
{
	const struct scratch *s = *state;
	struct inside_example e;

	example_init(&e);
	put_in(s, "lib/systemd/systemd-networkd", "");
	put_in(s, "run/systemd/network/10-ctctl-eth7.network", "# Written by ctctl.\n");
	put_in(s, "run/systemd/network/10-ctctl-eth8.network", "his\n");
	put_in(s, "run/systemd/network/10-ctctl-.network", "# Written by ctctl.\n");
	put_in(s, "run/systemd/network/50-eth9.network", "# Written by ctctl.\n");
	write_example(s, &e);
	assert_not_there(s, "run/systemd/network/10-ctctl-eth7.network");
	assert_file(s->fd, "run/systemd/network/10-ctctl-eth8.network", "his\n");
	assert_true(path_exists_at(s->fd, "run/systemd/network/50-eth9.network"));
	assert_true(path_exists_at(s->fd, NETWORKD));
	e.network.n_interfaces = 0;
	write_example(s, &e);
	assert_not_there(s, NETWORKD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(test_nothing_without_tools),
		SCRATCH_TEST(test_networkd),
		SCRATCH_TEST(test_routed_prefix),
		SCRATCH_TEST(test_networkmanager),
		SCRATCH_TEST(test_netplan),
		SCRATCH_TEST(test_ifupdown),
		SCRATCH_TEST(test_ifupdown_that_reads_one_file),
		SCRATCH_TEST(test_ifupdown_of_the_customer),
		SCRATCH_TEST(test_cloud_init),
		SCRATCH_TEST(test_interface_goes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
