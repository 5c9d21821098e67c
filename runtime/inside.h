/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "netns/link.h"
#include "runtime/guest.h"
#include "runtime/network.h"
#include "runtime/state.h"

/*
 * What ctctl changes inside a guest, always as the guest's own root in its namespaces: by the init-to-be, before anything of the
 * guest runs, or in a running guest by a process that joins it for that (join.h). Files of the guest are opened below its root
 * (inside_priv.h); whatever a guest has put in their place harms nobody but itself, and keeps no start from happening.
 */

/* What a guest's files are to say about its network. */
struct inside_network {
	const char *hostname;
	const struct net_setup_spec *interfaces; /* all of them, also those without addresses */
	size_t n_interfaces;
	const char *const *nameservers; /* NULL-terminated; NULL or none: the guest's resolv.conf is left alone */
	const char *search;		/* domains with blanks between; NULL: none */
};

/*
 * Writes what agrees with the addresses that the kernel has: for each of systemd-networkd, ifupdown, NetworkManager and netplan
 * that the guest has installed (inside_tools.c has the table), /etc/hosts, and /etc/resolv.conf. `root_fd` is the guest's root,
 * the caller its root. Only files of ctctl's own are written, or between its markers, and only where the customer's do not say it
 * already: a host name in a line of his own, an interface that he configures, a resolv.conf without ctctl's first line.
 * Failures of single files are no failure of the call.
 */
int inside_write_network(int root_fd, const struct inside_network *network, struct err *err) _must_check_;

/*
 * The password of a user in /etc/shadow, hashed as crypt(5) has it. Which of the two is written is decided by what the guest
 * understands. Keeps the file's mode, owner and other lines; waits for whoever holds the lock of the guest's own passwd(1).
 */
struct inside_hashes {
	const char *yescrypt; /* "$y$..." */
	const char *sha512;   /* "$6$...": what every system has known for long */
};
int inside_write_password(int root_fd, const char *user, const struct inside_hashes *hashes, struct err *err) _must_check_;

/*
 * ~USER/.ssh/authorized_keys: those of ctctl, between its markers, become `keys` (lines; "": none). Makes folder and file if need
 * be.
 */
int inside_write_keys(int root_fd, const char *user, const char *keys, struct err *err) _must_check_;

/*
 * Runs `work` in a process that has joined the running guest: all its namespaces, its cgroup, its root user and confinement, root
 * folder "/" = the guest's. It works on a copy of the caller's memory and has none of its descriptors. An error that it returns
 * comes back whole; a guest that holds it up for 30 seconds is TIMEOUT. The caller needs no lock, and is not dumpable afterwards.
 */
int inside_run(const struct guest *guest, const struct guest_run *run, int (*work)(void *context, struct err *err), void *context,
	       struct err *err) _must_check_;

/*
 * What a start writes into the guest: read by ctctl before anything of it exists, so that nothing of the host has to be opened
 * later; written by the init-to-be, which has a copy of the memory.
 *
 *   ctctl: inside_start_open()   init-to-be: inside_start_write()   ctctl, when it runs: inside_start_done(), or only _close()
 */
struct inside_report;
struct inside_start {
	struct inside_network network;
	struct net_setup_spec *interfaces;
	char **nameservers;
	char *search;
	char *passwords; /* the content of PENDING_PASSWORDS and PENDING_KEYS; NULL: there is none */
	char *keys;
	char *machine_id;	      /* that of PENDING_MACHINE_ID; NULL: it keeps what it has */
	struct inside_report *report; /* shared: what of these the init-to-be could not do */
};
#define INSIDE_START_INIT ((struct inside_start){ .passwords = NULL })

/* `plans`, the guest's network, outlives it. */
int inside_start_open(const struct guest *guest, const struct net_plans *plans, struct inside_start *ret,
		      struct err *err) _must_check_;
/* In the guest, as its root: root_fd is "/". What cannot be written keeps no guest from starting. */
void inside_start_write(const struct inside_start *start, int root_fd);
/*
 * Removes what was pending. What could not be done is a warning, and gone, too: it would come as a surprise, years later. Only a
 * kill between the start and this has the next start do it once more.
 */
void inside_start_done(const struct guest *guest, const struct inside_start *start);
void inside_start_close(struct inside_start *start);

/* After a change of a running guest's network: its files say it, too. What its tools have read they do not read again. */
int inside_update_network(const struct guest *guest, const struct guest_run *run, const struct net_plans *plans,
			  struct err *err) _must_check_;

/* Passwords and keys that were set while the guest was stopped: GUESTS/NAME/..., for root only, for the next start. */
#define PENDING_PASSWORDS "pending-passwords" /* lines: USER:YESCRYPT:SHA512 */
#define PENDING_KEYS	  "pending-keys"      /* lines: USER:KEY; one without a key: it has none any more */

/*
 * A line for /etc/machine-id, of a guest that is a copy of another: it is given when it runs for the first time, booted or
 * resumed, and with it its name in /etc/hostname.
 */
#define PENDING_MACHINE_ID "pending-machine-id"

/*
 * After a resume: what a start would have written into it, if it is a copy of another guest and was not given it yet. A failure
 * is a warning.
 */
void inside_write_copy(const struct guest *guest, const struct net_plans *plans);

/*
 * Whole operations, as those of lifecycle.h. In a running guest they are done at once, in a stopped one by its next start.
 * guest_passwd(): one line of at most 511 bytes. guest_set_keys(): lines, comments and empty ones aside; each is checked.
 */
int guest_passwd(const struct node *node, const char *name, const char *user, const char *password, struct err *err) _must_check_;
int guest_set_keys(const struct node *node, const char *name, const char *user, const char *keys, struct err *err) _must_check_;
