/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scratch.h"

#include "base/str.h"
#include "runtime/guest_priv.h"
#include "runtime/interface.h"

static int read_conf(const struct scratch *s, const char *text, struct guest_config *config, struct err *err)
{
	struct err ignored = ERR_INIT;

	assert_ok(config_init(config, &ignored), &ignored);
	put_file(s->fd, "guest.conf", text);
	return guest_conf_read(s->fd, "guest.conf", config, err);
}

static void test_sections_are_interfaces(void **state)
{
	struct guest_config c;
	struct err err = ERR_INIT;

	assert_ok(read_conf(*state,
			    "memory = 1G\n"
			    "[eth0]\nslot = 3\nnet = routed\nip = 192.0.2.10\nip = 2001:db8::10, 2001:db8::11 ; more\n"
			    "[notes]\nmemory = nonsense\nwhat = ever\n"
			    "[wan]\n  net = none\nfuture = x\nrate-in = 100M\n",
			    &c, &err),
		  &err);
	assert_int_equal(c.n_interfaces, 2);
	assert_string_equal(c.interfaces[0].name, "eth0");
	assert_string_equal(c.interfaces[0].ip, "192.0.2.10, 2001:db8::10, 2001:db8::11");
	assert_true(c.interfaces[0].slot == 3 && c.interfaces[0].net == NET_MODE_ROUTED);
	assert_string_equal(c.interfaces[1].name, "wan");
	assert_true(c.interfaces[1].slot == 0 && c.interfaces[1].rate_in == 100000000 && c.memory == 1 << 30);
	config_free(&c);
}

static void test_lists_of_several_lines(void **state)
{
	struct guest_config c;
	struct err err = ERR_INIT;

	assert_ok(read_conf(*state,
			    "nameserver = 192.0.2.53\nnameserver = 192.0.2.54\n[eth0]\nip = 192.0.2.1\nip =\nip = 192.0.2.2\n",
			    &c, &err),
		  &err);
	assert_string_equal(c.nameserver, "192.0.2.53, 192.0.2.54");
	assert_string_equal(c.interfaces[0].ip, "192.0.2.2");
	config_free(&c);
}

static void test_refused(void **state)
{
	static const struct {
		const char *text, *why;
	} rows[] = {
		{ "ip = 192.0.2.1/24\n",
		  "guest.conf line 1: ip is a parameter of an interface: expected it behind the line [eth0]" },
		{ "memory = 1G\ngateway = 192.0.2.1\n", "guest.conf line 2: gateway is a parameter of an interface" },
		{ "[eth0]\nnet = routed\nip = 192.0.2.300\n", "guest.conf line 3: [eth0]: ip '192.0.2.300': expected" },
		{ "[eth0]\nip = 192.0.2.1\nip = web1\n", "guest.conf line 3: [eth0]: ip 'web1': expected" },
		{ "[eth0]\nvlan = 5000\n", "guest.conf line 2: [eth0]: vlan '5000': expected a whole number from 1 to 4094" },
		{ "[lo]\nnet = none\n", "guest.conf line 2: [lo]: interface 'lo': expected a name such as eth1" },
		{ "[eth 0]\nnet = none\n", "guest.conf line 2: [eth 0]: interface 'eth 0': expected" },
		{ "[a]\nslot = 1\n[b]\nslot = 1\n", "guest.conf: slot 1 is that of [a] and of [b]" },
		{ "[a]\nslot = 16\n", "line 2: [a]: slot '16': expected a whole number from 0 to 15" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct guest_config c;
		struct err err = ERR_INIT;

		if (read_conf(*state, rows[i].text, &c, &err) == 0)
			fail_msg("'%s' was accepted", rows[i].text);
		assert_int_equal(err.exit, EXIT_BAD_CONFIG);
		assert_err_has(&err, rows[i].why);
		config_free(&c);
	}
}

static void check_edit(struct guest_config *c, const char *text, const struct guest_setting *changed, size_t n, const char *want)
{
	_cleanup_free_ char *edited = guest_conf_edit(text, c, changed, n);

	assert_string_equal(edited, want);
}

/* What changes is a line; a new interface is a section at the end; of one that is gone nothing stays, of others everything. */
static void test_edit(void **state)
{
	static const char text[] = "# mine\nmemory = 1G\n\n# first\n[eth0]\nnet = routed ; as ever\nfuture = x\n"
				   "ip = 192.0.2.1\nip = 192.0.2.2\n"
				   "\n[notes]\nip = hands off\n";
	const struct guest_setting ip = { .param = interface_param_find("ip") };
	const struct guest_setting memory = { .param = param_find("memory"), .interface = "eth0" };
	const struct guest_setting eth0 = { .interface = "eth0" }, wan = { .interface = "wan" };
	struct guest_config c;
	struct guest_interface *added;
	struct err err = ERR_INIT;

	(void)state;
	assert_ok(config_init(&c, &err), &err);
	assert_ok(config_add_interface(&c, "eth0", &added, &err), &err);
	assert_ok(param_set(added, ip.param, "192.0.2.7", &err), &err);
	check_edit(&c, text, (struct guest_setting[]){ ip, memory }, 2,
		   "# mine\n\n# first\n[eth0]\nnet = routed ; as ever\nfuture = x\nip = 192.0.2.7\n\n[notes]\nip = hands off\n");
	assert_ok(config_add_interface(&c, "wan", &added, &err), &err);
	assert_ok(param_set(added, interface_param_find("net"), "none", &err), &err);
	check_edit(&c, "memory = 1G\n", &wan, 1,
		   "memory = 1G\n\n[wan]\nslot = 1\nnet = none\nfilter = full\nquota-action = throttle\nquota-rate = 1M\n");
	config_remove_interface(&c, "eth0");
	check_edit(&c, text, &eth0, 1, "# mine\nmemory = 1G\n\n# first\n[notes]\nip = hands off\n");
	check_edit(&c, text, &ip, 1, "# mine\nmemory = 1G\n\n# first\n[notes]\nip = hands off\n");
	config_free(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(test_sections_are_interfaces),
		SCRATCH_TEST(test_lists_of_several_lines),
		SCRATCH_TEST(test_refused),
		SCRATCH_TEST(test_edit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
