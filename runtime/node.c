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
#include "base/ini.h"
#include "base/path.h"
#include "base/str.h"
#include "netns/link.h"
#include "runtime/container/cgroup.h"
#include "runtime/home.h"

#define CONF_FILE "ctctl.conf"

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
#define MEMORY_LEAST   (UINT64_C(4) << 20)
#define MEMORY_DEFAULT (UINT64_C(1) << 30)

#define NETWORK_DEFAULT "10.200.0.1/24"

/* FNV-1a, 32 bits: a short stable name for an instance (draft-eastlake-fnv). */
static uint32_t hash(const char *s)
{
	uint32_t h = 2166136261U;

	for (; *s; s++)
		h = (h ^ (unsigned char)*s) * 16777619U;
	return h;
}

struct node_key {
	const char *key;
	size_t offset;
};

static const struct node_key text_keys[] = {
	{ "cgroup-parent", offsetof(struct node, cgroup_parent) },
	{ "bridge", offsetof(struct node, bridge) },
	{ "bridge-address", offsetof(struct node, bridge_address) },
	{ "default-pool", offsetof(struct node, default_pool) },
};

static int set_memory(const char *key, const char *value, uint64_t *ret, struct err *err)
{
	*ret = 0;
	if (strcmp(value, "none") == 0 || (str_to_size(value, ret) == 0 && *ret >= MEMORY_LEAST))
		return 0;
	return err_set(err, EINVAL, "%s '%s': expected a size such as 512M, at least 4M, or none", key, value);
}

static int set_ids(const char *key, const char *value, uint64_t *ret, struct err *err)
{
	uint64_t v;

	if (str_to_u64(value, UINT32_MAX - NODE_IDS_PER_GUEST, &v) < 0 || v == 0)
		return err_set(err, EINVAL, "%s '%s': expected a whole number above 0", key, value);
	*ret = v;
	return 0;
}

/*
 * Names that systemd gives a group of another name (cg_needs_escape(): what might be a file of a group). A unit is called by the
 * whole path, so its beginning counts.
 */
static bool is_escaped(const char *s)
{
	static const char *const files[] = { "cgroup", "cpu",	  "cpuacct", "cpuset",	     "io",	   "blkio",
					     "memory", "devices", "pids",    "bpf-firewall", "bpf-devices" };

	if (*s == '_' || *s == '.')
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		if (str_has_prefix(s, files[i]) && s[strlen(files[i])] == '.')
			return true;
	}
	return false;
}

/*
 * Below the root of each hierarchy, and nowhere else; a slice is systemd's to make. What is allowed is what the name of a unit
 * and cgroup.h allow.
 */
static bool is_group_path(const char *s)
{
	struct err ignored = ERR_INIT;

	if (cgroup_check_path(s, &ignored) < 0 || strlen(s) > 128 || is_escaped(s))
		return false;
	for (const char *end;; s = end + 1) {
		end = strchrnul(s, '/');
		if (cgroup_is_slice(s, (size_t)(end - s)))
			return false;
		if (!*end)
			return true;
	}
}

/* Of a network interface: IFNAMSIZ is 16, and dev_valid_name() in the kernel says the rest. */
static bool is_link_name(const char *s)
{
	size_t len = strlen(s);

	return len > 0 && len < 16 && !strpbrk(s, "/: \t") && strcmp(s, ".") != 0 && strcmp(s, "..") != 0;
}

static int check_text(const char *key, const char *value, struct err *err)
{
	if (strcmp(key, "bridge-address") == 0)
		return net_check_cidr(key, value, err);
	if (strcmp(key, "default-pool") == 0)
		return str_check_name(key, value, err);
	if (strcmp(key, "cgroup-parent") == 0 && !is_group_path(value))
		return err_set(err, EINVAL,
			       "%s '%.80s': expected a path such as 'ctctl', of letters, digits, '_', '.' and '-', without '..' "
			       "and '.slice', that does not begin with '_', '.' or a controller's name and '.'",
			       key, value);
	if (strcmp(key, "bridge") == 0 && !is_link_name(value))
		return err_set(err, EINVAL, "%s '%s': expected the name of a network interface, at most 15 characters", key,
			       value);
	return 0;
}

