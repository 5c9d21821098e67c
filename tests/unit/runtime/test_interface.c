/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scratch.h"

#include <netinet/in.h>

#include "runtime/interface.h"

static void test_names(void **state)
{
	static const char *const good[] = { "eth0", "e", "wan-1", "Lan_2", "abcdefghijklmno" };
	static const char *const bad[] = { "",	    "lo",    "all", "default",		"0eth",	      "eth.0",
					   "eth 0", "eth/0", "-e",  "abcdefghijklmnop", "eth\xc3\xa9" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		struct err err = ERR_INIT;

		assert_ok(interface_check_name(good[i], &err), &err);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct guest_interface iface;
		struct err err = ERR_INIT;

		assert_int_equal(interface_init(&iface, bad[i], &err), -EINVAL);
		assert_int_equal(err.exit, EXIT_INVALID);
		assert_err_has(&err, "expected a name such as eth1");
	}
}

static struct guest_interface *add(struct guest_config *c, const char *name)
{
	struct guest_interface *iface;
	struct err err = ERR_INIT;

	assert_ok(config_add_interface(c, name, &iface, &err), &err);
	assert_ptr_equal(config_interface(c, name), iface);
	return iface;
}

/* A slot is in names of links on the host: nobody else's, and free again after its interface. */
static void test_add_and_remove(void **state)
{
	struct guest_config c;
	struct guest_interface *iface;
	struct err err = ERR_INIT;
	char name[IFNAMSIZ];

	(void)state;
	assert_ok(config_init(&c, &err), &err);
	assert_null(config_interface(&c, "eth0"));
	for (int i = 0; i < INTERFACES_MAX; i++) {
		snprintf(name, sizeof(name), "eth%d", i);
		assert_int_equal(add(&c, name)->slot, i);
	}
	assert_int_equal(config_add_interface(&c, "more", &iface, &err), -ENOSPC);
	config_remove_interface(&c, "eth3");
	config_remove_interface(&c, "eth3");
	config_remove_interface(&c, "eth9");
	assert_int_equal(c.n_interfaces, INTERFACES_MAX - 2);
	assert_string_equal(c.interfaces[3].name, "eth4");
	assert_int_equal(c.interfaces[3].slot, 4);
	assert_int_equal(config_add_interface(&c, "eth4", &iface, &err), -EEXIST);
	assert_int_equal(config_add_interface(&c, "lo", &iface, &err), -EINVAL);
	assert_int_equal(add(&c, "wan")->slot, 3);
	assert_int_equal(add(&c, "lan")->slot, 9);
	config_free(&c);
	config_free(&c);
}

static void test_set_on(void **state)
{
	struct guest_config c;
	struct err err = ERR_INIT;

	(void)state;
	assert_ok(config_init(&c, &err), &err);
	assert_int_equal(config_set_on(&c, NULL, interface_param_find("ip"), "192.0.2.1", &err), -ENOENT);
	assert_err_has(&err, "ip: the guest has no interface 'eth0'");
	add(&c, "eth0");
	add(&c, "wan");
	assert_ok(config_set_on(&c, NULL, interface_param_find("ip"), "192.0.2.1", &err), &err);
	assert_ok(config_set_on(&c, "wan", interface_param_find("ip"), "192.0.2.2", &err), &err);
	assert_ok(config_set_on(&c, "wan", param_find("memory"), "1G", &err), &err);
	assert_string_equal(config_interface(&c, "eth0")->ip, "192.0.2.1");
	assert_string_equal(config_interface(&c, "wan")->ip, "192.0.2.2");
	assert_true(c.memory == 1 << 30);
	config_free(&c);
}

