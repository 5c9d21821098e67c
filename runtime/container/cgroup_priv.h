/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/log.h"
#include "runtime/container/cgroup.h"
#include "runtime/container/cgroup_tree.h"

/*
 * The hierarchies of this host, and what the files of cgroup*.c share. A test gives a list of mounts of its own instead of the
 * host's.
 */
#define CGROUP_HIERARCHIES_MAX 20 /* more than the kernel has v1 controllers, a named one and v2 */

struct cgroup_hierarchy {
	bool is_v2;
	char controllers[256]; /* "cpu,cpuacct"; "name=systemd"; of v2: what its root offers, separated by commas, may be empty */
	char mount[128];
};

struct cgroup_map {
	struct cgroup_hierarchy h[CGROUP_HIERARCHIES_MAX]; /* v2 first, if there is one: what is in it can be killed by it */
	int n;
	bool by_library; /* create, set and read through libcgroup: it knows the host's real mounts and no others */
};

/* Fills the map from /proc/self/mountinfo; at least one hierarchy, or UNSUPPORTED. */
int cgroup_map_host(struct cgroup_map *ret, struct err *err) _must_check_;

/* Fills it from the text of a mountinfo file (proc_pid_mountinfo(5)). 0 or a negative errno. */
int cgroup_map_parse(struct cgroup_map *ret, const char *mountinfo) _must_check_;

/* The hierarchy with a controller, or NULL. */
const struct cgroup_hierarchy *cgroup_map_find(const struct cgroup_map *map, const char *controller);

/* The v2 mount, or NULL. */
const struct cgroup_hierarchy *cgroup_map_v2(const struct cgroup_map *map);

bool cgroup_has_controller(const struct cgroup_hierarchy *h, const char *controller);

/* Opens the folder of a group. -ENOENT if it is missing. */
int cgroup_open_group(const struct cgroup_hierarchy *h, const char *path) _must_check_;

/* For messages: "memory", "unified". */
const char *cgroup_hierarchy_name(const struct cgroup_hierarchy *h);

/* Files of a group, without libcgroup. A descriptor, 0, or a negative errno. */
int cgroup_open_file(const struct cgroup_hierarchy *h, const char *path, const char *file, int flags) _must_check_;
int cgroup_write(const struct cgroup_hierarchy *h, const char *path, const char *file, const char *value) _must_check_;
/* The first line; -E2BIG if it may be longer than there is room for. */
int cgroup_read(const struct cgroup_hierarchy *h, const char *path, const char *file, char *ret, size_t room) _must_check_;
bool cgroup_exists(const struct cgroup_hierarchy *h, const char *path);

/*
 * What an open cgroup.events of v2 says, "populated 1\nfrozen 0\n": is the event, a name and its value, among it? 1, 0, or a
 * negative errno; -ENODEV once the group was removed.
 */
#define CGROUP_EMPTY  "populated 0"
#define CGROUP_FROZEN "frozen 1"
int cgroup_says(int events_fd, const char *event) _must_check_;

/* Waits until it says so, or -ETIMEDOUT. `deadline` is of proc_now_ms(). */
int cgroup_wait_event(int events_fd, const char *event, uint64_t deadline) _must_check_;

/* Opens the group in the unified hierarchy: a descriptor. UNSUPPORTED without one. */
int cgroup_open_v2(const struct cgroup_map *map, const char *path, struct err *err) _must_check_;

/* Gives an open group of v2 away: the folder and its delegatable files (cgroup_delegate()). 0 or a negative errno. */
int cgroup_give(int dir_fd, uid_t uid, gid_t gid) _must_check_;

/* One value to be written. */
struct cgroup_setting {
	const struct cgroup_hierarchy *h;
	const char *controller;
	const char *file;
	const char *what; /* for messages: "memory limit" */
	bool is_optional; /* a group without that file is fine: it has no limit then */
	char value[160];
};

#define CGROUP_SETTINGS_MAX 48
struct cgroup_plan {
	struct cgroup_setting s[CGROUP_SETTINGS_MAX]; /* in the order in which the kernel takes them */
	int n;
};

/*
 * What has to be written to come from `old` to `limits`. `old` NULL: unknown, write all that the host has. A limit that the host
 * has no controller for is UNSUPPORTED.
 */
int cgroup_plan_limits(const struct cgroup_map *map, const struct cgroup_limits *old, const struct cgroup_limits *limits,
		       struct cgroup_plan *ret, struct err *err) _must_check_;
int cgroup_apply_plan(const struct cgroup_map *map, const char *path, const struct cgroup_plan *plan,
		      struct err *err) _must_check_;

/* Where a plan is being made: what the planners of cgroup_limits*.c share. */
struct cgroup_planner {
	const struct cgroup_map *map;
	struct cgroup_plan *plan;
	struct err *err;
};

