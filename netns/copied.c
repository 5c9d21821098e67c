/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/copied.h"

#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

#include "base/cleanup.h"
#include "netns/nl_priv.h"
#include "netns/sysctl_priv.h"

struct addresses {
	struct net_address *list;
	size_t n;
	size_t room;
	int ifindex; /* 0: any */
	bool failed;
};

static void add_address(struct addresses *to, const struct net_address *address)
{
	if (to->n == to->room) {
		size_t room = to->room ? 2 * to->room : 8;
		struct net_address *list = reallocarray(to->list, room, sizeof(*list));

		if (!list) {
			to->failed = true;
			return;
		}
		to->list = list;
		to->room = room;
	}
	to->list[to->n++] = *address;
}

static void on_address(void *context, struct nlmsghdr *reply)
{
	struct addresses *to = context;
	const struct ifaddrmsg *head = nlmsg_data(reply);

	if (reply->nlmsg_type != RTM_NEWADDR || reply->nlmsg_len < (uint32_t)nlmsg_size(sizeof(*head)) ||
	    (to->ifindex && head->ifa_index != (uint32_t)to->ifindex) ||
	    (head->ifa_family != AF_INET && head->ifa_family != AF_INET6))
		return;

	/* IPv4 has its own address in IFA_LOCAL, and its peer's in IFA_ADDRESS; IPv6 usually only the latter. */
	struct nlattr *local = nlmsg_find_attr(reply, sizeof(*head), IFA_LOCAL);
	struct nlattr *own = local ? local : nlmsg_find_attr(reply, sizeof(*head), IFA_ADDRESS);
	struct net_address address = { .family = head->ifa_family, .prefix = head->ifa_prefixlen };

	if (!own || (size_t)nla_len(own) < net_address_len(&address))
		return;
	memcpy(address.bytes, nla_data(own), net_address_len(&address));
	add_address(to, &address);
}

int net_copied_addresses(const char *name, struct net_address **ret, size_t *ret_n, struct err *err)
{
	_cleanup_(cleanup_nl_sock) struct nl_sock *sock = NULL;
	_cleanup_(cleanup_link) struct rtnl_link *link = NULL;
	_cleanup_(cleanup_nl_msg) struct nl_msg *msg = nlmsg_alloc_simple(RTM_GETADDR, NLM_F_REQUEST | NLM_F_DUMP);
	struct ifaddrmsg head = { .ifa_family = AF_UNSPEC };
	struct addresses found = { .list = NULL };
	int r = netlink_open(&sock, err);

	if (r == 0 && name)
		r = netlink_get_link(sock, name, &link, err);
	if (r < 0)
		return r;
	if (!msg || nlmsg_append(msg, &head, sizeof(head), NLMSG_ALIGNTO) < 0)
		return err_oom(err);
	found.ifindex = link ? rtnl_link_get_ifindex(link) : 0;
	r = netlink_call(sock, msg, on_address, &found);
	if (r < 0 || found.failed) {
		free(found.list);
		return r < 0 ? netlink_err_sys(err, r, "list the addresses of the interface '%s'", name ? name : "*")
			     : err_oom(err);
	}
	*ret = found.list;
	*ret_n = found.n;
	return 0;
}

/* A walk over all TCP sockets of a family. */
struct walk {
	const struct net_address *list;
	size_t n;
	struct inet_diag_sockid *doomed; /* to be ended when the walk is over: it must not lose its place */
	size_t n_doomed;
	size_t room;
	bool failed;
	struct inet_diag_msg deaf; /* listens on none of the list; idiag_family 0: there is none */
};

static void doom(struct walk *w, const struct inet_diag_sockid *id)
{
	if (w->n_doomed == w->room) {
		size_t room = w->room ? 2 * w->room : 64;
		struct inet_diag_sockid *list = reallocarray(w->doomed, room, sizeof(*list));

		if (!list) {
			w->failed = true;
			return;
		}
		w->doomed = list;
		w->room = room;
	}
	w->doomed[w->n_doomed++] = *id;
}

/* An IPv4 address of an IPv6 socket is what it stands for (RFC 4291, 2.5.5.2). */
static struct net_address own_address(const struct inet_diag_msg *socket)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	struct net_address own = { .family = socket->idiag_family };
	const uint8_t *bytes = (const uint8_t *)socket->id.idiag_src;

	if (own.family == AF_INET6 && memcmp(bytes, mapped, sizeof(mapped)) == 0) {
		own.family = AF_INET;
		bytes += sizeof(mapped);
	}
	memcpy(own.bytes, bytes, net_address_len(&own));
	own.prefix = net_address_bits(&own);
	return own;
}

/* NULL: the reply is not about a socket. */
static const struct inet_diag_msg *socket_of(struct nlmsghdr *reply)
{
	bool is_one = reply->nlmsg_type == SOCK_DIAG_BY_FAMILY &&
		      reply->nlmsg_len >= (uint32_t)nlmsg_size(sizeof(struct inet_diag_msg));

	return is_one ? nlmsg_data(reply) : NULL;
}

static bool is_listed(const struct walk *w, const struct net_address *own)
{
	size_t i = 0;

	while (i < w->n && !net_address_equal(&w->list[i], own))
		i++;
	return i < w->n;
}

