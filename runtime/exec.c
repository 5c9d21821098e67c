/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/exec.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/magic.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/proc.h"
#include "runtime/guest_priv.h"
#include "runtime/join.h"
#include "runtime/relay.h"
#include "runtime/terminal.h"

static const int forwarded[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH, 0 };

/* stdin to the terminal, the terminal to stdout; or the pipes that stand in for a stdout or stderr of ours that is a terminal. */
enum {
	RELAY_IN,
	RELAY_OUT,
	RELAY_ERR,
	N_RELAYS,
};

struct session {
	struct joined joined;
	struct relay relays[N_RELAYS];
	struct terminal terminal;
	int signal_fd;
	int pipes[3]; /* our ends of the pipes, -EBADF where there is none */
};

static void session_end(struct session *s)
{
	terminal_restore(&s->terminal);
	fd_close(&s->joined.pidfd);
	fd_close(&s->joined.master_fd);
	fd_close(&s->signal_fd);
	for (int i = 0; i < 3; i++)
		fd_close(&s->pipes[i]);
}

/*
 * What a guest may hold of ours: a pipe, which has nothing behind it, and /dev/null. All else gets a pipe in between. A file can
 * be read whole, cut and written anywhere through /proc/self/fd, however it was opened; a folder leads out of the guest; a socket
 * passes descriptors; a terminal takes keys (ioctl_tty(2), TIOCSTI).
 */
static bool is_for_guests(int fd)
{
	struct statfs fs;
	struct stat st;

	if (fstat(fd, &st) < 0)
		return false;
	if (S_ISCHR(st.st_mode))
		return st.st_rdev == makedev(1, 3);
	return S_ISFIFO(st.st_mode) && fstatfs(fd, &fs) == 0 && fs.f_type == PIPEFS_MAGIC;
}

static int prepare_stdio(struct session *s, struct join_spec *join, int guest_ends[3], struct err *err)
{
	for (int i = 0; i < 3; i++) {
		int fds[2], ours = i == 0 ? 1 : 0;

		join->stdio[i] = i;
		if (join->exec->tty || is_for_guests(i))
			continue;
		if (pipe2(fds, O_CLOEXEC) < 0)
			return err_sys(err, errno, "make a pipe");
		s->pipes[i] = fds[ours];
		join->stdio[i] = guest_ends[i] = fds[!ours];
		(void)!fd_set_nonblock(fds[ours], true);
	}
	/* A command that closes its stdin is no reason for us to end. */
	if (s->pipes[0] >= 0)
		signal(SIGPIPE, SIG_IGN);
	return 0;
}

static void connect_relays(struct session *s, bool tty)
{
	for (int i = 0; i < N_RELAYS; i++)
		relay_init(&s->relays[i], -1, -1);
	if (!tty) {
		relay_init(&s->relays[RELAY_IN], s->pipes[0] >= 0 ? 0 : -1, s->pipes[0]);
		relay_init(&s->relays[RELAY_OUT], s->pipes[1] >= 0 ? s->pipes[1] : -1, 1);
		relay_init(&s->relays[RELAY_ERR], s->pipes[2] >= 0 ? s->pipes[2] : -1, 2);
		return;
	}
	relay_init(&s->relays[RELAY_IN], 0, s->joined.master_fd);
	relay_init(&s->relays[RELAY_OUT], s->joined.master_fd, 1);
	terminal_raw(&s->terminal, 0);
}

static void pass_signals(struct session *s)
{
	int signo;

	while ((signo = terminal_next_signal(s->signal_fd))) {
		if (signo == SIGWINCH && s->joined.master_fd >= 0)
			terminal_copy_size(0, s->joined.master_fd);
		else if (proc_kill_pidfd(s->joined.pidfd, signo) < 0)
			return; /* it has ended: the loop sees that next */
	}
}

/*
 * An end on one side is one on the other: of our input, typed as the terminal's end-of-file character (termios(3), VEOF) or by
 * closing the pipe; of our output, by closing the pipe, so that the command does not wait for a reader.
 */
static void end_relay(struct session *s, int i)
{
	char eof = 4;

	if (s->joined.master_fd < 0)
		fd_close(&s->pipes[i]);
	else if (i == RELAY_IN && write(s->joined.master_fd, &eof, 1) < 0)
		return;
}

static void move_all(struct session *s, const struct pollfd *set, int n)
{
	for (int i = 0; i < N_RELAYS; i++) {
		bool was_open = s->relays[i].from >= 0;

		if (was_open && !relay_move(&s->relays[i], set, n))
			end_relay(s, i);
	}
}

/* Until the command has ended. */
static int run_session(struct session *s, int *ret_status, struct err *err)
{
	for (;;) {
		struct pollfd set[2 + N_RELAYS];
		int n = 2;

		set[0] = (struct pollfd){ .fd = s->joined.pidfd, .events = POLLIN };
		set[1] = (struct pollfd){ .fd = s->signal_fd, .events = POLLIN };
		for (int i = 0; i < N_RELAYS; i++)
			n = relay_poll(&s->relays[i], set, n);
		if (poll(set, (nfds_t)n, -1) < 0 && errno != EINTR)
			return err_sys(err, errno, "wait for the command");
		if (set[1].revents)
			pass_signals(s);
		move_all(s, set + 2, n - 2);
		if (set[0].revents)
			break;
	}
	relay_drain(&s->relays[RELAY_OUT]);
	relay_drain(&s->relays[RELAY_ERR]);

	int status;

	while (waitpid(s->joined.pid, &status, 0) < 0) {
		if (errno != EINTR)
			return err_sys(err, errno, "wait for the command");
	}
	*ret_status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	return 0;
}

static int find_running(const struct node *node, const char *name, struct guest **ret_guest, struct guest_run *ret_run,
			struct err *err)
{
	int r = guest_open(node, name, ret_guest, err);

	return r < 0 ? r : guest_need_running(*ret_guest, ret_run, err);
}

int guest_exec(const struct node *node, const char *name, const struct exec_spec *spec, int *ret_status, struct err *err)
{
	_cleanup_guest_ struct guest *guest = NULL;
	_cleanup_(session_end) struct session s = {
		.joined = { .pidfd = -EBADF, .master_fd = -EBADF },
		.terminal = { .fd = -1 },
		.signal_fd = -EBADF,
		.pipes = { -EBADF, -EBADF, -EBADF },
	};
	struct exec_spec exec = *spec;
	struct guest_run run;
	int guest_ends[3] = { -EBADF, -EBADF, -EBADF };
	int r = find_running(node, name, &guest, &run, err);

	if (r < 0)
		return r;
	exec.tty = spec->tty || isatty(0);

	_cleanup_free_ char *cgroup = guest_run_cgroup(guest);
	struct join_spec join = { .run = &run, .cgroup = cgroup, .exec = &exec };

	if (!cgroup)
		return err_oom(err);
	s.signal_fd = terminal_catch_signals(forwarded);
	if (s.signal_fd < 0)
		return err_sys(err, -s.signal_fd, "catch signals");
	join.signal_fd = s.signal_fd;
	r = prepare_stdio(&s, &join, guest_ends, err);
	if (r == 0)
		r = join_run(&join, &s.joined, err);
	for (int i = 0; i < 3; i++)
		fd_close(&guest_ends[i]);
	if (r < 0)
		return r;
	connect_relays(&s, exec.tty);
	return run_session(&s, ret_status, err);
}
