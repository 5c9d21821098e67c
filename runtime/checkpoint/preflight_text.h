/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

/* The texts of /proc that the preflight reads (proc(5)). A guest's processes choose names and paths in them. */

#define COMMAND_ROOM 32 /* 15 bytes, and some more where the kernel escapes a backslash or a newline */

struct proc_status {
	pid_t pid;    /* on the host */
	pid_t parent; /* on the host; 0: outside of what we see */
	pid_t inner;  /* in its own pid namespace */
	pid_t tracer; /* on the host; 0: none */
	char state;   /* 'R', 'S', 'D', 'T', 't', 'Z', ... */
	uint64_t threads;
	uint64_t memory_bytes; /* anonymous and shared, swapped out or not */
	char command[COMMAND_ROOM];
};

/* /proc/PID/status; false if it is none. `pid` is left to the caller. */
bool proc_parse_status(const char *text, struct proc_status *ret);

struct mount_line {
	uint64_t id;
	uint64_t parent;
	uint64_t device; /* as makedev(3) has it */
	char type[32];	 /* of the file system: "overlay" */
	char root[64];	 /* the part of it that is mounted; cut if longer */
	char path[256];	 /* where, without the escapes; "" if it is longer */
	bool is_covered; /* set by who knows all mounts: another one is over it */
};

/* A line of /proc/PID/mountinfo; false if it is none. */
bool proc_parse_mount(const char *line, struct mount_line *ret);

/*
 * A line of /proc/PID/net/tcp or tcp6: true if it is a socket that listens and has connections waiting to be accepted, with their
 * number and that of the socket.
 */
bool proc_parse_backlog(const char *line, uint64_t *ret_waiting, uint64_t *ret_inode);

/* A line of an epoll descriptor's fdinfo: true if it is a file in the queue. */
struct epoll_line {
	int fd; /* as the process knew it when it was put in */
};
bool proc_parse_epoll(const char *line, struct epoll_line *ret);

/* A device as the kernel has it inside: 12 bits of major number above 20 of minor (include/linux/kdev_t.h). */
uint64_t proc_kernel_device(uint64_t device);

/* A line of an inotify descriptor's fdinfo: true if it is a watch. */
struct inotify_line {
	uint64_t inode;
	uint64_t device; /* as makedev(3) has it */
	uint32_t handle_type;
	uint32_t handle_len;
	unsigned char handle[128]; /* MAX_HANDLE_SZ */
};
bool proc_parse_inotify(const char *line, struct inotify_line *ret);

/* A number of fdinfo: "Pid:\t12" by "Pid:". False if there is none. */
bool proc_parse_field(const char *text, const char *key, int base, int64_t *ret);

/* A line of /proc/PID/timers: true if it names the thread, on the host, that is to be signalled. */
bool proc_parse_timer(const char *line, pid_t *ret_thread);

/* A line of /proc/PID/maps. */
struct map_line {
	uint64_t start, end;
	uint64_t device, inode;
	const char *path; /* in the line; "" if there is none */
};
bool proc_parse_map(const char *line, struct map_line *ret);

/* Cuts the first line off a text and ends it; NULL at the end. */
char *proc_next_line(char **text);
