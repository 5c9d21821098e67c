/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "scratch.h"

#include "runtime/addresses.h"
#include "runtime/node.h"

/* A node below the scratch folder, of which only what the registry of addresses looks at is filled. Needs no root. */

#define UUID_A "aaaaaaaa-0000-4000-8000-00000000000a"
#define UUID_B "bbbbbbbb-0000-4000-8000-00000000000b"

struct place {
	struct node node;
	char guests[96], run[96], addresses[96], netpools[96];
};

static inline _unused_ struct node *put_node(const struct scratch *s, struct place *p)
{
	snprintf(p->guests, sizeof(p->guests), "%s/guests", s->path);
	snprintf(p->run, sizeof(p->run), "%s/run", s->path);
	snprintf(p->addresses, sizeof(p->addresses), "%s/addresses", s->path);
	snprintf(p->netpools, sizeof(p->netpools), "%s/netpools", s->path);
	p->node = (struct node){
		.state_dir = (char *)s->path,
		.guests_dir = p->guests,
		.run_dir = p->run,
		.addresses_dir = p->addresses,
		.netpools_dir = p->netpools,
		.bridge = "ctctl-no-such",
		.nft_table = "ctctl-v1",
		.bridge_address = "10.200.0.1/28",
	};
	put_dir(s->fd, "guests");
	put_dir(s->fd, "run");
	return &p->node;
}

/* "192.0.2.1", or with a prefix "2001:db8::/64". */
static inline _unused_ struct net_address address_of(const char *text)
{
	struct net_address a = { 0 };
	struct err err = ERR_INIT;

	assert_ok(net_address_parse("address", text, NET_PREFIX_OPTIONAL, &a, &err), &err);
	return a;
}

/* Whose it is, "" if nobody's: what the entry of that name points to. */
struct owner_text {
	char s[80];
};
static inline _unused_ struct owner_text owner_of(const struct node *node, const char *name)
{
	_cleanup_fd_ int fd = path_open_dir(AT_FDCWD, node->addresses_dir, O_PATH);
	struct owner_text owner = { "" };
	ssize_t n = fd < 0 ? -1 : readlinkat(fd, name, owner.s, sizeof(owner.s) - 1);

	owner.s[n > 0 ? n : 0] = '\0';
	return owner;
}

#define assert_owner(node, name, owner) assert_string_equal(owner_of((node), (name)).s, (owner))

static inline _unused_ int take_one(const struct node *node, const char *text, bool is_prefix, const char *uuid,
				    const char *interface, struct err *err)
{
	struct net_address a = address_of(text);

	*err = ERR_INIT;
	return address_take(node, &a, 1, is_prefix, uuid, interface, err);
}

/* How many entries there are, hints aside. */
static inline _unused_ int count_entries(const struct node *node)
{
	_cleanup_dir_ DIR *dir = opendir(node->addresses_dir);
	int n = 0;

	for (struct dirent *e = dir ? readdir(dir) : NULL; e; e = readdir(dir))
		n += e->d_name[0] != '.';
	return n;
}

/* Does it in a child that a fault point kills, or in which one fails; its status as wait_status() has it. */
static inline _unused_ int with_fault(const char *variable, const char *point, int (*work)(const struct node *node),
				      const struct node *node)
{
	pid_t pid = fork_child();

	if (pid == 0) {
		setenv(variable, point, 1);
		_exit(work(node) < 0 ? 77 : 0);
	}
	return wait_status(pid);
}
