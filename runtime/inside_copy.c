/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "base/proc.h"
#include "base/str.h"
#include "netns/copied.h"
#include "runtime/exec.h"
#include "runtime/guest_priv.h"
#include "runtime/inside_priv.h"

/* For a command that only asks the service manager for something. */
#define JOURNAL_TIMEOUT_MS 20000

/* Only where there is a file: a guest without systemd has no machine-id, and needs none. One that is a link is left alone. */
static int replace_line(int etc, const char *name, const char *line, mode_t mode)
{
	_cleanup_free_ char *text = str_printf("%s\n", line);
	struct stat st;
	ssize_t n = text ? inside_read(etc, name, INSIDE_TEXT_MAX, NULL, &st) : -ENOMEM;

	if (n < 0)
		return n == -ENOENT || n == -ELOOP ? 0 : (int)n;
	return inside_replace(etc, name, text, &st, mode);
}

int inside_write_identity(int root_fd, const char *machine_id, const char *hostname, struct err *err)
{
	_cleanup_fd_ int etc = inside_open_dir(root_fd, "etc", false);
	size_t len = strcspn(machine_id, "\n");
	_cleanup_free_ char *id = strndup(machine_id, len);
	int r, next;

	if (etc < 0)
		return etc == -ENOENT ? 0 : err_sys(err, -etc, "open '/etc' of the guest");
	if (!id)
		return err_oom(err);
	r = replace_line(etc, "machine-id", id, 0444);
	next = replace_line(etc, "hostname", hostname, 0644);
	if (r < 0)
		return err_sys(err, -r, "write '/etc/machine-id'");
	return next < 0 ? err_sys(err, -next, "write '/etc/hostname'") : 0;
}

/* What is done in it, and what is found there, in memory that both have. */
struct deaf {
	bool is_found;
	unsigned int port;
	struct net_address address;
};
struct work {
	struct inside_start start;
	struct deaf *deaf;
};

static int work_inside(void *context, struct err *err)
{
	const struct work *w = context;
	_cleanup_fd_ int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct err ignored = ERR_INIT;

	if (root < 0)
		return err_sys(err, errno, "open the guest's root");
	inside_start_write(&w->start, root);
	w->deaf->is_found = net_copied_find_deaf(&w->deaf->address, &w->deaf->port, &ignored) == 1;
	return 0;
}

static void say_deaf(const struct guest *guest, const struct deaf *deaf)
{
	char text[NET_ADDRESS_ROOM];

	if (!deaf->is_found)
		return;
	net_address_format(&deaf->address, false, text);
	log_warning(
		guest->node->log,
		"guest '%s': a program in it waits for connections to %s port %u, an address of the guest that it is a copy of: "
		"configure and restart it there",
		guest->name, text, deaf->port);
}

/*
 * Its journald goes on writing under the old machine-id, where nobody looks for it, until it is started again. It loses nothing
 * by that: the service manager keeps its connections.
 */
static void restart_journal(const struct guest *guest)
{
	static const char *const argv[] = { "systemctl", "--no-block", "try-restart", "systemd-journald.service", NULL };
	struct exec_spec exec = { .argv = argv };
	struct err ignored = ERR_INIT;
	pid_t pid = fork();

	if (pid == 0) {
		int status = 0, null = open("/dev/null", O_RDWR | O_CLOEXEC);

		for (int i = 0; i < 3; i++) {
			if (dup2(null, i) < 0)
				_exit(EXIT_FAILED);
		}
		close(guest->lock_fd);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		_exit(guest_exec(guest->node, guest->name, &exec, &status, &ignored) < 0 || status != 0);
	}
	if (pid < 0)
		return;

	_cleanup_fd_ int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);

	/* A guest that holds it up does so on purpose, or hangs. */
	if (pidfd < 0 || proc_wait_pidfd(pidfd, JOURNAL_TIMEOUT_MS) < 0)
		kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		continue;
}

static int write_copy(const struct guest *guest, const struct net_plans *plans, struct err *err)
{
	void *shared = mmap(NULL, sizeof(struct deaf), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct work work = { .start = INSIDE_START_INIT, .deaf = shared };
	struct guest_run run;
	int r;

	if (shared == MAP_FAILED)
		return err_sys(err, errno, "share memory with the guest");
	r = guest_get_run(guest, &run, err);
	if (r > 0)
		r = inside_start_open(guest, plans, &work.start, err);
	if (r == 0)
		r = inside_run(guest, &run, work_inside, &work, err);
	if (r == 0) {
		inside_start_done(guest, &work.start);
		say_deaf(guest, work.deaf);
	}
	inside_start_close(&work.start);
	munmap(shared, sizeof(struct deaf));
	return r;
}

void inside_write_copy(const struct guest *guest, const struct net_plans *plans)
{
	struct err err = ERR_INIT;

	if (!path_exists_at(guest->dir_fd, PENDING_MACHINE_ID))
		return;
	if (write_copy(guest, plans, &err) < 0)
		log_warning(guest->node->log, "guest '%s': its files do not say yet who it is: its next start writes that: %s",
			    guest->name, err.msg);
	else if (guest->config.init && strcmp(guest->config.init, "systemd") == 0)
		restart_journal(guest);
}
