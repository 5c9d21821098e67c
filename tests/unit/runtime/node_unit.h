/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "scratch.h"

#include "base/str.h"
#include "runtime/guest_priv.h"
#include "runtime/node.h"

/* An instance below the scratch folder, and guests of which only the files exist. They need root. */

#define UUID		 "01234567-89ab-cdef-0123-456789abcdef"
#define GOOD_CONF	 "uuid = " UUID "\nids = 1073741824\ntemplate = micro@1\n"
#define GUEST_DIR	 "lib/guests/web1"
#define GUEST_FILE(name) GUEST_DIR "/" name
#define RUN_DIR		 "run/web1"

static inline _unused_ struct node *open_node(const struct scratch *s, const struct log *log)
{
	struct node *node = NULL;
	struct err err = ERR_INIT;

	assert_ok(node_open(s->path, log, &node, &err), &err);
	return node;
}

static inline _unused_ void put_guest(const struct scratch *s, const char *conf)
{
	put_dir(s->fd, GUEST_DIR);
	if (conf)
		put_file(s->fd, GUEST_FILE("guest.conf"), conf);
}
