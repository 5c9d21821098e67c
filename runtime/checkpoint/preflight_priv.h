/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdint.h>

#include "runtime/checkpoint/preflight.h"
#include "runtime/checkpoint/preflight_text.h"
#include "runtime/state.h"

/* What the files of the preflight share (preflight.h). */

/* In the order of their names in /proc/PID/ns. */
enum space {
	SPACE_CGROUP,
	SPACE_IPC,
	SPACE_MNT,
	SPACE_NET,
	SPACE_PID,
	SPACE_TIME,
	SPACE_USER,
	SPACE_UTS,
	N_SPACES,
};

struct process {
	struct proc_status status;
	uint64_t spaces[N_SPACES]; /* inode numbers; 0: it had ended */
	bool is_outside;	   /* in the guest's groups and namespaces, but no descendant of its init */
	bool has_mounts;	   /* all of its mount namespace are among preflight.mounts */
};

/* An open socket, by its number: who has it. */
struct held_socket {
	uint64_t inode;
	const struct process *process;
	int fd;
};

/* An array that grows by one element at a time. */
struct list {
	void *data;
	size_t n;
};

struct preflight {
	const struct guest *guest;
	struct guest_run run;
	struct findings *findings;
	const struct process *init;
	struct list processes; /* struct process, in the order of their pids on the host */
	struct list mounts;    /* struct mount_line, of all mount namespaces */
	struct list by_device; /* struct mount_line *, the same in the order of their devices */
	struct list sockets;   /* struct held_socket, in the order of their numbers once preflight_sockets() runs */
	uint64_t memory_bytes; /* that the processes have to save, at most */
	bool is_out_of_memory;
};

/* A new element, zeroed; NULL, noted in the preflight, without memory. */
void *preflight_add(struct preflight *p, struct list *list, size_t size) _must_check_;

/* `process` NULL: the guest as a whole. `fd` -1: none. */
void preflight_found(struct preflight *p, enum preflight_kind kind, const struct process *process, int fd, const char *fmt, ...)
	_printf_(5, 6);

/* A file of a process, whole: the caller frees; NULL if it has ended, or without memory. */
char *preflight_read(pid_t pid, const char *name) _must_check_;

/* What a link in /proc/PID says; false if the process or descriptor has ended. Longer text is cut. */
bool preflight_read_link(pid_t pid, const char *name, char *room, size_t size);

const struct process *preflight_find_process(const struct preflight *p, pid_t pid);

/* Is there a process of the guest's own in this namespace? */
bool preflight_is_inhabited(const struct preflight *p, enum space space, uint64_t inode);

/* preflight_guest.c: the guest as a whole, before its processes are looked at, and what they need together. */
int preflight_node(struct preflight *p, struct err *err) _must_check_;
int preflight_space(struct preflight *p, struct err *err) _must_check_;

/* preflight_process.c */
int preflight_list_processes(struct preflight *p, struct err *err) _must_check_;
void preflight_read_spaces(struct preflight *p);
void preflight_process(struct preflight *p, const struct process *process);
/* Last of all: what it asks about is over soon in most cases. */
void preflight_shared(struct preflight *p);

/* preflight_mount.c */
void preflight_mounts(struct preflight *p);
/*
 * Is the file that /proc/PID/NAME leads to on a mount that CRIU will not find? `statx` is what stat says of the file, which no
 * file system is asked for: it may be a slow one.
 */
struct statx;
bool preflight_stat(pid_t pid, const char *name, struct statx *ret);
bool preflight_is_on_gone_mount(const struct preflight *p, const struct process *process, const struct statx *st);
/* A mount of a file system, one of all of it if there is any, which *ret_is_whole says; NULL if it has none. */
const struct mount_line *preflight_find_device(const struct preflight *p, uint64_t device, bool *ret_is_whole);

/* preflight_map.c: what a process has mapped, runs, and works in. */
void preflight_maps(struct preflight *p, const struct process *process);
/* Notes `path`, the descriptor `fd` (-1: a mapping), if it is of huge pages and they cannot be saved. `name`: in /proc/PID. */
void preflight_huge_pages(struct preflight *p, const struct process *process, int fd, const char *name, const char *path);

/* preflight_fd.c: its descriptors; sockets are only noted. */
void preflight_descriptors(struct preflight *p, const struct process *process);
/* preflight_events.c */
void preflight_inotify(struct preflight *p, const struct process *process, int fd);
void preflight_epoll(struct preflight *p, const struct process *process, int fd);

/* preflight_socket.c: when all of them are noted; and what else is in the guest's network namespaces. */
int preflight_sockets(struct preflight *p, struct err *err) _must_check_;

/* preflight_diag.c: what the kernel says of one network namespace. */
struct socket_row {
	uint64_t inode;
	uint64_t peer;		 /* of a Unix socket; 0: none, or one without a number */
	uint64_t device;	 /* that its name is on; 0: it has no name there */
	bool has_closed_waiting; /* connections to it that were closed before it accepted them */
	bool has_unsent;	 /* what it has sent is not read yet */
	uint64_t unread_bytes;	 /* netlink */
	bool has_strange_groups; /* netlink */
};

struct link_row {
	uint16_t type; /* ARPHRD_* */
	char kind[20];
	char name[16];
};

struct net_rows {
	struct list sockets; /* struct socket_row: Unix and netlink */
	struct list waiting; /* uint64_t: Unix sockets that nobody has accepted yet */
	struct list links;   /* struct link_row */
	struct list tables;  /* uint32_t: of routes, each once, without main and local; at most 16 */
	struct preflight *preflight;
};
void preflight_free_rows(struct net_rows *rows);
/* Adds to the rows. Called in that namespace. */
int preflight_ask_net(struct net_rows *rows, struct err *err) _must_check_;
