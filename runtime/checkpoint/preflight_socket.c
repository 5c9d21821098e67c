/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/udp.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "runtime/checkpoint/preflight_priv.h"

/* What is waiting now may not be a moment later: it is looked at twice. */
#define SECOND_LOOK_MS 50

/* Names of the protocols that are saved, as the kernel has them (struct proto in net/): lsof(8) shows the same. */
static const char *const saved_protocols[] = {
	"TCP",	 "TCPv6", "UDP",    "UDPv6", "UDP-Lite",    "UDPLITEv6", "RAW",
	"RAWv6", "PING",  "PINGv6", "UNIX",  "UNIX-STREAM", "NETLINK",	 "PACKET",
};

/* Links that are made again: dump_one_link() in CRIU's sources. A macvlan is written and then refused. */
static const struct {
	uint16_t type;
	const char *kind;
	const char *name; /* NULL: any */
} saved_links[] = {
	{ ARPHRD_ETHER, "veth", NULL }, { ARPHRD_ETHER, "tun", NULL },	 { ARPHRD_ETHER, "bridge", NULL },
	{ ARPHRD_NONE, "tun", NULL },	{ ARPHRD_IPGRE, "gre", "gre0" }, { ARPHRD_ETHER, "gretap", "gretap0" },
	{ ARPHRD_SIT, "sit", NULL },
};

static int compare_held(const void *a, const void *b)
{
	const struct held_socket *x = a, *y = b;

	if (x->inode != y->inode)
		return x->inode < y->inode ? -1 : 1;
	/* The guest's own first. */
	return x->process->is_outside - y->process->is_outside;
}

static int compare_inodes(const void *key, const void *element)
{
	uint64_t inode = *(const uint64_t *)key;
	const struct held_socket *held = element;

	return (inode > held->inode) - (inode < held->inode);
}

/* Who has it, one of the guest's own before others; NULL: nobody, or it is on its way in another socket. */
static const struct held_socket *find_holder(const struct preflight *p, uint64_t inode)
{
	const struct held_socket *list = p->sockets.data;
	const struct held_socket *held = p->sockets.n == 0 ? NULL
							   : bsearch(&inode, list, p->sockets.n, sizeof(*list), compare_inodes);

	while (held && held > list && held[-1].inode == inode)
		held--;
	return held;
}

static const struct held_socket *find_own(const struct preflight *p, uint64_t inode)
{
	const struct held_socket *held = find_holder(p, inode);

	return held && !held->process->is_outside ? held : NULL;
}

/* Of a list that begins with the number in each element. */
static int compare_numbers(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void sort(struct list *list, size_t size)
{
	if (list->n > 0)
		qsort(list->data, list->n, size, compare_numbers);
}

static const void *find_number(const struct list *list, size_t size, uint64_t number)
{
	return list->n == 0 ? NULL : bsearch(&number, list->data, list->n, size, compare_numbers);
}

static void protocol_of(const struct held_socket *held, char room[32])
{
	char path[64];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/fd/%d", held->process->status.pid, held->fd);
	n = getxattr(path, "system.sockprotoname", room, 31);
	room[n < 0 ? 0 : n] = '\0';
}

static bool is_saved_protocol(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(saved_protocols); i++) {
		if (strcmp(name, saved_protocols[i]) == 0)
			return true;
	}
	return false;
}

/*
 * Asked of a copy of the descriptor, which is closed at once: /proc does not say it, and a socket without connections does not
 * tell anybody that it was closed.
 */
static bool is_corked(const struct held_socket *held)
{
	_cleanup_fd_ int pidfd = (int)syscall(SYS_pidfd_open, held->process->status.pid, 0);
	_cleanup_fd_ int sock = pidfd < 0 ? -EBADF : (int)syscall(SYS_pidfd_getfd, pidfd, held->fd, 0);
	int value = 0;
	socklen_t size = sizeof(value);

	return sock >= 0 && getsockopt(sock, IPPROTO_UDP, UDP_CORK, &value, &size) == 0 && value != 0;
}

