/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

/*
 * The control groups of one guest: the same path in every hierarchy, on hosts with the unified hierarchy (v2) and on hosts where
 * controllers sit in v1 hierarchies beside a v2 mount without them (hybrid). By libcgroup where it does the job; its pitfalls are
 * worked around here and nowhere else.
 *
 * Paths are relative to the hierarchies ("ctctl/web1"), every component checked against [A-Za-z0-9_.-]. All calls are made by the
 * host's root in the host's cgroup namespace unless said otherwise.
 */
#define CGROUP_UNLIMITED 0

/* A whole disk, never a partition. */
struct cgroup_disk {
	unsigned int major, minor;
	char name[32]; /* for messages: "sda" */
	bool uses_bfq; /* its scheduler is bfq, which weighs */
};
#define CGROUP_DISKS_MAX 8

/* Disks and their number. */
struct cgroup_disks {
	struct cgroup_disk list[CGROUP_DISKS_MAX];
	int n;
};

/* Per second and disk; 0: none. */
struct cgroup_io_rates {
	uint64_t read_bytes, write_bytes, read_ops, write_ops;
};

#define CGROUP_CPUS_ROOM 128

/* Of processors and of disks: the kernel's, which every group of the host has (cgroup-v2.rst, "Weights"). A plain number. */
#define CGROUP_WEIGHT_DEFAULT 100

/*
 * What only v2 has is UNSUPPORTED on v1. A limit of the memory is one of the swap, too: with one, a group has no swap on v2, and
 * on v1 no more than the limit together with its memory. memory.low needs the groups above: cgroup_protect_parents().
 */
struct cgroup_limits {
	uint64_t memory_bytes;	     /* memory.max / memory.limit_in_bytes; 0: none */
	uint64_t memory_high_bytes;  /* memory.high, v2 only; 0: none */
	uint64_t memory_low_bytes;   /* memory.low, v2 only; 0: none */
	uint64_t cpu_milli;	     /* thousandths of a core: cpu.max / cpu.cfs_quota_us; 0: none */
	uint64_t cpu_weight;	     /* 1 to 10000: cpu.weight / cpu.shares (weight * 1024 / 100, at least 2); 0: the default */
	char cpus[CGROUP_CPUS_ROOM]; /* "0-3,6": cpuset.cpus; "": all that the group above has */
	uint64_t pids_max;	     /* 0: none */

	/* 1 to 1000: io.bfq.weight and io.weight / blkio.bfq.weight, where a scheduler weighs; 0: the default. */
	uint64_t io_weight;
	struct cgroup_disks weight_disks; /* where the weight counts, one of which has to weigh */
	struct cgroup_io_rates io;	  /* io.max / blkio.throttle.*, on each of `rate_disks` */
	struct cgroup_disks rate_disks;
};

/*
 * Makes the group in all hierarchies, with its limits and the device list of a guest (null zero full random urandom tty console
 * ptmx pts, net/tun and fuse where asked for: cgroup_devices.c). On v2 controllers are enabled from the root down to the group's
 * parent; below a slice of systemd ("x.slice/y.service/web1") from the unit down, and the unit's group has to be there. A failure
 * leaves nothing behind.
 * A limit whose controller this host lacks is UNSUPPORTED and names the controller.
 */
struct cgroup_spec {
	const char *path;
	struct cgroup_limits limits;
	bool allow_tun;
	bool allow_fuse;
	bool allow_all_devices; /* for processes of the host, such as the monitors: no device list */
};
int cgroup_create(const struct cgroup_spec *spec, struct err *err) _must_check_;

/* Components of [A-Za-z0-9_.-], none "." or "..", at most 255 characters: libcgroup follows ".." out of the hierarchy. */
int cgroup_check_path(const char *path, struct err *err) _must_check_;

/* Is this group, of `len` characters, a slice of systemd: a name and ".slice"? */
bool cgroup_is_slice(const char *name, size_t len);

/*
 * Joining at birth: how a process comes into a group without a wait. Moving one that runs already makes the kernel wait for a
 * grace period of RCU, 5 to 18 ms (measured on 6.18: the write lock of cgroup_threadgroup_rwsem). Two ways are free of it:
 * clone3(2) with CLONE_INTO_CGROUP on v2, and a thread that moves itself alone, by writing "0" to `tasks` of v1 (Linux 5.5).
 *
 *   host's root                                      child
 *   cgroup_join_open(path, &join)
 *   clone3({ .flags = CLONE_INTO_CGROUP | ...,
 *            .cgroup = join.v2_fd })                 cgroup_join_self(&join), before it makes a thread
 *   cgroup_join_close(&join)                         unshare(CLONE_NEWCGROUP): from here the group is the root that it sees
 *
 * CLONE_NEWCGROUP in the clone3 itself would make the parent's group the root. A child in its own user namespace, without any
 * privilege, may do its part: the kernel asks who opened the files (Linux 5.16). All descriptors are close-on-exec.
 */
