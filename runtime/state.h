/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdint.h>

#include "base/err.h"
#include "base/proc.h"

/*
 * RUN/NAME/state: who the processes of a started guest are. It is written when the guest's init runs and removed when the last
 * trace of the guest is gone, so that its presence with a dead init means: clean up. That the guest runs is never believed from
 * it, but asked of the processes that it names.
 */
#define STATE_FILE     "state"
#define STATE_FILE_NEW ".state.new" /* of a monitor that was killed as it wrote it: fd_replace_file_at() */
#define BOOT_ID_ROOM   33
#define GROUP_ROOM     512
#define CONSOLE_ROOM   40

struct guest_run {
	struct proc_id init;
	struct proc_id monitor;
	char boot[BOOT_ID_ROOM]; /* random, 32 hexadecimal digits: tells one run of the guest from the next */
	uint64_t started_at;	 /* seconds since 1970 */
	uint64_t features;	 /* with which it was started: exec must use the same filter */
	uint64_t ids_first;
	char console[CONSOLE_ROOM]; /* its terminal, as CRIU names it: "tty[RDEV:DEV]", hexadecimal; "": lost, or not noted */
	char cgroup[GROUP_ROOM];    /* it lives there, whatever a later configuration or ctctl says; "": not noted */
};

/* Atomic, not durable: /run does not outlive the host. */
int state_write(int run_fd, const struct guest_run *run, struct err *err) _must_check_;

/* 1 and the state (of an earlier boot of the host: with pids of 0, which are nobody), 0 if there is none, or a negative errno. */
int state_read(int run_fd, struct guest_run *ret, struct err *err) _must_check_;
