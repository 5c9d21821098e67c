/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/proc.h"
#include "runtime/node.h"
#include "runtime/params.h"

/*
 * One guest: its name, its configuration, its state.
 *
 *   GUESTS/NAME/guest.conf     what was set; edited by hand or by `ctctl set`
 *   GUESTS/NAME/journal        an interrupted create, destroy, or restore of a checkpoint
 *   GUESTS/NAME/console.log    the last of what its console said
 *   GUESTS/NAME/checkpoint     what a suspended guest had in memory: checkpoint/images.h
 *   GUESTS/NAME/checkpoints    what it can go back to: checkpoint/archive.h
 *   RUN/NAME/lock              held by whoever changes it
 *   RUN/NAME/state             of the running guest: its init, its monitor
 *   RUN/NAME/journal           an interrupted start, set or reboot
 */
#define GUEST_NAME_ROOM 64

struct guest {
	const struct node *node;
	char name[GUEST_NAME_ROOM];
	int dir_fd;	    /* GUESTS/NAME */
	int run_fd;	    /* RUN/NAME */
	int lock_fd;	    /* -EBADF for readers */
	bool was_restarted; /* when it was opened to be changed: an interrupted reboot was finished */
	struct guest_config config;
};

/* Opens a guest to read. Takes no lock, so it never waits. Exit status NO_GUEST, BAD_CONFIG. */
int guest_open(const struct node *node, const char *name, struct guest **ret, struct err *err) _must_check_;

/*
 * Opens a guest to change it: takes its lock (exit status LOCKED if it is busy, unless `wait`), finishes or undoes what an
 * interrupted operation left, says so to the node's log, then reads the configuration. `verb` is what the lock is noted for.
 * To finish a guest's own reboot is to start it, even if the command is a `set`: see was_restarted.
 */
int guest_open_locked(const struct node *node, const char *name, const char *verb, bool wait, struct guest **ret,
		      struct err *err) _must_check_;

void guest_close(struct guest *guest);
static inline void cleanup_guest(struct guest **g)
{
	guest_close(*g);
}
#define _cleanup_guest_ __attribute__((cleanup(cleanup_guest)))

/* What a caller wants set: pairs as written on the command line. */
struct guest_setting {
	const struct param *param;
	const char *value;
	const char *interface; /* of a parameter of interface.def; NULL: eth0 */
};

/* Every guest's name, in no order; stops at a negative return of `each` and passes it on. */
int guest_each(const struct node *node, int (*each)(void *context, const char *name), void *context,
	       struct err *err) _must_check_;

/* X(NAME, "word"): what a guest is doing; asked of the kernel, not of a file. */
#define GUEST_STATES(X)                                                                        \
	X(STOPPED, "stopped")                                                                  \
	X(RUNNING, "running")                                                                  \
	X(UNMONITORED, "unmonitored") /* running, but its monitor was killed: see `restart` */ \
	X(SUSPENDED, "suspended")     /* saved on the disk: `start` lets it go on */           \
	X(BROKEN, "broken")	      /* an interrupted create or destroy, or an unreadable guest.conf */

enum guest_state {
#define X(name, word) GUEST_##name,
	GUEST_STATES(X)
#undef X
};
const char *guest_state_word(enum guest_state state);

struct guest_status {
	enum guest_state state;
	pid_t init_pid; /* on the host; 0 unless running */
	pid_t monitor_pid;
	uint64_t started_at; /* seconds since 1970; 0 unless running */
	uint64_t memory_bytes;
	uint64_t cpu_usec;
	uint64_t n_pids;
	uint64_t disk_bytes; /* used; valid if has_disk */
	bool has_disk;
	uint64_t checkpoint_bytes; /* on the disk, beside disk_bytes; 0 unless suspended */
	uint64_t suspended_at;	   /* as started_at; 0 unless suspended */
	uint64_t n_checkpoints;	   /* that it can go back to */
	char busy[64];		   /* "stop by 1234" while someone holds the lock, else "" */
};

/* The state alone (cheap: two small files), or with usage. */
int guest_get_state(const struct guest *guest, struct guest_status *ret, struct err *err) _must_check_;
int guest_get_usage(const struct guest *guest, struct guest_status *io, struct err *err) _must_check_;
