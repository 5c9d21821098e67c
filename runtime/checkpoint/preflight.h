/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"
#include "runtime/guest.h"

/*
 * What would keep a running guest from being saved, asked before anything is done to it: for `check-migrate`, and for whoever is
 * about to move it. Nothing in the guest stands, is traced or is opened: what its processes have is read in the host's /proc, and
 * asked of the kernel in its network namespace.
 *
 * What counts is what CRIU 4.2.1 does, tried for each kind (tests/integration/check-migrate.bats), not what is said of it. It is
 * a look at one moment: what comes later is not in it, and a few things that only CRIU gets to see are not either (docs,
 * ARCHITECTURE.md).
 */
enum preflight_severity {
	PREFLIGHT_OBSTACLE, /* a suspend fails, or the resume after it */
	PREFLIGHT_NOTICE,   /* it does not, but something is lost that somebody may miss */
};

/* The kinds of what can be found, in the order in which they are shown: preflight.def. */
enum preflight_kind {
#define KIND(id, word, severity, why, remedy) PREFLIGHT_##id,
#include "runtime/checkpoint/preflight.def"
#undef KIND
	PREFLIGHT_KINDS,
};

struct preflight_kind_row {
	const char *word; /* for programs: "tcp-backlog" */
	enum preflight_severity severity;
	const char *why;    /* a sentence without a full stop */
	const char *remedy; /* what to do about it */
};
const struct preflight_kind_row *preflight_kind_row(enum preflight_kind kind);

/* Its strings are the guest's, and may hold anything but a zero: not to be printed as they are. */
struct finding {
	enum preflight_kind kind;
	pid_t pid;	  /* in the guest; 0: it is none of one process */
	char command[32]; /* of that process: its comm; "" with pid 0 */
	int fd;		  /* -1: it is no descriptor */
	char what[200];	  /* the thing, cut if longer */
};

/* At most so many of one kind are kept; how many there are is counted all the same. A guest may have millions. */
#define FINDINGS_OF_KIND_MAX 50

struct findings {
	struct finding *list; /* in the order of their kinds, then as found */
	size_t n;
	size_t n_of_kind[PREFLIGHT_KINDS]; /* all, those that are not in the list too */
};
#define FINDINGS_INIT ((struct findings){ .list = NULL })
void findings_free(struct findings *findings);

size_t findings_count(const struct findings *findings, enum preflight_severity severity);

/*
 * Looks at a guest; takes no lock. One that does not run has nothing in the way: no findings. A process or descriptor that ends
 * meanwhile is passed over. Called by the host's root in the host's namespaces, as a single thread; should it not get back into
 * the host's network namespace, the error says so (exit status SYSTEM), and the caller must do nothing else but end. What is
 * found is no error. findings_free() is the caller's, also after one.
 */
int preflight_guest(const struct guest *guest, struct findings *ret, struct err *err) _must_check_;

/*
 * Of a guest that stands (cgroup_freeze()), what would have CRIU wait until its time is over, and the guest stand so long: -EBUSY
 * if one process traces another, -EAGAIN if one waits for its child to run a program, which it has done a moment later in nearly
 * all cases. Exit status CHECKPOINT; the message names the process. 12 ms with 500 processes.
 */
struct guest_run;
int preflight_check_standing(const struct guest *guest, const struct guest_run *run, struct err *err) _must_check_;
