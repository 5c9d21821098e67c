/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/autostart.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/proc.h"
#include "base/str.h"
#include "runtime/guest_priv.h"
#include "runtime/home.h"
#include "runtime/lifecycle.h"
#include "runtime/shutdown.h"

/* A stop is mostly waiting for the guest's own services. */
#define STOPS_PER_CPU 32

/* More of them would share one disk, each would take longer, and none would be saved when the time for all is over. */
#define SUSPENDS_MAX 8

struct candidate {
	char name[GUEST_NAME_ROOM];
	uint64_t order;
	enum shutdown_action action; /* of one that is to be ended */
	pid_t pid;		     /* while it is its turn */
};

struct candidates {
	const struct node *node;
	bool want_running;
	uint64_t deadline_ms; /* of suspends: proc_now_ms() */
	struct candidate *list;
	size_t n;
	size_t room;
	struct err *err;
};

/* Of the process that does it. */
enum outcome {
	OUTCOME_DONE,
	OUTCOME_FAILED,
	OUTCOME_SAVED,
};

static int add_candidate(struct candidates *c, const char *name, const struct guest_config *config)
{
	if (c->n == c->room) {
		size_t room = c->room ? c->room * 2 : 64;
		struct candidate *bigger = reallocarray(c->list, room, sizeof(*bigger));

		if (!bigger)
			return err_oom(c->err);
		c->list = bigger;
		c->room = room;
	}

	struct candidate *new = &c->list[c->n];

	*new = (struct candidate){ .order = config->autostart_order, .action = shutdown_action_of(c->node, config) };
	if (str_copy(new->name, sizeof(new->name), name) == 0)
		c->n++;
	return 0;
}

/* 1 if it is to be started, or stopped. */
static int is_wanted(const struct candidates *c, const struct guest *guest, struct err *err)
{
	struct guest_run run;
	int r = guest_get_run(guest, &run, err);

	if (r < 0 || r != c->want_running)
		return r < 0 ? r : 0;
	return c->want_running || guest->config.autostart ? 1 : shutdown_has_saved(guest, err);
}

static int consider(void *context, const char *name)
{
	struct candidates *c = context;
	_cleanup_guest_ struct guest *guest = NULL;
	struct err err = ERR_INIT;
	int r = guest_open(c->node, name, &guest, &err);

	if (r == 0)
		r = is_wanted(c, guest, &err);
	if (r < 0) {
		log_warning(c->node->log, "guest '%s' is left out: %s", name, err.msg);
		return 0;
	}
	return r == 0 ? 0 : add_candidate(c, name, &guest->config);
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

static bool is_suspended(const struct node *node, const char *name)
{
	_cleanup_guest_ struct guest *guest = NULL;
	struct guest_status status;
	struct err ignored = ERR_INIT;

	return guest_open(node, name, &guest, &ignored) == 0 && guest_get_state(guest, &status, &ignored) == 0 &&
	       status.state == GUEST_SUSPENDED;
}

static enum outcome perform(const struct candidates *c, const struct candidate *one)
{
	struct err err = ERR_INIT;
	bool is_saved = false;
	int r;

	if (c->want_running)
		r = guest_shut_down(c->node, one->name, one->action, c->deadline_ms, &is_saved, &err);
	else
		r = guest_start(c->node, one->name, false, &err);
	if (r < 0)
		log_warning(c->node->log, "guest '%s'%s: %s", one->name,
			    is_suspended(c->node, one->name) ? " stays suspended" : "", err.msg);
	return r < 0 ? OUTCOME_FAILED : is_saved ? OUTCOME_SAVED : OUTCOME_DONE;
}

/* Each in a process of its own: one that hangs, or is killed, takes none of the others along. */
static int begin(const struct candidates *c, struct candidate *one)
{
	one->pid = fork();
	if (one->pid == 0)
		_exit(perform(c, one));
	return one->pid < 0 ? -errno : 0;
}

/* Processes that do something, and what they may take of the host. */
struct crowd {
	size_t running;
	size_t load;
	size_t most;
	size_t suspend_load; /* of one that is saved, where others are 1 */
};

static size_t load_of(const struct crowd *crowd, const struct candidate *one)
{
	return one->action == SHUTDOWN_SUSPEND ? crowd->suspend_load : 1;
}

static void count(const struct candidates *c, int status, struct autostart_counts *counts)
{
	int outcome = WIFEXITED(status) ? WEXITSTATUS(status) : OUTCOME_FAILED;

	if (outcome == OUTCOME_SAVED)
		counts->suspended++;
	else if (outcome != OUTCOME_DONE)
		counts->failed++;
	else if (c->want_running)
		counts->stopped++;
	else
		counts->started++;
}

/* Waits for one; counts it. */
static void finish_one(const struct candidates *c, struct crowd *crowd, struct autostart_counts *counts)
{
	int status;
	pid_t pid = wait(&status);

	if (pid < 0) {
		if (errno == ECHILD)
			crowd->running = crowd->load = 0;
		return;
	}
	crowd->running--;
	for (size_t i = 0; i < c->n; i++) {
		if (c->list[i].pid == pid) {
			c->list[i].pid = 0;
			crowd->load -= load_of(crowd, &c->list[i]);
		}
	}
	count(c, status, counts);
}

/* Those of one order side by side, the next order when all of this one are done. */
static void run_all(const struct candidates *c, struct crowd *crowd, struct autostart_counts *counts)
{
	for (size_t i = 0; i < c->n; i++) {
		struct candidate *one = &c->list[i];
		bool is_next_order = i > 0 && one->order != c->list[i - 1].order;

		while (crowd->running > 0 && (is_next_order || crowd->load + load_of(crowd, one) > crowd->most))
			finish_one(c, crowd, counts);
		if (begin(c, one) < 0) {
			counts->failed++;
			continue;
		}
		crowd->running++;
		crowd->load += load_of(crowd, one);
	}
	while (crowd->running > 0)
		finish_one(c, crowd, counts);
}

static int run(struct candidates *c, struct crowd *crowd, struct autostart_counts *ret)
{
	int r = guest_each(c->node, consider, c, c->err);

	*ret = (struct autostart_counts){ 0 };
	if (r == 0 && c->n > 0) {
		qsort(c->list, c->n, sizeof(*c->list), c->want_running ? by_order_reversed : by_order);
		run_all(c, crowd, ret);
	}
	free(c->list);
	return r;
}

static size_t count_cpus(void)
{
	long online = sysconf(_SC_NPROCESSORS_ONLN);

	return online > 0 ? (size_t)online : 1;
}

int autostart_run(const struct node *node, size_t parallel, struct autostart_counts *ret, struct err *err)
{
	struct candidates c = { .node = node, .err = err };
	struct crowd crowd = { .most = parallel > 0 ? parallel : count_cpus(), .suspend_load = 1 };

	return run(&c, &crowd, ret);
}

int autostop_run(const struct node *node, size_t parallel, struct autostart_counts *ret, struct err *err)
{
	struct candidates c = {
		.node = node,
		.want_running = true,
		.deadline_ms = proc_now_ms() + node->suspend_timeout_s * 1000,
		.err = err,
	};
	size_t cpus = count_cpus(), suspends = cpus < SUSPENDS_MAX ? cpus : SUSPENDS_MAX;
	struct crowd crowd = { .most = parallel, .suspend_load = 1 };

	if (parallel == 0) {
		crowd.most = cpus * STOPS_PER_CPU;
		crowd.suspend_load = crowd.most / suspends;
	}
	home_close(node);
	return run(&c, &crowd, ret);
}
