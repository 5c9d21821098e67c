/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "world.h"

#include "netns/copied.h"

static void make_pair(struct world *w)
{
	struct err err = ERR_INIT;

	enter(w->host);
	make_veth(w->guest, "vmech0", "eth0", guest_mac, NULL);
	enter(w->guest);
	assert_ok(net_setup_loopback(&err), &err);

	struct net_address own[] = { addr("10.99.3.5/24"), addr("10.99.3.6/32"), addr("fd99::5/64") };
	struct net_setup_spec spec = { .name = "eth0", .addresses = own, .n_addresses = 3 };

	assert_ok(net_setup_guest(&spec, &err), &err);
}

static bool lists(const struct net_address *list, size_t n, const char *text)
{
	struct net_address wanted = addr(text);

	for (size_t i = 0; i < n; i++) {
		if (net_address_equal(&list[i], &wanted) && list[i].prefix == wanted.prefix)
			return true;
	}
	return false;
}

static void test_addresses(void **state)
{
	struct world *w = *state;
	struct net_address *list = NULL, link_local;
	struct err err = ERR_INIT;
	size_t n = 0;

	NEED_ROOT();
	make_pair(w);
	assert_ok(net_copied_addresses("eth0", &list, &n, &err), &err);
	assert_int_equal(n, 4);
	assert_true(lists(list, n, "10.99.3.5/24"));
	assert_true(lists(list, n, "10.99.3.6/32"));
	assert_true(lists(list, n, "fd99::5/64"));
	net_address_link_local(guest_mac, &link_local);
	link_local.prefix = 64;
	assert_true(net_address_equal(&list[2], &link_local) || net_address_equal(&list[3], &link_local));
	free(list);
	assert_int_equal(net_copied_addresses("eth7", &list, &n, &err), -ENODEV);
}

/* A connection from `own` to a listener at `at`, both in this namespace. */
struct pair {
	int listener, client, server;
};

static void connect_pair(struct pair *p, const char *at, const char *own, uint16_t port)
{
	bool is_ipv6 = strchr(at, ':');
	struct sockaddr_storage to = { .ss_family = is_ipv6 ? AF_INET6 : AF_INET }, from = to;
	struct sockaddr_in *to4 = (struct sockaddr_in *)&to, *from4 = (struct sockaddr_in *)&from;
	struct sockaddr_in6 *to6 = (struct sockaddr_in6 *)&to, *from6 = (struct sockaddr_in6 *)&from;
	int one = 1;

	to4->sin_port = htons(port);
	assert_int_equal(inet_pton(to.ss_family, at, is_ipv6 ? (void *)&to6->sin6_addr : (void *)&to4->sin_addr), 1);
	assert_int_equal(inet_pton(to.ss_family, own, is_ipv6 ? (void *)&from6->sin6_addr : (void *)&from4->sin_addr), 1);
	p->listener = socket(to.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	p->client = socket(to.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(setsockopt(p->listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)), 0);
	assert_int_equal(bind(p->listener, (struct sockaddr *)&to, sizeof(to)), 0);
	assert_int_equal(listen(p->listener, 4), 0);
	assert_int_equal(bind(p->client, (struct sockaddr *)&from, sizeof(from)), 0);
	assert_int_equal(connect(p->client, (struct sockaddr *)&to, sizeof(to)), 0);
	p->server = accept4(p->listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(p->server >= 0);
}

static void close_pair(struct pair *p)
{
	close(p->listener);
	close(p->client);
	close(p->server);
}

/* 0 while it lives. */
static int error_of(int socket)
{
	int error = 0;
	socklen_t size = sizeof(error);

	assert_int_equal(getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &size), 0);
	return error;
}

static void test_connections(void **state)
{
	struct world *w = *state;
	struct net_address gone[] = { addr("10.99.3.6/32"), addr("::1/128") };
	struct net_setup_spec spec = { .name = "eth0", .n_addresses = 1 };
	struct net_address own;
	struct pair inner, stays, goes, goes6;
	struct net_address deaf;
	unsigned int port = 0;
	struct err err = ERR_INIT;

	NEED_ROOT();
	make_pair(w);
	connect_pair(&inner, "127.0.0.1", "127.0.0.1", 4001);
	connect_pair(&stays, "10.99.3.5", "10.99.3.5", 4002);
	connect_pair(&goes, "10.99.3.5", "10.99.3.6", 4003);
	connect_pair(&goes6, "::1", "::1", 4004); /* one of eth0 is usable a moment later */

	int r = net_copied_end_connections(gone, 2, &err);

	if (r == -EOPNOTSUPP) {
		close_pair(&inner), close_pair(&stays), close_pair(&goes), close_pair(&goes6);
		skip();
	}
	assert_ok(r, &err);
	assert_int_equal(error_of(goes.client), ECONNABORTED);
	assert_int_not_equal(error_of(goes6.server), 0); /* the other end may have been the first */
	assert_int_equal(error_of(inner.client), 0);
	assert_int_equal(error_of(inner.server), 0);
	assert_int_equal(error_of(stays.client), 0);
	assert_int_equal(error_of(stays.server), 0);
	assert_int_equal(net_copied_find_deaf(&deaf, &port, &err), 0);
	own = addr("10.99.3.5/24");
	spec.addresses = &own;
	assert_ok(net_setup_change(&spec, &(struct net_setup_spec){ .name = "eth0" }, &err), &err);
	assert_int_equal(net_copied_find_deaf(&deaf, &port, &err), 1);
	assert_true(port == 4002 || port == 4003);
	assert_true(net_address_equal(&deaf, &own));
	assert_ok(net_copied_end_connections(gone, 2, &err), &err);
	close_pair(&inner), close_pair(&stays), close_pair(&goes), close_pair(&goes6);
}

/* What listens for both families has IPv4 connections as "::ffff:10.99.3.6". */
static void test_mapped(void **state)
{
	struct world *w = *state;
	struct net_address gone = addr("10.99.3.6/32");
	struct sockaddr_in6 any = { .sin6_family = AF_INET6, .sin6_port = htons(4005) };
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(4005) }, from = { .sin_family = AF_INET };
	struct err err = ERR_INIT;

	NEED_ROOT();
	make_pair(w);
	_cleanup_fd_ int listener = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	_cleanup_fd_ int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	inet_pton(AF_INET, "10.99.3.6", &to.sin_addr);
	inet_pton(AF_INET, "10.99.3.5", &from.sin_addr);
	assert_int_equal(bind(client, (struct sockaddr *)&from, sizeof(from)), 0);
	assert_int_equal(bind(listener, (struct sockaddr *)&any, sizeof(any)), 0);
	assert_int_equal(listen(listener, 4), 0);
	assert_int_equal(connect(client, (struct sockaddr *)&to, sizeof(to)), 0);
	_cleanup_fd_ int server = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	int r = net_copied_end_connections(&gone, 1, &err);

	if (r == -EOPNOTSUPP)
		skip();
	assert_ok(r, &err);
	assert_int_equal(error_of(server), ECONNABORTED);
	/* It listens on all addresses, those to come included. */
	_cleanup_fd_ int again = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	inet_pton(AF_INET, "10.99.3.5", &to.sin_addr);
	assert_int_equal(connect(again, (struct sockaddr *)&to, sizeof(to)), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(test_addresses),
		WORLD_TEST(test_connections),
		WORLD_TEST(test_mapped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
