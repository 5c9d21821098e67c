/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/checkpoint/preflight_text.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "base/str.h"

#define TCP_LISTENS 0x0a /* TCP_LISTEN, include/net/tcp_states.h */

char *proc_next_line(char **text)
{
	char *line = *text, *end;

	if (!line || !*line)
		return NULL;
	end = strchr(line, '\n');
	*text = end ? end + 1 : line + strlen(line);
	if (end)
		*end = '\0';
	return line;
}

/* What stands behind the key at the beginning of a line, or NULL. */
static const char *find_value(const char *text, const char *key)
{
	size_t len = strlen(key);

	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, key, len) == 0)
			return line + len + strspn(line + len, " \t");
	}
	return NULL;
}

bool proc_parse_field(const char *text, const char *key, int base, int64_t *ret)
{
	const char *value = find_value(text, key);
	char *end;

	if (!value)
		return false;
	*ret = strtoll(value, &end, base);
	return end != value;
}

static uint64_t kib_of(const char *text, const char *key)
{
	int64_t n;

	return proc_parse_field(text, key, 10, &n) && n > 0 ? (uint64_t)n << 10 : 0;
}

/* "NSpid:\t4711\t12\t1": the last is that of its own namespace. */
static pid_t inner_pid(const char *text)
{
	const char *value = find_value(text, "NSpid:");
	pid_t pid = 0;
	char *end;

	while (value && isdigit((unsigned char)*value)) {
		pid = (pid_t)strtol(value, &end, 10);
		value = end + strspn(end, "\t ");
	}
	return pid;
}

bool proc_parse_status(const char *text, struct proc_status *ret)
{
	const char *name = find_value(text, "Name:"), *state = find_value(text, "State:");
	int64_t parent, tracer, threads;

	*ret = (struct proc_status){ .pid = 0 };
	if (!name || !state || !proc_parse_field(text, "PPid:", 10, &parent) ||
	    !proc_parse_field(text, "TracerPid:", 10, &tracer) || !proc_parse_field(text, "Threads:", 10, &threads))
		return false;
	snprintf(ret->command, sizeof(ret->command), "%.*s", (int)strcspn(name, "\n"), name);
	ret->state = *state;
	ret->parent = (pid_t)parent;
	ret->tracer = (pid_t)tracer;
	ret->threads = (uint64_t)threads;
	ret->inner = inner_pid(text);
	ret->memory_bytes = kib_of(text, "RssAnon:") + kib_of(text, "RssShmem:") + kib_of(text, "VmSwap:");
	return true;
}

/* Blanks, tabs, newlines and backslashes are "\040" and so on (fs/proc_namespace.c, mangle()). */
static void copy_path(const char *from, size_t len, char *room, size_t size)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		unsigned int code;

		if (n + 1 == size) {
			n = 0;
			break;
		}
		if (from[i] == '\\' && i + 3 < len && sscanf(from + i + 1, "%3o", &code) == 1) {
			room[n++] = (char)code;
			i += 3;
		} else {
			room[n++] = from[i];
		}
	}
	room[n] = '\0';
}

bool proc_parse_mount(const char *line, struct mount_line *ret)
{
	const char *dash = strstr(line, " - ");
	unsigned int device[2];
	int root, root_end, path, path_end;

	*ret = (struct mount_line){ .id = 0 };
	if (!dash || sscanf(line, "%" SCNu64 " %" SCNu64 " %u:%u %n%*s%n %n%*s%n", &ret->id, &ret->parent, &device[0], &device[1],
			    &root, &root_end, &path, &path_end) != 4)
		return false;
	ret->device = makedev(device[0], device[1]);
	snprintf(ret->root, sizeof(ret->root), "%.*s", root_end - root, line + root);
	copy_path(line + path, (size_t)(path_end - path), ret->path, sizeof(ret->path));
	dash += strlen(" - ");
	snprintf(ret->type, sizeof(ret->type), "%.*s", (int)strcspn(dash, " "), dash);
	return true;
}

bool proc_parse_backlog(const char *line, uint64_t *ret_waiting, uint64_t *ret_inode)
{
	unsigned int state;

	return sscanf(line, " %*u: %*[0-9A-F]:%*x %*[0-9A-F]:%*x %x %*x:%" SCNx64 " %*x:%*x %*x %*u %*u %" SCNu64, &state,
		      ret_waiting, ret_inode) == 3 &&
	       state == TCP_LISTENS && *ret_waiting > 0;
}

bool proc_parse_epoll(const char *line, struct epoll_line *ret)
{
	return sscanf(line, "tfd: %d", &ret->fd) == 1;
}

uint64_t proc_kernel_device(uint64_t device)
{
	return makedev((unsigned int)(device >> 20), (unsigned int)(device & 0xfffff));
}

static bool read_hex(const char *text, unsigned char *ret, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		unsigned int byte;

		if (sscanf(text + 2 * i, "%2x", &byte) != 1)
			return false;
		ret[i] = (unsigned char)byte;
	}
	return true;
}

bool proc_parse_inotify(const char *line, struct inotify_line *ret)
{
	const char *handle = strstr(line, "f_handle:");

	*ret = (struct inotify_line){ .inode = 0 };
	if (sscanf(line, "inotify wd:%*x ino:%" SCNx64 " sdev:%" SCNx64, &ret->inode, &ret->device) != 2)
		return false;
	ret->device = proc_kernel_device(ret->device);

	const char *len = strstr(line, "fhandle-bytes:");

	if (!handle || !len ||
	    sscanf(len, "fhandle-bytes:%" SCNx32 " fhandle-type:%" SCNx32, &ret->handle_len, &ret->handle_type) != 2 ||
	    ret->handle_len > sizeof(ret->handle) || !read_hex(handle + strlen("f_handle:"), ret->handle, ret->handle_len))
		ret->handle_len = 0;
	return true;
}

bool proc_parse_timer(const char *line, pid_t *ret_thread)
{
	return sscanf(line, "notify: signal/tid.%d", ret_thread) == 1;
}

bool proc_parse_map(const char *line, struct map_line *ret)
{
	unsigned int device[2];
	int path;

	if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %*s %*x %x:%x %" SCNu64 " %n", &ret->start, &ret->end, &device[0], &device[1],
		   &ret->inode, &path) != 5)
		return false;
	ret->device = makedev(device[0], device[1]);
	ret->path = line + path;
	return true;
}
