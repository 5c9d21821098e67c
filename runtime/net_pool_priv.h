/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "runtime/net_pool.h"

/* Numbers of addresses, and what a pool's file says. */

/* An address as a number; in IPv4 the lowest 32 bits. */
typedef unsigned __int128 net_number;

/* Of an IPv4 range: a /8, which is more than anybody has. Also what is looked at in IPv6 before it is said that there is none. */
#define NET_POOL_RANGE_MAX (UINT32_C(1) << 24)

static inline const char *net_pool_family_word(int family)
{
	return family == AF_INET ? "IPv4" : "IPv6";
}

/* The file of the registry that says where the next free IPv4 address may be. */
#define NET_POOL_HINT_ROOM 80
static inline void net_pool_hint_name(const struct net_pool *pool, char room[NET_POOL_HINT_ROOM])
{
	snprintf(room, NET_POOL_HINT_ROOM, ".next-%s", pool->name);
}

net_number net_pool_number(const struct net_address *address);
struct net_address net_pool_address(int family, net_number number);

/* "FIRST-LAST" or "NETWORK/PREFIX". -EINVAL, EXIT_INVALID. */
int net_pool_parse_range(const char *text, struct net_address ret[2], struct err *err) _must_check_;

/* How many addresses the ranges of a family have, those among them that are given to nobody included. */
net_number net_pool_size(const struct net_pool *pool, int family);

/* The one of that index, below net_pool_size(), of the full length. */
struct net_address net_pool_at(const struct net_pool *pool, int family, net_number index);

/* Is it in one of the ranges? */
bool net_pool_has(const struct net_pool *pool, const struct net_address *address);

/* Neither the gateway nor an end of the network? */
bool net_pool_is_free_to_give(const struct net_pool *pool, const struct net_address *address);

/* How many IPv4 addresses it can give in all. */
uint64_t net_pool_count4(const struct net_pool *pool);

/* The smallest network with both; *io becomes it. */
void net_pool_widen(struct net_address *io, const struct net_address *address);

/* STATE/netpools, made if it is missing. `lock` as in address_registry_open(). */
int net_pool_open_folder(const struct node *node, int lock, struct err *err) _must_check_;

/* NAME.conf of the folder. -ENOENT without a message if there is none. */
int net_pool_read(int folder_fd, const char *folder, const char *name, struct net_pool *ret, struct err *err) _must_check_;
int net_pool_write(int folder_fd, const struct net_pool *pool, struct err *err) _must_check_;

/* The pool "default" of the node. */
int net_pool_make_default(const struct node *node, struct net_pool *ret, struct err *err) _must_check_;

/* Does it fit together? EXIT_INVALID, the message begins with the pool. */
int net_pool_check(const struct net_pool *pool, struct err *err) _must_check_;

/* A line of the file, or an option: checks it by itself and puts it into the pool. EXIT_INVALID. */
int net_pool_set_net(struct net_pool *pool, const char *text, struct err *err) _must_check_;
int net_pool_add_range(struct net_pool *pool, const char *text, struct err *err) _must_check_;
int net_pool_set_bridge(struct net_pool *pool, const char *name, struct err *err) _must_check_;

/* Do they have addresses in common? Ranges as in struct net_pool. */
bool net_pool_ranges_meet(const struct net_address a[2], const struct net_address b[2]);

/* From what was typed. */
int net_pool_from_spec(const struct node *node, const struct net_pool_spec *spec, struct net_pool *ret,
		       struct err *err) _must_check_;
