/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "netns/link.h"
#include "runtime/guest.h"
#include "runtime/state.h"

/*
 * What ctctl changes inside a guest, always as the guest's own root in its namespaces: by the init-to-be, before anything of the
 * guest runs, or in a running guest by a process that joins it for that (join.h). Files of the guest are opened below its root with
 * path_open_in(); whatever a guest has put in their place harms nobody but itself, and keeps no start from happening.
 */

/* What a guest's files are to say about its network. Called through inside_write_files(). */
struct inside_network {
	const char *hostname;
	const struct net_setup_spec *interfaces; /* all of them, also those without addresses */
	size_t n_interfaces;
	const char *const *nameservers; /* NULL-terminated; NULL: the guest's resolv.conf is left alone */
	const char *search;		/* NULL: none */
};

/*
 * Writes what agrees with the addresses that the kernel has: for each of systemd-networkd, ifupdown, NetworkManager and netplan
 * that the guest has installed, /etc/hosts, and /etc/resolv.conf. `root_fd` is the guest's root, the caller its root. Only files of
 * ctctl's own names are written, or between its markers; a file whose markers the customer removed is his.
 * Failures of single files are no failure of the call.
 */
int inside_write_network(int root_fd, const struct inside_network *network, struct err *err) _must_check_;

/* The password of a user in /etc/shadow: `hash` as crypt(5) has it. Keeps the file's mode, owner and other lines. */
int inside_write_password(int root_fd, const char *user, const char *hash, struct err *err) _must_check_;

/* ~USER/.ssh/authorized_keys: those of ctctl, between its markers, become `keys` (lines). Makes folder and file if need be. */
int inside_write_keys(int root_fd, const char *user, const char *keys, struct err *err) _must_check_;

/*
 * Runs `work` in a process that has joined the running guest: all its namespaces, its cgroup, its root user and confinement, root
 * folder "/" = the guest's. An error that it returns comes back whole. The caller needs no lock.
 */
int inside_run(const struct guest *guest, const struct guest_run *run, int (*work)(void *context, struct err *err), void *context,
	       struct err *err) _must_check_;

/*
 * Passwords and keys that were set while the guest was stopped: GUESTS/NAME/pending-password (USER:HASH) and pending-keys, root only,
 * applied and removed by the next start.
 */
int guest_passwd(const struct node *node, const char *name, const char *user, const char *password, struct err *err) _must_check_;
int guest_set_keys(const struct node *node, const char *name, const char *user, const char *keys, struct err *err) _must_check_;