static void on_socket(void *context, struct nlmsghdr *reply)
{
	struct walk *w = context;
	const struct inet_diag_msg *socket = socket_of(reply);
	struct net_address own;

	if (!socket)
		return;
	own = own_address(socket);
	if (is_listed(w, &own) && socket->idiag_state != TCP_LISTEN)
		doom(w, &socket->id);
}

static bool is_of_all(const struct net_address *address)
{
	static const uint8_t none[16];

	return memcmp(address->bytes, none, sizeof(none)) == 0;
}

static bool is_loopback(const struct net_address *address)
{
	return address->family == AF_INET ? address->bytes[0] == 127
					  : memcmp(address->bytes, &in6addr_loopback, sizeof(in6addr_loopback)) == 0;
}

static void on_listener(void *context, struct nlmsghdr *reply)
{
	struct walk *w = context;
	const struct inet_diag_msg *socket = socket_of(reply);
	struct net_address own;

	if (!socket)
		return;
	own = own_address(socket);
	if (!is_listed(w, &own) && !is_of_all(&own) && !is_loopback(&own))
		w->deaf = *socket;
}

static struct nl_msg *new_request(uint16_t type, int flags, uint8_t family, uint32_t states, const struct inet_diag_sockid *id)
{
	struct nl_msg *msg = nlmsg_alloc_simple(type, NLM_F_REQUEST | flags);
	struct inet_diag_req_v2 request = {
		.sdiag_family = family,
		.sdiag_protocol = IPPROTO_TCP,
		.idiag_states = states,
	};

	if (id)
		request.id = *id;
	if (msg && nlmsg_append(msg, &request, sizeof(request), NLMSG_ALIGNTO) < 0) {
		nlmsg_free(msg);
		return NULL;
	}
	return msg;
}

static int end_connection(struct nl_sock *sock, uint8_t family, const struct inet_diag_sockid *id, struct err *err)
{
	_cleanup_(cleanup_nl_msg) struct nl_msg *msg = new_request(SOCK_DESTROY, NLM_F_ACK, family, ~0U, id);
	int r = msg ? netlink_call(sock, msg, NULL, NULL) : -ENOMEM;

	/* One that has come to its end meanwhile is what is wanted. */
	return r < 0 && r != -ENOENT ? netlink_err_sys(err, r, "end a copied TCP connection (CONFIG_INET_DIAG_DESTROY)") : 0;
}

static int list_sockets(struct nl_sock *sock, uint8_t family, uint32_t states, netlink_reply_fn on_reply, struct walk *w,
			struct err *err)
{
	_cleanup_(cleanup_nl_msg) struct nl_msg *msg = new_request(SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, family, states, NULL);
	int r = msg ? netlink_call(sock, msg, on_reply, w) : -ENOMEM;

	if (r == -ENOENT && family == AF_INET6)
		return 0;
	if (r < 0 || w->failed)
		return r < 0 ? netlink_err_sys(err, r, "list the TCP connections (CONFIG_INET_DIAG)") : err_oom(err);
	return 0;
}

static int end_family(struct nl_sock *sock, uint8_t family, struct walk *w, struct err *err)
{
	int r = list_sockets(sock, family, ~0U, on_socket, w, err);

	for (size_t i = 0; r == 0 && i < w->n_doomed; i++)
		r = end_connection(sock, family, &w->doomed[i], err);
	w->n_doomed = 0;
	return r;
}

static int open_diag(struct nl_sock **ret, struct err *err)
{
	_cleanup_(cleanup_nl_sock) struct nl_sock *sock = nl_socket_alloc();

	if (!sock)
		return err_oom(err);

	int nle = nl_connect(sock, NETLINK_SOCK_DIAG);

	if (nle < 0)
		return netlink_err(err, nle, "ask for the TCP connections");
	*ret = TAKE_PTR(sock);
	return 0;
}

int net_copied_end_connections(const struct net_address *list, size_t n, struct err *err)
{
	_cleanup_(cleanup_nl_sock) struct nl_sock *sock = NULL;
	struct walk w = { .list = list, .n = n };
	int r = open_diag(&sock, err);

	if (r == 0)
		r = end_family(sock, AF_INET, &w, err);
	if (r == 0)
		r = end_family(sock, AF_INET6, &w, err);
	free(w.doomed);
	return r;
}

int net_copied_find_deaf(struct net_address *ret_address, unsigned int *ret_port, struct err *err)
{
	_cleanup_(cleanup_nl_sock) struct nl_sock *sock = NULL;
	struct net_address *all = NULL;
	struct walk w = { .n = 0 };
	int r = net_copied_addresses(NULL, &all, &w.n, err);
	_cleanup_free_ struct net_address *list = all;

	w.list = list;
	if (r == 0)
		r = open_diag(&sock, err);
	if (r == 0)
		r = list_sockets(sock, AF_INET, 1U << TCP_LISTEN, on_listener, &w, err);
	if (r == 0)
		r = list_sockets(sock, AF_INET6, 1U << TCP_LISTEN, on_listener, &w, err);
	if (r < 0 || !w.deaf.idiag_family)
		return r;
	*ret_address = own_address(&w.deaf);
	*ret_port = ntohs(w.deaf.id.idiag_sport);
	return 1;
}

int net_copied_allow_binding(bool allow, struct err *err)
{
	return sysctl_set("ipv4/ip_nonlocal_bind", NULL, allow ? "1" : "0", err);
}
