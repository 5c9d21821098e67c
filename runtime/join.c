/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/join.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <linux/magic.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/proc.h"
#include "base/str.h"
#include "base/sync.h"
#include "runtime/container/caps.h"
#include "runtime/container/cgroup.h"
#include "runtime/container/rlimits.h"
#include "runtime/container/seccomp.h"
#include "runtime/join_clone.h"
#include "runtime/join_user.h"
#include "runtime/params.h"
#include "runtime/terminal.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

#define JOIN_READY 1 /* the one stage: all but exec is done */

/* Where the descriptors that it keeps are moved to. */
enum {
	FD_SYNC = 3,
	FD_INIT = 4, /* the pidfd of the guest's init */
	FD_KEEP_END,
};

static int place(int fd, int where)
{
	return dup3(fd, where, O_CLOEXEC) < 0 ? -errno : 0;
}

/* 0, 1, 2, the socket and the pidfd; everything else of ours is closed before the guest is entered. */
static int keep_only(const struct join_spec *spec, int sync_fd, int init_fd)
{
	int from[5] = { spec->stdio[0], spec->stdio[1], spec->stdio[2], sync_fd, init_fd };

	for (int i = 0; i < 5; i++) {
		from[i] = fcntl(from[i], F_DUPFD_CLOEXEC, FD_KEEP_END);
		if (from[i] < 0)
			return -errno;
	}
	for (int i = 0; i < 3; i++) {
		if (dup2(from[i], i) < 0)
			return -errno;
	}

	int r = place(from[3], FD_SYNC);

	if (r == 0)
		r = place(from[4], FD_INIT);
	if (r == 0 && syscall(SYS_close_range, FD_KEEP_END, ~0U, 0) < 0)
		r = -errno;
	return r;
}

/* Those in which it was not born (join_clone.h). */
static int enter_namespaces(struct err *err)
{
	int rest = CLONE_NEWUSER | CLONE_NEWCGROUP;

	if (setns(FD_INIT, rest | CLONE_NEWTIME) == 0)
		return 0;
	/* A kernel without time namespaces. */
	if (errno == EINVAL && setns(FD_INIT, rest) == 0)
		return 0;
	return err_exit(err, EXIT_NOT_RUNNING, errno, "enter the guest: %s", strerror(errno));
}

/*
 * A terminal of the guest's own. What is at /dev/ptmx is the guest's choice: it must be the multiplexer of a devpts, whose other end is then asked of the terminal itself
 * and not of a path (TIOCGPTPEER).
 */
static int open_terminal(int *ret_master, struct err *err)
{
	_cleanup_fd_ int master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	struct statfs fs;
	int unlocked = 0;

	if (master < 0)
		return err_sys(err, errno, "open the guest's /dev/ptmx");
	if (fstatfs(master, &fs) < 0 || fs.f_type != DEVPTS_SUPER_MAGIC || ioctl(master, TIOCSPTLCK, &unlocked) < 0)
		return err_set(err, ENOTTY, "the guest's /dev/ptmx is no terminal multiplexer");

	_cleanup_fd_ int slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);

	if (slave < 0)
		return err_sys(err, errno, "open a terminal in the guest");
	if (ioctl(slave, TIOCSCTTY, 0) < 0)
		return err_sys(err, errno, "take the terminal in the guest");
	for (int i = 0; i < 3; i++) {
		if (dup2(slave, i) < 0)
			return err_sys(err, errno, "connect the terminal in the guest");
	}
	*ret_master = TAKE_FD(master);
	return 0;
}

static int own_terminal(const struct join_user *user, struct err *err)
{
	/* tty(4): the user owns the terminal, the group tty (5) may write to it. */
	if (fchown(0, user->uid, 5) < 0 && fchown(0, user->uid, user->gid) < 0)
		return err_sys(err, errno, "give the terminal to '%s'", user->name);
	return 0;
}

static int confine(uint64_t features, struct err *err)
{
	struct seccomp_policy policy = {
		.nesting = features >> FEATURE_NESTING & 1,
		.io_uring = features >> FEATURE_IO_URING & 1,
		.ia32_sockets = features >> FEATURE_IA32_SOCKETS & 1,
	};
	int r;

	if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) < 0 && errno != ENOSYS)
		return err_sys(err, errno, "make a session keyring");
	r = rlimits_reset(err);
	if (r == 0)
		r = caps_drop(err);
	return r < 0 ? r : seccomp_install(&policy, err);
}