#define CGROUP_JOIN_MAX 20
struct cgroup_join {
	int v2_fd;			/* -EBADF: this host has no v2, clone3 without the flag */
	int tasks_fds[CGROUP_JOIN_MAX]; /* of v1 */
	int n_tasks;
};
#define CGROUP_JOIN_INIT ((struct cgroup_join){ .v2_fd = -EBADF })

/*
 * Opens a group for joining. Where the guest's init gave the controllers of its own group to its children (v2), that group takes
 * no process any more, and the descriptor is of a leaf in it; clone3 fails with EBUSY if that happened after the call: open
 * again.
 */
int cgroup_join_open(const char *path, struct cgroup_join *ret, struct err *err) _must_check_;

/* Called by the child, as a single thread; only system calls, no memory. 0 or a negative errno. */
int cgroup_join_self(const struct cgroup_join *join) _must_check_;

void cgroup_join_close(struct cgroup_join *join);

/* Moves a whole process (not one thread) that runs already into the group, in all hierarchies. See above for what it costs. */
int cgroup_attach(const char *path, pid_t pid, struct err *err) _must_check_;

/*
 * Gives the unified group to the guest's root: the folder and the files of /sys/kernel/cgroup/delegate, never the limits
 * (cgroup-v2.rst, "Delegation"). How many groups it may make, and how deep, is limited first.
 */
int cgroup_delegate(const char *path, uid_t uid, gid_t gid, struct err *err) _must_check_;

/* Changes the limits of a live group; fields that equal `old` are not written. */
int cgroup_set_limits(const char *path, const struct cgroup_limits *old, const struct cgroup_limits *limits,
		      struct err *err) _must_check_;

/*
 * Gives each group above `path` a memory.low of the sum of what is below it: protection counts only as far as all above have it,
 * too (cgroup-v2.rst, "memory.low"). The group itself may be gone. For groups that are ctctl's own, not those of systemd's units.
 * Nothing happens where v2 has no memory controller.
 */
int cgroup_protect_parents(const char *path, struct err *err) _must_check_;

/*
 * A group's memory.low, and the sum of those directly below it, in bytes. 0 where there is none, no such group say, and for one
 * without a limit ("max").
 */
int cgroup_get_low(const char *path, uint64_t *ret_low, uint64_t *ret_sum, struct err *err) _must_check_;

/*
 * Could a group be made here with these limits? What the host cannot do is UNSUPPORTED, as in cgroup_create(). Changes nothing.
 */
int cgroup_check_limits(const struct cgroup_limits *limits, struct err *err) _must_check_;

/*
 * Ends every process in the group and below it, and waits until it is empty: cgroup.kill where there is one, else SIGKILL in
 * rounds; waits on cgroup.events. A missing group is a success.
 */
int cgroup_kill(const char *path, int timeout_ms, struct err *err) _must_check_;

/*
 * Waits until all in the group have ended by themselves, on a host with the unified hierarchy. A missing group is a success; else
 * -ETIMEDOUT.
 */
int cgroup_wait_empty(const char *path, int timeout_ms, struct err *err) _must_check_;

/*
 * Removes the group and what the guest made below it, in all hierarchies. A missing group is a success; one with processes is
 * -EBUSY.
 */
int cgroup_destroy(const char *path, struct err *err) _must_check_;

struct cgroup_usage {
	uint64_t memory_bytes;
	uint64_t cpu_usec;
	uint64_t n_pids;
};
/* Counters whose controller is missing are 0. */
int cgroup_get_usage(const char *path, struct cgroup_usage *ret, struct err *err) _must_check_;

/* Is there a process in the group or below it? False if the group is missing. */
bool cgroup_is_populated(const char *path);

/* Which controllers this host offers, for doctor: "cpu cpuset memory pids", and whether they are v2. */
struct cgroup_host {
	bool is_unified; /* controllers on v2 */
	bool has_v2;	 /* a cgroup2 mount exists at all */
	char controllers[256];
	char v2_mount[128];
};
int cgroup_probe_host(struct cgroup_host *ret, struct err *err) _must_check_;

/* Does this kernel take the program that keeps a guest of v2 to its devices? 0, or a negative errno. */
int cgroup_probe_devices(void) _must_check_;
