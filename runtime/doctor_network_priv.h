/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <linux/netlink.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "runtime/doctor_priv.h"

/* What the checks of the network share, beside what all checks do (doctor_priv.h). */

/*
 * Something that is tried as a start would do it, in a child with a network namespace of its own that ends with it: `try` returns
 * 0 or a negative errno with `err`; `value` and `text` are what it found, and come back to the parent whatever it returns.
 */
struct doctor_trial {
	int result; /* of `try`, or of what went wrong before it */
	int value;
	char text[64];
	struct err err;
};
typedef int doctor_trial_fn(struct doctor_trial *t);
void doctor_try(doctor_trial_fn *try, struct doctor_trial *ret);

/*
 * Sends a question to a netlink protocol and hands each message of the answer to `each`, error and end aside. For few questions
 * about what is rare, such as tables and chains. 0 or a negative errno.
 */
typedef void doctor_netlink_fn(void *context, const struct nlmsghdr *message);
int doctor_ask_netlink(int protocol, const struct nlmsghdr *question, doctor_netlink_fn *each, void *context) _must_check_;

/* The content of an attribute behind a message's fixed head of `head` bytes, or inside another attribute; NULL without one. */
const void *doctor_find_attr(const struct nlmsghdr *message, size_t head, unsigned int type, size_t least);
const void *doctor_find_nested(const void *content, unsigned int type, size_t least);

/* A chain of nftables, or a table, whose `chain` is NULL then. Strings are good during the call. */
struct doctor_chain {
	int family; /* NFPROTO_* */
	const char *table;
	const char *chain;
	bool is_forward; /* it sees what the host forwards */
	bool drops;	 /* what it has no rule for */
};
typedef void doctor_chain_fn(void *context, const struct doctor_chain *chain);

/* All chains, or all tables, of the network namespace. 0 or a negative errno. */
int doctor_each_chain(doctor_chain_fn *each, void *context) _must_check_;
int doctor_each_table(doctor_chain_fn *each, void *context) _must_check_;

/* "inet", as nft has it. */
const char *doctor_family_name(int family);

/* A number of /proc/sys/net: `path` has a %s for the name of the link. 0 where there is none. */
uint64_t doctor_net_setting(const char *path, const char *link);

/* The interface that guests' packets of a family leave by: that of ctctl.conf or of the default route; false without one. */
bool doctor_find_uplink(const struct node *node, int family, char ret_name[16]);
