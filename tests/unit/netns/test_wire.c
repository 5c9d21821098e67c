/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <netinet/if_ether.h>
#include <poll.h>

#include "netns/link.h"
#include "netns/wire.h"
#include "netns/wire_priv.h"
#include "two_hosts.h"

#define PROBE_MS 300

static struct net_address address(const char *text)
{
	struct err err = ERR_INIT;
	struct net_address a;

	assert_ok(net_address_parse("address", text, NET_PREFIX_OPTIONAL, &a, &err), &err);
	return a;
}

static void give(int netns, int back, const char *text)
{
	struct net_address a = address(text);
	struct net_setup_spec spec = { .name = TWO_GUEST_LINK, .addresses = &a, .n_addresses = 1 };
	struct err err = ERR_INIT;

	two_enter(netns);
	assert_ok(net_setup_guest(&spec, &err), &err);
	two_enter(back);
}

static int probe(const struct net_address *a, size_t n, size_t *which, uint8_t mac[6])
{
	struct err err = ERR_INIT;
	int r = net_probe(TWO_HOST_LINK, a, n, PROBE_MS, which, mac, &err);

	assert_ok(r, &err);
	return r;
}

/* A guest's address is found, of either family, by its MAC and its place in the list; one that nobody has is not. */
static void test_probe(void **state)
{
	struct two_hosts *w = *state;
	struct net_address list[] = { address("192.0.2.77"), address("192.0.2.10"), address("2001:db8::77") };
	struct net_address six[] = { address("2001:db8::77"), address("2001:db8::10") };
	size_t which = 99;
	uint8_t mac[6] = { 0 };

	two_need_root(state);
	assert_int_equal(probe(list, 3, &which, mac), 0);
	assert_int_equal(which, 99);

	give(w->guest, w->host, "192.0.2.10/24");
	give(w->guest, w->host, "2001:db8::10/64");
	assert_int_equal(probe(list, 3, &which, mac), 1);
	assert_int_equal(which, 1);
	assert_memory_equal(mac, two_guest_mac, 6);
	memset(mac, 0, sizeof(mac));
	assert_int_equal(probe(six, 2, &which, mac), 1);
	assert_int_equal(which, 1);
	assert_memory_equal(mac, two_guest_mac, 6);
	assert_int_equal(probe(list, 1, &which, mac), 0);
	assert_int_equal(probe(six, 1, &which, mac), 0);
	assert_int_equal(probe(NULL, 0, &which, mac), 0);
}

/* Nobody is asked where nobody can be, and that costs no time; a missing interface is an error. */
static void test_probe_without_carrier(void **state)
{
	struct two_hosts *w = *state;
	struct net_address a = address("192.0.2.10");
	struct err err = ERR_INIT;
	size_t which;
	uint8_t mac[6];

	two_need_root(state);
	two_enter(w->guest);
	two_set_up(TWO_GUEST_LINK, false);
	two_enter(w->host);
	assert_int_equal(net_probe(TWO_HOST_LINK, &a, 1, 3600 * 1000, &which, mac, &err), 0);
	assert_ok(net_announce(TWO_HOST_LINK, NULL, &a, 1, &err), &err);
	assert_int_equal(net_probe("lo", &a, 1, 3600 * 1000, &which, mac, &err), 0);

	assert_int_equal(net_probe("nowhere", &a, 1, PROBE_MS, &which, mac, &err), -ENODEV);
	assert_err_has(&err, "'nowhere' does not exist");
	assert_int_equal(net_announce("nowhere", NULL, &a, 1, &err), -ENODEV);
	assert_int_equal(net_probe("a-name-that-is-too-long", &a, 1, PROBE_MS, &which, mac, &err), -EINVAL);
	assert_err_has(&err, "a-name-that-is-too-long");
}

/* What arrives in the guest, of one EtherType. */
static size_t receive(int fd, uint8_t *frame, size_t size)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	assert_int_equal(poll(&p, 1, 5000), 1);

	ssize_t n = recv(fd, frame, size, 0);

	assert_true(n > 0);
	return (size_t)n;
}

static int listen_for(uint16_t type)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_protocol = htons(type) };
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	to.sll_ifindex = (int)if_nametoindex(TWO_GUEST_LINK);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	return fd;
}

/* RFC 5227: sender and target are the address, the target's MAC is empty. Also for a MAC that is not the interface's. */
static void test_announce_arp(void **state)
{
	struct two_hosts *w = *state;
	struct net_address a = address("192.0.2.10");
	static const uint8_t mac[6] = { 2, 1, 2, 3, 4, 5 };
	static const uint8_t want[42] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 1,   2, 3, 4,	5, 8, 6, 0, 1, 8, 0,   6, 4, 0,
					  1,	2,    1,    2,	  3,	4,    5, 192, 0, 2, 10, 0, 0, 0, 0, 0, 0, 192, 0, 2, 10 };
	uint8_t frame[128];
	struct err err = ERR_INIT;

	two_need_root(state);
	two_enter(w->guest);

	_cleanup_fd_ int fd = listen_for(ETH_P_ARP);

	two_enter(w->host);
	assert_ok(net_announce(TWO_HOST_LINK, mac, &a, 1, &err), &err);
	assert_int_equal(receive(fd, frame, sizeof(frame)), sizeof(want));
	assert_memory_equal(frame, want, sizeof(want));
}

