/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "runtime/container/cgroup.h"

/*
 * Starting a container. Three processes:
 *
 *   ctctl                        monitor                          init-to-be
 *   (holds the lock)             (parent of init for good)        (guest's root in all its namespaces)
 *
 *   bridges, tables, note links
 *   make the guest's cgroup
 *   clone3, into the monitors' -> waits
 *   journal: who it is
 *   PROCEED -------------------> console pty
 *                                clone3 (user mount pid net ----> joins its group on v1, cgroup ns
 *                                 uts ipc), into the cgroup
 *                                id maps; root tree, detached
 *                                ROOT (its descriptor) ---------> setuid 0, attach, pivot_root,
 *                                filters, links into its netns,   /proc /sys /dev, host name, time ns,
 *                                ports or routes, shaping         files of /run
 *                                GO ----------------------------> addresses and routes, console, keyring,
 *                                                                 capabilities, filter
 *                                <------------------------ READY
 *                                <---- end of file: exec worked   exec /sbin/init
 *                                state file, console socket
 *         <------- STARTED
 *   journal: done                tells the neighbours
 *                                exec ctctl-monitor
 *
 * Each may be killed at each point: the init-to-be dies with the monitor until READY, the monitor gives up when ctctl is gone
 * before STARTED, and what they leave is removed by guest_cleanup_run(), now or by the next ctctl on that guest.
 */

struct inside_start;
struct net_plans;
struct node;
struct pool;
struct ct_spec;

/*
 * Where processes that were saved come from, instead of an init-to-be (ct_spec.restore). Called in the monitor, as the host's
 * root in the host's namespaces, where it is again afterwards. The guest's init as a child of the caller, or a negative errno and
 * nothing of it lives.
 */
struct ct_restore {
	pid_t (*run)(void *context, const struct ct_spec *spec, int console_fd, const char *console_path, struct err *err);
	void *context;
};

/* Everything that a start needs to know. Strings and descriptors are the caller's. */
struct ct_spec {
	const char *name;
	const char *uuid;
	const char *hostname;
	const char *init_path; /* in the guest */
	const char *init_kind; /* init_kind.h */
	const char *boot;      /* names this boot of the guest: 32 hexadecimal digits */
	struct cgroup_spec cgroup;
	const char *monitors_cgroup; /* where monitors live, beside the guests */
	/*
	 * Where this one is until the guest runs; NULL: among the others. What a restore makes before it is in the guest's group
	 * can be ended by it.
	 */
	const char *nursery_cgroup;
	uint64_t ids_first; /* of NODE_IDS_PER_GUEST on the host */
	uint64_t features;  /* 1 << FEATURE_X (params.h) */
	int layer_fd;	    /* the template's root */
	int area_fd;	    /* the private area */
	struct pool *pool;  /* which it is in, under the guest's uuid */
	int lock_fd;	    /* ctctl's: the monitor lets go of it */
	int run_fd;	    /* RUN/NAME */
	int dir_fd;	    /* GUESTS/NAME, for the console's log */
	const struct node *node;
	/*
	 * The guest's network, prepared and noted (network.h). The monitor makes the host's side as the host's root
	 * (supervise.c), the init-to-be the guest's as the guest's (become_init.c).
	 */
	const struct net_plans *nets;
	const struct inside_start *inside; /* what the init-to-be writes into the guest (inside.h) */
	const struct ct_restore *restore;  /* NULL: the guest boots */
	const char *helper_dir;		   /* these three as in struct node */
	const char *self;
	const char *prefix;
};

/* Debian's group tty, in the guest as on the host: it may write to a terminal that its user owns (tty(4)). */
#define CT_TTY_GID	5
#define CT_TTY_GID_TEXT "5"

/*
 * RUN/NAME/state of a guest whose init is `init`, whose terminal `console_fd` is, and whose monitor the caller is: from here on
 * it is known to run. A monitor that restores calls it before anything of the guest runs.
 */
int ct_note_state(const struct ct_spec *spec, pid_t init, int console_fd, struct err *err) _must_check_;

/* The n-th of the host's device nodes that a guest with these features has in its /dev, or NULL. */
const char *ct_device_name(size_t n, uint64_t features);

/*
 * The root of a guest as a detached mount, from the layer, the area and the pool of `spec`, id-mapped as `userns_fd` is.
 * Called by the host's root.
 */
int ct_assemble_root(const struct ct_spec *spec, int userns_fd, struct err *err) _must_check_;

/* Names of what the monitor makes in RUN/NAME and GUESTS/NAME. */
#define CT_CONSOLE_SOCKET "console.sock"
#define CT_CONSOLE_LOG	  "console.log"

/*
 * Starts it and returns when its init program runs. Called by the host's root in the host's namespaces, holding the guest's lock,
 * the journal of `run_fd` being open. After a failure no process of it lives; cgroups, link and files are the caller's to remove.
 */
int ct_launch(const struct ct_spec *spec, struct err *err) _must_check_;

/*
 * The group of the monitors, for joining. They live beside the guests, out of the session of whoever typed the command: its end
 * must not take them along. It is there since the first start, and made if it is not.
 */
int ct_open_monitors(const char *path, struct cgroup_join *ret, struct err *err) _must_check_;
