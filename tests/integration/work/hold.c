/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * hold KIND: has something that no checkpoint can hold, says so by the file /run/hold.KIND, and waits. Without KIND, lists them.
 * The kinds are those of check-migrate; a number behind one tells several of a kind apart. Status 3: this kernel has no such
 * thing, status 1: something else is wrong.
 *
 * hold serve and hold connect are two ends of a connection.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <mqueue.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define GROUP_ABOVE_32 33
#define STACK_SIZE     (64 << 10)
#define GHOST_BYTES    ((off_t)2100 << 20)

static void must(int is_ok, const char *what)
{
	if (is_ok)
		return;
	perror(what);
	exit(errno == EPROTONOSUPPORT || errno == ENOSYS || errno == ENODEV ? 3 : 1);
}

_Noreturn static void rest(void)
{
	for (;;)
		pause();
}

static int wait_here(void *unused)
{
	(void)unused;
	rest();
}

static void hold_netlink_unread(void)
{
	struct {
		struct nlmsghdr head;
		struct rtgenmsg body;
	} question = { { sizeof(question), RTM_GETLINK, NLM_F_REQUEST | NLM_F_DUMP, 1, 0 }, { AF_UNSPEC } };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	must(fd >= 0 && send(fd, &question, sizeof(question), 0) == sizeof(question), "ask netlink");
}

static void hold_netlink_groups(void)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE), group = GROUP_ABOVE_32;

	must(setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) == 0, "join a group");
}

static int open_loopback(int type, int protocol, struct sockaddr_in *ret)
{
	socklen_t len = sizeof(*ret);
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, protocol);

	must(fd >= 0, "socket");
	*ret = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	must(bind(fd, (struct sockaddr *)ret, sizeof(*ret)) == 0, "bind");
	must(getsockname(fd, (struct sockaddr *)ret, &len) == 0, "getsockname");
	return fd;
}

static void hold_unaccepted(void)
{
	struct sockaddr_in at;
	int server = open_loopback(SOCK_STREAM, 0, &at), client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	must(listen(server, 5) == 0 && connect(client, (struct sockaddr *)&at, sizeof(at)) == 0, "connect");
}

static int unix_socket(const char *path, int connects)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(at.sun_path, sizeof(at.sun_path), "%s", path);
	if (connects)
		must(connect(fd, (struct sockaddr *)&at, sizeof(at)) == 0, "connect");
	else
		must(bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0 && listen(fd, 5) == 0, "listen");
	return fd;
}

static void hold_unaccepted2(void)
{
	unix_socket("/run/hold.sock2", 0);

	int client = unix_socket("/run/hold.sock2", 1);

	must(write(client, "x", 1) == 1, "write");
}

static void hold_unaccepted3(void)
{
	unix_socket("/run/hold.sock3", 0);
	close(unix_socket("/run/hold.sock3", 1));
}

static void hold_socket(void)
{
	struct sockaddr_in at;
	int fd = open_loopback(SOCK_DGRAM, 0, &at), on = 1;

	must(setsockopt(fd, IPPROTO_UDP, UDP_CORK, &on, sizeof(on)) == 0, "cork");
}

static void hold_socket2(void)
{
	struct sockaddr_in at;

	open_loopback(SOCK_STREAM, IPPROTO_MPTCP, &at);
}

static void hold_packet_pipe(void)
{
	int fds[2];

	must(pipe2(fds, O_DIRECT | O_CLOEXEC) == 0, "pipe");
}

static void hold_anonymous(void)
{
	must(syscall(SYS_fsopen, "tmpfs", 0) >= 0, "fsopen");
}

static void watch(const char *path)
{
	must(inotify_add_watch(inotify_init1(IN_CLOEXEC), path, IN_ALL_EVENTS) >= 0, path);
}

static void hold_inotify(void)
{
	watch("/proc/mounts");
}

static void hold_inotify2(void)
{
	int fd = open("/run/hold.gone", O_CREAT | O_RDWR | O_CLOEXEC, 0600);

	must(fd >= 0, "make a file");
	watch("/run/hold.gone");
	unlink("/run/hold.gone");
}

static void hold_epoll(void)
{
	struct epoll_event event = { .events = EPOLLIN };
	int fds[2], queue = epoll_create1(EPOLL_CLOEXEC);

	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0, "socketpair");
	must(epoll_ctl(queue, EPOLL_CTL_ADD, fds[0], &event) == 0, "epoll_ctl");
	if (fork() == 0)
		rest();
	close(fds[0]);
}

static void hold_namespace_descriptor(void)
{
	int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

	must(unshare(CLONE_NEWNET) == 0 && open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC) >= 0, "unshare");
	must(setns(home, CLONE_NEWNET) == 0, "setns");
}

static void mount_on(const char *path, const char *type, const char *options)
{
	mkdir(path, 0700);
	must(mount("none", path, type, 0, options) == 0, type);
}

static void hold_file_system(void)
{
	mount_on("/run/hold.mount", "overlay", "lowerdir=/etc:/bin");
}

static void hold_gone_mount(void)
{
	mount_on("/run/hold.mount1", "tmpfs", NULL);
	must(open("/run/hold.mount1/x", O_CREAT | O_RDWR | O_CLOEXEC, 0600) >= 0, "make a file");
	must(umount2("/run/hold.mount1", MNT_DETACH) == 0, "umount");
}

