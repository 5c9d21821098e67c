/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scratch.h"

#include <inttypes.h>

#include "base/str.h"
#include "runtime/guest_priv.h"
#include "runtime/interface.h"
#include "runtime/params.h"

/* A guest and an interface of it, at their defaults: what a parameter of either table is set on. */
struct things {
	struct guest_config config;
	struct guest_interface iface;
};

static void things_init(struct things *t)
{
	struct err err = ERR_INIT;

	assert_ok(config_init(&t->config, &err), &err);
	assert_ok(interface_init(&t->iface, "eth0", &err), &err);
}

static void things_free(struct things *t)
{
	config_free(&t->config);
	interface_free(&t->iface);
}

static void *owner(struct things *t, const struct param *p)
{
	return p->owner == PARAM_OF_GUEST ? (void *)&t->config : (void *)&t->iface;
}

static const struct param *any_at(size_t index)
{
	size_t n = 0;

	while (param_at(n))
		n++;
	return index < n ? param_at(index) : interface_param_at(index - n);
}

static const struct param *find(const char *key)
{
	const struct param *p = param_find(key) ? param_find(key) : interface_param_find(key);

	if (!p)
		fail_msg("there is no parameter %s", key);
	return p;
}

static char *get(struct things *t, const struct param *p)
{
	char *text = param_get(owner(t, p), p);

	assert_non_null(text);
	return text;
}

/* set -> get -> set -> get: the text and the number stay. Returns the text. */
static char *round_trip(const struct param *p, const char *text)
{
	struct things a, b;
	struct err err = ERR_INIT;

	things_init(&a);
	things_init(&b);
	if (param_set(owner(&a, p), p, text, &err) < 0)
		fail_msg("%s '%s': %s", p->key, text, err.msg);

	char *first = get(&a, p);

	if (param_set(owner(&b, p), p, first, &err) < 0)
		fail_msg("%s '%s' is written as '%s': %s", p->key, text, first, err.msg);

	_cleanup_free_ char *second = get(&b, p);

	assert_string_equal(first, second);
	if (param_is_number(p))
		assert_memory_equal((char *)owner(&a, p) + p->offset, (char *)owner(&b, p) + p->offset, sizeof(uint64_t));
	things_free(&a);
	things_free(&b);
	return first;
}

static void check_round_trip(const struct param *p, const char *text)
{
	free(round_trip(p, text));
}

static void check_written(const char *key, const char *text, const char *written)
{
	_cleanup_free_ char *got = round_trip(find(key), text);

	if (strcmp(got, written) != 0)
		fail_msg("%s '%s' is written as '%s', not '%s'", key, text, got, written);
}

static void check_refused(const struct param *p, const char *text)
{
	struct things t;
	struct err err = ERR_INIT;

	things_init(&t);

	_cleanup_free_ char *before = get(&t, p);

	if (param_set(owner(&t, p), p, text, &err) != -EINVAL)
		fail_msg("%s '%s' was accepted", p->key, text);
	assert_int_equal(err.exit, EXIT_INVALID);
	assert_err_has(&err, p->key);
	assert_err_has(&err, "expected");

	_cleanup_free_ char *after = get(&t, p);

	assert_string_equal(before, after);
	things_free(&t);
}

static void number_text(const struct param *p, uint64_t v, char room[STR_NUMBER_ROOM])
{
	if (p->kind == PARAM_MILLI)
		str_from_milli(v, room);
	else
		snprintf(room, STR_NUMBER_ROOM, "%" PRIu64, v);
}

static void test_every_number_at_its_bounds(void **state)
{
	char room[STR_NUMBER_ROOM];
	const struct param *p;

	(void)state;
	for (size_t i = 0; (p = any_at(i)); i++) {
		uint64_t most = p->most ? p->most : p->kind == PARAM_MILLI ? UINT64_MAX : INT64_MAX;

		if (p->kind != PARAM_SIZE && p->kind != PARAM_MILLI && p->kind != PARAM_NUMBER && p->kind != PARAM_RATE)
			continue;
		number_text(p, p->least, room);
		check_round_trip(p, room);
		number_text(p, most, room);
		check_round_trip(p, room);
		if (p->least > 0) {
			number_text(p, p->least - 1, room);
			check_refused(p, room);
		}
		if (most < UINT64_MAX) {
			number_text(p, most + 1, room);
			check_refused(p, room);
		}
		check_refused(p, "12x");
		check_refused(p, "-1");
		check_refused(p, " 100");
	}
}

