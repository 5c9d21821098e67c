/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "base/path.h"
#include "base/str.h"
#include "runtime/checkpoint/archive.h"
#include "runtime/checkpoint/identity_copy.h"
#include "runtime/create_priv.h"
#include "runtime/guest_priv.h"
#include "runtime/interface.h"
#include "runtime/lifecycle.h"
#include "runtime/network.h"
#include "runtime/operations.h"
#include "runtime/policy.h"

/* What the new guest is made of. */
struct warm {
	struct guest *source;
	const char *label;
	int images_fd;			     /* of the checkpoint */
	struct checkpoint_manifest manifest; /* its */
	struct guest *saved;		     /* the source as it was then: its configuration, nothing else */
	struct net_plans nets;		     /* its network */
};

static void warm_close(struct warm *w)
{
	guest_close(w->source);
	guest_close(w->saved);
	cleanup_fd(&w->images_fd);
	checkpoint_manifest_free(&w->manifest);
	network_plans_free(&w->nets);
}

/* "GUEST@LABEL": neither may contain another "@". */
static int split(const char *origin, char name[GUEST_NAME_ROOM], const char **ret_label, struct err *err)
{
	const char *at = strchr(origin, '@');
	size_t len = at ? (size_t)(at - origin) : 0;

	if (len == 0 || len >= GUEST_NAME_ROOM || !at[1])
		return err_exit(err, EXIT_INVALID, EINVAL,
				"warm '%s': expected GUEST@LABEL, a checkpoint; see ctctl checkpoint list GUEST", origin);
	memcpy(name, origin, len);
	name[len] = '\0';
	*ret_label = at + 1;
	return 0;
}

static int read_saved(struct warm *w, struct guest *guest, struct err *err)
{
	int r = guest_new(w->source->node, w->source->name, &w->saved, err);

	if (r == 0)
		r = guest_conf_read(w->images_fd, "guest.conf of the checkpoint", &w->saved->config, err);
	if (r == 0)
		r = guest_conf_read(w->images_fd, "guest.conf of the checkpoint", &guest->config, err);
	return r < 0 ? r : network_plan(w->saved, &w->nets, err);
}

/* The lock is what keeps the checkpoint from being removed meanwhile; others who make guests of it are waited for. */
static int warm_open(struct warm *w, const struct node *node, const char *origin, struct guest *guest, struct err *err)
{
	char name[GUEST_NAME_ROOM];
	int r = split(origin, name, &w->label, err);

	if (r == 0 && strcmp(name, guest->name) == 0)
		return err_exit(err, EXIT_EXISTS, EEXIST, "guest '%s' exists", name);
	if (r == 0)
		r = guest_open_locked(node, name, "create --warm", true, &w->source, err);
	if (r < 0)
		return r;
	w->images_fd = archive_open(w->source, w->label, &w->manifest, err);
	return w->images_fd < 0 ? w->images_fd : read_saved(w, guest, err);
}

static void forget(char **field)
{
	free(*field);
	*field = NULL;
}

/* All that nobody else may have, too. Limits, rates, rules and notes are a beginning for its own. */
static void forget_identity(struct guest_config *config)
{
	forget(&config->hostname);
	for (size_t i = 0; i < config->n_interfaces; i++) {
		struct guest_interface *iface = &config->interfaces[i];

		forget(&iface->mac);
		forget(&iface->ip);
		forget(&iface->route);
		forget(&iface->publish);
	}
}

static int check_setting(const struct guest_setting *s, struct err *err)
{
	static const char *const fixed[] = { "pool", "features", "mtu", "template" };

	for (size_t i = 0; i < ARRAY_SIZE(fixed); i++) {
		if (strcmp(s->param->key, fixed[i]) == 0)
			return err_exit(err, EXIT_INVALID, EINVAL,
					"%s: a guest that is made from a checkpoint has what that was made with", fixed[i]);
	}
	return 0;
}

static int apply_settings(struct guest *guest, const struct guest_setting *settings, size_t n, struct err *err)
{
	struct guest_config *config = &guest->config;
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i++) {
		r = check_setting(&settings[i], err);
		if (r == 0)
			r = config_set_on(config, settings[i].interface, settings[i].param, settings[i].value, err);
	}
	for (size_t i = 0; r == 0 && i < config->n_interfaces; i++)
		r = policy_complete_interface(guest->node, &config->interfaces[i], err);
	return r;
}

