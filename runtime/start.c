/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "base/fd.h"
#include "base/journal.h"
#include "base/path.h"
#include "base/str.h"
#include "runtime/checkpoint/images.h"
#include "runtime/checkpoint/links.h"
#include "runtime/checkpoint/nursery.h"
#include "runtime/checkpoint/resume.h"
#include "runtime/container/container.h"
#include "runtime/guest_priv.h"
#include "runtime/home.h"
#include "runtime/ids.h"
#include "runtime/init_kind.h"
#include "runtime/inside.h"
#include "runtime/lifecycle.h"
#include "runtime/network.h"
#include "runtime/operations.h"
#include "runtime/policy.h"
#include "storage/image.h"
#include "storage/pool.h"
#include "templates/template.h"

/* What a start holds open until the guest has it. */
struct launch {
	struct pool *pool;
	int area_fd;
	int layer_fd;
	char *cgroup;
	char *monitors;
	struct net_plans nets;
	struct inside_start inside;
	char boot[BOOT_ID_ROOM];
	bool is_resume; /* of a suspended guest: not a boot */
	struct resume resume;
	struct ct_restore restore;
	char *nursery;
};

static void launch_release(struct launch *l)
{
	fd_close(&l->area_fd);
	fd_close(&l->layer_fd);
	pool_close(l->pool);
	free(l->cgroup);
	free(l->monitors);
	free(l->nursery);
	resume_close(&l->resume);
	inside_start_close(&l->inside);
	network_plans_free(&l->nets);
}

static int open_layer(const struct guest *guest, struct err *err)
{
	const struct node *node = guest->node;
	struct template_ref ref;
	int r = template_resolve(node->templates_dir, guest->config.template_ref, &ref, err);

	if (r < 0)
		return err_wrap(err, "the template of guest '%s'", guest->name);

	_cleanup_free_ char *mount = str_printf("%s@%s", ref.name, ref.version);
	_cleanup_fd_ int image = template_open_image(node->templates_dir, &ref, err);

	if (image < 0)
		return err_wrap(err, "the template of guest '%s'", guest->name);
	return mount ? image_open(node->images_dir, mount, image, err) : err_oom(err);
}

static int open_area(const struct guest *guest, struct launch *l, struct err *err)
{
	int r = pool_open(guest->node->pools_dir, guest->config.pool, &l->pool, err);

	if (r < 0)
		return r;
	l->area_fd = area_open(l->pool, guest->config.uuid, err);
	if (l->area_fd < 0)
		return l->area_fd;
	/*
	 * Mounting the root of a guest with a full disk raises its limit for a moment; a kill in that moment would leave it
	 * raised.
	 */
	return guest->config.disk > 0 ? area_set_limit(l->pool, guest->config.uuid, guest->config.disk, err) : 0;
}

static int make_boot_id(char room[BOOT_ID_ROOM], struct err *err)
{
	unsigned char bytes[16];

	if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
		return err_sys(err, errno, "get random bytes");
	for (size_t i = 0; i < sizeof(bytes); i++)
		snprintf(room + 2 * i, 3, "%02x", bytes[i]);
	return 0;
}

/* The group for it and what it may use. */
static int fill_group(const struct guest *guest, struct launch *l, struct cgroup_spec *ret, struct err *err)
{
	const struct guest_config *c = &guest->config;

	l->cgroup = guest_cgroup_path(guest);
	l->monitors = str_printf("%s/_monitors", guest->node->cgroup_parent);
	if (!l->cgroup || !l->monitors)
		return err_oom(err);
	*ret = (struct cgroup_spec){
		.path = l->cgroup,
		.allow_tun = config_has_feature(c, FEATURE_TUN),
		.allow_fuse = config_has_feature(c, FEATURE_FUSE),
	};

	int r = guest_start_limits(guest, l->pool, &ret->limits, err);

	return r < 0 ? err_wrap(err, "guest '%s'", guest->name) : 0;
}

