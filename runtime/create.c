/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "base/fd.h"
#include "base/journal.h"
#include "base/path.h"
#include "base/str.h"
#include "runtime/addresses.h"
#include "runtime/create_priv.h"
#include "runtime/guest_priv.h"
#include "runtime/ids.h"
#include "runtime/interface.h"
#include "runtime/lifecycle.h"
#include "runtime/network.h"
#include "runtime/operations.h"
#include "runtime/policy.h"
#include "storage/pool.h"
#include "templates/template.h"

/* A random UUID (RFC 9562, version 4). */
int create_give_uuid(struct guest *guest, struct err *err)
{
	char room[37];
	unsigned char b[16];
	size_t used = 0;

	if (getrandom(b, sizeof(b), 0) != (ssize_t)sizeof(b))
		return err_sys(err, errno, "get random bytes");
	b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
	b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
	for (size_t i = 0; i < sizeof(b); i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			room[used++] = '-';
		snprintf(room + used, sizeof(room) - used, "%02x", b[i]);
		used += 2;
	}
	return str_replace(&guest->config.uuid, room, err);
}

static int apply_template(struct guest *guest, const char *reference, struct err *err)
{
	struct template_manifest manifest;
	struct template_ref ref;
	int r = template_resolve(guest->node->templates_dir, reference, &ref, err);

	if (r == 0)
		r = template_read_manifest(guest->node->templates_dir, &ref, &manifest, err);
	if (r < 0)
		return r;

	/* The version is fixed now: a newer one must not slip under a guest's upper layer. */
	_cleanup_free_ char *full = str_printf("%s@%s", ref.name, ref.version);

	if (!full)
		return err_oom(err);
	r = str_replace(&guest->config.template_ref, full, err);
	return r < 0 ? r : str_replace(&guest->config.init, manifest.init, err);
}

static bool is_set(const struct guest_setting *settings, size_t n, const char *key)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(settings[i].param->key, key) == 0)
			return true;
	}
	return false;
}

/*
 * The default pool is made when the first guest needs it: btrfs where the kernel has it, so that a VPS has a disk limit from the
 * first day.
 */
static int make_default_pool(const struct node *node, struct err *err)
{
	struct pool_spec spec = { .name = node->default_pool, .kind = POOL_BTRFS };
	int r;

	log_progress(node->log, "making the pool '%s'", spec.name);
	r = pool_create(node->pools_dir, &spec, node->log, err);
	if (r == 0 || err->exit != EXIT_UNSUPPORTED)
		return r == -EEXIST ? 0 : r;
	log_warning(node->log, "no disk limits: %s", err->msg);
	spec.kind = POOL_DIR;
	return pool_create(node->pools_dir, &spec, node->log, err);
}

static int open_pool(struct guest *guest, struct pool **ret, struct err *err)
{
	const struct node *node = guest->node;
	int r = pool_open(node->pools_dir, guest->config.pool, ret, err);

	if (r == 0 || err->exit != EXIT_NO_POOL || strcmp(guest->config.pool, node->default_pool) != 0)
		return r;
	r = make_default_pool(node, err);
	return r < 0 ? r : pool_open(node->pools_dir, guest->config.pool, ret, err);
}

int create_check_disk(struct guest *guest, struct pool *pool, bool is_wanted, struct err *err)
{
	struct pool_stat st;
	char want[STR_NUMBER_ROOM];
	int r = pool_get_stat(pool, &st, err);

	if (r < 0)
		return r;
	if (!st.has_limits && !is_wanted)
		guest->config.disk = 0;
	if (guest->config.disk <= st.total_bytes)
		return 0;
	/* The default is only as large as the pool allows. */
	if (!is_wanted) {
		guest->config.disk = st.total_bytes;
		return 0;
	}
	str_from_size(guest->config.disk, want);
	return err_exit(err, EXIT_INVALID, ERANGE, "disk limit '%s': the pool '%s' has %" PRIu64 "M in all", want,
			guest->config.pool, st.total_bytes >> 20);
}

/* A guest without a limit of its own must not take all that the host has. Half of a small host is enough for one. */
static uint64_t default_memory(const struct node *node)
{
	struct sysinfo si;
	uint64_t half = sysinfo(&si) < 0 ? UINT64_MAX : (uint64_t)si.totalram * si.mem_unit / 2;

	return node->default_memory == 0 || node->default_memory < half ? node->default_memory : half;
}

static int configure_all(struct guest *guest, const struct guest_setting *settings, size_t n, struct err *err)
{
	struct guest_interface *iface;
	int r = config_add_interface(&guest->config, INTERFACE_FIRST, &iface, err);

	for (size_t i = 0; r == 0 && i < n; i++)
		r = config_set_on(&guest->config, settings[i].interface, settings[i].param, settings[i].value, err);
	return r < 0 ? r : policy_complete_interface(guest->node, iface, err);
}

/* All of it, defaults too: a later version's defaults must not change a customer's limits. */
static int save_all(struct guest *guest, struct err *err)
{
	const struct guest_config *config = &guest->config;
	struct guest_setting all[64 + INTERFACES_MAX];
	size_t n = 0;

	for (const struct param *p; n < 64 && (p = param_at(n)); n++)
		all[n] = (struct guest_setting){ .param = p };
	for (size_t i = 0; i < config->n_interfaces; i++)
		all[n++] = (struct guest_setting){ .interface = config->interfaces[i].name };
	return guest_save(guest, all, n, err);
}

