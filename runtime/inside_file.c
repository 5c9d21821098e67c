/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/str.h"
#include "runtime/inside_priv.h"

#define NEW_SUFFIX ".ctctl-new"

#define BLOCK_BEGIN "# ctctl: begin. What is here is written by ctctl; without these two lines it is yours."
#define BLOCK_END   "# ctctl: end"

bool inside_exists(int root_fd, const char *path)
{
	_cleanup_fd_ int fd = path_open_in(root_fd, path, O_PATH, 0);

	return fd >= 0;
}

int inside_open_dir(int root_fd, const char *path, bool make)
{
	_cleanup_free_ char *copy = strdup(path);
	_cleanup_fd_ int dir = path_open_in(root_fd, "/", O_PATH | O_DIRECTORY, 0);
	char *name = copy;

	if (!copy)
		return -ENOMEM;
	while (dir >= 0 && *(name += strspn(name, "/"))) {
		char *end = name + strcspn(name, "/"), after = *end;
		int fd;

		*end = '\0';
		/* By its whole path, so that a symlink with ".." or an absolute one leads where it leads the guest. */
		fd = path_open_in(root_fd, copy, O_PATH | O_DIRECTORY, 0);
		if (fd == -ENOENT && make && mkdirat(dir, name, 0755) == 0)
			fd = path_open_beneath(dir, name, O_PATH | O_DIRECTORY, 0);
		close(dir);
		dir = fd;
		*end = after;
		name = end;
	}
	return TAKE_FD(dir);
}

ssize_t inside_read(int dir_fd, const char *name, size_t max, char **ret, struct stat *ret_stat)
{
	/* Without O_NONBLOCK a fifo would hold us up for ever. */
	_cleanup_fd_ int fd = path_open_beneath(dir_fd, name, O_RDONLY | O_NONBLOCK | O_NOFOLLOW, 0);
	struct stat st;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -ENOTSUP;
	if (st.st_size < 0 || (uint64_t)st.st_size > max)
		return -EFBIG;

	_cleanup_free_ char *text = NULL;
	ssize_t n = fd_read_all(fd, max, &text);

	if (n < 0)
		return n;
	if (ret)
		*ret = TAKE_PTR(text);
	if (ret_stat)
		*ret_stat = st;
	return n;
}

static int write_new(int dir_fd, const char *name, const char *text, const struct stat *as, mode_t mode)
{
	_cleanup_fd_ int fd = path_open_beneath(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
	int r = fd < 0 ? fd : fd_write_all(fd, text, strlen(text));

	/* The owner first: a change of it takes set-id bits off. */
	if (r == 0 && as && fchown(fd, as->st_uid, as->st_gid) < 0)
		r = -errno;
	if (r == 0 && fchmod(fd, as ? as->st_mode & 07777 : mode) < 0)
		r = -errno;
	return r;
}

int inside_replace(int dir_fd, const char *name, const char *text, const struct stat *as, mode_t mode)
{
	_cleanup_free_ char *new_name = str_printf("%s" NEW_SUFFIX, name);

	if (!new_name)
		return -ENOMEM;
	/* Of one that was killed. */
	(void)!unlinkat(dir_fd, new_name, 0);

	int r = write_new(dir_fd, new_name, text, as, mode);

	if (r == 0 && renameat(dir_fd, new_name, dir_fd, name) < 0)
		r = -errno;
	if (r < 0 && r != -EEXIST)
		(void)!unlinkat(dir_fd, new_name, 0);
	return r;
}

int inside_put(int root_fd, const char *dir, const char *name, const char *text, mode_t mode)
{
	_cleanup_fd_ int dir_fd = inside_open_dir(root_fd, dir, true);
	_cleanup_free_ char *now = NULL;

	if (dir_fd < 0)
		return dir_fd;
	if (inside_read(dir_fd, name, INSIDE_TEXT_MAX, &now, NULL) >= 0 && now && strcmp(now, text) == 0)
		return 0;
	return inside_replace(dir_fd, name, text, NULL, mode);
}

/* The line itself, not words in the middle of another. */
static const char *find_line(const char *text, const char *line)
{
	size_t len = strlen(line);

	for (const char *p = text; (p = strstr(p, line)); p += len) {
		if ((p == text || p[-1] == '\n') && (p[len] == '\n' || !p[len]))
			return p;
	}
	return NULL;
}

static const char *line_after(const char *line)
{
	const char *end = strchr(line, '\n');

	return end ? end + 1 : line + strlen(line);
}

/* A beginning without its end is the customer's edit: only that line is ours then. */
static bool find_block(const char *text, const char **ret_begin, const char **ret_end)
{
	const char *begin = find_line(text, BLOCK_BEGIN);
	const char *end = begin ? find_line(begin, BLOCK_END) : NULL;

	if (!begin)
		return false;
	*ret_begin = begin;
	*ret_end = line_after(end ? end : begin);
	return true;
}

char *inside_set_block(const char *text, const char *block)
{
	const char *whole = text ? text : "";
	const char *begin = whole + strlen(whole), *end = begin;
	struct strbuf b = { 0 };

	(void)!find_block(whole, &begin, &end);
	strbuf_add_bytes(&b, whole, (size_t)(begin - whole));
	if (!str_is_empty(block)) {
		if (begin > whole && begin[-1] != '\n')
			strbuf_add(&b, "\n");
		strbuf_addf(&b, "%s\n%s%s\n", BLOCK_BEGIN, block, BLOCK_END);
	}
	strbuf_add(&b, end);
	return strbuf_take(&b);
}
