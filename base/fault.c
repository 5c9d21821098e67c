/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/fault.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int is_chosen(const char *variable, const char *name)
{
	const char *chosen = secure_getenv(variable);

	return chosen && strcmp(chosen, name) == 0;
}

int fault_point(const char *name, struct err *err)
{
	if (is_chosen("CTCTL_FAULT_KILL", name)) {
		kill(getpid(), SIGKILL);
		/* The first process of a PID namespace is immune to its own signals (pid_namespaces(7)). */
		_exit(128 + SIGKILL);
	}
	if (is_chosen("CTCTL_FAULT_FAIL", name)) {
		unsetenv("CTCTL_FAULT_FAIL");
		return err_set(err, EIO, "fault injected at '%s'", name);
	}
	return 0;
}