static void check_kind(struct preflight *p, const struct held_socket *held, const struct net_rows *rows)
{
	char name[32];

	protocol_of(held, name);
	if (!*name)
		return; /* closed meanwhile */
	if (!is_saved_protocol(name))
		preflight_found(p, PREFLIGHT_SOCKET, held->process, held->fd, "%s", name);
	else if (str_has_prefix(name, "UDP") && is_corked(held))
		preflight_found(p, PREFLIGHT_SOCKET, held->process, held->fd, "%s, corked (UDP_CORK)", name);
	/* Unix sockets are always in the tables of their network namespace, others only when they are in use. */
	else if (str_has_prefix(name, "UNIX") && !find_number(&rows->sockets, sizeof(struct socket_row), held->inode))
		preflight_found(p, PREFLIGHT_SOCKET_OUTSIDE, held->process, held->fd, "%s", name);
}

/* One that nobody has may be on its way in another socket (SCM_RIGHTS), if it is of a network namespace of the guest. */
static void check_peer(struct preflight *p, const struct net_rows *rows, const struct held_socket *held, uint64_t inode)
{
	const struct held_socket *peer = find_holder(p, inode);

	if (peer && peer->process->is_outside)
		preflight_found(p, PREFLIGHT_PEER_OUTSIDE, held->process, held->fd, "Unix socket, to process %d (%s)",
				peer->process->status.inner, peer->process->status.command);
	else if (!peer && !find_number(&rows->sockets, sizeof(struct socket_row), inode))
		preflight_found(p, PREFLIGHT_PEER_OUTSIDE, held->process, held->fd, "Unix socket, to a process of the host");
}

static bool is_unsent(const struct net_rows *rows, const struct socket_row *row)
{
	return row->has_unsent && find_number(&rows->waiting, sizeof(uint64_t), row->inode);
}

static bool is_passing(const struct net_rows *rows, const struct socket_row *row)
{
	return row->unread_bytes > 0 || row->has_closed_waiting || is_unsent(rows, row);
}

static void check_row(struct preflight *p, const struct net_rows *rows, const struct held_socket *held,
		      const struct socket_row *row, const struct net_rows *later)
{
	const struct socket_row *still = find_number(&later->sockets, sizeof(*still), row->inode);
	bool is_whole;

	if (row->has_strange_groups)
		preflight_found(p, PREFLIGHT_NETLINK_GROUPS, held->process, held->fd, "netlink");
	if (row->device && held->process->has_mounts && !preflight_find_device(p, row->device, &is_whole))
		preflight_found(p, PREFLIGHT_GONE_SOCKET, held->process, held->fd, "Unix socket");
	if (row->peer)
		check_peer(p, rows, held, row->peer);
	if (!still || !is_passing(rows, row) || !is_passing(later, still))
		return;
	if (row->unread_bytes > 0)
		preflight_found(p, PREFLIGHT_NETLINK_UNREAD, held->process, held->fd, "netlink, %" PRIu64 " bytes",
				row->unread_bytes);
	else
		preflight_found(p, PREFLIGHT_UNACCEPTED, held->process, held->fd, "Unix socket%s",
				row->has_closed_waiting ? ", a client has closed its end" : ", with data");
}

static bool has_passing(const struct preflight *p, const struct net_rows *rows, const struct list *backlogs)
{
	const struct socket_row *list = rows->sockets.data;

	for (size_t i = 0; i < rows->sockets.n; i++) {
		if (is_passing(rows, &list[i]) && find_own(p, list[i].inode))
			return true;
	}
	return backlogs->n > 0;
}

static void check_links(struct preflight *p, const struct net_rows *rows)
{
	const struct link_row *list = rows->links.data;

	for (size_t i = 0; i < rows->links.n; i++) {
		bool is_saved = list[i].type == ARPHRD_LOOPBACK;

		for (size_t k = 0; !is_saved && k < ARRAY_SIZE(saved_links); k++)
			is_saved = list[i].type == saved_links[k].type && strcmp(list[i].kind, saved_links[k].kind) == 0 &&
				   (!saved_links[k].name || strcmp(list[i].name, saved_links[k].name) == 0);
		/* The guest's own interface has been named. */
		is_saved |= strcmp(list[i].kind, "macvlan") == 0 && p->findings->n_of_kind[PREFLIGHT_MACVLAN] > 0;
		if (!is_saved)
			preflight_found(p, PREFLIGHT_LINK, NULL, -1, "%s, of kind %s", list[i].name,
					*list[i].kind ? list[i].kind : "physical");
	}
}

static void check_tables(struct preflight *p, const struct net_rows *rows)
{
	const uint32_t *list = rows->tables.data;

	for (size_t i = 0; i < rows->tables.n; i++)
		preflight_found(p, PREFLIGHT_ROUTES, NULL, -1, "table %" PRIu32, list[i]);
}

