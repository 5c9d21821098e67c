/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/log.h"

/*
 * The groups that a guest made below its own in the unified hierarchy, recorded for a checkpoint and made again for a restore;
 * and standing still. In v1 hierarchies a guest makes none. All calls are made by the host's root; `path` is the guest's group as
 * in cgroup.h.
 *
 * CRIU makes missing groups itself, but gives only folders their owners, not the files in them, nor controllers to groups in
 * groups that a systemd watches (facts: it writes cgroup.subtree_control without the signs that the kernel wants). So they are
 * made before, and it finds them.
 */
struct cgroup_tree_node {
	char *path; /* below the guest's own: "system.slice/nginx.service"; "": that itself */
	uid_t uid;  /* on the host */
	gid_t gid;
	char *controllers; /* cgroup.subtree_control: "cpu memory pids"; "" */
	/*
	 * What the guest has set, of a fixed table of files, in its order: "cpu.max=30000 100000;pids.max=20". "" for its own
	 * group, whose limits are ctctl's. NULL is "".
	 */
	char *properties;
};

struct cgroup_tree {
	struct cgroup_tree_node *list; /* parents before children; the first is "" */
	size_t n;
};
#define CGROUP_TREE_INIT ((struct cgroup_tree){ .list = NULL })
void cgroup_tree_free(struct cgroup_tree *tree);

/*
 * Reads it from the kernel. How many and how deep a guest may make is limited (cgroup_delegate()); a tree that is larger all the
 * same, or has a name that no manifest can hold (cgroup_tree_print()), is exit status CHECKPOINT and named.
 */
int cgroup_tree_read(const char *path, struct cgroup_tree *ret, struct err *err) _must_check_;

/* Makes those that are missing, with their owners. The guest's own is there (cgroup_create()). */
int cgroup_tree_make(const char *path, const struct cgroup_tree *tree, struct err *err) _must_check_;

/*
 * Gives each group to whom it belonged: the folder and its delegatable files. The other files, which are the limits on the group,
 * belong to the owner of the group above: so it was, as he made it, and a guest's systemd could change none of them otherwise.
 * Never those of the guest's own group. When CRIU has given the folders their owners, before it puts processes into them.
 */
int cgroup_tree_own(const char *path, const struct cgroup_tree *tree, struct err *err) _must_check_;

/*
 * Hands the controllers down as recorded, and gives the files that come with them away as above; controllers that this host has
 * not are left out. Once no process is in an inner group any more.
 */
int cgroup_tree_enable(const char *path, const struct cgroup_tree *tree, struct err *err) _must_check_;

/*
 * Sets what the guest had set, once its processes and their memory are there, and before they run: what CRIU needs on the way,
 * in processes, memory and time, is more. What the kernel does not take, as it lacks the file, is left out, and said as a detail
 * (`log` may be NULL). That a group is threaded is part of cgroup_tree_make().
 */
int cgroup_tree_set(const char *path, const struct cgroup_tree *tree, const struct log *log, struct err *err) _must_check_;

/*
 * One line for each group, as text for a manifest, and back: "UID GID CONTROLLER,CONTROLLER PATH", and behind a blank the
 * properties if there are any; "-" for no controllers, "." for the guest's own group, which is the first. A path of anything but
 * [A-Za-z0-9_.:@\\-] and slashes, with "." or "..", absolute, too long or too deep, without its parent before it or twice, is
 * -EBADMSG in either direction, and so are properties of other files, with values of other characters than [a-z0-9 .,-], or of
 * more than 1024: the guest chose the names and the values.
 * (systemd escapes with "\\x2d".)
 */
int cgroup_tree_print(const struct cgroup_tree *tree, char **ret) _must_check_;
int cgroup_tree_parse(const char *text, struct cgroup_tree *ret) _must_check_;

/*
 * Stops every process of the group (cgroup.freeze of v2) and waits until they stand, by cgroup.events; thaws them again. Both are
 * successes if it is so already, and nothing is left to thaw of a missing group. A freeze that fails, or takes longer than
 * `timeout_ms` (-ETIMEDOUT), is undone. UNSUPPORTED without v2 or its freezer (Linux 5.2).
 */
int cgroup_freeze(const char *path, int timeout_ms, struct err *err) _must_check_;
int cgroup_thaw(const char *path, struct err *err) _must_check_;

/* The folder of the group in the unified hierarchy, for CRIU: the caller frees. */
int cgroup_v2_folder(const char *path, char **ret, struct err *err) _must_check_;
