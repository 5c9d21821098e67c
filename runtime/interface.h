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
#define INTERFACES_MAX	16
#define INTERFACE_FIRST "eth0" /* the one that options of `create` and `set` are about */

/* Entries of a list at most. */
#define INTERFACE_LIST_MAX 64

/* X(NAME, "word", "what it is") */
#define NET_MODES(X)                                                                                   \
	X(ROUTED, "routed", "a link of its own, routed by the host; nothing shared with neighbours")   \
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

/* X(NAME, "word"): in the order of enum net_filter_level. */
#define NET_FILTER_WORDS(X) \
	X(FULL, "full")     \
	X(MAC, "mac")       \
	X(NONE, "none")

/* What happens when a quota is used up. The first two are enum net_quota_action. */
#define QUOTA_ACTIONS(X)        \
	X(THROTTLE, "throttle") \
	X(BLOCK, "block")       \
	X(STOP, "stop") /* traffic_collect() stops the guest */

enum quota_action {
#define X(name, word) QUOTA_##name,
	QUOTA_ACTIONS(X)
#undef X
};

struct guest_interface {
	char name[IFNAMSIZ]; /* in the guest: "eth0" */
#define PARAM(field, key, kind, dflt, least, most, scope, arg, help) PARAM_TYPE_##kind field;
#include "runtime/interface.def"
#undef PARAM
};

/* The table in the order of interface.def; NULL past its end. */
const struct param *interface_param_at(size_t index);
const struct param *interface_param_find(const char *key);

/* [a-zA-Z][a-zA-Z0-9_-]{0,14}, but not "lo", which is there already, nor "all" and "default", which sysctl has for itself. */
int interface_check_name(const char *name, struct err *err) _must_check_;

/* All at their defaults; 0 or -ENOMEM, or -EINVAL for a name that no interface can have. Free with interface_free(). */
int interface_init(struct guest_interface *iface, const char *name, struct err *err) _must_check_;
void interface_free(struct guest_interface *iface);

/* The interface of that name; NULL if there is none. Good until one is added or removed. */
struct guest_interface *config_interface(const struct guest_config *config, const char *name);

/* Are they the same, each with the same parameters, in the same order? */
bool config_same_interfaces(const struct guest_config *a, const struct guest_config *b);

/* Adds one with the lowest free slot and no `net`. -EEXIST, -EINVAL (its name), -ENOSPC (INTERFACES_MAX). */
int config_add_interface(struct guest_config *config, const char *name, struct guest_interface **ret,
			 struct err *err) _must_check_;

/* Removes and frees one; a missing one is fine. */
void config_remove_interface(struct guest_config *config, const char *name);

/*
 * Sets a parameter of either table: one of interface.def on the interface of that name (NULL: eth0), which has to be there
 * (-ENOENT).
 */
int config_set_on(struct guest_config *config, const char *interface, const struct param *p, const char *text,
		  struct err *err) _must_check_;

/*
 * For a reader of guest.conf: sees that the slots that were given differ, and gives the lowest free ones to the others, whose
 * slot is UINT64_MAX. EXIT_BAD_CONFIG.
 */
int config_settle_slots(struct guest_config *config, struct err *err) _must_check_;

/*
 * The text of a list in its one way of writing, which the caller frees; -EINVAL with `what` in the message. For ADDRESSES,
 * HOSTS, PREFIXES, PUBLISH and RULES.
 */
int interface_normalize(enum param_kind kind, const char *what, const char *text, char **ret, struct err *err) _must_check_;

/*
 * Lists as arrays, which the caller frees; NULL and 0 for an empty one, and for a text of NULL. The text was checked when it was
 * set. Addresses are those of ADDRESSES, HOSTS and PREFIXES; one without a prefix has that of its full length.
 */
int interface_parse_addresses(const char *text, struct net_address **ret, size_t *ret_n, struct err *err) _must_check_;
int interface_parse_publish(const char *text, struct net_publish **ret, size_t *ret_n, struct err *err) _must_check_;
int interface_parse_rules(const char *text, struct net_rule **ret, size_t *ret_n, struct err *err) _must_check_;

/*
 * "allow tcp/22 from 192.0.2.0/24", as `net allow` takes it and RULES keeps it: allow or deny; any, icmp, tcp, udp, or one of the
 * latter with /PORT or /FIRST-LAST; and perhaps "from" and an address or network.
 */
int interface_parse_rule(const char *text, struct net_rule *ret, struct err *err) _must_check_;
char *interface_format_rule(const struct net_rule *rule) _must_check_;
