/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/autostart.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"
#include "base/sync.h"
#include "runtime/guest_priv.h"
#include "runtime/home.h"
#include "runtime/lifecycle.h"

/* A stop is mostly waiting for the guest's own services. */
#define STOPS_PER_CPU 32

struct candidate {
	char name[GUEST_NAME_ROOM];
	uint64_t order;
};

struct candidates {
	const struct node *node;
	bool want_running;
	struct candidate *list;
	size_t n;
	size_t room;
	struct err *err;
};

static int add_candidate(struct candidates *c, const char *name, uint64_t order)
{
	if (c->n == c->room) {
		size_t room = c->room ? c->room * 2 : 64;
		struct candidate *bigger = reallocarray(c->list, room, sizeof(*bigger));

		if (!bigger)
			return err_oom(c->err);
		c->list = bigger;
		c->room = room;
	}
	c->list[c->n].order = order;
	if (str_copy(c->list[c->n].name, sizeof(c->list[c->n].name), name) == 0)
		c->n++;
	return 0;
}

static int consider(void *context, const char *name)
{
	struct candidates *c = context;
	_cleanup_guest_ struct guest *guest = NULL;
	struct guest_run run;
	struct err err = ERR_INIT;
	int r = guest_open(c->node, name, &guest, &err);

	if (r == 0)
		r = guest_get_run(guest, &run, &err);
	if (r < 0) {
		log_warning(c->node->log, "guest '%s' is left out: %s", name, err.msg);
		return 0;
	}
	if (r != c->want_running || (!c->want_running && !guest->config.autostart))
		return 0;
	return add_candidate(c, name, guest->config.autostart_order);
}

static int by_order(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	if (x->order != y->order)
		return x->order < y->order ? -1 : 1;
	return strcmp(x->name, y->name);
}

static int by_order_reversed(const void *a, const void *b)
{
	return -by_order(a, b);
}

static int perform(const struct node *node, const char *name, bool start, struct err *err)
{
	struct guest_stop_spec spec = { .timeout_s = -1 };

	return start ? guest_start(node, name, false, err) : guest_stop(node, name, &spec, NULL, err);
}

/* Each in a process of its own: one that hangs, or is killed, takes none of the others along. */
static int begin(const struct candidates *c, const char *name)
{
	pid_t pid = fork();

	if (pid == 0) {
		struct err err = ERR_INIT;
		int r = perform(c->node, name, !c->want_running, &err);

		if (r < 0)
			log_warning(c->node->log, "guest '%s': %s", name, err.msg);
		_exit(r < 0);
	}
	return pid < 0 ? -errno : 0;
}

/* Waits for one; counts it. */
static void finish_one(size_t *running, size_t *ret_done, size_t *ret_failed)
{
	int status;

	if (wait(&status) < 0) {
		if (errno == ECHILD)
			*running = 0;
		return;
	}
	(*running)--;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		(*ret_done)++;
	else
		(*ret_failed)++;
}

/* Those of one order side by side, the next order when all of this one are done. */
static void run_all(const struct candidates *c, size_t parallel, size_t *ret_done, size_t *ret_failed)
{
	size_t running = 0;

	for (size_t i = 0; i < c->n; i++) {
		bool is_next_order = i > 0 && c->list[i].order != c->list[i - 1].order;

		while (running > 0 && (is_next_order || running >= parallel))
			finish_one(&running, ret_done, ret_failed);
		if (begin(c, c->list[i].name) == 0)
			running++;
		else
			(*ret_failed)++;
	}
	while (running > 0)
		finish_one(&running, ret_done, ret_failed);
}

static int run(const struct node *node, bool start, size_t parallel, size_t *ret_done, size_t *ret_failed, struct err *err)
{
	struct candidates c = { .node = node, .want_running = !start, .err = err };
	long online = sysconf(_SC_NPROCESSORS_ONLN);
	size_t cpus = online > 0 ? (size_t)online : 1;
	int r = guest_each(node, consider, &c, err);

	*ret_done = *ret_failed = 0;
	if (r == 0 && c.n > 0) {
		qsort(c.list, c.n, sizeof(*c.list), start ? by_order : by_order_reversed);
		run_all(&c, parallel > 0 ? parallel : start ? cpus : cpus * STOPS_PER_CPU, ret_done, ret_failed);
	}
	free(c.list);
	return r;
}

int autostart_run(const struct node *node, size_t parallel, size_t *ret_started, size_t *ret_failed, struct err *err)
{
	return run(node, true, parallel, ret_started, ret_failed, err);
}

int autostop_run(const struct node *node, size_t parallel, size_t *ret_stopped, size_t *ret_failed, struct err *err)
{
	home_close(node);
	return run(node, false, parallel, ret_stopped, ret_failed, err);
}
