/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cgroup_unit.h"

#include <linux/tcp.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "runtime/checkpoint/repaired.h"

/* Two connections over loopback, both ends of each; and one of datagrams. */
struct sockets {
	int tcp[2];
	int stranger[2];
	int dgram[2];
};

/* A network namespace of the test's own, with nothing but its loopback. */
static void own_network(void)
{
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	_cleanup_fd_ int s = -EBADF;

	assert_int_equal(unshare(CLONE_NEWNET), 0);
	s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(ioctl(s, SIOCSIFFLAGS, &lo), 0);
}

static void connect_pair(int listener, int ret[2])
{
	struct sockaddr_in at;
	socklen_t size = sizeof(at);

	assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &size), 0);
	ret[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(ret[0], (struct sockaddr *)&at, sizeof(at)), 0);
	ret[1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(ret[1] >= 0);
}

static void make_sockets(struct sockets *ret)
{
	struct sockaddr_in any = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	_cleanup_fd_ int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(listener, (struct sockaddr *)&any, sizeof(any)), 0);
	assert_int_equal(listen(listener, 4), 0);
	connect_pair(listener, ret->tcp);
	connect_pair(listener, ret->stranger);
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ret->dgram), 0);
}

static void close_pair(int pair[2])
{
	fd_close(&pair[0]);
	fd_close(&pair[1]);
}

static void close_sockets(struct sockets *s)
{
	close_pair(s->tcp);
	close_pair(s->stranger);
	close_pair(s->dgram);
}

static int get(int socket, int level, int name)
{
	int value = -1;
	socklen_t size = sizeof(value);

	assert_int_equal(getsockopt(socket, level, name, &value, &size), 0);
	return value;
}

static void set(int socket, int level, int name, int value)
{
	assert_int_equal(setsockopt(socket, level, name, &value, sizeof(value)), 0);
}

/* As CRIU does, which looks at one queue after the other. */
static void begin_repair(int socket, int queue)
{
	set(socket, IPPROTO_TCP, TCP_REPAIR, TCP_REPAIR_ON);
	set(socket, IPPROTO_TCP, TCP_REPAIR_QUEUE, queue);
}

static void say(int socket, const char *text)
{
	assert_int_equal(send(socket, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static void assert_hears(int socket, int flags, const char *text)
{
	char room[16] = "";

	assert_int_equal(recv(socket, room, strlen(text), flags), strlen(text));
	assert_string_equal(room, text);
}

static void assert_fails(int socket, int flags, int code)
{
	char room[16];

	assert_int_equal(recv(socket, room, sizeof(room), flags | MSG_DONTWAIT), -1);
	assert_int_equal(errno, code);
}

/* What a CRIU leaves that was killed while it had looked at all of them. */
static void spoil(const struct sockets *s)
{
	set(s->tcp[0], SOL_SOCKET, SO_REUSEADDR, 1);
	say(s->tcp[0], "sent");
	say(s->dgram[0], "first");
	say(s->dgram[0], "second");
	begin_repair(s->tcp[0], TCP_SEND_QUEUE);
	begin_repair(s->tcp[1], TCP_RECV_QUEUE);
	begin_repair(s->stranger[0], TCP_SEND_QUEUE);
	set(s->dgram[1], SOL_SOCKET, SO_PEEK_OFF, 0);
	assert_hears(s->dgram[1], MSG_PEEK, "first");
	assert_hears(s->dgram[1], MSG_PEEK, "second");
	assert_fails(s->dgram[1], MSG_PEEK, EAGAIN);
	assert_fails(s->tcp[0], 0, EPERM);
	assert_fails(s->tcp[1], 0, EPERM);
}

static void assert_mended(const struct sockets *s)
{
	for (int i = 0; i < 2; i++) {
		assert_int_equal(get(s->tcp[i], IPPROTO_TCP, TCP_REPAIR), 0);
		assert_int_equal(get(s->tcp[i], SOL_SOCKET, SO_REUSEADDR), 1);
	}
	assert_hears(s->tcp[1], 0, "sent");
	say(s->tcp[0], "there");
	assert_hears(s->tcp[1], 0, "there");
	say(s->tcp[1], "back");
	assert_hears(s->tcp[0], 0, "back");
	assert_int_equal(get(s->dgram[1], SOL_SOCKET, SO_PEEK_OFF), -1);
	assert_hears(s->dgram[1], MSG_PEEK, "first");
	assert_hears(s->dgram[1], MSG_PEEK, "first");
	assert_hears(s->dgram[1], 0, "first");
	assert_hears(s->dgram[1], 0, "second");
}

/* In a group that the guest made below its own, as its systemd does for each service: all but the stranger's. */
static pid_t holder(const char *group, struct sockets *s)
{
	_cleanup_free_ char *folder = NULL, *inner = NULL;
	struct cgroup_join join = CGROUP_JOIN_INIT;
	struct err err = ERR_INIT;

	assert_ok(cgroup_v2_folder(group, &folder, &err), &err);
	inner = str_printf("%s/inner", folder);
	assert_int_equal(mkdir(inner, 0755), 0);
	join.v2_fd = open(inner, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(join.v2_fd >= 0);

	pid_t pid = fork_into(&join);

	if (pid == 0) {
		/* Not before it has closed what is the stranger's may it be looked at. */
		close_pair(s->stranger);
		raise(SIGSTOP);
		pause();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, NULL, WUNTRACED), pid);
	fd_close(&join.v2_fd);
	return pid;
}

static void test_mended(void **state)
{
	struct fixture *f = *state;
	struct cgroup_spec spec = { .path = f->group };
	struct err err = ERR_INIT;
	struct sockets s;

	need_root();
	own_network();
	make_sockets(&s);
	assert_ok(cgroup_create(&spec, &err), &err);

	pid_t pid = holder(f->group, &s);

	spoil(&s);
	assert_ok(cgroup_freeze(f->group, 5000, &err), &err);
	assert_ok(checkpoint_end_repair(f->group, &err), &err);
	assert_mended(&s);
	/* What is not the group's stays as it is: it may be in the hands of another guest's CRIU. */
	assert_int_equal(get(s.stranger[0], IPPROTO_TCP, TCP_REPAIR), 1);
	/* Nothing to be done, and with SO_REUSEADDR as the guest has it. */
	set(s.tcp[0], SOL_SOCKET, SO_REUSEADDR, 0);
	assert_ok(checkpoint_end_repair(f->group, &err), &err);
	assert_int_equal(get(s.tcp[0], SOL_SOCKET, SO_REUSEADDR), 0);
	assert_ok(cgroup_thaw(f->group, &err), &err);
	end_child(pid);
	close_sockets(&s);
}

static void test_of_nobody(void **state)
{
	struct fixture *f = *state;
	struct cgroup_spec spec = { .path = f->group };
	struct err err = ERR_INIT;

	need_root();
	assert_ok(checkpoint_end_repair(f->group, &err), &err); /* is missing */
	assert_ok(cgroup_create(&spec, &err), &err);
	assert_ok(checkpoint_end_repair(f->group, &err), &err);
	assert_int_equal(checkpoint_end_repair("../x", &err), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CGROUP_TEST(test_of_nobody),
		CGROUP_TEST(test_mended),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