static int configure(struct guest *guest, const char *template_ref, const struct guest_setting *settings, size_t n,
		     struct err *err)
{
	int r = create_give_uuid(guest, err);

	if (r == 0)
		r = str_replace(&guest->config.pool, guest->node->default_pool, err);
	if (r == 0)
		guest->config.memory = default_memory(guest->node);
	if (r == 0)
		r = configure_all(guest, settings, n, err);
	if (r == 0)
		r = apply_template(guest, template_ref, err);
	return r < 0 ? r : policy_check(guest->node, &guest->config, err);
}

/* Before they are in guest.conf: what is there is the guest's. */
static int take_addresses(struct guest *guest, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < guest->config.n_interfaces; i++)
		r = address_give_interface(guest->node, guest->config.uuid, &guest->config.interfaces[i], err);
	return r;
}

int create_take_identity(struct guest *guest, struct err *err)
{
	uint64_t first = 0;
	int r = ids_take(guest->node, guest->config.uuid, &first, err);

	if (r < 0)
		return r;
	free(guest->config.ids);
	guest->config.ids = str_printf("%" PRIu64, first);
	if (!guest->config.ids)
		return err_oom(err);
	r = take_addresses(guest, err);
	if (r == 0)
		r = fault_point("create.addresses", err);
	if (r == 0)
		r = save_all(guest, err);
	return r < 0 ? r : fault_point("create.conf", err);
}

/* The steps that change the disk. A kill after any of them is undone by the next ctctl that opens this guest. */
static int perform(struct guest *guest, struct pool *pool, const void *context _unused_, struct err *err)
{
	int r = area_create(pool, guest->config.uuid, guest->config.disk, err);

	if (r == 0)
		r = fault_point("create.area", err);
	return r < 0 ? r : create_take_identity(guest, err);
}

static int begin(struct guest *guest, struct err *err)
{
	_cleanup_free_ char *arg = str_printf("%s %s", guest->config.uuid, guest->config.pool);
	_cleanup_fd_ int guests = path_open_dir(AT_FDCWD, guest->node->guests_dir, O_RDONLY);

	if (!arg)
		return err_oom(err);
	if (guests < 0 || mkdirat(guests, guest->name, 0700) < 0)
		return errno == EEXIST ? err_exit(err, EXIT_EXISTS, EEXIST, "guest '%s' exists", guest->name)
				       : err_sys(err, errno, "make the folder of guest '%s'", guest->name);
	guest->dir_fd = path_open_dir(guests, guest->name, O_RDONLY | O_NOFOLLOW);
	/* A journal in a folder that a power cut takes away would be none. */
	if (guest->dir_fd >= 0 && fsync(guests) < 0)
		return err_sys(err, errno, "sync '%s'", guest->node->guests_dir);
	if (guest->dir_fd < 0)
		return err_sys(err, -guest->dir_fd, "open the folder of guest '%s'", guest->name);

	int r = fault_point("create.folder", err);

	return r < 0 ? r : journal_begin(guest->dir_fd, "create", arg, true, err);
}

/* An interrupted create or destroy of that name gives way; a guest does not. */
int create_make_room(const struct node *node, const char *name, struct err *err)
{
	_cleanup_guest_ struct guest *old = NULL;
	int r = guest_acquire(node, name, "create", false, &old, err);
	bool gone = false;

	if (r == -ENOENT)
		return 0;
	if (r == 0 && path_exists_at(old->dir_fd, CONF_FILE) && !path_exists_at(old->dir_fd, JOURNAL_FILE))
		return err_exit(err, EXIT_EXISTS, EEXIST, "guest '%s' exists", name);
	if (r == 0)
		r = guest_settle(old, &gone, err);
	if (r == 0 && !gone)
		return err_exit(err, EXIT_EXISTS, EEXIST, "guest '%s' exists", name);
	return r;
}

int create_perform(struct guest *guest, struct pool *pool, create_fn *perform_fn, const void *context, struct err *err)
{
	int r = begin(guest, err);

	if (r == 0)
		r = fault_point("create.begin", err);
	if (r == 0)
		r = perform_fn(guest, pool, context, err);
	if (r == 0)
		r = journal_done(guest->dir_fd, true, err);
	if (r == 0)
		network_warn_of_listeners(guest, NULL);
	if (r < 0 && guest->dir_fd >= 0) {
		struct err undo = ERR_INIT;

		if (guest_finish_destroy(guest, guest->config.uuid, guest->config.pool, &undo) < 0)
			log_warning(guest->node->log, "guest '%s': not all of it could be undone: %s", guest->name, undo.msg);
	}
	return r;
}

int guest_create(const struct node *node, const char *name, const char *template_ref, const struct guest_setting *settings,
		 size_t n_settings, struct err *err)
{
	_cleanup_guest_ struct guest *guest = NULL;
	_cleanup_(cleanup_pool) struct pool *pool = NULL;
	int r = guest_new(node, name, &guest, err);

	if (r == 0)
		r = create_make_room(node, name, err);
	if (r == 0)
		r = configure(guest, template_ref, settings, n_settings, err);
	if (r == 0)
		r = open_pool(guest, &pool, err);
	if (r == 0)
		r = create_check_disk(guest, pool, is_set(settings, n_settings, "disk"), err);
	if (r == 0)
		r = guest_check_limits(guest, pool, err);
	if (r == 0)
		r = guest_lock(guest, "create", false, err);
	return r < 0 ? r : create_perform(guest, pool, perform, NULL, err);
}
