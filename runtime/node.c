/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/node.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/str.h"
#include "netns/filter.h"
#include "runtime/home.h"
#include "runtime/node_priv.h"

/*
 * Guests' ids are taken from 0x40000000 on: above what distributions give to users and to /etc/subuid (from 100000), above
 * systemd's container range (524288 to 1879048191, of which it takes a part per nspawn machine by hash: uid-gid.md) only in its
 * upper half, and below 2^31, which some file systems and tools still treat as negative.
 */
#define IDS_FIRST 0x40000000U
#define IDS_SLOTS 6144U
/* Instances with a prefix take windows of 256 ranges behind those. */
#define IDS_PREFIX_FIRST   (IDS_FIRST + IDS_SLOTS * NODE_IDS_PER_GUEST)
#define IDS_PREFIX_WINDOW  256U
#define IDS_PREFIX_WINDOWS 21U

/* Of a guest that is created without a limit of its own, which would take what the host has. */
#define MEMORY_DEFAULT (UINT64_C(1) << 30)

/*
 * systemd gives up on a host's shutdown after 30 minutes and reboots without another word (JobTimeoutSec= of reboot.target). What
 * is not saved by then has to be stopped within it, too, and the end of a suspend that is broken off takes up to three.
 */
#define SUSPEND_TIMEOUT_S (15 * 60)

#define NETWORK_DEFAULT "10.200.0.1/20"
/* RFC 1918, RFC 4193, link-local (RFC 3927, RFC 4291), and what carriers have for themselves (RFC 6598). */
#define LOCAL_DEFAULT "10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 100.64.0.0/10, 169.254.0.0/16, fc00::/7, fe80::/10"

/* FNV-1a, 32 bits: a short stable name for an instance (draft-eastlake-fnv). */
static uint32_t hash(const char *s)
{
	uint32_t h = 2166136261U;

	for (; *s; s++)
		h = (h ^ (unsigned char)*s) * 16777619U;
	return h;
}

/* The same with 64 bits, begun with another text. */
static uint64_t hash64(uint64_t h, const char *s)
{
	for (; *s; s++)
		h = (h ^ (unsigned char)*s) * 1099511628211U;
	return h;
}

/*
 * A network of this instance's own for the guests behind it (RFC 4193: fd, and 40 bits that hardly anybody else has): from the
 * machine's id, so that guests that move find no other's addresses, and from the prefix.
 */
static char *own_network6(const char *prefix)
{
	_cleanup_free_ char *machine = NULL;
	int r = fd_read_file_at(AT_FDCWD, "/etc/machine-id", 256, &machine) < 0;
	uint64_t h = hash64(hash64(14695981039346656037U, r ? "" : machine), prefix);

	h ^= h >> 40;
	return str_printf("fd%02x:%04x:%04x::1/64", (unsigned int)(h >> 32 & 0xff), (unsigned int)(h >> 16 & 0xffff),
			  (unsigned int)(h & 0xffff));
}

/* The folder of the running program: an uninstalled build finds its helpers beside itself. */
static int find_programs(struct node *node, struct err *err)
{
	_cleanup_free_ char *self = realpath("/proc/self/exe", NULL);
	char *slash = self ? strrchr(self, '/') : NULL;

	if (!slash)
		return err_sys(err, errno, "find this program");
	node->self = strdup(self);
	*slash = '\0';

	_cleanup_free_ char *beside = str_printf("%s/ctctl-monitor", self);
	bool is_installed = beside && access(beside, X_OK) < 0;

	node->helper_dir = strdup(is_installed ? CTCTL_LIBEXECDIR : self);
	node->recipes_dir = is_installed ? strdup(CTCTL_DATADIR "/recipes") : str_printf("%s/../templates/recipes", self);
	return node->self && node->helper_dir && node->recipes_dir ? 0 : err_oom(err);
}

static char *table_name(const char *instance)
{
	char room[NET_FILTER_TABLE_ROOM];

	return instance && net_filter_table(instance, room) == 0 ? strdup(room) : NULL;
}