/* HOME, USER, PATH, TERM and what the caller gave; nothing of the caller's own environment but TERM, and that only for a terminal. */
static char **build_env(const struct exec_spec *exec, const struct join_user *user)
{
	const char *term = exec->tty ? getenv("TERM") : NULL;
	size_t n = 0, used = 0;

	while (exec->env && exec->env[n])
		n++;

	char **env = calloc(n + 8, sizeof(*env));

	if (!env)
		return NULL;
	env[used++] = str_printf("PATH=%s", PROC_PATH);
	env[used++] = str_printf("HOME=%s", user->home);
	env[used++] = str_printf("USER=%s", user->name);
	env[used++] = str_printf("LOGNAME=%s", user->name);
	env[used++] = str_printf("SHELL=%s", user->shell);
	env[used++] = str_printf("container=ctctl");
	if (exec->tty)
		env[used++] = str_printf("TERM=%s", term ? term : "linux");
	for (size_t i = 0; i < used; i++) {
		if (!env[i])
			return NULL;
	}
	for (size_t i = 0; i < n; i++)
		env[used++] = (char *)exec->env[i];
	return env;
}

static int change_dir(const struct exec_spec *exec, const struct join_user *user, struct err *err)
{
	if (exec->dir)
		return chdir(exec->dir) < 0 ? err_sys(err, errno, "change to the guest's folder '%s'", exec->dir) : 0;
	return chdir(user->home) < 0 && chdir("/") < 0 ? err_sys(err, errno, "change to the guest's /") : 0;
}

/* execvp() would search in our PATH: the guest's is the one in the new environment. */
static int search_and_exec(const char *const *argv, char **env, struct err *err)
{
	const char *name = argv[0];
	char dirs[] = PROC_PATH, *rest = NULL;
	int code = ENOENT;

	if (strchr(name, '/')) {
		execve(name, (char *const *)argv, env);
		code = errno;
	}
	for (char *d = strchr(name, '/') ? NULL : strtok_r(dirs, ":", &rest); d; d = strtok_r(NULL, ":", &rest)) {
		_cleanup_free_ char *path = str_printf("%s/%s", d, name);

		if (!path)
			return err_oom(err);
		execve(path, (char *const *)argv, env);
		if (errno != ENOENT && errno != ENOTDIR)
			code = errno;
	}
	return err_exit(err, code == ENOENT ? EXIT_EXEC_NOT_FOUND : EXIT_EXEC_NOT_EXECUTABLE, code, "run '%s' in the guest: %s",
			name, strerror(code));
}

static int become_command(const struct join_spec *spec, const struct join_user *user, struct err *err)
{
	const struct exec_spec *exec = spec->exec;
	const char *base = strrchr(user->shell, '/');
	_cleanup_free_ char *login = str_printf("-%s", base ? base + 1 : user->shell);
	char **env = build_env(exec, user);

	if (!env || !login)
		return err_oom(err);

	int r = change_dir(exec, user, err);

	if (r < 0)
		return r;
	syscall(SYS_close_range, FD_INIT, ~0U, 0);
	if (exec->argv)
		return search_and_exec(exec->argv, env, err);

	/* A name that begins with '-' makes it a login shell (bash(1), INVOCATION). */
	char *const argv[] = { login, NULL };

	execve(user->shell, argv, env);
	return err_exit(err, EXIT_EXEC_NOT_FOUND, errno, "run the shell '%s' in the guest: %s", user->shell, strerror(errno));
}

static int child_main(const struct join_spec *spec, struct err *err)
{
	struct join_user user;
	_cleanup_fd_ int master = -EBADF;
	int r;

	/* In the caller's session, /dev/tty in the guest would be the caller's terminal. */
	if (setsid() < 0)
		return err_sys(err, errno, "make a session");
	r = enter_namespaces(err);
	/* Root of the guest first: the terminal is opened and the user looked up with its rights, not with the host's. */
	if (r == 0 && (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0))
		r = err_sys(err, errno, "become the guest's root");
	/* The change of credentials has set it to fs.suid_dumpable, which may be 1 on a host where somebody debugs. */
	if (r == 0 && prctl(PR_SET_DUMPABLE, 0) < 0)
		r = err_sys(err, errno, "hide from the guest");
	if (r == 0 && spec->exec->tty)
		r = open_terminal(&master, err);
	if (r == 0)
		r = join_user_find(spec->exec->user, &user, err);
	if (r == 0 && spec->exec->tty)
		r = own_terminal(&user, err);
	if (r == 0)
		r = confine(spec->run->features, err);
	if (r == 0)
		r = join_user_become(&user, err);
	if (r < 0)
		return r;
	umask(0022);
	r = sync_send(FD_SYNC, JOIN_READY, 0, master);
	if (r < 0)
		return err_sys(err, -r, "tell ctctl");
	return become_command(spec, &user, err);
}

struct birth {
	const struct join_spec *spec;
	struct cgroup_join group;
	int sync_fd;
	int init_fd;
};

