/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/str.h"
#include "runtime/checkpoint/preflight_priv.h"
#include "runtime/container/cgroup_tree.h"

#define PROCS_MAX (16 << 20)
/* Longer chains of parents do not tell more. */
#define DEPTH_MAX 10000

static const char *const space_names[N_SPACES] = { "cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts" };
/* Which a process may have of its own: the others CRIU takes from init alone (CLONE_SUBNS in its sources). */
#define OWN_SPACES (1 << SPACE_MNT | 1 << SPACE_NET | 1 << SPACE_CGROUP)

static int compare_processes(const void *a, const void *b)
{
	const struct process *x = a, *y = b;

	return (x->status.pid > y->status.pid) - (x->status.pid < y->status.pid);
}

const struct process *preflight_find_process(const struct preflight *p, pid_t pid)
{
	struct process key = { .status.pid = pid };

	return p->processes.n == 0 ? NULL : bsearch(&key, p->processes.data, p->processes.n, sizeof(key), compare_processes);
}

/* "net:[4026531840]" */
static uint64_t inode_of(const char *text)
{
	const char *bracket = strchr(text, '[');

	return bracket ? strtoull(bracket + 1, NULL, 10) : 0;
}

static void add_process(struct preflight *p, pid_t pid)
{
	_cleanup_free_ char *text = preflight_read(pid, "status");
	struct process *process = text ? preflight_add(p, &p->processes, sizeof(*process)) : NULL;

	if (!process)
		return;
	if (!proc_parse_status(text, &process->status)) {
		p->processes.n--;
		return;
	}
	process->status.pid = pid;
}

void preflight_read_spaces(struct preflight *p)
{
	struct process *list = p->processes.data;

	for (size_t i = 0; i < p->processes.n; i++) {
		for (size_t k = 0; k < N_SPACES; k++) {
			char name[16], link[64];

			snprintf(name, sizeof(name), "ns/%s", space_names[k]);
			if (preflight_read_link(list[i].status.pid, name, link, sizeof(link)))
				list[i].spaces[k] = inode_of(link);
		}
	}
}

/* The list of a threaded group cannot be read: that of the group above it has its processes (cgroup-v2.rst). */
static void read_group(struct preflight *p, int top, const char *path)
{
	_cleanup_free_ char *name = *path ? str_printf("%s/cgroup.procs", path) : strdup("cgroup.procs");
	int fd = name ? path_open_beneath(top, name, O_RDONLY, 0) : -ENOMEM;
	_cleanup_free_ char *list = NULL;
	char *rest, *line;

	if (fd < 0)
		return;
	if (fd_read_all(fd, PROCS_MAX, &list) >= 0) {
		rest = list;
		while ((line = proc_next_line(&rest)))
			add_process(p, (pid_t)strtol(line, NULL, 10));
	}
	close(fd);
}

static bool descends_from_init(const struct preflight *p, const struct process *process)
{
	for (int depth = 0; process && depth < DEPTH_MAX; depth++) {
		if (process == p->init)
			return true;
		process = preflight_find_process(p, process->status.parent);
	}
	return false;
}

/* Whose parent has ended meanwhile has another one by now. */
static bool is_outside(struct preflight *p, struct process *process)
{
	if (descends_from_init(p, process))
		return false;

	_cleanup_free_ char *text = preflight_read(process->status.pid, "status");
	struct proc_status now;

	if (!text || !proc_parse_status(text, &now))
		return true;
	process->status.parent = now.parent;
	return !descends_from_init(p, process);
}

static void sort_processes(struct preflight *p)
{
	struct process *list = p->processes.data;
	size_t n = 0;

	if (p->processes.n == 0)
		return;
	qsort(list, p->processes.n, sizeof(*list), compare_processes);
	/* One that was moved meanwhile was seen twice. */
	for (size_t i = 1; i < p->processes.n; i++) {
		if (list[i].status.pid != list[n].status.pid)
			list[++n] = list[i];
	}
	p->processes.n = n + 1;
	p->init = preflight_find_process(p, p->run.init.pid);
	for (size_t i = 0; p->init && i < p->processes.n; i++) {
		list[i].is_outside = is_outside(p, &list[i]);
		p->memory_bytes += list[i].is_outside ? 0 : list[i].status.memory_bytes;
	}
}

int preflight_list_processes(struct preflight *p, struct err *err)
{
	_cleanup_(cgroup_tree_free) struct cgroup_tree tree = CGROUP_TREE_INIT;
	_cleanup_free_ char *folder = NULL;
	int r = cgroup_v2_folder(p->run.cgroup, &folder, err);

	if (r == 0)
		r = cgroup_tree_read(p->run.cgroup, &tree, err);
	if (r < 0)
		return r;

	_cleanup_fd_ int top = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	for (size_t i = 0; top >= 0 && i < tree.n; i++)
		read_group(p, top, tree.list[i].path);
	sort_processes(p);
	return p->is_out_of_memory ? err_oom(err) : 0;
}

