/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "base/fd.h"
#include "netns/wire.h"
#include "two_hosts.h"

/* pcap-savefile(5), read without the writer's own structures. */
#define FILE_HEADER   24
#define PACKET_HEADER 16
#define OUR_TYPE      0x88b5 /* IEEE Std 802: for experiments; nothing else sends it */

/* The capture is a child, so that the test can send meanwhile; it says on a pipe what came out. */
struct running {
	pid_t pid;
	int file;
	int stop;   /* write: end it */
	int result; /* read: struct result */
};

struct result {
	int r;
	uint64_t packets;
	uint64_t lost;
	struct err err;
};

static struct running begin(uint64_t packets_max, uint32_t snap_bytes)
{
	int stop[2], result[2];
	struct running run = { .file = memfd_create("pcap", MFD_CLOEXEC) };

	assert_true(run.file >= 0);
	assert_int_equal(pipe2(stop, O_CLOEXEC), 0);
	assert_int_equal(pipe2(result, O_CLOEXEC), 0);
	run.pid = fork();
	assert_true(run.pid >= 0);
	if (run.pid == 0) {
		struct net_capture_spec spec = {
			.interface = TWO_HOST_LINK,
			.out_fd = run.file,
			.packets_max = packets_max,
			.snap_bytes = snap_bytes,
			.stop_fd = stop[0],
		};
		struct result out = { .err = ERR_INIT };

		out.r = net_capture(&spec, &out.packets, &out.lost, &out.err);
		_exit(fd_write_all(result[1], &out, sizeof(out)) < 0);
	}
	close(stop[0]);
	close(result[1]);
	run.stop = stop[1];
	run.result = result[0];
	/* The file's header is written once packets are taken. */
	for (struct stat st = { 0 }; st.st_size < FILE_HEADER;)
		assert_int_equal(fstat(run.file, &st), 0);
	return run;
}

static struct result end(struct running *run)
{
	struct result out;
	int status;

	assert_int_equal(fd_read_exact(run->result, &out, sizeof(out)), 0);
	assert_int_equal(waitpid(run->pid, &status, 0), run->pid);
	close(run->stop);
	close(run->result);
	return out;
}

static void stop(struct running *run)
{
	assert_int_equal(write(run->stop, "x", 1), 1);
}

/* Sends frames of `len` bytes from `netns`, numbered in the first byte of their content. */
static void send_frames(int netns, int back, const char *name, unsigned int n, size_t len)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_protocol = htons(OUR_TYPE), .sll_halen = 6 };
	uint8_t frame[1500] = { 2, 9, 9, 9, 9, 9, 2, 8, 8, 8, 8, 8, OUR_TYPE >> 8, OUR_TYPE & 0xff };

	two_enter(netns);

	_cleanup_fd_ int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	to.sll_ifindex = (int)if_nametoindex(name);
	for (unsigned int i = 0; i < n; i++) {
		frame[14] = (uint8_t)i;
		assert_int_equal(sendto(fd, frame, len, 0, (struct sockaddr *)&to, sizeof(to)), len);
	}
	two_enter(back);
}

struct packet {
	uint32_t head[4]; /* seconds, microseconds, kept, length on the wire */
	uint8_t bytes[2048];
};

/* The next packet of ours in the file; IPv6 sends some of its own on a new interface. */
static bool next_packet(int file, struct packet *ret)
{
	ssize_t n;

	while ((n = read(file, ret->head, PACKET_HEADER)) == PACKET_HEADER) {
		assert_in_range(ret->head[2], 0, sizeof(ret->bytes));
		assert_int_equal(read(file, ret->bytes, ret->head[2]), ret->head[2]);
		if (ret->head[2] >= 14 && memcmp(ret->bytes, (uint8_t[]){ 2, 9, 9, 9, 9, 9 }, 6) == 0)
			return true;
	}
	assert_int_equal(n, 0);
	return false;
}

static void expect_file_header(int file, uint32_t snap)
{
	uint32_t head[FILE_HEADER / 4];

	assert_int_equal(lseek(file, 0, SEEK_SET), 0);
	assert_int_equal(read(file, head, sizeof(head)), sizeof(head));
	assert_int_equal(head[0], 0xa1b2c3d4);
	assert_int_equal(head[1], 2 | 4 << 16);
	assert_int_equal(head[2] | head[3], 0);
	assert_int_equal(head[4], snap);
	assert_int_equal(head[5], 1); /* Ethernet */
}

/* Everything of both directions that came before the stop is there, whole, in order, with the time of now. */
static void test_capture_until_stop(void **state)
{
	struct two_hosts *w = *state;
	struct packet p;

	two_need_root(state);

	time_t before = time(NULL);
	struct running run = begin(0, 0);

	send_frames(w->guest, w->host, TWO_GUEST_LINK, 100, 1500);
	send_frames(w->host, w->host, TWO_HOST_LINK, 100, 60);
	stop(&run);

	struct result out = end(&run);

	assert_ok(out.r, &out.err);
	assert_int_equal(out.lost, 0);
	assert_in_range(out.packets, 200, 300);
	expect_file_header(run.file, 262144);
	for (unsigned int i = 0; i < 200; i++) {
		assert_true(next_packet(run.file, &p));
		assert_int_equal(p.bytes[14], i % 100);
		assert_int_equal(p.head[2], i < 100 ? 1500 : 60);
		assert_int_equal(p.head[3], p.head[2]);
		assert_in_range(p.head[0], (uint32_t)before, (uint32_t)time(NULL));
		assert_in_range(p.head[1], 0, 999999);
	}
	assert_false(next_packet(run.file, &p));
	close(run.file);
}