/* Adds a value; the planners together add at most CGROUP_SETTINGS_MAX. The strings live as long as the program. */
struct cgroup_setting *cgroup_plan_add(struct cgroup_planner *p, const struct cgroup_hierarchy *h, const char *controller,
				       const char *what, const char *file, const char *fmt, ...) _printf_(6, 7);

/* 1 with *ret_h if the host has the controller; 0 if it has not and nothing is asked of it; else UNSUPPORTED. */
int cgroup_plan_need(struct cgroup_planner *p, const char *controller, const char *what, bool is_wanted,
		     const struct cgroup_hierarchy **ret_h) _must_check_;

/* The part of it that is about disks (cgroup_limits_io.c). */
int cgroup_plan_io(struct cgroup_planner *p, const struct cgroup_limits *old, const struct cgroup_limits *limits) _must_check_;

/* Lets the group have the devices of a guest and no others (cgroup_devices.c). */
int cgroup_allow_devices(const struct cgroup_map *map, const struct cgroup_spec *spec, struct err *err) _must_check_;

/* The public calls, on a given map. */
int cgroup_map_create(const struct cgroup_map *map, const struct cgroup_spec *spec, struct err *err) _must_check_;
int cgroup_map_attach(const struct cgroup_map *map, const char *path, pid_t pid, struct err *err) _must_check_;
int cgroup_map_join_open(const struct cgroup_map *map, const char *path, struct cgroup_join *ret, struct err *err) _must_check_;
int cgroup_map_delegate(const struct cgroup_map *map, const char *path, uid_t uid, gid_t gid, struct err *err) _must_check_;
int cgroup_map_set_limits(const struct cgroup_map *map, const char *path, const struct cgroup_limits *old,
			  const struct cgroup_limits *limits, struct err *err) _must_check_;
int cgroup_map_protect_parents(const struct cgroup_map *map, const char *path, struct err *err) _must_check_;
int cgroup_map_get_low(const struct cgroup_map *map, const char *path, uint64_t *ret_low, uint64_t *ret_sum,
		       struct err *err) _must_check_;
int cgroup_map_kill(const struct cgroup_map *map, const char *path, int timeout_ms, struct err *err) _must_check_;
int cgroup_map_destroy(const struct cgroup_map *map, const char *path, struct err *err) _must_check_;
int cgroup_map_get_usage(const struct cgroup_map *map, const char *path, struct cgroup_usage *ret, struct err *err) _must_check_;
int cgroup_map_tree_read(const struct cgroup_map *map, const char *path, struct cgroup_tree *ret, struct err *err) _must_check_;
int cgroup_map_tree_make(const struct cgroup_map *map, const char *path, const struct cgroup_tree *tree,
			 struct err *err) _must_check_;
int cgroup_map_tree_own(const struct cgroup_map *map, const char *path, const struct cgroup_tree *tree,
			struct err *err) _must_check_;
int cgroup_map_tree_enable(const struct cgroup_map *map, const char *path, const struct cgroup_tree *tree,
			   struct err *err) _must_check_;
int cgroup_map_tree_set(const struct cgroup_map *map, const char *path, const struct cgroup_tree *tree, const struct log *log,
			struct err *err) _must_check_;
int cgroup_map_freeze(const struct cgroup_map *map, const char *path, int timeout_ms, struct err *err) _must_check_;
int cgroup_map_thaw(const struct cgroup_map *map, const char *path, struct err *err) _must_check_;

/* Adds a group at the end of a tree; what cgroup_tree_parse() would not take is -EBADMSG. 0 or a negative errno. */
int cgroup_tree_add(struct cgroup_tree *tree, const struct cgroup_tree_node *node) _must_check_;

/*
 * The properties of an open group, as in a node: those that a fresh group has not, for the caller to free. 0 or a negative errno.
 * Those that are written are the ones that have to be there before a process is, or the others; what the kernel does not take is
 * said and left out.
 */
int cgroup_read_properties(int dir_fd, char **ret) _must_check_;
int cgroup_write_properties(int dir_fd, const struct cgroup_tree_node *node, bool at_birth, const struct log *log) _must_check_;
/* Would cgroup_read_properties() give such a list? */
bool cgroup_are_properties(const char *list);

/* libcgroup (cgroup_lib.c): makes the group in the hierarchies of `controllers` (NULL-terminated). */
int cgroup_lib_create(const char *path, const char *const *controllers, struct err *err) _must_check_;
/* Writes one value, of one line (-EINVAL otherwise). The errno is the kernel's. */
int cgroup_lib_set(const char *path, const char *controller, const char *file, const char *value) _must_check_;
/* Reads the first line of a file. 0 or a negative errno. */
int cgroup_lib_get(const char *path, const char *controller, const char *file, char *ret, size_t room) _must_check_;