/* The next datagram of one byte that arrives there is `content`, and goes to `mac`. */
static void expect_sent_to(int fd, char content, const uint8_t mac[6])
{
	uint8_t frame[256];
	size_t n;

	do
		n = receive(fd, frame, sizeof(frame));
	while (n < 63 || frame[20] != IPPROTO_UDP || frame[62] != content);
	assert_memory_equal(frame, mac, 6);
}

/* The kernel of the other side believes it: what it wants to send to the address goes to the MAC that was told last. */
static void test_announce_is_believed(void **state)
{
	struct two_hosts *w = *state;
	struct net_address a = address("2001:db8::99");
	struct sockaddr_in6 to = { .sin6_family = AF_INET6, .sin6_port = htons(9) };
	static const uint8_t mac[6] = { 2, 1, 2, 3, 4, 5 }, moved[6] = { 2, 1, 2, 3, 4, 6 };
	struct err err = ERR_INIT;

	two_need_root(state);
	give(w->guest, w->host, "2001:db8::10/64");
	memcpy(&to.sin6_addr, a.bytes, 16);
	two_enter(w->guest);

	_cleanup_fd_ int fd = listen_for(ETH_P_ALL);
	_cleanup_fd_ int s = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	/* It looks for the address, and has the datagram wait until it knows. */
	assert_int_equal(sendto(s, "x", 1, 0, (struct sockaddr *)&to, sizeof(to)), 1);
	two_enter(w->host);
	assert_ok(net_announce(TWO_HOST_LINK, mac, &a, 1, &err), &err);
	expect_sent_to(fd, 'x', mac);
	assert_ok(net_announce(TWO_HOST_LINK, moved, &a, 1, &err), &err);
	assert_int_equal(sendto(s, "y", 1, 0, (struct sockaddr *)&to, sizeof(to)), 1);
	expect_sent_to(fd, 'y', moved);
}

/* A host that asks for the address at the same time is told from our own question, and so are its claims. */
static void test_claims(void **state)
{
	struct net_address four = address("192.0.2.10"), six = address("2001:db8:0:1::"), other = address("192.0.2.11");
	static const uint8_t ours[6] = { 2, 0, 0, 0, 0, 1 }, theirs[6] = { 2, 0, 0, 0, 0, 2 };
	struct wire_frame f;
	uint8_t owner[6];

	(void)state;
	wire_frame_probe(&four, theirs, &f);
	assert_true(wire_frame_claims(f.bytes, f.len, &four, ours, owner));
	assert_memory_equal(owner, theirs, 6);
	assert_false(wire_frame_claims(f.bytes, f.len, &four, theirs, owner));
	assert_false(wire_frame_claims(f.bytes, f.len, &other, ours, owner));
	wire_frame_announce(&four, theirs, &f);
	assert_true(wire_frame_claims(f.bytes, f.len, &four, ours, owner));
	wire_frame_probe(&six, theirs, &f);
	assert_true(wire_frame_claims(f.bytes, f.len, &six, ours, owner));
	assert_false(wire_frame_claims(f.bytes, f.len, &six, theirs, owner));
	f.bytes[22] = 0x20; /* from an address: it only wants to know who has it */
	assert_false(wire_frame_claims(f.bytes, f.len, &six, ours, owner));
	wire_frame_announce(&six, theirs, &f);
	assert_true(wire_frame_claims(f.bytes, f.len, &six, ours, owner));
	for (size_t len = 0; len < f.len; len++) {
		uint8_t *cut = malloc(len + 1); /* exactly as long, so that the sanitizer sees a read past it */

		assert_non_null(cut);
		memcpy(cut, f.bytes, len);
		memcpy(owner, theirs, 6);
		assert_int_equal(wire_frame_claims(cut, len, &six, ours, owner), len >= 78);
		assert_memory_equal(owner, theirs, 6);
		assert_false(wire_frame_claims(cut, len, &four, ours, owner));
		free(cut);
	}
	f.bytes[21] = 64; /* came over a router */
	assert_false(wire_frame_claims(f.bytes, f.len, &six, ours, owner));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_probe, two_setup, two_teardown),
		cmocka_unit_test_setup_teardown(test_probe_without_carrier, two_setup, two_teardown),
		cmocka_unit_test_setup_teardown(test_announce_arp, two_setup, two_teardown),
		cmocka_unit_test_setup_teardown(test_announce_is_believed, two_setup, two_teardown),
		cmocka_unit_test(test_claims),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
