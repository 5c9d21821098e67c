/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct net_plans;

/*
 * What a guest has of the host's, named for CRIU in the same way when it is saved and when it is restored: the device nodes in
 * its /dev, its console's terminal, its network interfaces.
 */
struct externals {
	char **list; /* "mnt[/dev/null]:dev-null" */
	size_t n;
};
#define EXTERNALS_INIT ((struct externals){ .list = NULL })
void externals_free(struct externals *externals);

/* `console` is its terminal as checkpoint_manifest.console has it, "" for none. */
int externals_of_dump(struct externals *ret, uint64_t features, const char *console, struct err *err) _must_check_;

/* `console_path` is the new terminal in the host's devpts. The interfaces stand in the network namespace that CRIU is in. */
int externals_of_restore(struct externals *ret, uint64_t features, const char *console_path, const struct net_plans *nets,
			 struct err *err) _must_check_;