static void test_every_default(void **state)
{
	struct things t;
	const struct param *p;

	(void)state;
	things_init(&t);
	for (size_t i = 0; (p = any_at(i)); i++) {
		_cleanup_free_ char *text = get(&t, p);

		assert_string_equal(text, p->dflt);
		check_round_trip(p, "");
		assert_ptr_equal(find(p->key), p);
		/* A key is in one table: an option says nothing else. */
		assert_true(!param_find(p->key) != !interface_param_find(p->key));
	}
	things_free(&t);
	assert_null(param_find(""));
	assert_null(param_find("Memory"));
	assert_null(param_find("memory "));
	assert_null(interface_param_find("memory"));
}

static void test_none(void **state)
{
	struct guest_config c;
	struct err err = ERR_INIT;

	(void)state;
	assert_ok(config_init(&c, &err), &err);
	assert_ok(config_set(&c, param_find("disk"), "none", &err), &err);
	assert_true(c.disk == 0);
	config_free(&c);
	check_round_trip(find("disk"), "none");
	check_round_trip(find("memory"), "none");
	check_round_trip(find("cpus"), "none");
	check_round_trip(find("io-read-ops"), "none");
	check_round_trip(find("cpuset"), "none");
	check_refused(find("pids"), "none");
	check_refused(find("io-weight"), "none");
	check_refused(find("io-read-ops"), "0");
	check_refused(find("disk"), "None");
}

static void test_cpusets(void **state)
{
	static const char *const good[] = { "0", "0-3", "0-3,6", "7,5,5", "0-8191" };
	static const char *const bad[] = { ",", "0,",  ",1", "0,,1",	"3-1", "-1",   "1-",
					   "a", "0 1", "0-", "0-3:1/2", "0x1", "8192", "0-1-2" };
	char longer[200];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		check_round_trip(find("cpuset"), good[i]);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		check_refused(find("cpuset"), bad[i]);
	/* What fits is what the control groups have room for. */
	for (size_t i = 0; i < sizeof(longer); i += 2)
		memcpy(longer + i, "1,", 2);
	longer[119] = '\0';
	check_round_trip(find("cpuset"), longer);
	longer[119] = ',';
	longer[121] = '\0';
	check_refused(find("cpuset"), longer);
}

