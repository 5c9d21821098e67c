/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <linux/netlink_diag.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "runtime/checkpoint/preflight_priv.h"
#include "runtime/doctor_network_priv.h"

#define TABLES_MAX 16

#ifndef SK_MEMINFO_RMEM_ALLOC
#define SK_MEMINFO_RMEM_ALLOC 0
#endif

void preflight_free_rows(struct net_rows *rows)
{
	free(rows->sockets.data);
	free(rows->waiting.data);
	free(rows->links.data);
	free(rows->tables.data);
}

static uint32_t attr_u32(const struct nlmsghdr *message, size_t head, unsigned int type, size_t index)
{
	const char *at = doctor_find_attr(message, head, type, (index + 1) * sizeof(uint32_t));
	uint32_t value = 0;

	if (at)
		memcpy(&value, at + index * sizeof(value), sizeof(value));
	return value;
}

/* The length of an attribute's content; 0 without one. */
static size_t attr_len(const struct nlmsghdr *message, size_t head, unsigned int type)
{
	const char *at = doctor_find_attr(message, head, type, 0);
	struct nlattr attr;

	if (!at)
		return 0;
	memcpy(&attr, at - sizeof(attr), sizeof(attr));
	return attr.nla_len - sizeof(attr);
}

/* Who wants to be accepted: their numbers, 0 where they have given up (unix_diag: sk_diag_dump_icons()). */
static void add_waiting(struct net_rows *rows, const struct nlmsghdr *message, struct socket_row *listener)
{
	size_t n = attr_len(message, sizeof(struct unix_diag_msg), UNIX_DIAG_ICONS) / sizeof(uint32_t);

	for (size_t i = 0; i < n; i++) {
		uint64_t inode = attr_u32(message, sizeof(struct unix_diag_msg), UNIX_DIAG_ICONS, i);
		uint64_t *place = inode ? preflight_add(rows->preflight, &rows->waiting, sizeof(*place)) : NULL;

		if (place)
			*place = inode;
		listener->has_closed_waiting |= inode == 0;
	}
}

static void add_unix(void *context, const struct nlmsghdr *message)
{
	const size_t head = sizeof(struct unix_diag_msg);
	struct net_rows *rows = context;
	struct unix_diag_msg about;
	struct socket_row row = { .inode = 0 };
	const struct unix_diag_vfs *vfs = doctor_find_attr(message, head, UNIX_DIAG_VFS, sizeof(*vfs));

	if (message->nlmsg_len < NLMSG_LENGTH(head))
		return;
	memcpy(&about, NLMSG_DATA(message), head);
	row.inode = about.udiag_ino;
	row.peer = attr_u32(message, head, UNIX_DIAG_PEER, 0);
	row.device = vfs ? proc_kernel_device(vfs->udiag_vfs_dev) : 0;
	/* struct unix_diag_rqlen: what it has not read, then what its peer has not. */
	row.has_unsent = attr_u32(message, head, UNIX_DIAG_RQLEN, 1) > 0;
	add_waiting(rows, message, &row);

	struct socket_row *place = preflight_add(rows->preflight, &rows->sockets, sizeof(*place));

	if (place)
		*place = row;
}

/* As dump_one_netlink_fd() in CRIU's sources: 32 groups, and none without a port. */
static bool has_strange_groups(const struct nlmsghdr *message, uint32_t port)
{
	const size_t head = sizeof(struct netlink_diag_msg);
	size_t n = attr_len(message, head, NETLINK_DIAG_GROUPS) / sizeof(uint32_t);

	if (n > 0 && port == 0)
		return true;
	if (n > 0 && attr_u32(message, head, NETLINK_DIAG_GROUPS, n - 1) == 0)
		n--;
	return n > 1;
}

static void add_netlink(void *context, const struct nlmsghdr *message)
{
	const size_t head = sizeof(struct netlink_diag_msg);
	struct net_rows *rows = context;
	struct netlink_diag_msg about;
	struct socket_row *row;

	if (message->nlmsg_len < NLMSG_LENGTH(head))
		return;
	memcpy(&about, NLMSG_DATA(message), head);
	row = preflight_add(rows->preflight, &rows->sockets, sizeof(*row));
	if (!row)
		return;
	row->inode = about.ndiag_ino;
	row->unread_bytes = attr_u32(message, head, NETLINK_DIAG_MEMINFO, SK_MEMINFO_RMEM_ALLOC);
	row->has_strange_groups = has_strange_groups(message, about.ndiag_portid);
}

