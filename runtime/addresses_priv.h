/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "netns/address.h"
#include "runtime/node.h"

/* The registry of addresses.h, as those need it that take one entry after the other. */

/* An address, or a network with '_' for '/'. */
#define ADDRESS_NAME_ROOM NET_ADDRESS_ROOM
/* "UUID/INTERFACE" with its NUL, and more: what is longer is not ours. */
#define ADDRESS_OWNER_ROOM 64

struct address_owner {
	char text[ADDRESS_OWNER_ROOM];
};

/* -EINVAL for a uuid or an interface that cannot be one: the registry takes none of whom it could not be asked again. */
int address_owner_init(const char *uuid, const char *interface, struct address_owner *ret, struct err *err) _must_check_;

/* Opens the folder, made if it is missing. `lock` is LOCK_SH, LOCK_EX, or 0. Returns the descriptor, which holds the lock. */
int address_registry_open(const struct node *node, int lock, struct err *err) _must_check_;

void address_name(const struct net_address *address, bool is_prefix, char room[ADDRESS_NAME_ROOM]);

/* What `name` stands for: 1 for an address, 2 for a prefix, 0 if it is no entry. */
int address_from_name(const char *name, struct net_address *ret);

/*
 * Makes the entry `name`, not synced yet. 0, -EEXIST if it is somebody's, or a negative errno.
 */
int address_claim(int registry_fd, const char *name, const struct address_owner *owner) _must_check_;

/* Removes the entry if it is the owner's. 1 if it was, 0, or a negative errno. */
int address_unclaim(int registry_fd, const char *name, const struct address_owner *owner);

/* Whose is it? false if it is nobody's. */
bool address_read_owner(int registry_fd, const char *name, struct address_owner *ret);

/* The same, for whoever asks about one guest: is it `uuid`'s, by whichever interface? */
bool address_read_owner_of(int registry_fd, const char *name, const char *uuid, struct address_owner *ret);

/* Is there a routed prefix of another guest that covers the address (or the network)? 1 and its name and owner, or 0. */
int address_find_cover(int registry_fd, const struct net_address *address, const struct address_owner *owner,
		       char ret_name[ADDRESS_NAME_ROOM], struct address_owner *ret_owner);

/* Every entry, until a return that is not 0, which is passed on. */
int address_registry_each(int registry_fd, int (*each)(void *context, const char *name), void *context) _must_check_;

/* "guest 'web1'", or what is known of an owner whose guest cannot be found. For messages: reads every guest.conf. */
#define ADDRESS_WHO_ROOM 128
void address_describe_owner(const struct node *node, const struct address_owner *owner, char room[ADDRESS_WHO_ROOM]);
