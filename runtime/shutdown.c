/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/shutdown.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/proc.h"
#include "runtime/checkpoint/images.h"
#include "runtime/lifecycle.h"

enum shutdown_action shutdown_action_of(const struct node *node, const struct guest_config *config)
{
	return config->on_shutdown == SHUTDOWN_UNSET ? node->on_shutdown : (enum shutdown_action)config->on_shutdown;
}

int shutdown_has_saved(const struct guest *guest, struct err *err)
{
	_cleanup_(checkpoint_manifest_free) struct checkpoint_manifest manifest = { 0 };

	if (!checkpoint_exists(guest))
		return 0;

	_cleanup_fd_ int images = checkpoint_open(guest, &manifest, err);

	/* Somebody has just let it go on. */
	if (images == -ENOENT)
		return 0;
	return images < 0 ? images : manifest.for_shutdown != 0;
}

static _Noreturn void suspend_and_exit(const struct node *node, const char *name)
{
	struct err err = ERR_INIT;

	/* Who is killed with us below is killed with our parent, too. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);

	int r = guest_suspend_for_shutdown(node, name, &err);

	if (r < 0)
		log_warning(node->log, "suspend of guest '%s' for the shutdown: %s", name, err.msg);
	_exit(r < 0);
}

/* Ends what takes too long. 0 if it is over, a negative errno if nobody knows. */
static int wait_until(const struct node *node, const char *name, int pidfd, uint64_t deadline_ms)
{
	uint64_t now = proc_now_ms(), left = deadline_ms > now ? deadline_ms - now : 0;
	int r = proc_wait_pidfd(pidfd, left > INT_MAX ? INT_MAX : (int)left);

	if (r != -ETIMEDOUT)
		return r;
	log_warning(node->log, "guest '%s' could not be saved in time: suspend-timeout is %" PRIu64 " s for all guests together",
		    name, node->suspend_timeout_s);
	return proc_kill_pidfd(pidfd, SIGKILL);
}

/*
 * In a process of its own, which can be ended in the middle of it: a suspend that was killed anywhere is finished or undone by
 * who takes the guest's lock next.
 */
static bool save_until(const struct node *node, const char *name, uint64_t deadline_ms)
{
	_cleanup_fd_ int pidfd = -EBADF;
	pid_t pid = proc_clone(0, -1, &pidfd);
	int status = -1;

	if (pid == 0)
		suspend_and_exit(node, name);
	if (pid < 0)
		return false;
	if (wait_until(node, name, pidfd, deadline_ms) < 0)
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		continue;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static int stop_instead(const struct node *node, const char *name, bool *ret_saved, struct err *err)
{
	const struct guest_stop_spec spec = { .timeout_s = -1 };
	int r = guest_stop(node, name, &spec, NULL, err);

	/* What failed, or was ended, had come past its point of no return. */
	if (r < 0 && err->exit == EXIT_SUSPENDED) {
		*ret_saved = true;
		return 0;
	}
	if (r == 0)
		log_warning(node->log, "guest '%s' was stopped instead of suspended", name);
	return r;
}

int guest_shut_down(const struct node *node, const char *name, enum shutdown_action action, uint64_t deadline_ms, bool *ret_saved,
		    struct err *err)
{
	const struct guest_stop_spec spec = { .timeout_s = -1 };

	*ret_saved = false;
	if (action != SHUTDOWN_SUSPEND)
		return guest_stop(node, name, &spec, NULL, err);
	*ret_saved = save_until(node, name, deadline_ms);
	return *ret_saved ? 0 : stop_instead(node, name, ret_saved, err);
}