static int on_key(void *context, const char *section, const char *key, const char *value, struct err *err)
{
	struct node *node = context;

	if (*section)
		return 0;
	if (strcmp(key, "ids-first") == 0)
		return set_ids(key, value, &node->ids_first, err);
	if (strcmp(key, "ids-slots") == 0)
		return set_ids(key, value, &node->ids_slots, err);
	if (strcmp(key, "default-memory") == 0)
		return set_memory(key, value, &node->default_memory, err);

	int r = check_text(key, value, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(text_keys); i++) {
		if (strcmp(text_keys[i].key, key) != 0)
			continue;

		char **field = (char **)((char *)node + text_keys[i].offset);

		free(*field);
		*field = strdup(value);
		return *field ? 0 : err_oom(err);
	}
	return 0; /* unknown keys stay for newer versions */
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

static bool name_instance(struct node *node)
{
	if (!*node->prefix) {
		node->conf_dir = strdup("/etc/ctctl");
		node->state_dir = strdup("/var/lib/ctctl");
		node->run_dir = strdup("/run/ctctl");
		node->cgroup_parent = strdup("ctctl");
		node->bridge = strdup("ctctl0");
		node->ids_first = IDS_FIRST;
		node->ids_slots = IDS_SLOTS;
	} else {
		uint32_t h = hash(node->prefix);

		node->conf_dir = str_printf("%s/etc", node->prefix);
		node->state_dir = str_printf("%s/lib", node->prefix);
		node->run_dir = str_printf("%s/run", node->prefix);
		node->cgroup_parent = str_printf("ctctl-%08" PRIx32, h);
		node->bridge = str_printf("ctctl%08" PRIx32, h);
		node->ids_first = IDS_PREFIX_FIRST + (uint64_t)(h % IDS_PREFIX_WINDOWS) * IDS_PREFIX_WINDOW * NODE_IDS_PER_GUEST;
		node->ids_slots = IDS_PREFIX_WINDOW;
	}
	node->bridge_address = strdup(NETWORK_DEFAULT);
	node->default_pool = strdup("default");
	node->default_memory = MEMORY_DEFAULT;
	return node->conf_dir && node->state_dir && node->run_dir && node->cgroup_parent && node->bridge &&
	       node->bridge_address && node->default_pool;
}

static bool name_folders(struct node *node)
{
	node->guests_dir = str_printf("%s/guests", node->state_dir);
	node->templates_dir = str_printf("%s/templates", node->state_dir);
	node->pools_dir = str_printf("%s/pools", node->state_dir);
	node->images_dir = str_printf("%s/_images", node->run_dir);
	return node->guests_dir && node->templates_dir && node->pools_dir && node->images_dir;
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
	const char *const private[] = { node->run_dir, node->guests_dir, node->pools_dir, node->templates_dir, node->images_dir };

	for (size_t i = 0; i < ARRAY_SIZE(private); i++) {
		int r = make_folder(private[i], 0700, err);

		if (r < 0)
			return r;
	}
	return 0;
}

static int read_conf(struct node *node, struct err *err)
{
	_cleanup_free_ char *shown = str_printf("%s/" CONF_FILE, node->conf_dir);
	_cleanup_fd_ int dir = path_open_dir(AT_FDCWD, node->conf_dir, O_PATH);

	if (!shown)
		return err_oom(err);
	if (dir < 0)
		return dir == -ENOENT ? 0 : err_sys(err, -dir, "open '%s'", node->conf_dir);

	int r = ini_read_at(dir, CONF_FILE, shown, on_key, node, err);

	if (r == -ENOENT)
		return 0;
	if (r == 0 &&
	    (node->ids_first % NODE_IDS_PER_GUEST || node->ids_first + node->ids_slots * NODE_IDS_PER_GUEST > UINT32_MAX))
		return err_exit(err, EXIT_BAD_CONFIG, EINVAL,
				"%s: ids-first must be a multiple of 65536, and the last id below 4294967295", shown);
	return r;
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
		r = read_conf(node, err);
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
	free(node->default_pool);
	free(node);
}
