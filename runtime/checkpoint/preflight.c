/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/checkpoint/preflight.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "runtime/checkpoint/preflight_priv.h"
#include "runtime/guest_priv.h"

/* /proc/PID/maps of a process with the 65530 mappings that a kernel allows has some MiB. */
#define PROC_FILE_MAX (64 << 20)

static const struct preflight_kind_row rows[] = {
#define KIND(id, word_, severity_, why_, remedy_) \
	[PREFLIGHT_##id] = { .word = (word_), .severity = PREFLIGHT_##severity_, .why = (why_), .remedy = (remedy_) },
#include "runtime/checkpoint/preflight.def"
#undef KIND
};

const struct preflight_kind_row *preflight_kind_row(enum preflight_kind kind)
{
	return &rows[kind];
}

void findings_free(struct findings *findings)
{
	free(findings->list);
	*findings = FINDINGS_INIT;
}

size_t findings_count(const struct findings *findings, enum preflight_severity severity)
{
	size_t n = 0;

	for (size_t i = 0; i < PREFLIGHT_KINDS; i++)
		n += rows[i].severity == severity ? findings->n_of_kind[i] : 0;
	return n;
}

void *preflight_add(struct preflight *p, struct list *list, size_t size)
{
	/* Room for a power of two. */
	if ((list->n & (list->n - 1)) == 0) {
		void *data = reallocarray(list->data, list->n ? 2 * list->n : 1, size);

		if (!data) {
			p->is_out_of_memory = true;
			return NULL;
		}
		list->data = data;
	}
	return memset((char *)list->data + list->n++ * size, 0, size);
}

void preflight_found(struct preflight *p, enum preflight_kind kind, const struct process *process, int fd, const char *fmt, ...)
{
	struct list list = { .data = p->findings->list, .n = p->findings->n };
	struct finding *f;
	va_list args;

	if (p->findings->n_of_kind[kind]++ >= FINDINGS_OF_KIND_MAX)
		return;
	f = preflight_add(p, &list, sizeof(*f));
	p->findings->list = list.data;
	p->findings->n = list.n;
	if (!f)
		return;
	f->kind = kind;
	f->fd = fd;
	if (process) {
		f->pid = process->status.inner;
		snprintf(f->command, sizeof(f->command), "%s", process->status.command);
	}
	va_start(args, fmt);
	vsnprintf(f->what, sizeof(f->what), fmt, args);
	va_end(args);
}

char *preflight_read(pid_t pid, const char *name)
{
	char path[64];
	char *text = NULL;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	return fd_read_file_at(AT_FDCWD, path, PROC_FILE_MAX, &text) < 0 ? NULL : text;
}

bool preflight_read_link(pid_t pid, const char *name, char *room, size_t size)
{
	char path[64];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	n = readlink(path, room, size - 1);
	room[n < 0 ? 0 : n] = '\0';
	return n >= 0;
}

static int compare_findings(const void *a, const void *b)
{
	const struct finding *x = a, *y = b;

	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	if (x->pid != y->pid)
		return x->pid < y->pid ? -1 : 1;
	return (x->fd > y->fd) - (x->fd < y->fd);
}

static int look(struct preflight *p, struct err *err)
{
	const struct process *list;
	int r = preflight_node(p, err);

	if (r == 0)
		r = preflight_list_processes(p, err);
	if (r < 0 || !p->init)
		return r;
	preflight_read_spaces(p);
	preflight_mounts(p);
	list = p->processes.data;
	for (size_t i = 0; i < p->processes.n; i++)
		preflight_process(p, &list[i]);
	r = preflight_sockets(p, err);
	if (r == 0)
		r = preflight_space(p, err);
	preflight_shared(p);
	return r == 0 && p->is_out_of_memory ? err_oom(err) : r;
}

int preflight_guest(const struct guest *guest, struct findings *ret, struct err *err)
{
	struct preflight p = { .guest = guest, .findings = ret };
	int r = guest_get_run(guest, &p.run, err);

	*ret = FINDINGS_INIT;
	if (r <= 0)
		return r;
	r = look(&p, err);
	free(p.processes.data);
	free(p.mounts.data);
	free(p.by_device.data);
	free(p.sockets.data);
	if (ret->n > 0)
		qsort(ret->list, ret->n, sizeof(*ret->list), compare_findings);
	return r;
}
