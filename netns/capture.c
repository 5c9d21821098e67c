/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/wire.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/proc.h"
#include "base/str.h"
#include "netns/wire_priv.h"

/*
 * A ring of the kernel (Documentation/networking/packet_mmap.rst, TPACKET_V3): it fills blocks, we copy a full one out and give
 * it back. All the memory that a capture takes, and what bounds it: 4 MiB; packets past that are lost, and counted. A block takes
 * the largest packet, and is handed over after RETIRE_MS even if it is not full.
 *
 * libpcap would do the same and the file's 24 and 16 bytes, but brings libdbus into every ctctl on Debian.
 */
#define BLOCK_BYTES (512U << 10)
#define BLOCKS	    8U
#define FRAME_BYTES 2048U /* only has to divide a block */
#define RETIRE_MS   50U
#define SNAP_MAX    262144U /* what readers of the format take (tcpdump's MAXIMUM_SNAPLEN) */

/* pcap-savefile(5): the classic format, in the host's byte order. */
struct file_header {
	uint32_t magic;
	uint16_t major;
	uint16_t minor;
	int32_t zone;
	uint32_t accuracy;
	uint32_t snap_bytes;
	uint32_t link_type;
};

struct packet_header {
	uint32_t seconds;
	uint32_t microseconds;
	uint32_t kept_bytes;
	uint32_t bytes;
};

#define PCAP_MAGIC	  0xa1b2c3d4
#define LINKTYPE_ETHERNET 1

struct capture {
	const struct net_capture_spec *spec;
	struct wire wire;
	int fd;
	uint8_t *ring;
	unsigned int next; /* block */
	uint64_t packets;
};

static void cleanup_ring(struct capture *c)
{
	if (c->ring)
		munmap(c->ring, (size_t)BLOCKS * BLOCK_BYTES);
}

/* The kernel copies no more than that of a packet. */
static int limit_snap(int fd, uint32_t snap_bytes)
{
	struct sock_filter code[] = { BPF_STMT(BPF_RET | BPF_K, snap_bytes) };
	struct sock_fprog program = { .len = ARRAY_SIZE(code), .filter = code };

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
}

static uint32_t snap_of(const struct net_capture_spec *spec)
{
	return spec->snap_bytes == 0 || spec->snap_bytes > SNAP_MAX ? SNAP_MAX : spec->snap_bytes;
}

static int open_ring(struct capture *c, struct err *err)
{
	struct tpacket_req3 req = {
		.tp_block_size = BLOCK_BYTES,
		.tp_block_nr = BLOCKS,
		.tp_frame_size = FRAME_BYTES,
		.tp_frame_nr = BLOCK_BYTES / FRAME_BYTES * BLOCKS,
		.tp_retire_blk_tov = RETIRE_MS,
	};
	int version = TPACKET_V3;

	if (setsockopt(c->fd, SOL_PACKET, PACKET_VERSION, &version, sizeof(version)) < 0 ||
	    setsockopt(c->fd, SOL_PACKET, PACKET_RX_RING, &req, sizeof(req)) < 0 || limit_snap(c->fd, snap_of(c->spec)) < 0)
		return err_sys(err, errno, "make room to capture on the interface '%s'", c->wire.name);

	void *ring = mmap(NULL, (size_t)BLOCKS * BLOCK_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, c->fd, 0);

	if (ring == MAP_FAILED)
		return err_sys(err, errno, "map what is captured on the interface '%s'", c->wire.name);
	c->ring = ring;
	return 0;
}

