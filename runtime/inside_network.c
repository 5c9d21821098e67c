/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "netns/address.h"
#include "runtime/inside_priv.h"

#define HOSTS_OF_NONE "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n"

/* More are not asked: resolv.conf(5), MAXNS. */
#define NAMESERVERS_MAX 3

/* Does a line of the text name it, as hosts(5) has it? */
static bool has_host(const char *text, const char *hostname)
{
	_cleanup_free_ char *copy = strdup(text);
	char *lines = NULL;

	for (char *line = copy ? strtok_r(copy, "\n", &lines) : NULL; line; line = strtok_r(NULL, "\n", &lines)) {
		char *words = NULL;

		line[strcspn(line, "#")] = '\0';
		for (char *w = strtok_r(line, " \t", &words); w; w = strtok_r(NULL, " \t", &words)) {
			if (strcasecmp(w, hostname) == 0)
				return true;
		}
	}
	return false;
}

static const struct net_address *first_address(const struct inside_network *network, int family)
{
	for (size_t i = 0; i < network->n_interfaces; i++) {
		const struct net_setup_spec *iface = &network->interfaces[i];

		for (size_t a = 0; a < iface->n_addresses; a++) {
			if (iface->addresses[a].family == family)
				return &iface->addresses[a];
		}
	}
	return NULL;
}

/* "ADDRESS web1.example.com web1" for the first address of each family; 127.0.1.1, as Debian has it, where there is none. */
static char *hosts_block(const struct inside_network *network)
{
	static const int families[2] = { AF_INET, AF_INET6 };
	const char *name = network->hostname, *dot = strchr(name, '.');
	int len = dot ? (int)(dot - name) : 0;
	struct strbuf b = { 0 };

	for (int f = 0; f < 2; f++) {
		const struct net_address *address = first_address(network, families[f]);
		char room[NET_ADDRESS_ROOM];

		if (!address)
			continue;
		net_address_format(address, false, room);
		strbuf_addf(&b, "%s %s%s%.*s\n", room, name, dot ? " " : "", len, name);
	}
	if (b.len == 0)
		strbuf_addf(&b, "127.0.1.1 %s%s%.*s\n", name, dot ? " " : "", len, name);
	return strbuf_take(&b);
}

/* A customer who names the host in a line of his own, outside the markers, needs none of ours. */
static void write_hosts(int etc_fd, const struct inside_network *network)
{
	_cleanup_free_ char *old = NULL;
	struct stat st;
	ssize_t n = inside_read(etc_fd, "hosts", INSIDE_TEXT_MAX, &old, &st);

	if (n < 0 && n != -ENOENT)
		return;

	_cleanup_free_ char *his = inside_set_block(old ? old : HOSTS_OF_NONE, NULL);
	_cleanup_free_ char *block = hosts_block(network);

	if (!his || !block)
		return;

	_cleanup_free_ char *text = inside_set_block(old ? old : HOSTS_OF_NONE, has_host(his, network->hostname) ? NULL : block);

	if (text && (!old || strcmp(old, text) != 0))
		(void)!inside_replace(etc_fd, "hosts", text, old ? &st : NULL, 0644);
}

static char *resolv_conf(const struct inside_network *network)
{
	struct strbuf b = { 0 };

	strbuf_add(&b, INSIDE_NOTICE " Remove this line to keep what you write here.\n");
	for (size_t i = 0; i < NAMESERVERS_MAX && network->nameservers[i]; i++)
		strbuf_addf(&b, "nameserver %s\n", network->nameservers[i]);
	if (network->search)
		strbuf_addf(&b, "search %s\n", network->search);
	return strbuf_take(&b);
}

/* An empty one is what images of other systems have. A symlink belongs to systemd-resolved, resolvconf or NetworkManager. */
static void write_resolv_conf(int etc_fd, const struct inside_network *network)
{
	_cleanup_free_ char *old = NULL;
	ssize_t n = inside_read(etc_fd, "resolv.conf", INSIDE_TEXT_MAX, &old, NULL);

	if (n < 0 ? n != -ENOENT : n > 0 && !str_has_prefix(old, INSIDE_NOTICE))
		return;

	_cleanup_free_ char *text = resolv_conf(network);

	if (text && (!old || strcmp(old, text) != 0))
		(void)!inside_replace(etc_fd, "resolv.conf", text, NULL, 0644);
}

/* A file of that name in /etc/systemd/resolved.conf.d takes its place. */
static void write_resolved(int root_fd, const struct inside_network *network)
{
	struct strbuf b = { 0 };

	if (!inside_exists(root_fd, "usr/lib/systemd/systemd-resolved") &&
	    !inside_exists(root_fd, "lib/systemd/systemd-resolved"))
		return;
	strbuf_add(&b, INSIDE_NOTICE "\n[Resolve]\nDNS=");
	for (size_t i = 0; network->nameservers[i]; i++)
		strbuf_addf(&b, "%s%s", i > 0 ? " " : "", network->nameservers[i]);
	strbuf_add(&b, "\n");
	if (network->search)
		strbuf_addf(&b, "Domains=%s\n", network->search);

	_cleanup_free_ char *text = strbuf_take(&b);

	if (text)
		(void)!inside_put(root_fd, "run/systemd/resolved.conf.d", "ctctl.conf", text, 0644);
}

int inside_write_network(int root_fd, const struct inside_network *network, struct err *err)
{
	mode_t mask = umask(0022);
	_cleanup_fd_ int etc_fd = inside_open_dir(root_fd, "etc", true);

	if (etc_fd >= 0)
		write_hosts(etc_fd, network);
	if (etc_fd >= 0 && network->nameservers && network->nameservers[0])
		write_resolv_conf(etc_fd, network);
	if (network->nameservers && network->nameservers[0])
		write_resolved(root_fd, network);
	inside_write_tools(root_fd, network);
	umask(mask);
	return etc_fd == -ENOMEM ? err_oom(err) : 0;
}
