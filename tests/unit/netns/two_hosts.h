/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "netns/link.h"

/*
 * Two network namespaces of the test's own, joined by a veth pair: "vt0" in `host`, "eth0" with GUEST_MAC in `guest`. They go
 * with the test. The test is in `host`, and in `guest` only between two_enter() calls.
 */
struct two_hosts {
	int old;
	int host;
	int guest;
};

#define TWO_HOST_LINK  "vt0"
#define TWO_GUEST_LINK "eth0"

static const uint8_t two_guest_mac[6] = { 0x02, 0, 0, 0, 0, 0x05 };

static inline void two_enter(int netns)
{
	assert_int_equal(setns(netns, CLONE_NEWNET), 0);
}

static inline int two_new_netns(void)
{
	assert_int_equal(unshare(CLONE_NEWNET), 0);

	int fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static inline void two_set_up(const char *name, bool up)
{
	_cleanup_fd_ int s = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq req = { 0 };

	memcpy(req.ifr_name, name, strlen(name));
	assert_int_equal(ioctl(s, SIOCGIFFLAGS, &req), 0);
	req.ifr_flags = (short)(up ? req.ifr_flags | IFF_UP : req.ifr_flags & ~IFF_UP);
	assert_int_equal(ioctl(s, SIOCSIFFLAGS, &req), 0);
}

/* A test's setup: *state is a struct two_hosts, or NULL without root. */
static inline int two_setup(void **state)
{
	static struct two_hosts w;
	struct err err = ERR_INIT;

	*state = NULL;
	if (geteuid() != 0)
		return 0;
	*state = &w;
	w.old = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	w.guest = two_new_netns();
	w.host = two_new_netns();

	struct net_veth_spec veth = { .host_name = TWO_HOST_LINK, .guest_name = TWO_GUEST_LINK, .guest_netns_fd = w.guest };

	memcpy(veth.mac, two_guest_mac, sizeof(veth.mac));
	assert_ok(net_veth_create(&veth, &err), &err);
	two_enter(w.guest);
	two_set_up(TWO_GUEST_LINK, true);
	two_enter(w.host);
	return 0;
}

static inline int two_teardown(void **state)
{
	struct two_hosts *w = *state;

	if (!w)
		return 0;
	two_enter(w->old);
	close(w->host);
	close(w->guest);
	close(w->old);
	return 0;
}

#define two_need_root(state)                           \
	do {                                           \
		if (!*(state)) {                       \
			print_message("needs root\n"); \
			skip();                        \
		}                                      \
	} while (0)
