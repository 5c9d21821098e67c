/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/magic.h>
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
#include <termios.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/proc.h"
#include "base/str.h"
#include "base/sync.h"
#include "runtime/container/confine.h"
#include "runtime/container/container.h"
#include "runtime/join_priv.h"
#include "runtime/join_user.h"
#include "runtime/terminal.h"

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
 * A terminal of the guest's own. What is at /dev/ptmx is the guest's choice: it must be the multiplexer of a devpts, whose other
 * end is then asked of the terminal itself and not of a path (TIOCGPTPEER).
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
	/* Before the command can look; 0 is the caller's terminal still. */
	terminal_copy_size(0, slave);
	for (int i = 0; i < 3; i++) {
		if (dup2(slave, i) < 0)
			return err_sys(err, errno, "connect the terminal in the guest");
	}
	*ret_master = TAKE_FD(master);
	return 0;
}

static int own_terminal(const struct join_user *user, struct err *err)
{
	if (fchown(0, user->uid, CT_TTY_GID) < 0 && fchown(0, user->uid, user->gid) < 0)
		return err_sys(err, errno, "give the terminal to '%s'", user->name);
	return 0;
}

/*
 * HOME, USER, PATH, TERM and what the caller gave; nothing of the caller's own environment but TERM, and that only for a
 * terminal.
 */
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

/* Root of the guest, with its rights and not the host's, in all its namespaces. */
static int become_guest_root(struct err *err)
{
	/* In the caller's session, /dev/tty in the guest would be the caller's terminal. */
	if (setsid() < 0)
		return err_sys(err, errno, "make a session");

	int r = enter_namespaces(err);

	if (r < 0)
		return r;
	if (setgroups(0, NULL) < 0 || setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
		return err_sys(err, errno, "become the guest's root");
	/* The change of credentials has set it to fs.suid_dumpable, which may be 1 on a host where somebody debugs. */
	if (prctl(PR_SET_DUMPABLE, 0) < 0)
		return err_sys(err, errno, "hide from the guest");
	return 0;
}

/* The terminal is opened and the user looked up with the rights of the guest's root. */
static int run_command(const struct join_spec *spec, struct err *err)
{
	_cleanup_fd_ int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	_cleanup_fd_ int master = -EBADF;
	struct join_user user;
	int r = spec->exec->tty ? open_terminal(&master, err) : 0;

	if (r == 0)
		r = join_user_find(root, spec->exec->user, &user, err);
	if (r == 0 && spec->exec->tty)
		r = own_terminal(&user, err);
	if (r == 0)
		r = confine_process(spec->run->features, err);
	if (r == 0)
		r = join_user_become(root, &user, err);
	if (r < 0)
		return r;
	umask(0022);
	r = sync_send(FD_SYNC, JOIN_READY, 0, master);
	if (r < 0)
		return err_sys(err, -r, "tell ctctl");
	return become_command(spec, &user, err);
}

/* Nobody is left in the guest who works for a ctctl that is gone: if that was before, it has the end of file now. */
static int die_with_ctctl(struct err *err)
{
	struct pollfd end = { .fd = FD_SYNC };

	/* A change of credentials would have cleared it (prctl(2)). */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return err_sys(err, errno, "die with ctctl");
	if (poll(&end, 1, 0) > 0 && end.revents & POLLHUP)
		return err_set(err, EPIPE, "ctctl is gone");
	return 0;
}

static int run_work(const struct join_spec *spec, struct err *err)
{
	int r = die_with_ctctl(err);

	if (r == 0)
		r = confine_process(spec->run->features, err);
	umask(0022);
	if (r == 0)
		r = spec->work(spec->work_context, err);
	if (r < 0)
		return r;
	r = sync_send(FD_SYNC, JOIN_READY, 0, -1);
	if (r < 0)
		return err_sys(err, -r, "tell ctctl");
	_exit(EXIT_OK);
}

static int child_main(const struct join_spec *spec, struct err *err)
{
	int r = become_guest_root(err);

	if (r < 0)
		return r;
	return spec->work ? run_work(spec, err) : run_command(spec, err);
}

void join_child(const void *context)
{
	const struct join_birth *birth = context;
	struct err err = ERR_INIT;

	proc_reset_signals();

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