/* What listens and has who waits to be accepted. */
struct backlog {
	uint64_t inode;
	uint64_t waiting;
};

static void read_backlogs(struct preflight *p, pid_t pid, struct list *ret)
{
	static const char *const files[] = { "net/tcp", "net/tcp6" };

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		_cleanup_free_ char *text = preflight_read(pid, files[i]);
		char *rest = text, *line;

		while ((line = proc_next_line(&rest))) {
			struct backlog found, *place;

			if (!proc_parse_backlog(line, &found.waiting, &found.inode))
				continue;
			place = preflight_add(p, ret, sizeof(*place));
			if (place)
				*place = found;
		}
	}
}

/* One look at all network namespaces of the guest. */
struct look {
	struct net_rows rows;
	struct list backlogs;
};

static void look_free(struct look *look)
{
	preflight_free_rows(&look->rows);
	free(look->backlogs.data);
}

static int look_in(struct preflight *p, const struct process *process, struct look *ret, struct err *err)
{
	char path[48];

	snprintf(path, sizeof(path), "/proc/%d/ns/net", process->status.pid);

	_cleanup_fd_ int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	_cleanup_fd_ int net = open(path, O_RDONLY | O_CLOEXEC);

	read_backlogs(p, process->status.pid, &ret->backlogs);
	if (net < 0)
		return 0; /* it has ended */
	if (home < 0 || setns(net, CLONE_NEWNET) < 0)
		return err_sys(err, errno, "enter the network of the guest");

	int r = preflight_ask_net(&ret->rows, err);

	if (setns(home, CLONE_NEWNET) < 0)
		return err_exit(err, EXIT_SYSTEM, errno, "leave the network of the guest: %s", strerror(errno));
	return r;
}

/* By the first process in each. */
static int look_at_all(struct preflight *p, struct look *ret, struct err *err)
{
	const struct process *list = p->processes.data;
	struct list seen = { .data = NULL };
	int r = 0;

	ret->rows.preflight = p;
	for (size_t i = 0; r == 0 && i < p->processes.n; i++) {
		uint64_t space = list[i].spaces[SPACE_NET], *place;

		if (list[i].is_outside || !space || find_number(&seen, sizeof(space), space))
			continue;
		place = preflight_add(p, &seen, sizeof(*place));
		if (place)
			*place = space;
		sort(&seen, sizeof(space));
		r = look_in(p, &list[i], ret, err);
	}
	free(seen.data);
	sort(&ret->rows.sockets, sizeof(struct socket_row));
	sort(&ret->rows.waiting, sizeof(uint64_t));
	sort(&ret->backlogs, sizeof(struct backlog));
	return r;
}

static void judge(struct preflight *p, const struct look *first, const struct look *later)
{
	const struct held_socket *list = p->sockets.data;

	for (size_t i = 0; i < p->sockets.n; i++) {
		const struct socket_row *row = find_number(&first->rows.sockets, sizeof(*row), list[i].inode);
		const struct backlog *backlog = find_number(&later->backlogs, sizeof(*backlog), list[i].inode);

		/* One that several have is shown once. */
		if (list[i].process->is_outside || (i > 0 && list[i - 1].inode == list[i].inode))
			continue;
		check_kind(p, &list[i], &first->rows);
		if (row)
			check_row(p, &first->rows, &list[i], row, &later->rows);
		if (backlog && find_number(&first->backlogs, sizeof(*backlog), list[i].inode))
			preflight_found(p, PREFLIGHT_UNACCEPTED, list[i].process, list[i].fd, "TCP, %" PRIu64 " waiting",
					backlog->waiting);
	}
}

int preflight_sockets(struct preflight *p, struct err *err)
{
	struct look first = { .backlogs.n = 0 }, second = { .backlogs.n = 0 };
	int r = look_at_all(p, &first, err);
	bool again;

	if (p->sockets.n > 0)
		qsort(p->sockets.data, p->sockets.n, sizeof(struct held_socket), compare_held);
	again = r == 0 && has_passing(p, &first.rows, &first.backlogs);
	if (again) {
		poll(NULL, 0, SECOND_LOOK_MS);
		r = look_at_all(p, &second, err);
	}
	if (r == 0) {
		judge(p, &first, again ? &second : &first);
		check_links(p, &first.rows);
		check_tables(p, &first.rows);
	}
	look_free(&first);
	look_free(&second);
	return r;
}