static int check_identity(const struct guest *guest, uint64_t *ret_ids_first, struct err *err)
{
	const struct guest_config *c = &guest->config;

	if (str_to_u64(c->ids, UINT32_MAX, ret_ids_first) < 0 || *ret_ids_first == 0 || strlen(c->uuid) != 36)
		return err_exit(err, EXIT_BAD_CONFIG, EINVAL, "guest '%s': its ids '%s' or uuid '%s' are damaged", guest->name,
				c->ids, c->uuid);

	int r = ids_check(guest->node, *ret_ids_first, c->uuid, err);

	return r < 0 ? err_wrap(err, "guest '%s'", guest->name) : 0;
}

static int launch(struct guest *guest, struct launch *l, struct err *err)
{
	const struct guest_config *c = &guest->config;
	const struct node *node = guest->node;
	struct ct_spec spec = {
		.name = guest->name,
		.uuid = c->uuid,
		.hostname = c->hostname ? c->hostname : guest->name,
		.init_path = "/sbin/init",
		.init_kind = c->init ? c->init : "other",
		.boot = l->boot,
		.features = l->is_resume ? l->resume.manifest.features : c->features,
		.layer_fd = l->layer_fd,
		.area_fd = l->area_fd,
		.pool = l->pool,
		.lock_fd = guest->lock_fd,
		.run_fd = guest->run_fd,
		.dir_fd = guest->dir_fd,
		.helper_dir = node->helper_dir,
		.self = node->self,
		.prefix = node->prefix,
		.node = node,
		.nets = &l->nets,
		.inside = &l->inside,
		.restore = l->is_resume ? &l->restore : NULL,
		.nursery_cgroup = l->nursery,
	};
	int r = check_identity(guest, &spec.ids_first, err);

	if (r == 0)
		r = fill_group(guest, l, &spec.cgroup, err);
	if (r < 0)
		return r;
	spec.monitors_cgroup = l->monitors;
	return ct_launch(&spec, err);
}

/*
 * What is open is either the reboot that this start is a part of, which stays open until it is done; or a `set` that could not be
 * settled: a start applies all limits anyway.
 */
static int open_journal(const struct guest *guest, const char *boot, struct err *err)
{
	struct journal_entry entry;
	int r = journal_read(guest->run_fd, &entry, err);

	if (r == 1 && strcmp(entry.op, OP_REBOOT) == 0)
		return 0;
	if (r == 1)
		r = journal_done(guest->run_fd, false, err);
	return r < 0 ? r : journal_begin(guest->run_fd, checkpoint_exists(guest) ? OP_RESUME : "start", boot, false, err);
}

static int plan_network(const struct guest *guest, struct net_plans *ret, struct err *err)
{
	int r = network_plan(guest, ret, err);

	if (r == 0)
		r = network_prepare(guest, ret, err);
	return r < 0 ? r : fault_point("start.network-prepared", err);
}

static int prepare_resume(const struct guest *guest, struct launch *l, struct err *err)
{
	l->restore = (struct ct_restore){ .run = resume_run, .context = &l->resume };
	l->nursery = nursery_path(guest);

	int r = l->nursery ? resume_open(guest, &l->resume, err) : err_oom(err);

	return r < 0 ? r : checkpoint_put_links_back(l->resume.images_fd, l->area_fd, err);
}

/* What can fail for a reason of the user's, while nothing of the guest is there that would have to be undone. */
static int prepare(const struct guest *guest, struct launch *l, struct err *err)
{
	int r = policy_check_start(guest->node, &guest->config, err);

	if (r == 0)
		r = open_area(guest, l, err);
	if (r < 0)
		return r;
	l->layer_fd = open_layer(guest, err);
	if (l->layer_fd < 0)
		return l->layer_fd;
	r = plan_network(guest, &l->nets, err);
	if (r == 0)
		r = l->is_resume ? prepare_resume(guest, l, err) : inside_start_open(guest, &l->nets, &l->inside, err);
	if (r == 0)
		r = home_open(guest->node, err);
	if (r == 0)
		r = fault_point("start.home", err);
	return r < 0 ? r : make_boot_id(l->boot, err);
}