bool preflight_is_inhabited(const struct preflight *p, enum space space, uint64_t inode)
{
	const struct process *list = p->processes.data;

	for (size_t i = 0; i < p->processes.n; i++) {
		if (!list[i].is_outside && list[i].spaces[space] == inode)
			return true;
	}
	return false;
}

static void check_spaces(struct preflight *p, const struct process *process)
{
	for (int i = 0; i < N_SPACES; i++) {
		if (!(OWN_SPACES >> i & 1) && process->spaces[i] && process->spaces[i] != p->init->spaces[i])
			preflight_found(p, PREFLIGHT_NAMESPACE, process, -1, "%s", space_names[i]);
	}
}

/* Both are stopped by CRIU's own means, which wait for them until its time is over. */
static void check_state(struct preflight *p, const struct process *process)
{
	const struct proc_status *status = &process->status;
	const struct process *tracer = preflight_find_process(p, status->tracer);

	if (status->tracer > 0)
		preflight_found(p, PREFLIGHT_TRACED, process, -1, "by process %d (%s)", tracer ? tracer->status.inner : 0,
				tracer ? tracer->status.command : "of the host");
	if (status->state == 'Z' && status->threads > 1)
		preflight_found(p, PREFLIGHT_DEAD_LEADER, process, -1, "%llu threads", (unsigned long long)status->threads);
}

static bool shares(const struct process *a, const struct process *b, int kind)
{
	return syscall(SYS_kcmp, a->status.pid, b->status.pid, kind, 0, 0) == 0;
}

/* The parent of a vfork(2) waits in the kernel for its child to run a program, in state D, where no signal reaches it. */
static bool waits_for(const struct process *parent, const struct process *child)
{
	return parent->status.state == 'D' && shares(child, parent, KCMP_VM);
}

static int check_standing(const struct preflight *p, const struct process *process, struct err *err)
{
	const struct process *tracer = preflight_find_process(p, process->status.tracer);
	const struct process *parent = preflight_find_process(p, process->status.parent);

	if (process->status.tracer > 0)
		return err_exit(err, EXIT_CHECKPOINT, EBUSY,
				"process %d (%s) in it is traced by process %d (%s), and cannot be saved: end the debugger",
				process->status.inner, process->status.command, tracer ? tracer->status.inner : 0,
				tracer ? tracer->status.command : "of the host");
	if (parent && process != p->init && waits_for(parent, process))
		return err_exit(
			err, EXIT_CHECKPOINT, EAGAIN,
			"process %d (%s) in it waits for its child to run a program (vfork), and cannot be saved: try again",
			parent->status.inner, parent->status.command);
	return 0;
}

int preflight_check_standing(const struct guest *guest, const struct guest_run *run, struct err *err)
{
	struct findings none = FINDINGS_INIT;
	struct preflight p = { .guest = guest, .run = *run, .findings = &none };
	int r = preflight_list_processes(&p, err);
	const struct process *list = p.processes.data;

	for (size_t i = 0; r == 0 && i < p.processes.n; i++) {
		if (!list[i].is_outside)
			r = check_standing(&p, &list[i], err);
	}
	free(p.processes.data);
	return r;
}

static void check_shared(struct preflight *p, const struct process *process)
{
	const struct process *parent = preflight_find_process(p, process->status.parent);
	bool memory = parent && process != p->init && shares(process, parent, KCMP_VM);

	if (memory && waits_for(parent, process))
		preflight_found(p, PREFLIGHT_VFORK, parent, -1, "for process %d", process->status.inner);
	else if (memory)
		preflight_found(p, PREFLIGHT_SHARED, process, -1, "memory, with process %d", parent->status.inner);
	else if (parent && process != p->init && shares(process, parent, KCMP_FS))
		preflight_found(p, PREFLIGHT_SHARED, process, -1, "working folder, with process %d", parent->status.inner);
}

/* A timer for any other thread can be saved: CRIU does not know the first one's number inside when it looks at timers. */
static void check_timers(struct preflight *p, const struct process *process)
{
	_cleanup_free_ char *text = preflight_read(process->status.pid, "timers");
	char *rest = text, *line;
	pid_t thread;

	while ((line = proc_next_line(&rest))) {
		if (!proc_parse_timer(line, &thread) || thread != process->status.pid)
			continue;
		preflight_found(p, PREFLIGHT_THREAD_TIMER, process, -1, "a POSIX timer");
		break;
	}
}

void preflight_shared(struct preflight *p)
{
	const struct process *list = p->processes.data;

	for (size_t i = 0; i < p->processes.n; i++) {
		if (!list[i].is_outside && list[i].status.state != 'Z')
			check_shared(p, &list[i]);
	}
}

void preflight_process(struct preflight *p, const struct process *process)
{
	if (process->is_outside) {
		preflight_found(p, PREFLIGHT_OUTSIDE, process, -1, "started from the host");
		preflight_descriptors(p, process); /* for the sockets that it has */
		return;
	}
	check_state(p, process);
	if (process->status.state == 'Z')
		return;
	check_spaces(p, process);
	check_timers(p, process);
	preflight_maps(p, process);
	preflight_descriptors(p, process);
}
