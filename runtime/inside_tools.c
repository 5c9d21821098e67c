/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "base/str.h"
#include "runtime/inside_priv.h"

/*
 * Programs that configure a guest's network at its boot, and would flush an interface, take it down or wait for DHCP on it if
 * they were not told what the kernel has already. Each gets a file for each interface with addresses; one without is the guest's
 * own business. Most are below /run, which is empty at each start: the guest's /etc stays the customer's, and what he puts there
 * counts more.
 *
 *   systemd-networkd  his own file comes first by a lower number, or replaces ours by its name
 *   NetworkManager    a profile, so that `nmcli` shows what there is; any of his own for the interface comes first
 *   netplan           merged with his; a file of his whose name sorts behind ours changes it. Writes for the two above
 *   ifupdown          in /etc, as it reads nothing else; not if he has configured the interface himself
 *   cloud-init        in /etc, too: its own idea of a network, which is DHCP, is switched off
 */
struct tool {
	const char *found[3]; /* it is installed if the guest has one of these, and `needs` */
	const char *needs;
	const char *unless; /* another one that writes its files for it */
	const char *dir;
	const char *prefix;
	const char *suffix;
	mode_t mode;
	inside_render_fn *render;
};

enum {
	TOOL_NETWORKD,
	TOOL_NETWORKMANAGER,
	TOOL_NETPLAN,
	TOOL_IFUPDOWN,
};

static const struct tool tools[] = {
	[TOOL_NETWORKD] = { .found = { "usr/lib/systemd/systemd-networkd", "lib/systemd/systemd-networkd" },
			    .unless = "usr/sbin/netplan",
			    .dir = "run/systemd/network",
			    .prefix = "10-ctctl-",
			    .suffix = ".network",
			    .mode = 0644,
			    .render = inside_render_networkd },
	[TOOL_NETWORKMANAGER] = { .found = { "usr/sbin/NetworkManager", "usr/bin/NetworkManager" },
				  .unless = "usr/sbin/netplan",
				  .dir = "run/NetworkManager/system-connections",
				  .prefix = "ctctl-",
				  .suffix = ".nmconnection",
				  .mode = 0600,
				  .render = inside_render_networkmanager },
	[TOOL_NETPLAN] = { .found = { "usr/sbin/netplan" },
			   .dir = "run/netplan",
			   .prefix = "90-ctctl-",
			   .suffix = ".yaml",
			   .mode = 0600,
			   .render = inside_render_netplan },
	[TOOL_IFUPDOWN] = { .found = { "sbin/ifup", "usr/sbin/ifup" },
			    .needs = "etc/network",
			    .dir = INSIDE_IFUPDOWN_DIR,
			    .prefix = INSIDE_IFUPDOWN_PREFIX,
			    .suffix = "",
			    .mode = 0644,
			    .render = inside_render_ifupdown },
};

/* More files than that in one of their folders are not looked at: a guest could have millions. */
#define FILES_MAX 256

bool inside_is_ours(int dir_fd, const char *name)
{
	_cleanup_free_ char *text = NULL;

	return inside_read(dir_fd, name, INSIDE_TEXT_MAX, &text, NULL) >= 0 && str_has_prefix(text, INSIDE_NOTICE);
}

void inside_each_file(int root_fd, const char *path, inside_each_fn *each, void *context)
{
	_cleanup_fd_ int fd = path_open_in(root_fd, path, O_RDONLY | O_DIRECTORY, 0);
	_cleanup_dir_ DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (!dir)
		return;
	(void)!TAKE_FD(fd);
	for (int n = 0; n < FILES_MAX; n++) {
		const struct dirent *e = readdir(dir);

		if (!e || !each(context, dirfd(dir), e->d_name))
			return;
	}
}

struct remains {
	const struct tool *tool;
	const struct inside_network *network;
};

