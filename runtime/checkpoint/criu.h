/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"

struct cgroup_join;

/*
 * CRIU, driven by its RPC (criu.org/RPC; images/rpc.proto): a process `criu swrk FD` for each request, at the other end of a
 * socket pair. It asks us at each of its stages (notify), so that no script is run.
 *
 * Called by the host's root. The CRIU process is in a session of its own and does not end with its caller: one that is killed
 * amidst a dump leaves processes that it has half changed.
 */

/*
 * The stages that a caller may act on; others are answered "go on". pid is the root process's on the host, from
 * SETUP_NAMESPACES on. POST_RESTORE is the last at which CRIU itself hears of a failure and cleans up: on a later one of a
 * restore, CRIU and what it made are killed, and the folder of the images may keep an empty one, .criu.cgyard.XXXXXX. The
 * network is unlocked right after it, with the sockets in the same state.
 */
enum criu_stage {
	CRIU_NETWORK_LOCK,
	CRIU_NETWORK_UNLOCK,
	CRIU_SETUP_NAMESPACES,
	CRIU_POST_SETUP_NAMESPACES,
	CRIU_POST_RESTORE, /* all is restored and still stands */
	CRIU_PRE_RESUME,
	CRIU_POST_RESUME,
	CRIU_POST_DUMP, /* the images are written, and what the dump has made in the files of the processes is still there */
	CRIU_OTHER_STAGE,
};

/* A descriptor of ours that the restored processes get in place of one that was external: "tty[88:3]". */
struct criu_inherit {
	int fd;
	const char *key;
};

struct criu_request {
	int images_fd;	 /* the folder of the images, where its log goes, too */
	const char *log; /* "dump.log" */
	int timeout_s;	 /* of a dump: for the processes to stop. 0: CRIU's own, 10 */

	const char *const *externals; /* "mnt[/dev/null]:dev-null" */
	size_t n_externals;
	const struct criu_inherit *inherits;
	size_t n_inherits; /* at most 8 */

	pid_t pid;			 /* dump: the root of the tree */
	const struct cgroup_join *group; /* dump: where CRIU itself is to be; NULL: where the caller is */
	bool leave_running;		 /* dump: else CRIU ends what it saved */
	const char *freeze_cgroup;	 /* dump: a folder; CRIU leaves it frozen if it was */
	const char *cgroup_root;	 /* dump: recorded below it; restore: in its place. "/ctctl/web1", in every hierarchy */

	const char *root; /* restore: where the guest's root is mounted */

	/* May be NULL. A negative return ends the request with that error; it is not called again then. */
	int (*notify)(void *context, enum criu_stage stage, pid_t pid, struct err *err);
	void *context;
};

/*
 * Both calls are for processes with one thread, which start and reap no others of their own meanwhile but within `notify`.
 *
 * Saves a tree of processes: established TCP connections, file locks, deleted files and what a guest's systemd has, as the facts
 * on checkpoints have it. An error names CRIU's own reason, the last that its log has; its exit status is CHECKPOINT, or
 * UNSUPPORTED without CRIU.
 */
int criu_dump(const struct criu_request *request, struct err *err) _must_check_;

/*
 * Restores it as a child of the calling process (rst_sibling), in new namespaces, and lets it run. Returns its pid, or a negative
 * errno, exit status RESTORE: then nothing of it runs, if its root is the first process of a PID namespace. The caller's mount
 * namespace is where `root` is, its network namespace where external network devices are taken from.
 */
pid_t criu_restore(const struct criu_request *request, struct err *err) _must_check_;

/*
 * The program: CTCTL_CRIU of the environment, or where `make deps` has put it, or where Debian's package does. UNSUPPORTED, with
 * what to do, if it is not there. The path is not the caller's.
 */
int criu_find_program(const char **ret_path, struct err *err) _must_check_;

/*
 * 4.2 is the first that restores guests with user namespaces of their own from its own images: before, the range of groups
 * that may ping (net.ipv4.ping_group_range) was saved as the host counts them, and refused by the kernel at the restore.
 */
#define CRIU_MAJOR_MIN 4
#define CRIU_MINOR_MIN 2
struct criu_version {
	unsigned int major, minor;
};
/* Asks the program. UNSUPPORTED without one, or if it does not answer. */
int criu_get_version(struct criu_version *ret, struct err *err) _must_check_;
bool criu_version_does(const struct criu_version *version);

/* Is there one, and is it late enough? UNSUPPORTED, with what to do. */
int criu_check_program(struct err *err) _must_check_;
