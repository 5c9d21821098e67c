/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "base/path.h"
#include "base/str.h"
#include "base/userns.h"
#include "netns/link.h"
#include "runtime/checkpoint/criu.h"
#include "runtime/checkpoint/externals.h"
#include "runtime/checkpoint/ghosts.h"
#include "runtime/checkpoint/identity_network.h"
#include "runtime/checkpoint/resume.h"
#include "runtime/container/rlimits.h"
#include "runtime/network.h"
#include "runtime/node.h"

/* The monitor while CRIU works. */
struct restore {
	const struct resume *resume;
	const struct ct_spec *spec;
	int host_mnt; /* the host's namespaces, to come back to */
	int host_net;
	int console_fd;
	int staging_net; /* where the guest's ends of its links are until CRIU takes them over */
	int disowned;	 /* 0, or what `late` says */
	struct err late;
	int images; /* the folder as the private mount namespace has it: CRIU mounts in it */
};

static int open_own(const char *which, struct err *err)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/ns/%s", which);

	int fd = open(path, O_RDONLY | O_CLOEXEC);

	return fd < 0 ? err_sys(err, errno, "open our own %s namespace", which) : fd;
}

static int enter(int ns_fd, int kind, const char *what, struct err *err)
{
	return setns(ns_fd, kind) < 0 ? err_sys(err, errno, "enter %s", what) : 0;
}

static int plug_closed(struct restore *re, struct err *err)
{
	const struct net_plans *nets = re->spec->nets;
	int r;

	if (nets->n == 0)
		return 0;
	if (unshare(CLONE_NEWNET) < 0)
		return err_sys(err, errno, "make a network namespace");
	re->staging_net = open_own("net", err);
	if (re->staging_net < 0)
		return re->staging_net;
	/* CRIU asks the kernel what it can by connecting to itself. */
	r = net_setup_loopback(err);
	if (r == 0)
		r = enter(re->host_net, CLONE_NEWNET, "the host's network", err);
	for (size_t i = 0; r == 0 && i < nets->n; i++)
		r = network_plug_closed(&nets->list[i], re->staging_net, err);
	return r;
}

/* While the guest's area is where nobody but us has it. */
static int sweep_ghosts(const struct ct_spec *spec, int tree, struct err *err)
{
	_cleanup_fd_ int images = path_open_dir(spec->dir_fd, CHECKPOINT_DIR, O_RDONLY);

	return images < 0 ? err_sys(err, -images, "open the guest's checkpoint") : checkpoint_sweep_ghosts(images, tree, err);
}