/* Bound last: what came before the ring was there would not be in it. */
static int start(struct capture *c, struct err *err)
{
	struct sockaddr_ll to = {
		.sll_family = AF_PACKET,
		.sll_ifindex = c->wire.ifindex,
		.sll_protocol = htons(ETH_P_ALL),
	};

	if (!c->wire.is_up)
		return err_exit(err, EXIT_NETWORK, ENETDOWN, "interface '%s' is down: bring it up to capture on it",
				c->wire.name);
	if (!c->wire.is_framed)
		return err_exit(err, EXIT_UNSUPPORTED, EPROTONOSUPPORT, "interface '%s': expected one with Ethernet packets",
				c->wire.name);

	int r = open_ring(c, err);

	if (r < 0)
		return r;
	if (bind(c->fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		return err_sys(err, errno, "capture on the interface '%s'", c->wire.name);
	return 0;
}

static int write_out(const struct capture *c, const void *data, size_t len, struct err *err)
{
	int r = fd_write_all(c->spec->out_fd, data, len);

	return r < 0 ? err_sys(err, -r, "write what was captured on the interface '%s'", c->wire.name) : 0;
}

static int write_header(const struct capture *c, struct err *err)
{
	struct file_header header = {
		.magic = PCAP_MAGIC,
		.major = 2,
		.minor = 4,
		.snap_bytes = snap_of(c->spec),
		.link_type = LINKTYPE_ETHERNET,
	};

	return write_out(c, &header, sizeof(header), err);
}

/* The kernel takes the tag of a VLAN out of a packet; in the file it is where it was on the wire, behind the two addresses. */
static void add_packet(struct strbuf *out, const struct tpacket3_hdr *p, uint32_t snap_bytes)
{
	const char *data = (const char *)p + p->tp_mac;
	bool has_tag = (p->tp_status & TP_STATUS_VLAN_VALID) && p->tp_snaplen >= 2 * ETH_ALEN &&
		       snap_bytes >= 2 * ETH_ALEN + sizeof(uint16_t[2]);
	bool has_type = p->tp_status & TP_STATUS_VLAN_TPID_VALID;
	uint16_t tag[2] = { htons(has_type ? p->hv1.tp_vlan_tpid : ETH_P_8021Q), htons((uint16_t)p->hv1.tp_vlan_tci) };
	uint32_t tag_bytes = has_tag ? sizeof(tag) : 0;
	uint32_t kept = p->tp_snaplen + tag_bytes < snap_bytes ? p->tp_snaplen + tag_bytes : snap_bytes;
	struct packet_header header = {
		.seconds = p->tp_sec,
		.microseconds = p->tp_nsec / 1000,
		.kept_bytes = kept,
		.bytes = p->tp_len + tag_bytes,
	};
	size_t end = out->len + sizeof(header) + kept;

	strbuf_add_bytes(out, (const char *)&header, sizeof(header));
	if (has_tag) {
		strbuf_add_bytes(out, data, 2 * ETH_ALEN);
		strbuf_add_bytes(out, (const char *)tag, sizeof(tag));
		data += 2 * ETH_ALEN;
	}
	if (!out->failed && end > out->len)
		strbuf_add_bytes(out, data, end - out->len);
}

static bool is_full(const struct capture *c)
{
	return c->spec->packets_max && c->packets >= c->spec->packets_max;
}

/* One batch is one write: a reader at the other end of a pipe sees whole packets soon. */
static int copy_block(struct capture *c, const struct tpacket_hdr_v1 *block, const uint8_t *start_of_block, struct err *err)
{
	struct strbuf out = { 0 };
	const uint8_t *at = start_of_block + block->offset_to_first_pkt;

	for (uint32_t i = 0; i < block->num_pkts && !is_full(c); i++) {
		const struct tpacket3_hdr *p = (const void *)at;

		add_packet(&out, p, snap_of(c->spec));
		c->packets++;
		at += p->tp_next_offset;
	}

	int r = out.failed ? err_oom(err) : write_out(c, out.data, out.len, err);

	strbuf_free(&out);
	return r;
}

/* Copies the blocks that the kernel has handed over; each goes back as soon as it is written. */
static int copy_blocks(struct capture *c, struct err *err)
{
	while (!is_full(c)) {
		uint8_t *at = c->ring + (size_t)c->next * BLOCK_BYTES;
		struct tpacket_hdr_v1 *block = &((struct tpacket_block_desc *)at)->hdr.bh1;

		if (!(__atomic_load_n(&block->block_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER))
			return 0;

		int r = copy_block(c, block, at, err);

		__atomic_store_n(&block->block_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
		if (r < 0)
			return r;
		c->next = (c->next + 1) % BLOCKS;
	}
	return 0;
}

/*
 * What came before the end is in a block that the kernel hands over within RETIRE_MS, also if the interface is gone. Nothing says
 * that there was none, hence the limit of time.
 */
static int drain(struct capture *c, struct err *err)
{
	uint64_t end_ms = proc_now_ms() + 2UL * RETIRE_MS;
	struct pollfd ready = { .fd = c->fd, .events = POLLIN };
	socklen_t len = sizeof(int);
	uint64_t now;
	int r = 0, why;

	/* With an error on it the socket is always ready; reading it clears it. */
	(void)!getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &why, &len);
	while (r == 0 && !is_full(c) && (now = proc_now_ms()) < end_ms) {
		if (poll(&ready, 1, (int)(end_ms - now)) < 0 && errno != EINTR)
			return err_sys(err, errno, "wait for packets");
		r = copy_blocks(c, err);
	}
	return r;
}

/*
 * An interface that goes down or away is an error of the socket, once. It is the end for both: after the first the kernel has
 * nothing to say about the second (net/packet/af_packet.c, packet_notifier()).
 */
static int run(struct capture *c, struct err *err)
{
	struct pollfd fds[2] = { { .fd = c->fd, .events = POLLIN }, { .fd = c->spec->stop_fd, .events = POLLIN } };

	while (!is_full(c)) {
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return err_sys(err, errno, "wait for packets");

		int r = copy_blocks(c, err);

		if (r < 0)
			return r;
		if ((fds[0].revents & ~POLLIN) || fds[1].revents)
			return drain(c, err);
	}
	return 0;
}

int net_capture(const struct net_capture_spec *spec, uint64_t *ret_packets, uint64_t *ret_lost, struct err *err)
{
	_cleanup_fd_ int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	_cleanup_(cleanup_ring) struct capture c = { .spec = spec, .fd = fd };
	struct tpacket_stats_v3 stats = { 0 };
	socklen_t len = sizeof(stats);

	*ret_packets = *ret_lost = 0;
	if (fd < 0)
		return err_sys(err, errno, "open a packet socket");

	int r = wire_look(spec->interface, &c.wire, err);

	if (r == 0)
		r = start(&c, err);
	if (r == 0)
		r = write_header(&c, err);
	if (r == 0)
		r = run(&c, err);
	*ret_packets = c.packets;
	if (getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &stats, &len) == 0)
		*ret_lost = stats.tp_drops;
	return r;
}
