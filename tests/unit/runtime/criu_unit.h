/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "unit.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/path.h"
#include "base/proc.h"
#include "runtime/checkpoint/criu.h"

/*
 * A shell with a child. Told to end, it ends its child and then itself, with a status that is nowhere but in its memory. 9 says
 * that it stands, and is closed then.
 */
#define TREE                                                                                                               \
	"value=$((40 + 2)); sleep 1000 9>&- & trap 'kill $! && wait $!; [ $? = 143 ] && echo 7 >&7 && echo 8 >&8 && exit " \
	"$value' TERM;"                                                                                                    \
	"echo >&9; exec 9>&-; wait"
#define TREE_STATUS 42

struct bench {
	char path[32];
	int images;
	pid_t tree; /* what is to be ended */
	enum criu_stage refused;
	unsigned int stages; /* a bit for each that was told */
	pid_t told;	     /* the pid at the last of them */
	int outputs[2];	     /* the tree's descriptors 7 and 8; 0: /dev/null */
	char *program;	     /* CTCTL_CRIU as it was */
	bool is_pretended;
};

static inline _unused_ int setup(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));

	assert_non_null(b);
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	snprintf(b->path, sizeof(b->path), "/tmp/ctctl-criu-XXXXXX");
	assert_non_null(mkdtemp(b->path));
	b->images = open(b->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	b->refused = CRIU_OTHER_STAGE;
	*state = b;
	return 0;
}

static inline _unused_ int teardown(void **state)
{
	struct bench *b = *state;

	if (b->tree > 0 && kill(b->tree, SIGKILL) == 0)
		waitpid(b->tree, NULL, 0);
	fd_close(&b->images);
	assert_int_equal(path_remove_tree_at(AT_FDCWD, b->path), 0);
	if (b->is_pretended && b->program)
		setenv("CTCTL_CRIU", b->program, 1);
	else if (b->is_pretended)
		unsetenv("CTCTL_CRIU");
	free(b->program);
	free(b);
	return 0;
}

/* Another program for this test; teardown brings the old one back. */
static inline _unused_ void pretend(struct bench *b, const char *program)
{
	const char *old = getenv("CTCTL_CRIU");

	b->program = old ? strdup(old) : NULL;
	b->is_pretended = true;
	setenv("CTCTL_CRIU", program, 1);
}

static inline _unused_ void need_criu(void)
{
	struct err err = ERR_INIT;

	if (geteuid() != 0 || criu_check_program(&err) < 0)
		skip();
}

static inline _unused_ void become_tree(const struct bench *b, int ready)
{
	char *const argv[] = { (char *)"sh", (char *)"-c", (char *)TREE, NULL };
	char *const env[] = { (char *)"PATH=" PROC_PATH, NULL };
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), high = 100;

	if (setsid() < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(null, 2) < 0 || dup2(ready, high + 9) < 0)
		_exit(1);
	/* Theirs may be 7, 8 and 9 themselves. */
	for (int i = 0; i < 2; i++)
		dup2(b->outputs[i] > 0 ? b->outputs[i] : null, high + 7 + i);
	for (int fd = 7; fd <= 9; fd++) {
		if (dup2(high + fd, fd) < 0)
			_exit(1);
	}
	close_range(3, 6, 0);
	close_range(10, ~0U, 0);
	execve("/bin/sh", argv, env);
	_exit(1);
}

static inline _unused_ void start_tree(struct bench *b, uint64_t namespaces)
{
	int fds[2];
	char byte;

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	b->tree = proc_clone(namespaces, -1, NULL);
	if (b->tree == 0)
		become_tree(b, fds[1]);
	assert_true(b->tree > 0);
	close(fds[1]);
	assert_int_equal(read(fds[0], &byte, 1), 1);
	/* Closed in the tree, too: it holds nothing of ours. */
	assert_int_equal(read(fds[0], &byte, 1), 0);
	close(fds[0]);
}

static inline _unused_ int on_stage(void *context, enum criu_stage stage, pid_t pid, struct err *err)
{
	struct bench *b = context;

	b->stages |= 1U << stage;
	b->told = pid;
	if (stage == b->refused && stage != CRIU_OTHER_STAGE)
		return err_exit(err, EXIT_NETWORK, ENETDOWN, "the test does not want it");
	return 0;
}

static inline _unused_ struct criu_request request_of(struct bench *b, const char *log)
{
	return (struct criu_request){ .images_fd = b->images, .log = log, .notify = on_stage, .context = b, .pid = b->tree };
}

static inline _unused_ int dump(struct bench *b, bool leave_running, struct err *err)
{
	struct criu_request request = request_of(b, "dump.log");

	request.leave_running = leave_running;
	return criu_dump(&request, err);
}

static inline _unused_ pid_t restore(struct bench *b, struct err *err)
{
	struct criu_request request = request_of(b, "restore.log");

	/* What CRIU leaves behind would become ours in any case else, and not for being its sibling. */
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 0), 0);

	pid_t pid = criu_restore(&request, err);

	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	return pid;
}

/* Its own answer to a SIGTERM, which only a whole one gives. */
static inline _unused_ void expect_alive(struct bench *b)
{
	int status;

	assert_int_equal(kill(b->tree, SIGTERM), 0);
	assert_int_equal(waitpid(b->tree, &status, 0), b->tree);
	b->tree = 0;
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), TREE_STATUS);
}

/* Of each, since a process of its session that is left unreaped keeps the pid of the root in use. */
static inline _unused_ void expect_killed(struct bench *b)
{
	int status, n = 0;

	for (pid_t pid; (pid = waitpid(-1, &status, 0)) > 0; n++)
		assert_true(WIFSIGNALED(status));
	assert_true(n > 0);
	b->tree = 0;
}

/* Neither the tree nor CRIU, alive or unreaped. */
static inline _unused_ void expect_no_children(void)
{
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}
