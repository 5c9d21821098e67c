/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "runtime/guest_priv.h"
#include "runtime/inside_priv.h"
#include "runtime/resolver.h"

/* In memory that ctctl and the init-to-be share; the guest's init has another. */
struct inside_report {
	struct err passwords; /* code 0: none, or all were written */
	struct err keys;
	struct err machine_id;
};

static int fill_interfaces(struct inside_start *start, const struct net_plans *plans)
{
	start->interfaces = calloc(plans->n + 1, sizeof(*start->interfaces));
	if (!start->interfaces)
		return -ENOMEM;
	for (size_t i = 0; i < plans->n; i++)
		start->interfaces[i] = network_setup_of(&plans->list[i]);
	start->network.interfaces = start->interfaces;
	start->network.n_interfaces = plans->n;
	return 0;
}

static int fill_resolver(struct inside_start *start, const struct guest_config *c, struct err *err)
{
	_cleanup_fd_ int host = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int r = host < 0 ? err_sys(err, errno, "open the host's root") : 0;

	/* A guest without a network asks nobody. */
	if (r < 0 || start->network.n_interfaces == 0)
		return r;
	r = resolver_find(host, c->nameserver, &start->nameservers, err);
	if (r == 0 && c->search)
		r = resolver_search(c->search, &start->search, err);
	start->network.nameservers = (const char *const *)start->nameservers;
	start->network.search = start->search;
	return r;
}

static int fill_network(struct inside_start *start, const struct guest *guest, const struct net_plans *plans, struct err *err)
{
	const struct guest_config *c = &guest->config;

	start->network.hostname = c->hostname ? c->hostname : guest->name;
	if (fill_interfaces(start, plans) < 0)
		return err_oom(err);
	return fill_resolver(start, c, err);
}

static int fill_pending(struct inside_start *start, const struct guest *guest, struct err *err)
{
	int r = inside_pending_read(guest, PENDING_PASSWORDS, &start->passwords, err);

	if (r == 0)
		r = inside_pending_read(guest, PENDING_KEYS, &start->keys, err);
	if (r == 0)
		r = inside_pending_read(guest, PENDING_MACHINE_ID, &start->machine_id, err);
	if (r < 0 || (!start->passwords && !start->keys && !start->machine_id))
		return r;

	void *shared = mmap(NULL, sizeof(*start->report), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (shared == MAP_FAILED)
		return err_sys(err, errno, "share memory with the guest's start");
	start->report = shared;
	/* Until it has been tried. */
	(void)!err_set(&start->report->passwords, ECANCELED, "not tried");
	(void)!err_set(&start->report->keys, ECANCELED, "not tried");
	(void)!err_set(&start->report->machine_id, ECANCELED, "not tried");
	return 0;
}

int inside_start_open(const struct guest *guest, const struct net_plans *plans, struct inside_start *ret, struct err *err)
{
	*ret = INSIDE_START_INIT;

	int r = fill_network(ret, guest, plans, err);

	if (r == 0)
		r = fill_pending(ret, guest, err);
	if (r < 0)
		inside_start_close(ret);
	return r;
}

void inside_start_write(const struct inside_start *start, int root_fd)
{
	struct err ignored = ERR_INIT;
	mode_t mask = umask(0022);

	(void)!inside_write_network(root_fd, &start->network, &ignored);
	if (start->passwords) {
		struct err err = ERR_INIT;

		(void)!inside_apply_passwords(root_fd, start->passwords, &err);
		start->report->passwords = err;
	}
	if (start->keys) {
		struct err err = ERR_INIT;

		(void)!inside_apply_keys(root_fd, start->keys, &err);
		start->report->keys = err;
	}
	if (start->machine_id) {
		struct err err = ERR_INIT;

		(void)!inside_write_identity(root_fd, start->machine_id, start->network.hostname, &err);
		start->report->machine_id = err;
	}
	umask(mask);
}

static void finish_pending(const struct guest *guest, const char *what, const char *file, const struct err *why)
{
	if (why->code != 0)
		log_warning(guest->node->log, "guest '%s': not all of %s could be set; do it again, now that it runs: %s",
			    guest->name, what, why->msg);
	if (inside_pending_remove(guest, file) < 0)
		log_warning(guest->node->log, "guest '%s': '%s' could not be removed: the next start sets %s once more",
			    guest->name, file, what);
}

void inside_start_done(const struct guest *guest, const struct inside_start *start)
{
	if (start->passwords)
		finish_pending(guest, "its passwords", PENDING_PASSWORDS, &start->report->passwords);
	if (start->keys)
		finish_pending(guest, "its ssh keys", PENDING_KEYS, &start->report->keys);
	if (start->machine_id)
		finish_pending(guest, "its machine-id and host name", PENDING_MACHINE_ID, &start->report->machine_id);
}

void inside_start_close(struct inside_start *start)
{
	free(start->interfaces);
	resolver_free(start->nameservers);
	free(start->search);
	free(start->passwords);
	free(start->keys);
	free(start->machine_id);
	if (start->report)
		munmap(start->report, sizeof(*start->report));
	*start = INSIDE_START_INIT;
}

static int update_inside(void *context, struct err *err)
{
	const struct inside_start *start = context;
	_cleanup_fd_ int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (root < 0)
		return err_sys(err, errno, "open the guest's root");
	return inside_write_network(root, &start->network, err);
}

int inside_update_network(const struct guest *guest, const struct guest_run *run, const struct net_plans *plans, struct err *err)
{
	_cleanup_(inside_start_close) struct inside_start start = INSIDE_START_INIT;
	int r = fill_network(&start, guest, plans, err);

	return r < 0 ? r : inside_run(guest, run, update_inside, &start, err);
}
