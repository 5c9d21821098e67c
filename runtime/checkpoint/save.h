/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "runtime/checkpoint/watched.h"
#include "runtime/container/cgroup.h"
#include "runtime/guest.h"
#include "runtime/state.h"
#include "storage/pool.h"

struct net_plans;

/*
 * Saving a running guest, in the steps that a kill may end anywhere:
 *
 *   journal, checkpoint.new     the guest runs
 *   its interfaces are shut     nothing of its end, nor of an end that is undone, is heard by those who it talks to
 *   its group is frozen         its processes, memory and files are of one instant from here on
 *   CRIU writes the images      they stand as before: CRIU leaves frozen what it found frozen
 *   `dumped`                    CRIU has written all of them, and not yet taken link_remap.N away (links.h)
 *
 * Then the caller ends what stands (suspend.c) or lets it go on (take.c). The images are neither mended (mend_images.h) nor on
 * the disk. All calls are made by the host's root under the guest's lock.
 */
struct saving {
	const struct guest *guest;
	const struct guest_run *run;
	const struct net_plans *nets;
	bool for_shutdown; /* of the host */
	int images_fd;
	struct pool *pool;
	int area_fd;		    /* of the guest */
	struct cgroup_join nursery; /* where CRIU is to be */
	struct watched watched;	    /* what CRIU has to find a name of */
	int (*dumped)(const struct saving *saving, struct err *err);
	void *context;
};
#define SAVING_INIT .images_fd = -EBADF, .area_fd = -EBADF, .nursery = CGROUP_JOIN_INIT
void saving_close(struct saving *saving);

/* What can be known without touching the guest. UNSUPPORTED. */
int save_check(const struct guest *guest, const struct guest_run *run, const struct net_plans *nets,
	       struct err *err) _must_check_;

/* Notes the operation `op` in RUN/NAME, makes checkpoint.new and opens what is needed. */
int save_begin(struct saving *saving, const char *op, struct err *err) _must_check_;

/* From the shutting of the interfaces to `dumped`. The guest stands afterwards, in success and failure. */
int save_run(struct saving *saving, struct err *err) _must_check_;

/*
 * Undoes that, also for one that was killed: the guest goes on as before. What is on the disk stays. `is_whole`: save_run() was
 * a success, so that CRIU itself has put right what it changed; to look for it takes as long as the guest has descriptors.
 */
int save_go_on(const struct guest *guest, const char *cgroup, bool is_whole, struct err *err) _must_check_;