static void test_good_texts(void **state)
{
	static const struct {
		const char *key, *text;
	} rows[] = {
		{ "pool", "fast-1" },
		{ "hostname", "web1.example.org" },
		{ "hostname", "Web1" },
		{ "nameserver", "192.0.2.53, 2001:db8::53" },
		{ "search", "example.org example.net" },
		{ "features", "fuse, nesting" },
		{ "features", "tun,tun" },
		{ "autostart", "YES" },
		{ "on-shutdown", "stop" },
		{ "on-shutdown", "suspend" },
		{ "description", "it's \"quoted\" = [a]: 100% \\n $HOME" },
		{ "description", "a;b; c#d # e;" },
		{ "description", "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\xa7" },
		{ "memory", "1.5G" },
		{ "disk", "9007199254740991.999K" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		check_round_trip(find(rows[i].key), rows[i].text);
}

static void test_bad_texts(void **state)
{
	static const struct {
		const char *key, *text;
	} rows[] = {
		{ "pool", "../x" },
		{ "pool", "Fast" },
		{ "hostname", "-web" },
		{ "hostname", "web-" },
		{ "hostname", "web..de" },
		{ "hostname", ".web" },
		{ "hostname", "web." },
		{ "hostname", "a.-b" },
		{ "hostname", "a-.b" },
		{ "hostname", "we b" },
		{ "hostname", "web_1" },
		{ "hostname", "web\n" },
		{ "hostname", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" },
		{ "hostname", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" },
		{ "nameserver", "192.0.2.53/24" },
		{ "nameserver", "192.0.2.53, dns.example" },
		{ "nameserver", "0.0.0.0" },
		{ "features", "nesting,bpf" },
		{ "features", "Nesting" },
		{ "autostart", "maybe" },
		{ "on-shutdown", "none" },
		{ "on-shutdown", "Suspend" },
		{ "description", "two\nlines" },
		{ "description", "tab\there" },
		{ "description", "del\x7f" },
		{ "description", "csi \xc2\x9b"
				 "2J" },
		{ "description", "latin \xe9" },
		{ "description", "cut \xc3" },
		{ "description", "overlong \xc0\xaf" },
		{ "description", "surrogate \xed\xa0\x80" },
		{ "description", "beyond \xf4\x90\x80\x80" },
		{ "description", " leading" },
		{ "description", "trailing " },
		{ "description", "a ;comment" },
		{ "description", ";comment" },
		{ "description", "# comment" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		check_refused(find(rows[i].key), rows[i].text);
}

/* However it was typed, a value is written in one way. */
static void test_one_way_of_writing(void **state)
{
	static const struct {
		const char *key, *text, *written;
	} rows[] = {
		{ "ip", "192.0.2.10,2001:DB8:0::10", "192.0.2.10, 2001:db8::10" },
		{ "ip", "192.0.2.10/32 2001:db8::10/128", "192.0.2.10, 2001:db8::10" },
		{ "ip", " ,192.0.2.10/24,, ", "192.0.2.10/24" },
		{ "ip", " , ", "" },
		{ "route", "2001:db8:5:0::/64,203.0.113.8/32", "2001:db8:5::/64, 203.0.113.8/32" },
		{ "gateway", "192.0.2.1, FE80::1", "192.0.2.1, fe80::1" },
		{ "mac", "02:00:5E:10:00:Ab", "02:00:5e:10:00:ab" },
		{ "mac", "02-00-5E-10-00-AB", "02:00:5e:10:00:ab" },
		{ "rate-in", "100M", "100M" },
		{ "rate-in", "100000000", "100M" },
		{ "rate-in", "2.5gbit", "2500M" },
		{ "rate-in", "8000", "8K" },
		{ "rate-in", "8001", "8001" },
		{ "rate-in", "none", "" },
		{ "packets", "none", "" },
		{ "quota", "1T", "1T" },
		{ "net", "routed", "routed" },
		{ "net", "none", "none" },
		{ "net", "", "" },
		{ "filter", "none", "none" },
		{ "filter", "", "full" },
		{ "quota-action", "stop", "stop" },
		{ "publish", "8080:80", "8080:80/tcp" },
		{ "publish", "192.0.2.1:53:53/udp,[2001:DB8::1]:80:8080", "192.0.2.1:53:53/udp, [2001:db8::1]:80:8080/tcp" },
		{ "rules", "allow  tcp/22 from 192.0.2.0/24 ,deny any", "allow tcp/22 from 192.0.2.0/24, deny any" },
		{ "rules", "allow tcp/22-22", "allow tcp/22" },
		{ "rules", "allow udp/5000-5100 from 2001:DB8::/32", "allow udp/5000-5100 from 2001:db8::/32" },
		{ "rules", "allow icmp, deny tcp from 192.0.2.1/32", "allow icmp, deny tcp from 192.0.2.1" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		check_written(rows[i].key, rows[i].text, rows[i].written);
}

static const struct {
	const char *key, *text;
} bad_network_values[] = {
	{ "net", "router" },
	{ "net", "Routed" },
	{ "filter", "off" },
	{ "quota-action", "warn" },
	{ "quota-rate", "none" },
	{ "ip", "192.0.2" },
	{ "ip", "192.0.2.10/33" },
	{ "ip", "192.0.2.10/" },
	{ "ip", "192.0.2.0/24" },
	{ "ip", "192.0.2.255/24" },
	{ "ip", "192.0.2.10/0" },
	{ "ip", "127.0.0.1" },
	{ "ip", "fe80::5" },
	{ "ip", "ff02::1" },
	{ "ip", "2001:db8::10/129" },
	{ "ip", "192.0.2.10, web1" },
	{ "route", "2001:db8::1/64" },
	{ "route", "2001:db8::" },
	{ "gateway", "192.0.2.1/24" },
	{ "gateway", "::" },
	{ "mac", "02:00:5e:10:00" },
	{ "mac", "02:00:5e:10:00:00:00" },
	{ "mac", "02:00:5e:10:00:0" },
	{ "mac", "00:00:00:00:00:00" },
	{ "mac", "01:00:5e:00:00:01" },
	{ "mac", "02:00-5e:10:00:01" },
	{ "mac", "+2:00:5e:10:00:01" },
	{ "rate-in", "100" },
	{ "rate-in", "100m/s" },
	{ "rate-in", "1P" },
	{ "rate-in", "1.5" },
	{ "rate-in", "0" },
	{ "vlan", "4095" },
	{ "mtu", "575" },
	{ "bridge", "a/b" },
	{ "bridge", "sixteencharacter" },
	{ "parent", "eth 0" },
	{ "publish", "80" },
	{ "publish", "0:80" },
	{ "publish", "80:65536" },
	{ "publish", "80:80/icmp" },
	{ "publish", "80:80/any" },
	{ "publish", "2001:db8::1:80:80" },
	{ "publish", "[192.0.2.1:80:80" },
	{ "publish", "192.0.2.300:80:80" },
	{ "publish", "80:80:" },
	{ "rules", "tcp/22" },
	{ "rules", "accept tcp/22" },
	{ "rules", "allow tcp/0" },
	{ "rules", "allow tcp/22-21" },
	{ "rules", "allow tcp/22-" },
	{ "rules", "allow icmp/8" },
	{ "rules", "allow any/22" },
	{ "rules", "allow tcp/22 from" },
	{ "rules", "allow tcp/22 to 192.0.2.1" },
	{ "rules", "allow tcp/22 from 192.0.2.1/24" },
	{ "rules", "allow tcp/22 from 192.0.2.0/24 now" },
};

static void test_bad_network_values(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad_network_values); i++)
		check_refused(find(bad_network_values[i].key), bad_network_values[i].text);
}

static void test_text_length(void **state)
{
	char text[152];

	(void)state;
	memset(text, 'x', 151);
	text[151] = '\0';
	check_refused(find("description"), text);
	text[150] = '\0';
	check_round_trip(find("description"), text);
}

/* As guest.conf would hold it. */
static void check_through_file(const struct scratch *s, const struct param *p, const char *text)
{
	struct guest_config c, back;
	struct guest_interface *iface;
	struct err err = ERR_INIT;
	const struct guest_setting changed = { .param = p };

	assert_ok(config_init(&c, &err), &err);
	assert_ok(config_init(&back, &err), &err);
	assert_ok(config_add_interface(&c, "eth0", &iface, &err), &err);
	if (config_set_on(&c, NULL, p, text, &err) == 0) {
		_cleanup_free_ char *value = param_get(p->owner == PARAM_OF_GUEST ? (void *)&c : iface, p);
		_cleanup_free_ char *file = guest_conf_edit("description = old\n[eth0]\nmtu = 1500\n", &c, &changed, 1);

		put_file(s->fd, "guest.conf", file);
		if (guest_conf_read(s->fd, "guest.conf", &back, &err) < 0)
			fail_msg("'%s': %s", text, err.msg);

		_cleanup_free_ char *read = param_get(
			p->owner == PARAM_OF_GUEST ? (void *)&back : config_interface(&back, "eth0"), p);

		assert_string_equal(read, value);
	}
	config_free(&c);
	config_free(&back);
}

/*
 * Whatever `set` accepts comes back the same through the file: texts by chance, of the characters that mean something to
 * somebody.
 */
static void test_descriptions_through_the_file(void **state)
{
	static const char *const parts[] = { "a", " ", ";",  "#",  "=",	 ":",	     "\"",	 "'",	     "\\",
					     "[", "]", "\r", "\t", "\v", "\xc2\xa0", "\xc3\xa9", "\xc2\x85", "\xef\xbb\xbf",
					     "%", "b" };
	const struct param *p = param_find("description");
	unsigned int seed = 7;

	for (int i = 0; i < 6000; i++) {
		struct strbuf b = { 0 };

		for (int n = (int)(rand_r(&seed) % 8); n >= 0; n--)
			strbuf_add(&b, parts[rand_r(&seed) % ARRAY_SIZE(parts)]);

		_cleanup_free_ char *text = strbuf_take(&b);

		check_through_file(*state, p, text);
	}
}

/* The longest of each goes into a line that the reader takes. */
static void test_long_values_through_the_file(void **state)
{
	const struct param *p;
	char text[151];

	memset(text, 'x', 150);
	text[150] = '\0';
	for (size_t i = 0; (p = any_at(i)); i++) {
		if (p->kind == PARAM_TEXT || p->kind == PARAM_INTERNAL)
			check_through_file(*state, p, text);
		if (p->kind == PARAM_FEATURES)
			check_through_file(*state, p, "nesting,io_uring,ia32_sockets,fuse,tun");
	}
}

/* As many entries as a list may have, each as long as one can be: more than one line of a file holds. */
static void test_long_lists_through_the_file(void **state)
{
	static const struct {
		const char *key, *form;
	} rows[] = {
		{ "ip", "2001:db8:1111:2222:3333:4444:5555:%x/112" },
		{ "gateway", "2001:db8:1111:2222:3333:4444:5555:%x" },
		{ "nameserver", "2001:db8:1111:2222:3333:4444:5555:%x" },
		{ "route", "2001:db8:1111:2222:3333:4444:5555:%x/128" },
		{ "publish", "[2001:db8:1111:2222:3333:4444:5555:%x]:65535:65535/tcp" },
		{ "rules", "allow udp/10000-65535 from 2001:db8:1111:2222:3333:4444:5555:%x" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct strbuf b = { 0 };

		for (unsigned int k = 0; k < INTERFACE_LIST_MAX; k++) {
			char entry[100];

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
			snprintf(entry, sizeof(entry), rows[i].form, 0x1000 + k);
#pragma GCC diagnostic pop
			strbuf_addf(&b, "%s%s", k > 0 ? ", " : "", entry);
		}

		_cleanup_free_ char *text = strbuf_take(&b);
		_cleanup_free_ char *more = str_printf("%s, %.*s", text, (int)strcspn(text, ","), text);

		check_through_file(*state, find(rows[i].key), text);
		check_written(rows[i].key, text, text);
		check_refused(find(rows[i].key), more);
	}
}

static void test_feature_words(void **state)
{
	struct guest_config c;
	struct err err = ERR_INIT;
	size_t n = 0;

	(void)state;
	assert_ok(config_init(&c, &err), &err);
	for (; param_feature_word(n); n++) {
		assert_ok(config_set(&c, param_find("features"), param_feature_word(n), &err), &err);
		assert_true(config_has_feature(&c, (enum guest_feature)n));
		assert_true(c.features == UINT64_C(1) << n);
	}
	assert_true(n == FEATURE_TUN + 1);
	assert_ok(config_set(&c, param_find("features"), "", &err), &err);
	assert_true(c.features == 0);
	config_free(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(test_every_number_at_its_bounds),
		SCRATCH_TEST(test_every_default),
		SCRATCH_TEST(test_none),
		SCRATCH_TEST(test_cpusets),
		SCRATCH_TEST(test_good_texts),
		SCRATCH_TEST(test_bad_texts),
		SCRATCH_TEST(test_one_way_of_writing),
		SCRATCH_TEST(test_bad_network_values),
		SCRATCH_TEST(test_text_length),
		SCRATCH_TEST(test_descriptions_through_the_file),
		SCRATCH_TEST(test_long_values_through_the_file),
		SCRATCH_TEST(test_long_lists_through_the_file),
		SCRATCH_TEST(test_feature_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
