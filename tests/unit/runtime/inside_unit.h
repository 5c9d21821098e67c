/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "scratch.h"

#include <sys/socket.h>

#include "base/str.h"
#include "netns/address.h"
#include "runtime/inside_priv.h"

/* A guest's root in the scratch folder. */

static inline _unused_ void put_dirs(const struct scratch *s, const char *path)
{
	_cleanup_fd_ int fd = inside_open_dir(s->fd, path, true);

	assert_true(fd >= 0);
}

/* "etc/network/interfaces", with the folders above it. */
static inline _unused_ void put_in(const struct scratch *s, const char *path, const char *text)
{
	const char *slash = strrchr(path, '/');
	_cleanup_free_ char *dir = slash ? strndup(path, (size_t)(slash - path)) : NULL;

	if (dir)
		put_dirs(s, dir);
	put_file(s->fd, path, text);
}

static inline _unused_ void assert_has(const struct scratch *s, const char *path, const char *part)
{
	_cleanup_free_ char *is = NULL;

	assert_true(fd_read_file_at(s->fd, path, 1 << 20, &is) >= 0);
	if (!strstr(is, part))
		print_error("'%s' is not in %s:\n%s", part, path, is);
	assert_non_null(strstr(is, part));
}

static inline _unused_ void assert_not_there(const struct scratch *s, const char *path)
{
	assert_false(path_exists_at(s->fd, path));
}

static inline _unused_ struct net_address address_of(const char *text)
{
	struct err err = ERR_INIT;
	struct net_address a;

	assert_ok(net_address_parse("address", text, NET_PREFIX_OPTIONAL, &a, &err), &err);
	return a;
}

/* A routed eth0 with an address of each family and two nameservers. */
struct inside_example {
	struct net_address addresses[2];
	struct net_setup_spec interfaces[2];
	struct inside_network network;
};

static inline _unused_ void example_init(struct inside_example *e)
{
	static const char *const nameservers[] = { "192.0.2.53", "2001:db8::53", NULL };

	*e = (struct inside_example){ .addresses = { address_of("192.0.2.10"), address_of("2001:db8::10") } };
	e->interfaces[0] = (struct net_setup_spec){
		.name = "eth0",
		.addresses = e->addresses,
		.n_addresses = 2,
		.gateways = { address_of(NET_ROUTED_GATEWAY4), address_of(NET_ROUTED_GATEWAY6) },
		.is_routed = true,
		.has_default = true,
	};
	e->interfaces[1] = (struct net_setup_spec){ .name = "eth1" };
	e->network = (struct inside_network){
		.hostname = "web1",
		.interfaces = e->interfaces,
		.n_interfaces = 2,
		.nameservers = nameservers,
		.search = "example.com example.net",
	};
}

static inline _unused_ void write_example(const struct scratch *s, const struct inside_example *e)
{
	struct err err = ERR_INIT;

	alarm(10);
	assert_ok(inside_write_network(s->fd, &e->network, &err), &err);
	alarm(0);
}