/* Over the guest's own run folder: one that is there, and that nobody looks into by its path in this mount namespace. */
static int mount_root(struct restore *re, const char *where, struct err *err)
{
	const struct ct_spec *spec = re->spec;
	_cleanup_fd_ int userns = userns_create((uint32_t)spec->ids_first, NODE_IDS_PER_GUEST, err);
	_cleanup_fd_ int tree = userns < 0 ? userns : ct_assemble_root(spec, userns, err);

	if (tree < 0)
		return tree;
	if (sweep_ghosts(spec, tree, err) < 0)
		return -err->code;
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return err_sys(err, errno, "make a mount namespace");
	if (syscall(SYS_move_mount, tree, "", AT_FDCWD, where, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return err_exit(err, EXIT_MOUNT, errno, "mount the guest's root on '%s': %s", where, strerror(errno));
	return 0;
}

static int open_images(struct restore *re, struct err *err)
{
	const struct ct_spec *spec = re->spec;
	_cleanup_free_ char *path = str_printf("%s/%s/" CHECKPOINT_DIR, spec->node->guests_dir, spec->name);

	if (!path)
		return err_oom(err);
	re->images = path_open_dir(AT_FDCWD, path, O_RDONLY);
	return re->images < 0 ? err_sys(err, -re->images, "open '%s'", path) : 0;
}

static int open_links(struct restore *re, struct err *err)
{
	const struct net_plans *nets = re->spec->nets;
	int r = nets->n > 0 ? enter(re->host_net, CLONE_NEWNET, "the host's network", err) : 0;

	for (size_t i = 0; r == 0 && i < nets->n; i++)
		r = network_open(re->spec->node, &nets->list[i], err);
	return r < 0 ? r : fault_point("resume.opened", err);
}

static int change_network(const struct restore *re, pid_t init, struct err *err)
{
	const struct ct_spec *spec = re->spec;
	int r = checkpoint_allow_binding(false, init, re->host_net, err);

	return r < 0 ? r : checkpoint_change_network(re->images, spec->nets, init, re->host_net, spec->name, err);
}

/* From here on CRIU goes on without us if need be, and the next ctctl finds a guest that runs. */
static int note_born(struct restore *re, pid_t init, struct err *err)
{
	int r = open_links(re, err);

	if (r == 0)
		r = ct_note_state(re->spec, init, re->console_fd, err);
	return r < 0 ? r : fault_point("resume.noted", err);
}

static int at_stage(void *context, enum criu_stage stage, pid_t pid, struct err *err)
{
	struct restore *re = context;
	const char *cgroup = re->spec->cgroup.path;
	const struct cgroup_tree *groups = &re->resume->manifest.groups;
	int r;

	switch (stage) {
	case CRIU_SETUP_NAMESPACES:
		return cgroup_tree_own(cgroup, groups, err);
	case CRIU_POST_SETUP_NAMESPACES:
		r = checkpoint_allow_binding(true, pid, re->staging_net < 0 ? re->host_net : re->staging_net, err);
		return r < 0 ? r : cgroup_tree_enable(cgroup, groups, err);
	case CRIU_POST_RESTORE:
		r = cgroup_tree_set(cgroup, groups, re->spec->node->log, err);
		if (r == 0)
			r = change_network(re, pid, err);
		return r < 0 ? r : note_born(re, pid, err);
	case CRIU_PRE_RESUME:
		/* No reason to lose the guest: ctctl removes the checkpoint as soon as it runs. */
		re->disowned = checkpoint_disown(re->spec->dir_fd, &re->late);
		break;
	case CRIU_NETWORK_LOCK:
	case CRIU_NETWORK_UNLOCK:
	case CRIU_POST_RESUME:
	case CRIU_POST_DUMP:
	case CRIU_OTHER_STAGE:
		break;
	}
	return 0;
}

static pid_t call_criu(struct restore *re, const char *root, int console_fd, const char *console_path, struct err *err)
{
	const struct checkpoint_manifest *manifest = &re->resume->manifest;
	struct criu_inherit console = { .fd = console_fd, .key = manifest->console };
	_cleanup_free_ char *group = str_printf("/%s", re->spec->cgroup.path);
	_cleanup_(externals_free) struct externals externals = EXTERNALS_INIT;
	int r = group ? externals_of_restore(&externals, manifest->features, console_path, re->spec->nets, err) : err_oom(err);

	if (r < 0)
		return r;

	struct criu_request request = {
		.images_fd = re->images,
		.log = "restore.log",
		.externals = (const char *const *)externals.list,
		.n_externals = externals.n,
		.inherits = &console,
		.n_inherits = manifest->console[0] ? 1 : 0,
		.cgroup_root = group,
		.root = root,
		.notify = at_stage,
		.context = re,
	};

	pid_t init = criu_restore(&request, err);

	if (init > 0 && re->disowned < 0)
		*err = re->late;
	return init > 0 && re->disowned < 0 ? re->disowned : init;
}

/* In namespaces that are left again. */
static pid_t restore(struct restore *re, const char *root, int console_fd, const char *console_path, struct err *err)
{
	int r = cgroup_tree_make(re->spec->cgroup.path, &re->resume->manifest.groups, err);

	if (r == 0)
		r = plug_closed(re, err);
	if (r == 0)
		r = fault_point("resume.plugged", err);
	if (r == 0)
		r = mount_root(re, root, err);
	if (r == 0)
		r = open_images(re, err);
	if (r == 0 && re->staging_net >= 0)
		r = enter(re->staging_net, CLONE_NEWNET, "the staging network", err);
	return r < 0 ? r : call_criu(re, root, console_fd, console_path, err);
}

pid_t resume_run(void *context, const struct ct_spec *spec, int console_fd, const char *console_path, struct err *err)
{
	struct restore re = {
		.resume = context, .spec = spec, .console_fd = console_fd, .staging_net = -EBADF, .images = -EBADF
	};
	_cleanup_free_ char *root = str_printf("%s/%s", spec->node->run_dir, spec->name);
	_cleanup_fd_ int host_mnt = open_own("mnt", err);
	_cleanup_fd_ int host_net = host_mnt < 0 ? host_mnt : open_own("net", err);

	if (host_net < 0)
		return host_net;
	if (!root)
		return err_oom(err);
	re.host_mnt = host_mnt;
	re.host_net = host_net;

	pid_t init = restore(&re, root, console_fd, console_path, err);
	struct err later = ERR_INIT, *e = init < 0 ? &later : err;
	int r = enter(host_mnt, CLONE_NEWNS, "the host's mounts", e);

	cleanup_fd(&re.staging_net);
	cleanup_fd(&re.images);
	if (r == 0)
		r = enter(host_net, CLONE_NEWNET, "the host's network", e);
	/* Who cannot come back must not go on: what it does next would be done in the wrong place. */
	return init < 0 || r == 0 ? init : r;
}
