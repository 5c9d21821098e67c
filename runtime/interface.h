/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "netns/address.h"
#include "netns/filter.h"
#include "runtime/params.h"

/*
 * An interface of a guest as it is configured: a section of guest.conf. The table is interface.def; values that are lists stay
 * text, checked and in one way of writing, until somebody needs them (interface_parse_*()).
 */
#define INTERFACES_MAX 16

/* X(NAME, "word", "what it is") */
#define NET_MODES(X)                                                                                   \
	X(ROUTED, "routed", "a link of its own, routed by the host; nothing shared with neighbours")  \
	X(BRIDGE, "bridge", "a port of a bridge of the host")                                          \
	X(NAT, "nat", "a private address behind the host's, with published ports")                     \
	X(MACVLAN, "macvlan", "directly on an interface of the host, which cannot filter or count it") \
	X(NONE, "none", "not connected")

enum net_mode {
	NET_MODE_UNSET,
#define X(name, word, help) NET_MODE_##name,
	NET_MODES(X)
#undef X
};
/* NULL past the last one, and for 0. */
const char *net_mode_word(enum net_mode mode);

struct guest_interface {
	char name[IFNAMSIZ]; /* in the guest: "eth0" */
#define PARAM(field, key, kind, dflt, least, most, scope, arg, help) PARAM_TYPE_##kind field;
#include "runtime/interface.def"
#undef PARAM
};

/* The table in the order of interface.def; NULL past its end. */
const struct param *interface_param_at(size_t index);
const struct param *interface_param_find(const char *key);

/* All at their defaults; 0 or -ENOMEM, or -EINVAL for a name that no interface can have ("lo" is taken). Free with interface_free(). */
int interface_init(struct guest_interface *iface, const char *name, struct err *err) _must_check_;
void interface_free(struct guest_interface *iface);
int interface_copy(const struct guest_interface *from, struct guest_interface *ret, struct err *err) _must_check_;

/* Lists as arrays, which the caller frees; NULL and 0 for an empty one. The text was checked when it was set. */
int interface_parse_addresses(const char *text, struct net_address **ret, size_t *ret_n, struct err *err) _must_check_;
int interface_parse_publish(const char *text, struct net_publish **ret, size_t *ret_n, struct err *err) _must_check_;
int interface_parse_rules(const char *text, struct net_rule **ret, size_t *ret_n, struct err *err) _must_check_;

/* "allow tcp/22 from 192.0.2.0/24", as `net allow` takes it and RULES keeps it, separated by ", ". */
int interface_parse_rule(const char *text, struct net_rule *ret, struct err *err) _must_check_;
char *interface_format_rule(const struct net_rule *rule) _must_check_;
