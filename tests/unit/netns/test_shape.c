/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/wait.h>

#include "base/fd.h"
#include "base/proc.h"
#include "netns/shape.h"
#include "tc_dump.h"
#include "two_hosts.h"

#define IFB	"cf0"
#define MBIT	1000000ULL
#define GBIT	1000000000ULL
#define NS_TICK 64ULL

static struct net_shape_spec spec(uint64_t to_guest, uint64_t from_guest)
{
	return (struct net_shape_spec){
		.link = TWO_HOST_LINK, .ifb = IFB, .to_guest_bits = to_guest, .from_guest_bits = from_guest
	};
}

static void set(uint64_t to_guest, uint64_t from_guest)
{
	struct net_shape_spec s = spec(to_guest, from_guest);
	struct err err = ERR_INIT;
	bool is_policed = true;

	assert_ok(net_shape_set(&s, &is_policed, &err), &err);
	assert_false(is_policed);
}

static void expect_queue(const char *name, uint64_t bits, uint64_t burst)
{
	struct tc_state s = tc_read(name);

	assert_string_equal(s.root, "htb");
	assert_int_equal(s.rate, bits / 8);
	assert_int_equal(s.ceil, bits / 8);
	assert_int_equal(s.buffer, burst * GBIT / (bits / 8) / NS_TICK);
	/* The kernel's own would hold a thousand packets of 64 KiB: a minute at 10 Mbit/s. */
	assert_true(strcmp(s.leaf, "fq_codel") == 0 || strcmp(s.leaf, "sfq") == 0 || strcmp(s.leaf, "bfifo") == 0);
	if (strcmp(s.leaf, "bfifo") == 0)
		assert_in_range(s.limit, 128 << 10, 64 << 20);
}

static void expect_nothing(const char *name)
{
	struct tc_state s = tc_read(name);

	assert_string_equal(s.root, "");
	assert_string_equal(s.leaf, "");
	assert_false(s.has_ingress);
}

static short flags_of(const char *name, int *ret_queue)
{
	_cleanup_fd_ int s = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq req = { 0 };

	memcpy(req.ifr_name, name, strlen(name));
	assert_int_equal(ioctl(s, SIOCGIFTXQLEN, &req), 0);
	*ret_queue = req.ifr_qlen;
	assert_int_equal(ioctl(s, SIOCGIFFLAGS, &req), 0);
	return req.ifr_flags;
}

static void test_both_directions(void **state)
{
	struct tc_state s;
	int queue;

	two_need_root(state);
	set(10 * MBIT, 20 * MBIT);
	expect_queue(TWO_HOST_LINK, 10 * MBIT, 65536);
	expect_queue(IFB, 20 * MBIT, 65536);
	s = tc_read(TWO_HOST_LINK);
	assert_true(s.has_ingress);
	assert_int_equal(s.filters, 1);
	assert_int_equal(s.redirect, if_nametoindex(IFB));
	assert_true(flags_of(IFB, &queue) & IFF_UP);
	assert_in_range(queue, 500, 5000);

	/* The same again changes nothing, and all zero leaves nothing. */
	set(10 * MBIT, 20 * MBIT);
	assert_int_equal(tc_read(TWO_HOST_LINK).filters, 1);
	set(0, 0);
	expect_nothing(TWO_HOST_LINK);
	assert_int_equal(if_nametoindex(IFB), 0);
	set(0, 0);
}

static void test_one_direction(void **state)
{
	two_need_root(state);
	set(0, 5 * MBIT);
	assert_string_equal(tc_read(TWO_HOST_LINK).root, "");
	expect_queue(IFB, 5 * MBIT, 65536);
	set(5 * MBIT, 0);
	expect_queue(TWO_HOST_LINK, 5 * MBIT, 65536);
	assert_false(tc_read(TWO_HOST_LINK).has_ingress);
	assert_int_equal(if_nametoindex(IFB), 0);
}

