/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "addresses_unit.h"

#include "runtime/guest.h"
#include "runtime/network.h"

/* A guest that is nothing but a configuration, and what is planned for its interfaces. Needs no root. */

#define PLAN_UUID "01234567-89ab-4def-8123-456789abcdef"

struct planned {
	struct place place;
	struct guest guest;
	struct net_plans plans;
};

static inline _unused_ void set_on(struct guest *guest, const char *interface, const char *key, const char *value)
{
	struct guest_interface *added;
	struct err err = ERR_INIT;

	if (!config_interface(&guest->config, interface))
		assert_ok(config_add_interface(&guest->config, interface, &added, &err), &err);
	assert_ok(config_set_on(&guest->config, interface, interface_param_find(key), value, &err), &err);
}

static inline _unused_ struct guest *put_guest(const struct scratch *s, struct planned *p)
{
	struct err err = ERR_INIT;

	*p = (struct planned){ .guest = { .name = "web1", .dir_fd = -EBADF, .run_fd = -EBADF, .lock_fd = -EBADF } };
	p->guest.node = put_node(s, &p->place);
	p->place.node.bridge_address6 = "fd12:3456:789a::1/64";
	assert_ok(config_init(&p->guest.config, &err), &err);
	assert_ok(config_set(&p->guest.config, param_find("uuid"), PLAN_UUID, &err), &err);
	return &p->guest;
}

static inline _unused_ void drop_guest(struct planned *p)
{
	network_plans_free(&p->plans);
	config_free(&p->guest.config);
}

static inline _unused_ void assert_address(const struct net_address *address, const char *text)
{
	char room[NET_ADDRESS_ROOM] = "none";

	if (address->family)
		net_address_format(address, true, room);
	assert_string_equal(room, text);
}
