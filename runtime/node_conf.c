/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/ini.h"
#include "base/path.h"
#include "base/str.h"
#include "netns/link.h"
#include "runtime/container/cgroup.h"
#include "runtime/node_priv.h"

#define CONF_FILE "ctctl.conf"

/* Who wants to wait that long has told systemd so, too. */
#define SUSPEND_TIMEOUT_MAX_S 86400

/* With less, no guest starts. */
#define MEMORY_LEAST (UINT64_C(4) << 20)

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

static int set_group(struct node *node, const char *key, const char *value, struct err *err)
{
	if (!is_group_path(value))
		return err_set(err, EINVAL,
			       "%s '%.80s': expected a path such as 'ctctl', of letters, digits, '_', '.' and '-', without '..' "
			       "and '.slice', that does not begin with '_', '.' or a controller's name and '.'",
			       key, value);
	return str_replace(&node->cgroup_parent, value, err);
}

static int set_link(char **field, const char *key, const char *value, struct err *err)
{
	int r = net_check_link_name(key, value, err);

	return r < 0 ? r : str_replace(field, value, err);
}

static int set_bridge_address(struct node *node, const char *key, const char *value, struct err *err)
{
	struct net_address address;
	bool is_v6 = strcmp(key, "bridge-address6") == 0;

	if (is_v6 && strcmp(value, "none") == 0) {
		free(node->bridge_address6);
		node->bridge_address6 = NULL;
		return 0;
	}

	int r = net_address_parse(key, value, NET_PREFIX_REQUIRED, &address, err);

	if (r < 0)
		return r;
	if ((address.family == AF_INET6) != is_v6 || !net_address_is_host(&address))
		return err_set(err, EINVAL, "%s '%.80s': expected the bridge's own address with the network's prefix, such as %s",
			       key, value, is_v6 ? "fd12:3456:789a::1/64, or none" : "10.200.0.1/20");
	/* Besides the bridge's own, and in IPv4 the network's and the broadcast address. */
	if (address.prefix > net_address_bits(&address) - 2)
		return err_set(err, EINVAL, "%s '%.80s': leaves no address for guests: expected a prefix of at most %u", key,
			       value, net_address_bits(&address) - 2);
	return str_replace(is_v6 ? &node->bridge_address6 : &node->bridge_address, value, err);
}

static int set_default_net(struct node *node, const char *key, const char *value, struct err *err)
{
	static const enum net_mode modes[] = { NET_MODE_ROUTED, NET_MODE_BRIDGE, NET_MODE_NAT, NET_MODE_NONE };

	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		if (strcmp(net_mode_word(modes[i]), value) == 0) {
			node->default_net = modes[i];
			return 0;
		}
	}
	return err_set(err, EINVAL, "%s '%.40s': expected routed, bridge, nat or none", key, value);
}

static int set_local(struct node *node, const char *key, const char *value, struct err *err)
{
	char *list = NULL;
	int r = interface_normalize(PARAM_PREFIXES, key, value, &list, err);

	if (r < 0)
		return r;
	free(node->local_networks);
	node->local_networks = list;
	return 0;
}

static int set_network(struct node *node, const char *key, const char *value, struct err *err)
{
	if (strcmp(key, "bridge") == 0)
		return set_link(&node->bridge, key, value, err);
	if (strcmp(key, "uplink") == 0)
		return set_link(&node->uplink, key, value, err);
	if (strcmp(key, "bridge-address") == 0 || strcmp(key, "bridge-address6") == 0)
		return set_bridge_address(node, key, value, err);
	if (strcmp(key, "default-net") == 0)
		return set_default_net(node, key, value, err);
	if (strcmp(key, "local-networks") == 0)
		return set_local(node, key, value, err);
	if (strcmp(key, "forwarding") == 0 && str_to_bool(value, &node->may_forward) < 0)
		return err_set(err, EINVAL, "%s '%.40s': expected yes or no", key, value);
	return 0; /* unknown keys stay for newer versions */
}

static int set_on_shutdown(const char *key, const char *value, enum shutdown_action *ret, struct err *err)
{
	const struct param *p = param_find(key);

	for (size_t i = 0; param_word(p, i); i++) {
		if (strcmp(param_word(p, i), value) == 0) {
			*ret = (enum shutdown_action)(SHUTDOWN_UNSET + 1 + i);
			return 0;
		}
	}
	return err_set(err, EINVAL, "%s '%.40s': expected stop or suspend", key, value);
}

static int set_suspend_timeout(const char *key, const char *value, uint64_t *ret, struct err *err)
{
	uint64_t v;

	if (str_to_u64(value, SUSPEND_TIMEOUT_MAX_S, &v) < 0 || v == 0)
		return err_set(err, EINVAL, "%s '%.40s': expected seconds, from 1 to %d", key, value, SUSPEND_TIMEOUT_MAX_S);
	*ret = v;
	return 0;
}

static int on_key(void *context, const char *section, const char *key, const char *value, struct err *err)
{
	struct node *node = context;
	int r;

	if (*section)
		return 0;
	if (strcmp(key, "ids-first") == 0)
		return set_ids(key, value, &node->ids_first, err);
	if (strcmp(key, "ids-slots") == 0)
		return set_ids(key, value, &node->ids_slots, err);
	if (strcmp(key, "default-memory") == 0)
		return set_memory(key, value, &node->default_memory, err);
	if (strcmp(key, "on-shutdown") == 0)
		return set_on_shutdown(key, value, &node->on_shutdown, err);
	if (strcmp(key, "suspend-timeout") == 0)
		return set_suspend_timeout(key, value, &node->suspend_timeout_s, err);
	if (strcmp(key, "cgroup-parent") == 0)
		return set_group(node, key, value, err);
	if (strcmp(key, "default-pool") == 0) {
		r = str_check_name(key, value, err);
		return r < 0 ? r : str_replace(&node->default_pool, value, err);
	}
	return set_network(node, key, value, err);
}

int node_read_conf(struct node *node, struct err *err)
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