/* Ends by itself at the number that was asked for, and keeps no more of each packet than asked for. */
static void test_capture_limits(void **state)
{
	struct two_hosts *w = *state;
	struct packet p;
	unsigned int n = 0;

	two_need_root(state);

	struct running run = begin(50, 64);

	send_frames(w->guest, w->host, TWO_GUEST_LINK, 200, 1000);

	struct result out = end(&run);

	assert_ok(out.r, &out.err);
	assert_int_equal(out.packets, 50);
	expect_file_header(run.file, 64);
	for (; next_packet(run.file, &p); n++) {
		assert_int_equal(p.head[2], 64);
		assert_int_equal(p.head[3], 1000);
	}
	assert_in_range(n, 1, 50);
	close(run.file);
}

/* The tag of a VLAN, which the kernel keeps beside the packet, is in the file where it was on the wire. */
static void test_capture_vlan(void **state)
{
	struct two_hosts *w = *state;
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_8021Q), .sll_halen = 6 };
	uint8_t frame[60] = { 2, 9, 9, 9, 9, 9, 2, 8, 8, 8, 8, 8, 0x81, 0, 0x20, 0x2a, OUR_TYPE >> 8, OUR_TYPE & 0xff, 77 };
	struct packet p;

	two_need_root(state);

	struct running run = begin(0, 0);

	two_enter(w->guest);

	_cleanup_fd_ int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	to.sll_ifindex = (int)if_nametoindex(TWO_GUEST_LINK);
	assert_int_equal(sendto(fd, frame, sizeof(frame), 0, (struct sockaddr *)&to, sizeof(to)), sizeof(frame));
	two_enter(w->host);
	stop(&run);

	struct result out = end(&run);

	assert_ok(out.r, &out.err);
	expect_file_header(run.file, 262144);
	assert_true(next_packet(run.file, &p));
	assert_int_equal(p.head[2], sizeof(frame));
	assert_memory_equal(p.bytes, frame, sizeof(frame));
	close(run.file);
}

/* An interface that goes away, as a guest's does when it stops, is the end and no error; what came before is there. */
static void test_capture_ends_with_link(void **state)
{
	struct two_hosts *w = *state;
	struct err err = ERR_INIT;
	struct packet p;

	two_need_root(state);

	struct running run = begin(0, 0);

	send_frames(w->guest, w->host, TWO_GUEST_LINK, 3, 60);
	assert_ok(net_link_delete(TWO_HOST_LINK, &err), &err);

	struct result out = end(&run);

	assert_ok(out.r, &out.err);
	expect_file_header(run.file, 262144);
	for (unsigned int i = 0; i < 3; i++)
		assert_true(next_packet(run.file, &p));
	close(run.file);
}

/* A reader that stalls costs packets, not memory, and how many is told: all that were sent are in the file or counted as lost. */
static void test_capture_lost(void **state)
{
	struct two_hosts *w = *state;

	two_need_root(state);

	struct running run = begin(0, 0);

	assert_int_equal(kill(run.pid, SIGSTOP), 0);
	send_frames(w->guest, w->host, TWO_GUEST_LINK, 8000, 1500);
	assert_int_equal(kill(run.pid, SIGCONT), 0);
	stop(&run);

	struct result out = end(&run);

	assert_ok(out.r, &out.err);
	assert_true(out.lost > 0);
	assert_in_range(out.packets + out.lost, 8000, 8100);
	close(run.file);
}

static void test_capture_errors(void **state)
{
	struct net_capture_spec spec = { .interface = "nowhere", .out_fd = -1, .stop_fd = -1, .packets_max = 1 };
	struct err err = ERR_INIT;
	uint64_t packets = 1, lost = 1;

	two_need_root(state);
	assert_int_equal(net_capture(&spec, &packets, &lost, &err), -ENODEV);
	assert_err_has(&err, "'nowhere' does not exist");
	assert_int_equal(packets + lost, 0);

	spec.interface = "lo";
	assert_int_equal(net_capture(&spec, &packets, &lost, &err), -ENETDOWN);
	assert_err_has(&err, "'lo' is down");

	_cleanup_fd_ int full = open("/dev/full", O_WRONLY | O_CLOEXEC);

	spec.interface = TWO_HOST_LINK;
	spec.out_fd = full;
	assert_int_equal(net_capture(&spec, &packets, &lost, &err), -ENOSPC);
	assert_err_has(&err, TWO_HOST_LINK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_capture_until_stop, two_setup, two_teardown),
		cmocka_unit_test_setup_teardown(test_capture_limits, two_setup, two_teardown),
		cmocka_unit_test_setup_teardown(test_capture_vlan, two_setup, two_teardown),
		cmocka_unit_test_setup_teardown(test_capture_ends_with_link, two_setup, two_teardown),
		cmocka_unit_test_setup_teardown(test_capture_lost, two_setup, two_teardown),
		cmocka_unit_test_setup_teardown(test_capture_errors, two_setup, two_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