static void copy_text(char *room, size_t size, const char *at)
{
	struct nlattr attr;

	if (!at)
		return;
	memcpy(&attr, at - sizeof(attr), sizeof(attr));
	snprintf(room, size, "%.*s", (int)(attr.nla_len - sizeof(attr)), at);
}

static void add_link(void *context, const struct nlmsghdr *message)
{
	const size_t head = sizeof(struct ifinfomsg);
	struct net_rows *rows = context;
	const void *info = doctor_find_attr(message, head, IFLA_LINKINFO, 0);
	struct link_row *row;
	struct ifinfomsg about;

	if (message->nlmsg_type != RTM_NEWLINK || message->nlmsg_len < NLMSG_LENGTH(head))
		return;
	row = preflight_add(rows->preflight, &rows->links, sizeof(*row));
	if (!row)
		return;
	memcpy(&about, NLMSG_DATA(message), head);
	row->type = about.ifi_type;
	copy_text(row->name, sizeof(row->name), doctor_find_attr(message, head, IFLA_IFNAME, 1));
	if (info)
		copy_text(row->kind, sizeof(row->kind), doctor_find_nested(info, IFLA_INFO_KIND, 1));
}

static void add_table(void *context, const struct nlmsghdr *message)
{
	struct net_rows *rows = context;
	uint32_t *list, table = attr_u32(message, sizeof(struct rtmsg), RTA_TABLE, 0), *place;

	if (message->nlmsg_type != RTM_NEWROUTE || table == 0 || table == RT_TABLE_MAIN || table == RT_TABLE_LOCAL)
		return;
	list = rows->tables.data;
	for (size_t i = 0; i < rows->tables.n; i++) {
		if (list[i] == table)
			return;
	}
	place = rows->tables.n < TABLES_MAX ? preflight_add(rows->preflight, &rows->tables, sizeof(*place)) : NULL;
	if (place)
		*place = table;
}

static int ask(struct net_rows *rows, int protocol, struct nlmsghdr *question, uint16_t type, size_t body,
	       doctor_netlink_fn *each)
{
	*question = (struct nlmsghdr){ .nlmsg_len = (uint32_t)NLMSG_LENGTH(body),
				       .nlmsg_type = type,
				       .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
				       .nlmsg_seq = 1 };
	return doctor_ask_netlink(protocol, question, each, rows);
}

int preflight_ask_net(struct net_rows *rows, struct err *err)
{
	struct {
		struct nlmsghdr head;
		struct unix_diag_req body;
	} of_unix = { .body = { .sdiag_family = AF_UNIX,
				.udiag_states = UINT32_MAX,
				.udiag_show = UDIAG_SHOW_VFS | UDIAG_SHOW_PEER | UDIAG_SHOW_ICONS | UDIAG_SHOW_RQLEN } };
	struct {
		struct nlmsghdr head;
		struct netlink_diag_req body;
	} of_netlink = { .body = { .sdiag_family = AF_NETLINK,
				   .sdiag_protocol = NDIAG_PROTO_ALL,
				   .ndiag_show = NDIAG_SHOW_MEMINFO | NDIAG_SHOW_GROUPS } };
	struct {
		struct nlmsghdr head;
		struct rtmsg body; /* no shorter than a struct ifinfomsg has to be for all families */
	} of_routes = { .body = { .rtm_family = AF_UNSPEC } };
	struct {
		struct nlmsghdr head;
		struct ifinfomsg body;
	} of_links = { .body = { .ifi_family = AF_UNSPEC } };
	int r = ask(rows, NETLINK_SOCK_DIAG, &of_unix.head, SOCK_DIAG_BY_FAMILY, sizeof(of_unix.body), add_unix);

	if (r == 0)
		r = ask(rows, NETLINK_SOCK_DIAG, &of_netlink.head, SOCK_DIAG_BY_FAMILY, sizeof(of_netlink.body), add_netlink);
	if (r == 0)
		r = ask(rows, NETLINK_ROUTE, &of_links.head, RTM_GETLINK, sizeof(of_links.body), add_link);
	if (r == 0)
		r = ask(rows, NETLINK_ROUTE, &of_routes.head, RTM_GETROUTE, sizeof(of_routes.body), add_table);
	return r < 0 ? err_sys(err, -r, "ask the kernel about the guest's sockets and links") : 0;
}