/* Its programs have their addresses in mind; without one, the copy would be a guest that nobody reaches. */
static int check_addresses(const struct warm *w, const struct guest *guest, struct err *err)
{
	for (size_t i = 0; i < guest->config.n_interfaces; i++) {
		const struct guest_interface *iface = &guest->config.interfaces[i];
		const struct guest_interface *was = config_interface(&w->saved->config, iface->name);

		if (was && was->ip && !iface->ip && !iface->net_pool)
			return err_exit(
				err, EXIT_INVALID, EINVAL,
				"interface '%s': '%s' has addresses there, which are its own: say which the new guest gets "
				"by --ip, or --net-pool",
				iface->name, w->source->name);
	}
	return 0;
}

/* CRIU restores the interfaces that were saved, by their names. */
static int check_network(const struct warm *w, const struct net_plans *to, struct err *err)
{
	for (size_t i = 0; i < to->n; i++) {
		const struct net_plan *was = network_find_plan(&w->nets, to->list[i].guest_name);

		if (to->list[i].mode == NET_MODE_MACVLAN || !was || was->mtu != to->list[i].mtu)
			return err_exit(
				err, EXIT_INVALID, EINVAL,
				"interface '%s': the checkpoint has none like it: expected one that is routed, nat or on a "
				"bridge, with the same mtu",
				to->list[i].guest_name);
	}
	if (to->n < w->nets.n)
		return err_exit(err, EXIT_INVALID, EINVAL,
				"net: the checkpoint has %zu connected interfaces: expected the new guest to have them, too",
				w->nets.n);
	return 0;
}

static int configure(struct warm *w, struct guest *guest, const struct guest_setting *settings, size_t n, struct err *err)
{
	int r = create_give_uuid(guest, err);

	forget_identity(&guest->config);
	if (r == 0)
		r = apply_settings(guest, settings, n, err);
	if (r == 0)
		r = check_addresses(w, guest, err);
	return r < 0 ? r : policy_check(guest->node, &guest->config, err);
}

static int write_memory(struct guest *guest, const struct warm *w, struct err *err)
{
	struct net_plans nets = NET_PLANS_INIT;
	const struct checkpoint_copy copy = {
		.images_fd = w->images_fd,
		.manifest = &w->manifest,
		.from = &w->nets,
		.to = &nets,
	};
	int r = network_plan(guest, &nets, err);

	if (r == 0)
		r = check_network(w, &nets, err);
	if (r == 0)
		r = checkpoint_copy(&copy, guest, err);
	network_plans_free(&nets);
	return r;
}

static int perform(struct guest *guest, struct pool *pool, const void *context, struct err *err)
{
	const struct warm *w = context;
	_cleanup_free_ char *from = archive_area(w->source, w->label);
	int r = from ? area_copy(pool, from, guest->config.uuid, guest->config.disk, err) : err_oom(err);

	if (r == 0)
		r = fault_point("warm.copied", err);
	if (r == 0)
		r = create_take_identity(guest, err);
	return r < 0 ? r : write_memory(guest, w, err);
}

static bool is_set(const struct guest_setting *settings, size_t n, const char *key)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(settings[i].param->key, key) == 0)
			return true;
	}
	return false;
}

int guest_create_warm(const struct node *node, const char *name, const char *origin, const struct guest_setting *settings,
		      size_t n_settings, struct err *err)
{
	_cleanup_guest_ struct guest *guest = NULL;
	_cleanup_(cleanup_pool) struct pool *pool = NULL;
	_cleanup_(warm_close) struct warm w = { .images_fd = -EBADF, .nets = NET_PLANS_INIT };
	int r = guest_new(node, name, &guest, err);

	if (r == 0)
		r = create_make_room(node, name, err);
	if (r == 0)
		r = warm_open(&w, node, origin, guest, err);
	if (r == 0)
		r = configure(&w, guest, settings, n_settings, err);
	if (r == 0)
		r = pool_open(node->pools_dir, guest->config.pool, &pool, err);
	if (r == 0)
		r = create_check_disk(guest, pool, is_set(settings, n_settings, "disk"), err);
	if (r == 0)
		r = guest_check_limits(guest, pool, err);
	if (r == 0)
		r = guest_lock(guest, "create", false, err);
	return r < 0 ? r : create_perform(guest, pool, perform, &w, err);
}
