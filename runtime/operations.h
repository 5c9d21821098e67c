/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/err.h"
#include "runtime/container/cgroup.h"
#include "runtime/guest.h"
#include "runtime/lifecycle.h"
#include "runtime/state.h"
#include "storage/pool.h"

/*
 * The operations as their combinations need them (restart, destroy --force, reboot): the caller holds the guest's lock and has it
 * settled.
 */

/* The guest does not run. */
int guest_start_locked(struct guest *guest, struct err *err) _must_check_;

/* The guest runs. Sets *ret_killed (may be NULL). Nothing of the run is left afterwards. */
int guest_stop_locked(struct guest *guest, const struct guest_stop_spec *spec, bool *ret_killed, struct err *err) _must_check_;

/* Finishes a destroy, from wherever it was interrupted. The handle's folders are gone afterwards. */
int guest_finish_destroy(struct guest *guest, const char *uuid, const char *pool, struct err *err) _must_check_;

/* Applies the limits in the configuration to a running guest and its disk; `old` is what they were, NULL if unknown. */
int guest_apply_live(struct guest *guest, const struct guest_config *old, struct err *err) _must_check_;

/*
 * The same for its interfaces: what differs between `old` and the configuration is changed in the running guest. Nothing to do if
 * it does not run.
 */
int guest_apply_network(struct guest *guest, const struct guest_config *old, struct err *err) _must_check_;

/*
 * Makes the configuration true, `old` being what it was: in the kernel, if the guest runs, then in guest.conf (`changed` as for
 * guest_save()); puts the old values back if either fails. Journalled as "set". If putting back fails, too, the journal stays
 * open: the next command on the guest tries again.
 */
int guest_commit(struct guest *guest, const struct guest_config *old, const struct guest_setting *changed, size_t n,
		 struct err *err) _must_check_;

/*
 * Takes the addresses that the configuration has and `before` has not, or leases them (address_give_interface()); after an error
 * none is taken that was not before.
 */
int guest_take_addresses(struct guest *guest, const struct guest_config *before, struct err *err) _must_check_;

/*
 * After a change of addresses was made or undone: gives back all that the guest has and `config`, which is what guest.conf says
 * now, does not list. 1 if there was something, else 0; a failure is a warning. As long as the guest's journal is open it gives
 * nothing back: the running guest may have the old ones and the new ones then, and who settles the change comes by here again.
 */
int guest_settle_addresses(const struct guest *guest, const struct guest_config *config);

/*
 * The guest's memory.low was changed, or its group is gone: sees to it that the groups above protect the sum of what is below
 * them, without which the kernel protects nothing.
 */
int guest_protect(const struct guest *guest, struct err *err) _must_check_;

/*
 * The same for a guest that was started or has ended, if it has or had protected memory at all: `low`, in bytes. A failure is a
 * warning: it is no reason to take a guest down that runs, nor to leave one half stopped, and the next change of any guest makes
 * up for it.
 */
void guest_protect_or_warn(const struct guest *guest, uint64_t low);

/*
 * What the configuration asks of the guest's control group. `pool` is the guest's; it may be NULL for a configuration of which it
 * is known that it limits no disk.
 */
int guest_limits(const struct guest_config *config, struct pool *pool, struct cgroup_limits *ret, struct err *err) _must_check_;

/*
 * The same for a start, without the shares that this host has ceased to give since they were set: a scheduler of disks that was
 * chosen in /sys is gone after a reboot of the host, and a processor may be offline. That is a warning: the guest is to run.
 */
int guest_start_limits(const struct guest *guest, struct pool *pool, struct cgroup_limits *ret, struct err *err) _must_check_;

/*
 * Could the guest be started here with the limits in its configuration? What this host cannot do is UNSUPPORTED. `pool` as above,
 * NULL to have it opened.
 */
int guest_check_limits(const struct guest *guest, struct pool *pool, struct err *err) _must_check_;

/*
 * Gives a running guest whose monitor was killed a new one, which sees its end and cleans up. The old monitor's end of the
 * console is lost: the console is dead until the guest's next start.
 */
int guest_adopt(struct guest *guest, const struct guest_run *run, struct err *err) _must_check_;
