/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/wire_priv.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/filter.h>

#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"

static int ask(int fd, unsigned long request, struct ifreq *io, struct err *err)
{
	if (ioctl(fd, request, io) == 0)
		return 0;

	int code = errno;

	if (code == ENODEV)
		return err_exit(err, EXIT_NETWORK, code, "interface '%s' does not exist", io->ifr_name);
	return err_sys(err, code, "look at the interface '%s'", io->ifr_name);
}

/*
 * IFF_RUNNING is set by a worker of the kernel, up to a second after the carrier came or went (net/core/link_watch.c): a guest's
 * interface that has just been brought up would not have it. A driver that cannot say has a carrier while it is up.
 */
static bool has_carrier(int fd, const char *interface)
{
	struct ethtool_value link = { .cmd = ETHTOOL_GLINK };
	struct ifreq req = { .ifr_data = (void *)&link };

	return str_copy(req.ifr_name, sizeof(req.ifr_name), interface) == 0 &&
	       (ioctl(fd, SIOCETHTOOL, &req) < 0 || link.data != 0);
}

int wire_look(const char *interface, struct wire *ret, struct err *err)
{
	_cleanup_fd_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq req = { 0 };

	*ret = (struct wire){ .name = interface };
	if (fd < 0)
		return err_sys(err, errno, "open a socket");
	if (str_copy(req.ifr_name, sizeof(req.ifr_name), interface) < 0)
		return err_exit(err, EXIT_INVALID, EINVAL, "interface '%.80s': expected at most %d characters", interface,
				IFNAMSIZ - 1);

	int r = ask(fd, SIOCGIFINDEX, &req, err);

	ret->ifindex = req.ifr_ifindex;
	if (r == 0)
		r = ask(fd, SIOCGIFFLAGS, &req, err);
	if (r < 0)
		return r;
	ret->is_up = req.ifr_flags & IFF_UP;
	ret->is_running = ret->is_up && has_carrier(fd, interface);

	bool has_arp = !(req.ifr_flags & IFF_NOARP);

	r = ask(fd, SIOCGIFHWADDR, &req, err);
	ret->is_framed = req.ifr_hwaddr.sa_family == ARPHRD_ETHER || req.ifr_hwaddr.sa_family == ARPHRD_LOOPBACK;
	ret->is_ethernet = has_arp && req.ifr_hwaddr.sa_family == ARPHRD_ETHER;
	memcpy(ret->mac, req.ifr_hwaddr.sa_data, sizeof(ret->mac));
	return r;
}

/*
 * Keeps the socket from waking for all IPv6 traffic of the interface. Offsets count from the Ethernet header (SOCK_RAW); packets
 * with extension headers are not neighbour discovery's (RFC 6980 allows to ignore fragments, nobody sends others).
 */
static int filter_discovery(int fd)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, ETH_HLEN + 6),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_ICMPV6, 0, 4),
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, ETH_HLEN + 40),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ND_NEIGHBOR_SOLICIT, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ND_NEIGHBOR_ADVERT, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, UINT16_MAX),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog program = { .len = ARRAY_SIZE(code), .filter = code };

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
}

/* It is bound last and made without a protocol, so that it never holds a packet of another interface or past the filter. */
int wire_open(const struct wire *wire, int family, struct err *err)
{
	_cleanup_fd_ int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct packet_mreq all = { .mr_ifindex = wire->ifindex, .mr_type = PACKET_MR_ALLMULTI };
	struct sockaddr_ll to = {
		.sll_family = AF_PACKET,
		.sll_ifindex = wire->ifindex,
		.sll_protocol = htons(family == AF_INET ? ETH_P_ARP : ETH_P_IPV6),
	};
	int on = 1;

	if (fd < 0)
		return err_sys(err, errno, "open a packet socket");
	if (setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on)) < 0 ||
	    (family == AF_INET6 && filter_discovery(fd) < 0) ||
	    setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all, sizeof(all)) < 0 ||
	    bind(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		return err_sys(err, errno, "listen on the interface '%s'", wire->name);
	return TAKE_FD(fd);
}

int wire_send(int fd, const struct wire *wire, const struct wire_frame *frame, struct err *err)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_ifindex = wire->ifindex, .sll_halen = ETH_ALEN };

	memcpy(&to.sll_protocol, frame->bytes + ETH_HLEN - 2, sizeof(to.sll_protocol));
	memcpy(to.sll_addr, frame->bytes, ETH_ALEN);
	if (sendto(fd, frame->bytes, frame->len, MSG_DONTWAIT, (struct sockaddr *)&to, sizeof(to)) >= 0)
		return 0;

	int code = errno;

	if (code == EAGAIN || code == ENOBUFS)
		return 0;
	if (code == ENXIO)
		code = ENODEV;
	return err_sys(err, code, "send on the interface '%s'", wire->name);
}