static bool name_instance(struct node *node)
{
	if (!*node->prefix) {
		node->conf_dir = strdup("/etc/ctctl");
		node->state_dir = strdup("/var/lib/ctctl");
		node->run_dir = strdup("/run/ctctl");
		node->cgroup_parent = strdup("ctctl");
		node->bridge = strdup("ctctl0");
		node->nft_table = table_name("ctctl");
		node->ids_first = IDS_FIRST;
		node->ids_slots = IDS_SLOTS;
	} else {
		uint32_t h = hash(node->prefix);

		node->conf_dir = str_printf("%s/etc", node->prefix);
		node->state_dir = str_printf("%s/lib", node->prefix);
		node->run_dir = str_printf("%s/run", node->prefix);
		node->cgroup_parent = str_printf("ctctl-%08" PRIx32, h);
		node->bridge = str_printf("ctctl%08" PRIx32, h);
		node->nft_table = table_name(node->cgroup_parent);
		node->ids_first = IDS_PREFIX_FIRST + (uint64_t)(h % IDS_PREFIX_WINDOWS) * IDS_PREFIX_WINDOW * NODE_IDS_PER_GUEST;
		node->ids_slots = IDS_PREFIX_WINDOW;
	}
	node->bridge_address = strdup(NETWORK_DEFAULT);
	node->bridge_address6 = own_network6(node->prefix);
	node->local_networks = strdup(LOCAL_DEFAULT);
	node->default_net = NET_MODE_NAT;
	node->may_forward = true;
	node->default_pool = strdup("default");
	node->default_memory = MEMORY_DEFAULT;
	node->on_shutdown = SHUTDOWN_STOP;
	node->suspend_timeout_s = SUSPEND_TIMEOUT_S;
	return node->conf_dir && node->state_dir && node->run_dir && node->cgroup_parent && node->bridge && node->nft_table &&
	       node->bridge_address && node->bridge_address6 && node->local_networks && node->default_pool;
}

static bool name_folders(struct node *node)
{
	node->guests_dir = str_printf("%s/guests", node->state_dir);
	node->templates_dir = str_printf("%s/templates", node->state_dir);
	node->pools_dir = str_printf("%s/pools", node->state_dir);
	node->images_dir = str_printf("%s/_images", node->run_dir);
	node->addresses_dir = str_printf("%s/addresses", node->state_dir);
	node->netpools_dir = str_printf("%s/netpools", node->state_dir);
	return node->guests_dir && node->templates_dir && node->pools_dir && node->images_dir && node->addresses_dir &&
	       node->netpools_dir;
}

static int make_folder(const char *path, mode_t mode, struct err *err)
{
	if (access(path, F_OK) == 0)
		return 0;

	int r = path_make_dirs(path, 0755);

	/* Only root enters: files of guests carry the ids that the guest sees, set-user-ID ones among them. */
	if (r == 0 && chmod(path, mode) < 0)
		r = -errno;
	return r < 0 ? err_sys(err, -r, "make the folder '%s'", path) : 0;
}

static int make_folders(const struct node *node, struct err *err)
{
	const char *const private[] = { node->run_dir,	  node->guests_dir,    node->pools_dir,	  node->templates_dir,
					node->images_dir, node->addresses_dir, node->netpools_dir };

	for (size_t i = 0; i < ARRAY_SIZE(private); i++) {
		int r = make_folder(private[i], 0700, err);

		if (r < 0)
			return r;
	}
	return 0;
}

/* Symlinks and relative parts are resolved once, so that an instance has one name (and one hash) whatever way it is written. */
static int resolve_prefix(struct node *node, const char *prefix, struct err *err)
{
	if (str_is_empty(prefix)) {
		node->prefix = strdup("");
		return node->prefix ? 0 : err_oom(err);
	}

	node->prefix = realpath(prefix, NULL);
	if (!node->prefix && errno == ENOENT) {
		int r = path_make_dirs(prefix, 0755);

		if (r < 0)
			return err_sys(err, -r, "make the prefix '%s'", prefix);
		node->prefix = realpath(prefix, NULL);
	}
	return node->prefix ? 0 : err_sys(err, errno, "find the prefix '%s'", prefix);
}

int node_open(const char *prefix, const struct log *log, struct node **ret, struct err *err)
{
	_cleanup_node_ struct node *node = calloc(1, sizeof(*node));
	int r;

	if (!node)
		return err_oom(err);
	if (geteuid() != 0)
		return err_exit(err, EXIT_PERMISSION, EPERM, "root is needed: run it with sudo");
	node->log = log;
	r = resolve_prefix(node, prefix, err);
	if (r < 0)
		return r;
	if (!name_instance(node) || !name_folders(node))
		return err_oom(err);
	r = find_programs(node, err);
	if (r == 0)
		r = node_read_conf(node, err);
	if (r == 0)
		r = home_name(node, home_is_by_systemd(), err);
	if (r == 0)
		r = make_folders(node, err);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(node);
	return 0;
}

void node_close(struct node *node)
{
	if (!node)
		return;
	free(node->conf_dir);
	free(node->state_dir);
	free(node->run_dir);
	free(node->guests_dir);
	free(node->templates_dir);
	free(node->pools_dir);
	free(node->images_dir);
	free(node->recipes_dir);
	free(node->helper_dir);
	free(node->self);
	free(node->prefix);
	free(node->cgroup_parent);
	free(node->guests_unit);
	free(node->bridge);
	free(node->bridge_address);
	free(node->bridge_address6);
	free(node->uplink);
	free(node->local_networks);
	free(node->nft_table);
	free(node->addresses_dir);
	free(node->netpools_dir);
	free(node->default_pool);
	free(node);
}
