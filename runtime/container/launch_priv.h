/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <time.h>

#include "base/err.h"
#include "runtime/container/container.h"

/* The stages of container.h's diagram. */
enum ct_stage {
	CT_PROCEED = 1,
	CT_STARTED,
	CT_ROOT,
	CT_GO,
	CT_READY,
};

/*
 * The monitor's part, in the process that ctctl cloned; `guest_group` is the guest's cgroup, open for joining. Becomes
 * ctctl-monitor, or reports to `ctctl_fd` and exits.
 */
__attribute__((noreturn)) void ct_supervise(const struct ct_spec *spec, int ctctl_fd, const struct cgroup_join *guest_group);

/* The init-to-be's part, in the process that the monitor cloned. Becomes the guest's init, or reports and exits. */
struct ct_birth {
	int sync_fd;		  /* to the monitor */
	int console_fd;		  /* the guest's end of the console */
	const char *console_path; /* its name in the host's devpts */
	const struct cgroup_join *group;
	struct timespec boottime; /* the clocks just before it was cloned: the zero of the guest's */
	struct timespec monotonic;
};
__attribute__((noreturn)) void ct_become_init(const struct ct_spec *spec, const struct ct_birth *birth);

/*
 * The nodes of the guest's /dev as detached bind mounts of the host's, taken while the host's /dev is still in sight. All mount
 * calls are made by the init-to-be, with the capabilities of its user namespace, in its mount namespace.
 */
#define CT_DEVICES_MAX 10
struct ct_device {
	const char *name; /* below /dev */
	int tree_fd;
};
struct ct_devices {
	struct ct_device list[CT_DEVICES_MAX];
	int n;
};
int ct_devices_collect(const struct ct_spec *spec, const char *console_path, struct ct_devices *ret,
		       struct err *err) _must_check_;

/*
 * Makes the detached `root_fd` the root, mounts /proc /sys (with its cgroup namespace's hierarchy) /dev /run in it, and lets go
 * of the host's tree.
 */
int ct_enter_root(int root_fd, const struct ct_devices *devices, struct err *err) _must_check_;

/* Puts a detached mount on an open folder or file. 0 or a negative errno. */
int ct_attach(int tree_fd, int target_fd) _must_check_;

/* Host name, boot id, and the drop-ins in /run that make a stock systemd guest checkpointable. After ct_enter_root(). */
int ct_write_guest_files(const struct ct_spec *spec, struct err *err) _must_check_;
