/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "runtime/node.h"

/* Running a command in a guest, and its console. Both take no lock that waits. */
struct exec_spec {
	const char *const *argv; /* NULL-terminated; NULL: a login shell of the user */
	const char *user;	 /* name or UID[:GID] in the guest; NULL: root */
	const char *dir;	 /* working folder; NULL: the user's home, or / */
	const char *const *env;	 /* additional "NAME=value", NULL-terminated; may be NULL */
	bool tty;		 /* a terminal of the guest's own for the command; the caller's 0 and 1 are connected to it */
};

/*
 * Runs it with the caller's stdin, stdout and stderr and waits. *ret_status is its exit status, 128 + N if signal N ended it; 126
 * and 127 as a shell has them. SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2 and SIGWINCH of the caller are passed on.
 * NOT_RUNNING if the guest does not run.
 *
 * Nothing of the host gets in but the bytes of these three (a pipe and /dev/null are handed on as they are, all else is copied
 * through a pipe): no environment, no other descriptor, no keyring, no controlling terminal (with `tty`, or where stdin is a
 * terminal, it gets one of the guest's own), and the process cannot be traced from inside before it has become the command.
 */
int guest_exec(const struct node *node, const char *name, const struct exec_spec *spec, int *ret_status,
	       struct err *err) _must_check_;

/*
 * Connects the caller's terminal (0 and 1) with the guest's console until `detach` (a control character such as 0x01, then 'q')
 * is typed or the guest stops. If 0 is no terminal, copies until its end of file. First shows the last of the console's log.
 */
int guest_console(const struct node *node, const char *name, char detach, struct err *err) _must_check_;

/*
 * The bounded log of the console, oldest first, which the caller frees. Also of a stopped guest. The guest wrote it: any byte can
 * be in it, NUL too (programs pad with it), therefore the length; a NUL stands behind the last byte.
 */
int guest_console_log(const struct node *node, const char *name, char **ret, size_t *ret_len, struct err *err) _must_check_;