/* From 1 kbit/s, where a burst is as long as the kernel can count, to more than 32 bits of bytes per second. */
static void test_extreme_rates(void **state)
{
	struct net_shape_spec s = spec(1000, 1);
	struct err err = ERR_INIT;

	two_need_root(state);
	assert_ok(net_shape_set(&s, NULL, &err), &err);
	assert_int_equal(tc_read(TWO_HOST_LINK).rate, 125);
	assert_int_equal(tc_read(TWO_HOST_LINK).buffer, UINT32_MAX);
	assert_int_equal(tc_read(IFB).rate, 1);

	set(100 * GBIT, 40 * GBIT);
	expect_queue(TWO_HOST_LINK, 100 * GBIT, 125000000);
	expect_queue(IFB, 40 * GBIT, 50000000);

	s = spec(UINT64_MAX, 100 * MBIT);
	s.burst_bytes = 1 << 20;
	assert_ok(net_shape_set(&s, NULL, &err), &err);
	assert_int_equal(tc_read(TWO_HOST_LINK).rate, UINT64_MAX / 8);
	expect_queue(IFB, 100 * MBIT, 1 << 20);
}

static void give_address(int netns, const char *link, const char *text)
{
	struct net_address a;
	struct net_setup_spec setup = { .name = link, .addresses = &a, .n_addresses = 1 };
	struct err err = ERR_INIT;

	two_enter(netns);
	assert_ok(net_address_parse("address", text, NET_PREFIX_REQUIRED, &a, &err), &err);
	assert_ok(net_setup_guest(&setup, &err), &err);
}

/* A child sends `len` bytes, so that neither side waits for the other. */
static pid_t send_all(int s, size_t len)
{
	static const char data[65536];
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid > 0)
		return pid;
	for (size_t done = 0; done < len; done += sizeof(data)) {
		if (send(s, data, sizeof(data), MSG_NOSIGNAL) != sizeof(data))
			_exit(1);
	}
	_exit(0);
}

/* How many milliseconds a stream of `len` bytes takes to the guest or from it. */
static uint64_t transfer(const struct two_hosts *w, bool to_guest, size_t len)
{
	static char room[65536];
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(to_guest ? 0xc0000202 : 0xc0000201) };
	socklen_t at_len = sizeof(at);
	size_t got = 0;
	ssize_t n;
	int status;

	give_address(w->guest, TWO_GUEST_LINK, "192.0.2.2/24");
	give_address(w->host, TWO_HOST_LINK, "192.0.2.1/24");
	two_enter(to_guest ? w->guest : w->host);

	_cleanup_fd_ int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(listener, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &at_len), 0);
	two_enter(to_guest ? w->host : w->guest);

	_cleanup_fd_ int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(connect(s, (struct sockaddr *)&at, sizeof(at)), 0);
	two_enter(w->host);

	uint64_t start = proc_now_ms();
	pid_t pid = send_all(s, len);

	fd_close(&s);

	_cleanup_fd_ int c = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

	while ((n = recv(c, room, sizeof(room), 0)) > 0)
		got += (size_t)n;
	assert_true(got >= len);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	return proc_now_ms() - start;
}

/* Coarse on purpose: 1 MiB at 8 Mbit/s takes a second less the bucket; a busy machine only makes it longer. */
static void test_rate_is_kept(void **state)
{
	struct two_hosts *w = *state;

	two_need_root(state);
	set(8 * MBIT, 0);

	uint64_t to_guest_ms = transfer(w, true, 1 << 20);

	set(0, 8 * MBIT);

	uint64_t from_guest_ms = transfer(w, false, 1 << 20);

	assert_true(to_guest_ms > 500);
	assert_true(from_guest_ms > 500);
	set(0, 0);
	assert_true(transfer(w, true, 1 << 20) < to_guest_ms);
	assert_true(transfer(w, false, 1 << 20) < from_guest_ms);
}

