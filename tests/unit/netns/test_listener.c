/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "world.h"

#include "netns/listener.h"

#define PORT 2222

/* A program's, at "ADDRESS": listens, or waits for datagrams. */
static int listen_at(const char *text, int type)
{
	struct net_address a = addr(text);
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(PORT) };
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	bool is_v4 = a.family == AF_INET;
	int s = socket(a.family, type | SOCK_CLOEXEC, 0);

	memcpy(&v6.sin6_addr, a.bytes, 16);
	memcpy(&v4.sin_addr, a.bytes, 4);
	assert_int_equal(bind(s, is_v4 ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6, is_v4 ? sizeof(v4) : sizeof(v6)), 0);
	assert_true(type == SOCK_DGRAM || listen(s, 1) == 0);
	return s;
}

static const struct {
	int type;
	const char *at;
	const char *publish; /* NULL: at all addresses */
	bool is_found;
} cases[] = {
	{ SOCK_STREAM, "0.0.0.0", NULL, true },
	{ SOCK_STREAM, "::", NULL, true },
	{ SOCK_STREAM, "192.0.2.1", NULL, true },
	{ SOCK_STREAM, "2001:db8::1", NULL, true },
	{ SOCK_STREAM, "::ffff:192.0.2.1", NULL, true },
	{ SOCK_STREAM, "127.0.0.1", NULL, false },
	{ SOCK_STREAM, "::1", NULL, false },
	{ SOCK_STREAM, "::ffff:127.0.0.1", NULL, false },
	{ SOCK_STREAM, "0.0.0.0", "192.0.2.1", true },
	{ SOCK_STREAM, "0.0.0.0", "2001:db8::1", false },
	{ SOCK_STREAM, "::", "192.0.2.1", true },
	{ SOCK_STREAM, "::", "2001:db8::1", true },
	{ SOCK_STREAM, "192.0.2.1", "192.0.2.1", true },
	{ SOCK_STREAM, "192.0.2.1", "192.0.2.2", false },
	{ SOCK_STREAM, "2001:db8::1", "2001:db8::1", true },
	{ SOCK_STREAM, "2001:db8::1", "2001:db8::2", false },
	{ SOCK_STREAM, "::ffff:192.0.2.1", "192.0.2.1", true },
	{ SOCK_DGRAM, "0.0.0.0", NULL, true },
	{ SOCK_DGRAM, "2001:db8::1", NULL, true },
	{ SOCK_DGRAM, "127.0.0.1", NULL, false },
};

static void test_find(void **state)
{
	(void)state;
	NEED_ROOT();
	set_up("lo", "192.0.2.1/32", "2001:db8::1/128");
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		bool is_tcp = cases[i].type == SOCK_STREAM;
		struct net_publish p = { .protocol = is_tcp ? IPPROTO_TCP : IPPROTO_UDP, .host_port = PORT };
		struct net_publish port = p, protocol = p;
		struct net_address at;
		struct err err = ERR_INIT;
		_cleanup_fd_ int s = listen_at(cases[i].at, cases[i].type);

		if (cases[i].publish)
			p.listen = addr(cases[i].publish);
		port.host_port = PORT + 1;
		protocol.protocol = is_tcp ? IPPROTO_UDP : IPPROTO_TCP;
		if (net_listener_find(&p, &at, &err) != cases[i].is_found)
			fail_msg("%s, published at %s: %s", cases[i].at, cases[i].publish ? cases[i].publish : "all", err.msg);
		assert_int_equal(net_listener_find(&port, &at, &err), 0);
		assert_int_equal(net_listener_find(&protocol, &at, &err), 0);
	}
}

/* One that sends from the port, or has closed it, takes nothing. */
static void test_who_does_not_listen(void **state)
{
	struct net_publish p = { .protocol = IPPROTO_TCP, .host_port = PORT };
	struct sockaddr_in peer = { .sin_family = AF_INET, .sin_port = htons(53) };
	struct net_address at, expected;
	struct err err = ERR_INIT;

	(void)state;
	NEED_ROOT();
	expected = addr("192.0.2.1");
	set_up("lo", "192.0.2.1/32", "2001:db8::1/128");

	_cleanup_fd_ int tcp = listen_at("192.0.2.1", SOCK_STREAM);
	_cleanup_fd_ int udp = listen_at("192.0.2.1", SOCK_DGRAM);

	assert_int_equal(net_listener_find(&p, &at, &err), 1);
	assert_true(net_address_equal(&at, &expected));
	assert_int_equal(shutdown(tcp, SHUT_RDWR), 0);
	assert_int_equal(net_listener_find(&p, &at, &err), 0);
	p.protocol = IPPROTO_UDP;
	assert_int_equal(net_listener_find(&p, &at, &err), 1);
	memcpy(&peer.sin_addr, expected.bytes, 4);
	assert_int_equal(connect(udp, (struct sockaddr *)&peer, sizeof(peer)), 0);
	assert_int_equal(net_listener_find(&p, &at, &err), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(test_find),
		WORLD_TEST(test_who_does_not_listen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