static bool has_interface(const struct inside_network *network, const char *name, size_t len)
{
	for (size_t i = 0; i < network->n_interfaces; i++) {
		const struct net_setup_spec *iface = &network->interfaces[i];

		if (iface->n_addresses > 0 && strlen(iface->name) == len && strncmp(iface->name, name, len) == 0)
			return true;
	}
	return false;
}

/* Of an interface that was taken away, or has no addresses any more. */
static bool remove_stale(void *context, int dir_fd, const char *name)
{
	const struct remains *r = context;
	size_t prefix = strlen(r->tool->prefix), suffix = strlen(r->tool->suffix), len = strlen(name);

	if (len <= prefix + suffix || !str_has_prefix(name, r->tool->prefix) || strcmp(name + len - suffix, r->tool->suffix) != 0)
		return true;
	if (!has_interface(r->network, name + prefix, len - prefix - suffix) && inside_is_ours(dir_fd, name))
		(void)!unlinkat(dir_fd, name, 0);
	return true;
}

static bool is_installed(int root_fd, const struct tool *tool)
{
	bool found = false;

	for (size_t i = 0; !found && i < ARRAY_SIZE(tool->found) && tool->found[i]; i++)
		found = inside_exists(root_fd, tool->found[i]);
	return found && (!tool->needs || inside_exists(root_fd, tool->needs)) &&
	       (!tool->unless || !inside_exists(root_fd, tool->unless));
}

static void write_interface(int root_fd, const struct tool *tool, const struct inside_network *network,
			    const struct net_setup_spec *iface)
{
	_cleanup_free_ char *name = str_printf("%s%s%s", tool->prefix, iface->name, tool->suffix);
	struct strbuf b = { 0 };

	strbuf_add(&b, INSIDE_NOTICE "\n");
	tool->render(&b, network, iface);

	_cleanup_free_ char *text = strbuf_take(&b);

	if (name && text)
		(void)!inside_put(root_fd, tool->dir, name, text, tool->mode);
}

static void write_tool(int root_fd, const struct tool *tool, const struct inside_network *network)
{
	struct remains remains = { .tool = tool, .network = network };
	bool is_ifupdown = tool == &tools[TOOL_IFUPDOWN];

	inside_each_file(root_fd, tool->dir, remove_stale, &remains);
	for (size_t i = 0; i < network->n_interfaces; i++) {
		const struct net_setup_spec *iface = &network->interfaces[i];

		if (iface->n_addresses == 0 || (is_ifupdown && !inside_prepare_ifupdown(root_fd, iface->name)))
			continue;
		write_interface(root_fd, tool, network, iface);
	}
}

/* For an interface that is added while it runs, NetworkManager would make a profile of its own, and ask for DHCP. */
static void write_networkmanager(int root_fd)
{
	if (is_installed(root_fd, &tools[TOOL_NETWORKMANAGER]))
		(void)!inside_put(root_fd, "run/NetworkManager/conf.d", "10-ctctl.conf",
				  INSIDE_NOTICE "\n[main]\nno-auto-default=*\n", 0644);
}

static void write_cloud_init(int root_fd)
{
	static const char dir[] = "etc/cloud/cloud.cfg.d", name[] = "99-ctctl.cfg";
	_cleanup_fd_ int dir_fd = inside_open_dir(root_fd, dir, false);

	/* One that is there is ours, or what the customer made of it. */
	if (dir_fd >= 0 && !path_exists_at(dir_fd, name))
		(void)!inside_put(root_fd, dir, name, INSIDE_NOTICE "\nnetwork: {config: disabled}\n", 0644);
}

void inside_write_tools(int root_fd, const struct inside_network *network)
{
	for (size_t i = 0; i < ARRAY_SIZE(tools); i++) {
		if (is_installed(root_fd, &tools[i]))
			write_tool(root_fd, &tools[i], network);
	}
	write_networkmanager(root_fd);
	if (network->n_interfaces > 0)
		write_cloud_init(root_fd);
}