static void hold_gone_mount2(void)
{
	mount_on("/run/hold.mount2", "tmpfs", NULL);
	must(chdir("/run/hold.mount2") == 0, "chdir");
	mount_on("/run/hold.mount2", "tmpfs", NULL);
}

static void hold_gone_socket(void)
{
	mount_on("/run/hold.mount3", "tmpfs", NULL);
	unix_socket("/run/hold.mount3/s", 0);
	must(umount2("/run/hold.mount3", MNT_DETACH) == 0, "umount");
}

static void hold_message_queue(void)
{
	must(mq_open("/hold", O_CREAT | O_RDWR, 0600, NULL) >= 0, "mq_open");
}

static void hold_thread_timer(void)
{
	struct sigevent event = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGUSR1 };
	timer_t timer;

	event._sigev_un._tid = gettid();
	must(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0, "timer_create");
}

static void hold_deleted_file(void)
{
	int fd = open("/root/hold.large", O_CREAT | O_RDWR | O_CLOEXEC, 0600);

	must(fd >= 0 && posix_fallocate(fd, 0, GHOST_BYTES) == 0, "allocate");
	unlink("/root/hold.large");
}

static void hold_huge_pages(void)
{
	must(memfd_create("huge", MFD_HUGETLB | MFD_CLOEXEC) >= 0, "memfd_create");
}

/* One that shares with us what `flags` say. */
static void clone_waiting(int flags)
{
	char *stack = malloc(STACK_SIZE);

	must(stack && clone(wait_here, stack + STACK_SIZE, flags, NULL) > 0, "clone");
}

static void hold_shared(void)
{
	clone_waiting(CLONE_VM | SIGCHLD);
}

static void hold_traced(void)
{
	pid_t pid = fork();

	if (pid == 0)
		rest();
	must(ptrace(PTRACE_SEIZE, pid, 0, 0) == 0, "ptrace");
}

static void say_ready(const char *kind)
{
	char path[64];

	snprintf(path, sizeof(path), "/run/hold.%s", kind);
	must(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600) >= 0, path);
}

static void hold_vfork(void)
{
	say_ready("vfork");
	clone_waiting(CLONE_VM | CLONE_VFORK | SIGCHLD);
}

static void hold_dead_leader(void)
{
	clone_waiting(CLONE_VM | CLONE_SIGHAND | CLONE_THREAD | CLONE_FILES | CLONE_FS);
	say_ready("dead-leader");
	syscall(SYS_exit, 0);
}

static void hold_nothing(void)
{
}

static void hold_executable(void)
{
	char *const argv[] = { (char *)"hold", (char *)"nothing", NULL }, *const env[] = { NULL };
	int from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC), to = memfd_create("program", MFD_CLOEXEC);
	char room[64 << 10];
	ssize_t n;

	while ((n = read(from, room, sizeof(room))) > 0)
		must(write(to, room, (size_t)n) == n, "copy");
	say_ready("executable");
	fexecve(to, argv, env);
	must(0, "fexecve");
}

static void hold_serve(void)
{
	int fd = unix_socket("/run/hold.server", 0);

	say_ready("serve");
	must(accept4(fd, NULL, NULL, SOCK_CLOEXEC) >= 0, "accept");
	say_ready("served");
}

static void hold_connect(void)
{
	unix_socket("/run/hold.server", 1);
}

static const struct {
	const char *name;
	void (*hold)(void);
} kinds[] = {
	{ "netlink-unread", hold_netlink_unread },
	{ "netlink-groups", hold_netlink_groups },
	{ "unaccepted", hold_unaccepted },
	{ "unaccepted2", hold_unaccepted2 },
	{ "unaccepted3", hold_unaccepted3 },
	{ "socket", hold_socket },
	{ "socket2", hold_socket2 },
	{ "packet-pipe", hold_packet_pipe },
	{ "anonymous", hold_anonymous },
	{ "inotify", hold_inotify },
	{ "inotify2", hold_inotify2 },
	{ "epoll", hold_epoll },
	{ "namespace-descriptor", hold_namespace_descriptor },
	{ "file-system", hold_file_system },
	{ "gone-mount", hold_gone_mount },
	{ "gone-mount2", hold_gone_mount2 },
	{ "gone-socket", hold_gone_socket },
	{ "message-queue", hold_message_queue },
	{ "thread-timer", hold_thread_timer },
	{ "deleted-file", hold_deleted_file },
	{ "huge-pages", hold_huge_pages },
	{ "shared", hold_shared },
	{ "dead-leader", hold_dead_leader },
	{ "executable", hold_executable },
	{ "traced", hold_traced },
	{ "vfork", hold_vfork },
	{ "nothing", hold_nothing },
	{ "serve", hold_serve },
	{ "connect", hold_connect },
};

int main(int argc, char **argv)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (argc < 2) {
			puts(kinds[i].name);
			continue;
		}
		if (strcmp(kinds[i].name, argv[1]) != 0)
			continue;
		kinds[i].hold();
		say_ready(argv[1]);
		rest();
	}
	return argc < 2 ? 0 : 1;
}