static int finish(struct guest *guest, struct launch *l, struct err *err)
{
	int r = 0;

	guest_protect_or_warn(guest, guest->config.memory_low);
	if (l->is_resume) {
		r = checkpoint_discard(guest, err);
		inside_write_copy(guest, &l->nets);
	} else {
		inside_start_done(guest, &l->inside);
	}
	return r < 0 ? r : journal_done(guest->run_fd, false, err);
}

/* 1 if the guest runs all the same: it was restored, and only then something failed. */
static int undo(struct guest *guest, const struct launch *l)
{
	struct err why = ERR_INIT;
	int r;

	if (l->is_resume)
		r = resume_settle(guest, &why);
	else
		r = guest_cleanup_run(guest, &why);
	if (r == 0)
		r = journal_done(guest->run_fd, false, &why);
	if (r < 0)
		log_warning(guest->node->log, "guest '%s': not all of the failed start could be undone: %s", guest->name,
			    why.msg);
	return r;
}

int guest_start_locked(struct guest *guest, struct err *err)
{
	_cleanup_(launch_release) struct launch l = {
		.area_fd = -EBADF,
		.layer_fd = -EBADF,
		.is_resume = checkpoint_exists(guest),
		.resume = RESUME_INIT,
	};
	int r = prepare(guest, &l, err);

	if (r < 0)
		return r;
	r = open_journal(guest, l.boot, err);
	if (r == 0)
		r = fault_point("start.begin", err);
	if (r == 0 && l.nets.n > 0)
		r = network_note(guest->run_fd, LINKS_FILE, &l.nets, err);
	if (r == 0)
		r = fault_point("start.network-noted", err);
	if (r == 0)
		r = launch(guest, &l, err);
	if (r == 0)
		r = fault_point("start.launched", err);
	if (r == 0)
		return finish(guest, &l, err);
	if (undo(guest, &l) > 0)
		r = err_wrap(err, "guest '%s' goes on, but without its console", guest->name);
	return r;
}

/* Neither boots nor resumes what runs: 0 if it is to be started, 1 if there is nothing left to do. */
static int open_to_start(const struct node *node, const char *name, const char *verb, struct guest **ret, struct err *err)
{
	struct guest_run run;
	int r = guest_open_locked(node, name, verb, false, ret, err);

	if (r == 0)
		r = guest_get_run(*ret, &run, err);
	if (r < 0)
		return r;
	/* What was asked for was done while it was opened. */
	if (r > 0 && (*ret)->was_restarted)
		return 1;
	if (r > 0)
		return err_exit(err, EXIT_RUNNING, EALREADY, "guest '%s' is running", name);
	return guest_cleanup_ended(*ret, err);
}

int guest_start(const struct node *node, const char *name, bool discard_checkpoint, struct err *err)
{
	_cleanup_guest_ struct guest *guest = NULL;
	int r = open_to_start(node, name, "start", &guest, err);

	if (r == 0 && discard_checkpoint)
		r = checkpoint_discard(guest, err);
	if (r != 0)
		return r < 0 ? r : 0;
	return guest_start_locked(guest, err);
}

int guest_resume(const struct node *node, const char *name, struct err *err)
{
	_cleanup_guest_ struct guest *guest = NULL;
	int r = open_to_start(node, name, OP_RESUME, &guest, err);

	if (r != 0)
		return r < 0 ? r : 0;
	if (!checkpoint_exists(guest))
		return err_exit(err, EXIT_NOT_SUSPENDED, EINVAL, "guest '%s' is not suspended: ctctl start %s", name, name);
	return guest_start_locked(guest, err);
}
