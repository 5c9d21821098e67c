/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "netns/link.h"
#include "runtime/doctor_priv.h"

enum links_result {
	LINKS_WORK,
	LINKS_NO_NETNS,
	LINKS_NO_BRIDGE,
	LINKS_NO_VETH,
};

/* In a child, with a network namespace of its own that ends with it: makes what a guest with an address has. */
static enum links_result try_links(void)
{
	struct net_veth_spec spec = {
		.host_name = "doctor1", .guest_name = "doctor2", .bridge = "doctor0", .mac = { 2, 0, 0, 0, 0, 1 }
	};
	struct err err = ERR_INIT;

	if (unshare(CLONE_NEWNET) < 0)
		return LINKS_NO_NETNS;

	_cleanup_fd_ int netns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

	if (netns < 0)
		return LINKS_NO_NETNS;
	spec.guest_netns_fd = netns;
	if (net_bridge_ensure(spec.bridge, NULL, 0, &err) < 0)
		return LINKS_NO_BRIDGE;
	return net_veth_create(&spec, &err) < 0 ? LINKS_NO_VETH : LINKS_WORK;
}

void doctor_links(const struct node *node, struct doctor_finding *f)
{
	static const char *const lacking[] = {
		[LINKS_NO_NETNS] = "network namespaces",
		[LINKS_NO_BRIDGE] = "bridges (CONFIG_BRIDGE)",
		[LINKS_NO_VETH] = "veth devices (CONFIG_VETH)",
	};
	pid_t pid = fork();
	int status = 0;

	if (pid == 0)
		_exit((int)try_links());
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == LINKS_WORK) {
		doctor_found(f, DOCTOR_OK, "tried; guests with an address are on %s", node->bridge);
		return;
	}

	unsigned code = pid > 0 && WIFEXITED(status) ? (unsigned)WEXITSTATUS(status) : 0;

	doctor_found(f, DOCTOR_LACKING, "this kernel has no %s",
		     code > 0 && code < ARRAY_SIZE(lacking) ? lacking[code] : "links to try");
	doctor_advise(f, "Guests run with a loopback only. Use a kernel that has them, as Debian's has.");
}

/*
 * Asks for the generation of the rule set, the cheapest question there is (linux/netfilter/nf_tables.h). 0 or a negative errno.
 */
static int ask_nftables(void)
{
	struct {
		struct nlmsghdr header;
		struct nfgenmsg body;
	} request = {
		.header = { .nlmsg_len = sizeof(request),
			    .nlmsg_type = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETGEN,
			    .nlmsg_flags = NLM_F_REQUEST },
		.body = { .version = NFNETLINK_V0 },
	};
	union {
		struct nlmsghdr header;
		char room[1024];
	} answer;
	const struct timeval limit = { .tv_sec = 2 };
	_cleanup_fd_ int sock = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);

	if (sock < 0 || setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) < 0 ||
	    send(sock, &request, sizeof(request), 0) < 0)
		return -errno;

	ssize_t n = recv(sock, &answer, sizeof(answer), 0);

	if (n < 0)
		return -errno;
	if ((size_t)n < sizeof(answer.header))
		return -EBADMSG;
	return answer.header.nlmsg_type == NLMSG_ERROR ? -EOPNOTSUPP : 0;
}

void doctor_nftables(const struct node *node _unused_, struct doctor_finding *f)
{
	if (ask_nftables() == 0) {
		doctor_found(f, DOCTOR_OK, "in the kernel");
		return;
	}
	doctor_found(f, DOCTOR_NOTE, "not in this kernel");
	doctor_advise(f, "Nothing needs it yet; filtering and shaping of guests will. Use a kernel with CONFIG_NF_TABLES, as "
			 "Debian's has.");
}
