/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/nl_priv.h"

#include <errno.h>

#include "base/cleanup.h"

#define VLAN_LAST 4094 /* IEEE 802.1Q, table 9-2 */

enum filtering {
	FILTERING_UNKNOWN, /* the kernel does not say: it has none (CONFIG_BRIDGE_VLAN_FILTERING) */
	FILTERING_OFF,
	FILTERING_ON,
};

static void take_filtering(void *context, struct nlmsghdr *reply)
{
	struct nlattr *link[IFLA_MAX + 1], *info[IFLA_INFO_MAX + 1], *data[IFLA_BR_MAX + 1];

	if (reply->nlmsg_type != RTM_NEWLINK || nlmsg_parse(reply, sizeof(struct ifinfomsg), link, IFLA_MAX, NULL) < 0 ||
	    !link[IFLA_LINKINFO] || nla_parse_nested(info, IFLA_INFO_MAX, link[IFLA_LINKINFO], NULL) < 0 ||
	    !info[IFLA_INFO_DATA] || nla_parse_nested(data, IFLA_BR_MAX, info[IFLA_INFO_DATA], NULL) < 0)
		return;
	/* Whether it filters is said by every kernel, the default VLAN only by one that can (br_fill_info(), net/bridge). */
	if (data[IFLA_BR_VLAN_FILTERING] && data[IFLA_BR_VLAN_DEFAULT_PVID])
		*(enum filtering *)context = nla_get_u8(data[IFLA_BR_VLAN_FILTERING]) ? FILTERING_ON : FILTERING_OFF;
}

static int ask_filtering(struct nl_sock *sock, int bridge, enum filtering *ret)
{
	_cleanup_(cleanup_nl_msg) struct nl_msg *msg = netlink_link_request(RTM_GETLINK, AF_UNSPEC, bridge);

	*ret = FILTERING_UNKNOWN;
	return msg ? netlink_call(sock, msg, take_filtering, ret) : -ENOMEM;
}

static int switch_filtering_on(struct nl_sock *sock, int bridge)
{
	_cleanup_(cleanup_nl_msg) struct nl_msg *msg = netlink_link_request(RTM_NEWLINK, AF_UNSPEC, bridge);
	struct nlattr *info = msg ? nla_nest_start(msg, IFLA_LINKINFO) : NULL;

	if (!info || nla_put_string(msg, IFLA_INFO_KIND, "bridge") < 0)
		return -ENOMEM;

	struct nlattr *data = nla_nest_start(msg, IFLA_INFO_DATA);

	if (!data || nla_put_u8(msg, IFLA_BR_VLAN_FILTERING, 1) < 0)
		return -ENOMEM;
	nla_nest_end(msg, data);
	nla_nest_end(msg, info);
	return netlink_call(sock, msg, NULL, NULL);
}

/* RTM_SETLINK puts the port into the VLANs from `first` to `last`, RTM_DELLINK takes it out; one that it is not in is fine. */
static int change_vlans(struct nl_sock *sock, int type, int port, unsigned int first, unsigned int last)
{
	_cleanup_(cleanup_nl_msg) struct nl_msg *msg = netlink_link_request(type, AF_BRIDGE, port);
	struct nlattr *spec = msg ? nla_nest_start(msg, IFLA_AF_SPEC) : NULL;
	uint16_t how = type == RTM_SETLINK ? BRIDGE_VLAN_INFO_PVID | BRIDGE_VLAN_INFO_UNTAGGED : 0;
	struct bridge_vlan_info info = { .flags = how, .vid = (uint16_t)first };

	if (!spec)
		return -ENOMEM;
	if (first != last)
		info.flags |= BRIDGE_VLAN_INFO_RANGE_BEGIN;
	if (nla_put(msg, IFLA_BRIDGE_VLAN_INFO, sizeof(info), &info) < 0)
		return -ENOMEM;
	info = (struct bridge_vlan_info){ .flags = how | BRIDGE_VLAN_INFO_RANGE_END, .vid = (uint16_t)last };
	if (first != last && nla_put(msg, IFLA_BRIDGE_VLAN_INFO, sizeof(info), &info) < 0)
		return -ENOMEM;
	nla_nest_end(msg, spec);
	return netlink_call(sock, msg, NULL, NULL);
}

static int need_filtering(struct nl_sock *sock, int bridge, const struct net_port_spec *spec, struct err *err)
{
	enum filtering filtering;
	int r = ask_filtering(sock, bridge, &filtering);

	if (r == 0 && filtering == FILTERING_UNKNOWN)
		return err_exit(
			err, EXIT_UNSUPPORTED, EOPNOTSUPP,
			"VLAN %u: this kernel's bridges have no VLANs (CONFIG_BRIDGE_VLAN_FILTERING): leave --vlan out, or "
			"use a bridge on a VLAN interface",
			spec->vlan);
	if (r == 0 && filtering == FILTERING_OFF && !spec->is_own)
		return err_exit(err, EXIT_NETWORK, EINVAL,
				"VLAN %u: the bridge '%s' does not filter VLANs: switch it on with "
				"`ip link set %s type bridge vlan_filtering 1`, or leave --vlan out",
				spec->vlan, spec->bridge, spec->bridge);
	if (r == 0 && filtering == FILTERING_OFF)
		r = switch_filtering_on(sock, bridge);
	return r < 0 ? netlink_err_sys(err, r, "have the bridge '%s' filter VLANs", spec->bridge) : 0;
}

int netlink_set_vlan(struct nl_sock *sock, int port, int bridge, const struct net_port_spec *spec, struct err *err)
{
	unsigned int vlan = spec->vlan;

	if (vlan > VLAN_LAST)
		return err_set(err, EINVAL, "VLAN %u: expected 1 to %d", vlan, VLAN_LAST);

	int r = need_filtering(sock, bridge, spec, err);

	if (r < 0)
		return r;
	/* Out of the others before into its own: never in two. */
	if (vlan > 1)
		r = change_vlans(sock, RTM_DELLINK, port, 1, vlan - 1);
	if (r == 0 && vlan < VLAN_LAST)
		r = change_vlans(sock, RTM_DELLINK, port, vlan + 1, VLAN_LAST);
	if (r == 0)
		r = change_vlans(sock, RTM_SETLINK, port, vlan, vlan);
	return r < 0 ? netlink_err_sys(err, r, "put '%s' into VLAN %u", spec->link, vlan) : 0;
}
