/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"
#include "netns/filter.h"
#include "netns/link.h"
#include "netns/shape.h"
#include "runtime/doctor_network_priv.h"

/*
 * What the kernel can do for the network of guests, tried in network namespaces that end with the trial: nothing of it is ever
 * seen on the host.
 */

#define BRIDGE	   "doctor0"
#define LINK	   "doctor1"
#define GUEST_LINK "doctor2"
#define MACVLAN	   "doctor3"
#define IFB	   "doctor4"
#define TABLE	   "doctor"
#define VLAN	   2
#define RATE	   10000000U

static const uint8_t mac[6] = { 2, 0, 0, 0, 0, 1 };

static int begin(doctor_trial_fn *try, struct doctor_trial *t)
{
	if (unshare(CLONE_NEWNET) < 0)
		return err_exit(&t->err, EXIT_UNSUPPORTED, errno, "no network namespaces: %s", strerror(errno));
	return try(t);
}

static void run_child(doctor_trial_fn *try, int fd)
{
	struct doctor_trial t = { 0 };

	t.result = begin(try, &t);
	if (fd_write_all(fd, &t, sizeof(t)) < 0)
		_exit(1);
	_exit(0);
}

void doctor_try(doctor_trial_fn *try, struct doctor_trial *ret)
{
	_cleanup_fd_ int from = -EBADF;
	_cleanup_fd_ int to = -EBADF;
	int ends[2];
	pid_t pid = -1;

	*ret = (struct doctor_trial){ 0 };
	if (pipe2(ends, O_CLOEXEC) == 0) {
		from = ends[0];
		to = ends[1];
		pid = fork();
	}
	if (pid == 0)
		run_child(try, to);
	fd_close(&to);
	if (pid < 0 || fd_read_exact(from, ret, sizeof(*ret)) < 0)
		ret->result = err_set(&ret->err, EIO, "it could not be tried");
	while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

/* What a guest on a bridge has: `value` says how far it came. */
enum links_result {
	LINKS_NO_NETNS,
	LINKS_NO_BRIDGE,
	LINKS_NO_VETH,
	LINKS_WORK,
};

static int make_links(struct doctor_trial *t)
{
	struct net_veth_spec spec = { .host_name = LINK, .guest_name = GUEST_LINK, .bridge = BRIDGE };
	_cleanup_fd_ int netns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

	if (netns < 0)
		return err_sys(&t->err, errno, "open '/proc/self/ns/net'");
	memcpy(spec.mac, mac, sizeof(mac));
	spec.guest_netns_fd = netns;
	t->value = LINKS_NO_BRIDGE;

	int r = net_bridge_ensure(BRIDGE, NULL, 0, &t->err);

	if (r < 0)
		return r;
	t->value = LINKS_NO_VETH;
	r = net_veth_create(&spec, &t->err);
	if (r == 0)
		t->value = LINKS_WORK;
	return r;
}

void doctor_links(const struct node *node, struct doctor_finding *f)
{
	static const char *const lacking[] = {
		[LINKS_NO_NETNS] = "network namespaces",
		[LINKS_NO_BRIDGE] = "bridges (CONFIG_BRIDGE)",
		[LINKS_NO_VETH] = "veth devices (CONFIG_VETH)",
	};
	struct doctor_trial t;

	doctor_try(make_links, &t);
	if (t.result == 0) {
		doctor_found(f, DOCTOR_OK, "tried; the bridge of pool 'default' is %s", node->bridge);
		return;
	}
	doctor_found(f, DOCTOR_LACKING, "this kernel has no %s", t.value < LINKS_WORK ? lacking[t.value] : "links to try");
	doctor_advise(f, "Guests run with a loopback only. Use a kernel that has them, as Debian's has.");
}

/* Below the bridge: the link is a port, and the guest's end is down. */
static int make_macvlan(struct doctor_trial *t)
{
	struct net_macvlan_spec spec = { .parent = BRIDGE, .guest_name = MACVLAN };
	_cleanup_fd_ int netns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	int r = make_links(t);

	memcpy(spec.mac, mac, sizeof(mac));
	spec.guest_netns_fd = netns;
	return r < 0 ? r : net_macvlan_create(&spec, &t->err);
}

void doctor_macvlan(const struct node *node _unused_, struct doctor_finding *f)
{
	struct doctor_trial t;

	doctor_try(make_macvlan, &t);
	if (t.result == 0) {
		doctor_found(f, DOCTOR_OK, "tried");
		return;
	}
	doctor_found(f, DOCTOR_LACKING, "%.150s", t.err.msg);
	doctor_advise(f,
		      "--net macvlan does not work; --net routed and bridge do what it does. Or a kernel with CONFIG_MACVLAN.");
}

static int put_into_vlan(struct doctor_trial *t)
{
	struct net_port_spec spec = { .link = LINK, .bridge = BRIDGE, .vlan = VLAN, .is_own = true };
	int r = make_links(t);

	memcpy(spec.mac, mac, sizeof(mac));
	return r < 0 ? r : net_port_setup(&spec, &t->err);
}

void doctor_vlans(const struct node *node _unused_, struct doctor_finding *f)
{
	struct doctor_trial t;

	doctor_try(put_into_vlan, &t);
	if (t.result == 0) {
		doctor_found(f, DOCTOR_OK, "tried");
		return;
	}
	doctor_found(f, DOCTOR_LACKING, "%.150s",
		     t.result == -EOPNOTSUPP ? "bridges of this kernel have no VLANs (CONFIG_BRIDGE_VLAN_FILTERING)" : t.err.msg);
	doctor_advise(
		f, "--vlan is refused. Instead give each VLAN a bridge, whose port is a VLAN interface of the host: --bridge.");
}

/* An interface with everything that elements are made for. */
static struct net_filter_spec whole_spec(const char *link, bool is_bridged, const struct net_address *addresses, size_t n)
{
	struct net_filter_spec spec = {
		.link = link,
		.is_bridged = is_bridged,
		.level = NET_FILTER_FULL,
		.addresses = addresses,
		.n_addresses = n,
		.packets_per_s = 1000,
		.connections_per_s = 100,
		.quota_bytes = 1 << 30,
		.quota_action = NET_QUOTA_THROTTLE,
		.throttle_bits = RATE,
	};

	memcpy(spec.mac, mac, sizeof(mac));
	return spec;
}

static int fill_tables(struct doctor_trial *t)
{
	const struct net_filter_node tables = { .table = TABLE };
	const struct net_address addresses[] = { { AF_INET, { 192, 0, 2, 1 }, 32 },
						 { AF_INET6, { 0x20, 1, 0xd, 0xb8, [15] = 1 }, 128 } };
	struct net_filter_spec routed = whole_spec(LINK, false, addresses, ARRAY_SIZE(addresses));
	struct net_filter_spec bridged = whole_spec(GUEST_LINK, true, addresses, ARRAY_SIZE(addresses));
	int r = net_filter_open(&tables, &t->err);

	if (r == 0)
		r = net_filter_add(TABLE, &routed, &t->err);
	return r < 0 ? r : net_filter_add(TABLE, &bridged, &t->err);
}

void doctor_nftables(const struct node *node _unused_, struct doctor_finding *f)
{
	struct doctor_trial t;

	doctor_try(fill_tables, &t);
	if (t.result == 0) {
		doctor_found(f, DOCTOR_OK, "tried: filter, limits of packets, counters and quotas");
		return;
	}
	doctor_found(f, DOCTOR_LACKING, "%.150s", t.err.msg);
	if (strstr(t.err.msg, "libnftables"))
		doctor_advise(f, "No guest can have a network until then: apt-get install libnftables1");
	else
		doctor_advise(f,
			      "No guest can have a network but macvlan. Use a kernel with CONFIG_NF_TABLES for inet, bridge and "
			      "arp, as Debian's has.");
}

static int make_nat(struct doctor_trial *t)
{
	const struct net_address networks[] = { { AF_INET, { 10, 0, 0, 0 }, 24 }, { AF_INET6, { 0xfd }, 64 } };
	int r = fill_tables(t);

	return r < 0 ? r : net_filter_add_nat(TABLE, BRIDGE, networks, ARRAY_SIZE(networks), &t->err);
}

void doctor_nat(const struct node *node _unused_, struct doctor_finding *f)
{
	struct doctor_trial t;

	doctor_try(make_nat, &t);
	if (t.result == 0) {
		doctor_found(f, DOCTOR_OK, "tried: masquerade and published ports");
		return;
	}
	doctor_found(f, DOCTOR_LACKING, "%.150s", t.err.msg);
	doctor_advise(
		f, "--net nat does not work; --net routed and bridge do. Use a kernel with CONFIG_NFT_NAT, CONFIG_NFT_MASQ and "
		   "CONFIG_NFT_FIB_INET, as Debian's has.");
}

/* Is there an expression that asks connection tracking? As an attribute it is 7 bytes, "ct" with its NUL. */
static void look_for_ct(void *context, const struct nlmsghdr *message)
{
	struct {
		struct nlattr head;
		char name[3];
	} ct = { { NLA_HDRLEN + 3, NFTA_EXPR_NAME }, "ct" };

	if (memmem(message, message->nlmsg_len, &ct, NLA_HDRLEN + sizeof(ct.name)))
		*(int *)context = 1;
}

/* A guest's own firewall on a bridge, and which of its two forms it got: net_filter_add() tries that with memory first. */
static int make_firewall(struct doctor_trial *t)
{
	struct {
		struct nlmsghdr header;
		struct nfgenmsg body;
	} question = {
		.header = { .nlmsg_len = sizeof(question),
			    .nlmsg_type = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETRULE,
			    .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
		.body = { .nfgen_family = NFPROTO_BRIDGE, .version = NFNETLINK_V0 },
	};
	const struct net_filter_node tables = { .table = TABLE };
	const struct net_rule rule = { .allow = true, .protocol = IPPROTO_TCP, .port_first = 22, .port_last = 22 };
	struct net_filter_spec spec = whole_spec(LINK, true, NULL, 0);
	int r = net_filter_open(&tables, &t->err);

	spec.rules = &rule;
	spec.n_rules = 1;
	if (r == 0)
		r = net_filter_add(TABLE, &spec, &t->err);
	if (r < 0)
		return r;
	r = doctor_ask_netlink(NETLINK_NETFILTER, &question.header, look_for_ct, &t->value);
	return r < 0 ? err_sys(&t->err, -r, "list the rules of a guest") : 0;
}

void doctor_firewalls(const struct node *node _unused_, struct doctor_finding *f)
{
	struct doctor_trial t;

	doctor_try(make_firewall, &t);
	if (t.result < 0) {
		doctor_found(f, DOCTOR_LACKING, "%.150s", t.err.msg);
		doctor_advise(f, "ctctl net allow and deny do not work. See what is said of nftables.");
	} else if (!t.value) {
		doctor_found(f, DOCTOR_NOTE, "no connection tracking on bridges (CONFIG_NF_CONNTRACK_BRIDGE)");
		doctor_advise(f,
			      "ctctl net allow and deny judge packets one by one for guests on bridges: UDP to ports 32768-60999 "
			      "passes as an answer. Routed guests are not concerned. Debian's kernel has it.");
	} else {
		doctor_found(f, DOCTOR_OK, "tried; they know answers on bridges, too");
	}
}

/* The discipline below htb: the names of all that are in use come by. */
static void note_kind(void *context, const struct nlmsghdr *message)
{
	struct doctor_trial *t = context;
	const char *kind = doctor_find_attr(message, sizeof(struct tcmsg), TCA_KIND, 1);
	static const char *const known[] = { "fq_codel", "sfq", "bfifo" };

	for (size_t i = 0; kind && i < ARRAY_SIZE(known); i++) {
		if (strcmp(kind, known[i]) == 0)
			snprintf(t->text, sizeof(t->text), "%s", known[i]);
	}
}

static int shape(struct doctor_trial *t)
{
	struct {
		struct nlmsghdr header;
		struct tcmsg body;
	} question = {
		.header = { .nlmsg_len = sizeof(question),
			    .nlmsg_type = RTM_GETQDISC,
			    .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
		.body = { .tcm_family = AF_UNSPEC },
	};
	const struct net_shape_spec spec = { .link = LINK, .ifb = IFB, .to_guest_bits = RATE, .from_guest_bits = RATE };
	bool policed = false;
	int r = make_links(t);

	if (r == 0)
		r = net_shape_set(&spec, &policed, &t->err);
	t->value = policed;
	if (r < 0)
		return r;
	r = doctor_ask_netlink(NETLINK_ROUTE, &question.header, note_kind, t);
	return r < 0 ? err_sys(&t->err, -r, "list queueing disciplines") : 0;
}

void doctor_shaping(const struct node *node _unused_, struct doctor_finding *f)
{
	struct doctor_trial t;

	doctor_try(shape, &t);
	if (t.result < 0) {
		doctor_found(f, DOCTOR_LACKING, "%.150s", t.err.msg);
		doctor_advise(f, "--rate-in and --rate-out do not work, or not both. Use a kernel with CONFIG_NET_SCH_HTB and "
				 "CONFIG_IFB, as Debian's has.");
	} else if (t.value) {
		doctor_found(f, DOCTOR_NOTE, "htb, but no ifb: what guests send is dropped above --rate-out, not queued");
		doctor_advise(f,
			      "Guests reach less than their --rate-out over long ways. Use a kernel with CONFIG_IFB, as Debian's "
			      "has.");
	} else if (strcmp(t.text, "fq_codel") != 0) {
		doctor_found(f, DOCTOR_NOTE, "htb and ifb, but no fq_codel: %s instead", *t.text ? t.text : "plain queues");
		doctor_advise(
			f,
			"Rates hold, but within a guest's a large transfer %s. Use a kernel with CONFIG_NET_SCH_FQ_CODEL, as "
			"Debian's has.",
			strcmp(t.text, "sfq") == 0 ? "has longer queues" : "delays its other connections");
	} else {
		doctor_found(f, DOCTOR_OK, "tried: htb, fq_codel and ifb");
	}
}