static void child(const void *context)
{
	const struct birth *birth = context;
	struct err err = ERR_INIT;
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	for (int s = 1; s < NSIG; s++)
		signal(s, SIG_DFL);

	int r = cgroup_join_self(&birth->group);

	if (r == 0)
		r = keep_only(birth->spec, birth->sync_fd, birth->init_fd);
	if (r < 0) {
		(void)!err_sys(&err, -r, "leave ctctl's groups and descriptors");
		sync_send_error(birth->sync_fd, JOIN_READY, &err);
		_exit(EXIT_FAILED);
	}
	/* Returns if it failed. */
	(void)!child_main(birth->spec, &err);
	sync_send_error(FD_SYNC, JOIN_READY, &err);
	_exit(EXIT_FAILED);
}

/*
 * A guest can hold its process up at every step, by a frozen group or a file system that does not answer: what the user sends to end the wait ends it. A change of the
 * window's size is seen to when there is a terminal.
 */
static int await_message(int fd, int signal_fd, struct err *err)
{
	struct pollfd set[] = { { .fd = fd, .events = POLLIN }, { .fd = signal_fd, .events = POLLIN } };

	for (;;) {
		if (poll(set, ARRAY_SIZE(set), -1) < 0 && errno != EINTR)
			return err_sys(err, errno, "wait for the command");
		if (set[0].revents)
			return 0;

		int signo = set[1].revents ? terminal_next_signal(signal_fd) : 0;

		if (signo != 0 && signo != SIGWINCH)
			return err_exit(err, EXIT_FAILED, EINTR, "interrupted by signal %d before the guest ran the command",
					signo);
	}
}

/* READY and then the end of file, or an error before or after READY. */
static int await_exec(int fd, const struct join_spec *spec, struct joined *ret, struct err *err)
{
	struct sync_msg msg;
	int r = await_message(fd, spec->signal_fd, err);

	if (r == 0)
		r = sync_expect(fd, JOIN_READY, "the command's process", "ready", NULL, spec->exec->tty ? &ret->master_fd : NULL,
				err);
	if (r == 0)
		r = await_message(fd, spec->signal_fd, err);
	if (r < 0)
		return r;

	ssize_t n = fd_recv(fd, &msg, sizeof(msg), NULL, NULL);

	if (n == 0)
		return 0;
	if (n == (ssize_t)sizeof(msg) && msg.failed) {
		*err = msg.err;
		return -msg.err.code;
	}
	return err_sys(err, n < 0 ? (int)-n : EPROTO, "wait for the command");
}

/* The group may be given a child's controllers, and so be closed to processes, at any moment: then the group to join is found anew (cgroup_join_open()). */
static pid_t clone_child(const struct join_spec *spec, int fds[2], int init_fd, int *ret_pidfd, struct err *err)
{
	for (int tries = 0;; tries++) {
		struct birth birth = { .spec = spec, .group = CGROUP_JOIN_INIT, .sync_fd = fds[1], .init_fd = init_fd };
		int r = cgroup_join_open(spec->cgroup, &birth.group, err);

		if (r < 0)
			return r;

		pid_t pid = join_clone(init_fd, birth.group.v2_fd, child, &birth, ret_pidfd);

		cgroup_join_close(&birth.group);
		if (pid == -EBUSY && tries < 3)
			continue;
		return pid < 0 ? err_exit(err, EXIT_NOT_RUNNING, -pid, "enter the guest: %s", strerror(-pid)) : pid;
	}
}

int join_run(const struct join_spec *spec, struct joined *ret, struct err *err)
{
	_cleanup_fd_ int init_fd = proc_open(&spec->run->init);
	int fds[2];

	*ret = (struct joined){ .pidfd = -EBADF, .master_fd = -EBADF };
	if (init_fd < 0)
		return err_exit(err, EXIT_NOT_RUNNING, -init_fd, "the guest is not running");
	/*
	 * From the moment that the child is in the guest's PID namespace, its processes see it: not dumpable, it shows them neither its memory nor its program nor its descriptors
	 * (ptrace(2), "Ptrace access mode checking"; the lesson of CVE-2016-9962 and CVE-2019-5736). The command that it becomes is the guest's own again.
	 */
	if (prctl(PR_SET_DUMPABLE, 0) < 0)
		return err_sys(err, errno, "hide from the guest");

	/* A session that the host's OOM killer spares must not hand that on; to give it up is always allowed, and it is ours to give. */
	(void)!fd_write_file_at(AT_FDCWD, "/proc/self/oom_score_adj", "0");

	int r = sync_pair(fds);

	if (r < 0)
		return err_sys(err, -r, "make a socket pair");
	ret->pid = clone_child(spec, fds, init_fd, &ret->pidfd, err);
	close(fds[1]);
	r = ret->pid < 0 ? ret->pid : await_exec(fds[0], spec, ret, err);
	close(fds[0]);
	if (r < 0 && ret->pid > 0) {
		(void)!proc_kill_pidfd(ret->pidfd, SIGKILL);
		waitpid(ret->pid, NULL, 0);
		fd_close(&ret->pidfd);
		fd_close(&ret->master_fd);
	}
	return r;
}