static void test_slots_are_settled(void **state)
{
	struct guest_config c;
	struct err err = ERR_INIT;

	(void)state;
	assert_ok(config_init(&c, &err), &err);
	add(&c, "a")->slot = UINT64_MAX;
	add(&c, "b")->slot = 0;
	add(&c, "c")->slot = UINT64_MAX;
	add(&c, "d")->slot = 2;
	assert_ok(config_settle_slots(&c, &err), &err);
	assert_int_equal(config_interface(&c, "a")->slot, 1);
	assert_int_equal(config_interface(&c, "c")->slot, 3);
	config_interface(&c, "c")->slot = 2;
	assert_true(config_settle_slots(&c, &err) < 0);
	assert_int_equal(err.exit, EXIT_BAD_CONFIG);
	assert_err_has(&err, "slot 2 is that of");
	config_free(&c);
}

static void test_addresses_as_data(void **state)
{
	struct net_address *list;
	struct err err = ERR_INIT;
	size_t n = 1;

	(void)state;
	assert_ok(interface_parse_addresses(NULL, &list, &n, &err), &err);
	assert_true(!list && n == 0);
	assert_ok(interface_parse_addresses("", &list, &n, &err), &err);
	assert_true(!list && n == 0);
	assert_ok(interface_parse_addresses("192.0.2.10, 2001:db8:5::/64", &list, &n, &err), &err);
	assert_int_equal(n, 2);
	assert_true(list[0].family == AF_INET && list[0].prefix == 32 && list[0].bytes[3] == 10 && list[0].bytes[4] == 0);
	assert_true(list[1].family == AF_INET6 && list[1].prefix == 64 && list[1].bytes[5] == 5);
	free(list);
}

static void test_publish_as_data(void **state)
{
	struct net_publish *list;
	struct err err = ERR_INIT;
	size_t n;

	(void)state;
	assert_ok(interface_parse_publish("8080:80, 192.0.2.1:53:5353/udp, [2001:db8::1]:1:65535/tcp", &list, &n, &err), &err);
	assert_int_equal(n, 3);
	assert_true(list[0].protocol == IPPROTO_TCP && list[0].listen.family == 0);
	assert_true(list[0].host_port == 8080 && list[0].guest_port == 80);
	assert_true(list[1].protocol == IPPROTO_UDP && list[1].listen.family == AF_INET && list[1].listen.bytes[0] == 192);
	assert_true(list[1].host_port == 53 && list[1].guest_port == 5353);
	assert_true(list[2].listen.family == AF_INET6 && list[2].host_port == 1 && list[2].guest_port == 65535);
	free(list);
}

static void test_rules_as_data(void **state)
{
	struct net_rule *list, rule;
	struct err err = ERR_INIT;
	size_t n;

	(void)state;
	assert_ok(interface_parse_rules("allow tcp/22 from 192.0.2.0/24, allow udp/5000-5100, deny icmp, deny any", &list, &n,
					&err),
		  &err);
	assert_int_equal(n, 4);
	assert_true(list[0].allow && list[0].protocol == IPPROTO_TCP && list[0].port_first == 22 && list[0].port_last == 22);
	assert_true(list[0].from.family == AF_INET && list[0].from.prefix == 24);
	assert_true(list[1].allow && list[1].protocol == IPPROTO_UDP && list[1].port_first == 5000 && list[1].port_last == 5100);
	assert_true(list[1].from.family == 0);
	assert_true(!list[2].allow && list[2].protocol == IPPROTO_ICMP && list[2].port_first == 0 && list[2].port_last == 0);
	assert_true(!list[3].allow && list[3].protocol == 0);
	free(list);

	assert_ok(interface_parse_rule("deny tcp from 2001:db8::/32", &rule, &err), &err);

	_cleanup_free_ char *text = interface_format_rule(&rule);

	assert_string_equal(text, "deny tcp from 2001:db8::/32");
	assert_int_equal(interface_parse_rule("allow tcp/22, deny any", &rule, &err), -EINVAL);
	assert_err_has(&err, "rule 'allow tcp/22, deny any': expected allow or deny");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_add_and_remove),
		cmocka_unit_test(test_set_on),
		cmocka_unit_test(test_slots_are_settled),
		cmocka_unit_test(test_addresses_as_data),
		cmocka_unit_test(test_publish_as_data),
		cmocka_unit_test(test_rules_as_data),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