/* A change of rate keeps the class, and with it its queue: its counter goes on. */
static void test_change_in_place(void **state)
{
	struct two_hosts *w = *state;
	struct tc_state before, after;

	two_need_root(state);
	set(100 * MBIT, 100 * MBIT);
	transfer(w, false, 1 << 17);
	before = tc_read(IFB);
	assert_true(before.sent >= 1 << 17);

	unsigned int ifb = if_nametoindex(IFB);

	set(200 * MBIT, 200 * MBIT);
	after = tc_read(IFB);
	assert_int_equal(if_nametoindex(IFB), ifb);
	assert_true(after.sent >= before.sent);
	expect_queue(IFB, 200 * MBIT, 250000);
	expect_queue(TWO_HOST_LINK, 200 * MBIT, 250000);
	assert_int_equal(tc_read(TWO_HOST_LINK).filters, 1);
}

/* An ifb that went away left a redirection to nowhere, which drops all; the next call makes both anew. */
static void test_lost_ifb(void **state)
{
	struct err err = ERR_INIT;

	two_need_root(state);
	set(0, 10 * MBIT);
	assert_ok(net_shape_remove(IFB, &err), &err);
	assert_ok(net_shape_remove(IFB, &err), &err);
	set(0, 10 * MBIT);
	assert_int_equal(tc_read(TWO_HOST_LINK).redirect, if_nametoindex(IFB));
	assert_int_equal(tc_read(TWO_HOST_LINK).filters, 1);
}

/* The second half fails: the first is undone if this call made it, and stays, with its rate, if it was there. */
static void test_failure_leaves_nothing(void **state)
{
	struct net_shape_spec s = spec(10 * MBIT, 10 * MBIT);
	struct err err = ERR_INIT;

	two_need_root(state);
	s.ifb = "lo";
	assert_int_equal(net_shape_set(&s, NULL, &err), -EEXIST);
	assert_err_has(&err, "interface 'lo': expected an ifb device");
	expect_nothing(TWO_HOST_LINK);
	expect_nothing("lo");
	set(20 * MBIT, 0);
	assert_int_equal(net_shape_set(&s, NULL, &err), -EEXIST);
	assert_string_equal(tc_read(TWO_HOST_LINK).root, "htb");

	s = spec(10 * MBIT, 10 * MBIT);
	s.link = "nowhere";
	assert_int_equal(net_shape_set(&s, NULL, &err), -ENODEV);
	assert_err_has(&err, "nowhere");
	assert_int_equal(if_nametoindex(IFB), 0);
	s.link = "a name";
	assert_int_equal(net_shape_set(&s, NULL, &err), -EINVAL);
	s = spec(1, 1);
	s.ifb = "a-name-that-is-too-long";
	assert_int_equal(net_shape_set(&s, NULL, &err), -EINVAL);
	assert_err_has(&err, "a-name-that-is-too-long");
}

/* The guest's end, and so ours, may go at any moment: nothing of the call stays, but for the ifb that was there before. */
static void test_link_vanishes(void **state)
{
	struct two_hosts *w = *state;
	struct net_shape_spec s = spec(20 * MBIT, 20 * MBIT);
	struct err err = ERR_INIT;

	two_need_root(state);
	set(10 * MBIT, 10 * MBIT);
	two_enter(w->guest);
	assert_ok(net_link_delete(TWO_GUEST_LINK, &err), &err);
	two_enter(w->host);
	assert_int_equal(net_shape_set(&s, NULL, &err), -ENODEV);
	assert_true(if_nametoindex(IFB) > 0);
	assert_ok(net_shape_remove(IFB, &err), &err);
	assert_int_equal(if_nametoindex(IFB), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_both_directions, two_setup, two_teardown),
		cmocka_unit_test_setup_teardown(test_one_direction, two_setup, two_teardown),
		cmocka_unit_test_setup_teardown(test_extreme_rates, two_setup, two_teardown),
		cmocka_unit_test_setup_teardown(test_rate_is_kept, two_setup, two_teardown),
		cmocka_unit_test_setup_teardown(test_change_in_place, two_setup, two_teardown),
		cmocka_unit_test_setup_teardown(test_lost_ifb, two_setup, two_teardown),
		cmocka_unit_test_setup_teardown(test_failure_leaves_nothing, two_setup, two_teardown),
		cmocka_unit_test_setup_teardown(test_link_vanishes, two_setup, two_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
