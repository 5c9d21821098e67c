/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "templates/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/entries.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/str.h"

int tree_open_file(int tree_fd, const char *path)
{
	/* O_NONBLOCK: a fifo without a writer would block the open itself. */
	_cleanup_fd_ int fd = path_open_in(tree_fd, path, O_RDONLY | O_NONBLOCK, 0);
	struct stat st;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	return S_ISREG(st.st_mode) ? TAKE_FD(fd) : -EINVAL;
}

ssize_t tree_read_file(int tree_fd, const char *path, size_t max, char **ret)
{
	_cleanup_fd_ int fd = tree_open_file(tree_fd, path);
	struct stat st;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	if ((uint64_t)st.st_size > max)
		return -EFBIG;

	size_t len = (size_t)st.st_size;
	_cleanup_free_ char *text = calloc(1, len + 1);

	if (!text)
		return -ENOMEM;

	int r = fd_read_exact(fd, text, len);

	if (r < 0)
		return r;
	*ret = TAKE_PTR(text);
	return (ssize_t)len;
}

int tree_make_dir(int tree_fd, const char *path, mode_t mode)
{
	_cleanup_free_ char *copy = strdup(path);
	_cleanup_fd_ int fd = fcntl(tree_fd, F_DUPFD_CLOEXEC, 0);
	char *rest = NULL;

	if (!copy || fd < 0)
		return copy ? -errno : -ENOMEM;
	for (char *part = strtok_r(copy, "/", &rest); part; part = strtok_r(NULL, "/", &rest)) {
		if (mkdirat(fd, part, 0755) < 0 && errno != EEXIST)
			return -errno;

		/* From the root each time: "lib" may be a link to "/usr/lib". */
		size_t upto = (size_t)(part - copy) + strlen(part);
		_cleanup_free_ char *prefix = strndup(path, upto);
		int next = prefix ? path_open_in(tree_fd, prefix, O_RDONLY | O_DIRECTORY, 0) : -ENOMEM;

		if (next < 0)
			return next;
		close(fd);
		fd = next;
	}
	return fchmod(fd, mode) < 0 ? -errno : 0;
}

/* The folder that `path` is in, made if needed, and its last component. */
static int open_parent(int tree_fd, const char *path, const char **ret_name)
{
	const char *slash = strrchr(path, '/');
	_cleanup_free_ char *parent = slash ? strndup(path, (size_t)(slash - path)) : strdup("");

	if (!parent)
		return -ENOMEM;
	*ret_name = slash ? slash + 1 : path;
	if (!**ret_name || strcmp(*ret_name, ".") == 0 || strcmp(*ret_name, "..") == 0)
		return -EINVAL;

	int fd = path_open_in(tree_fd, *parent ? parent : "/", O_RDONLY | O_DIRECTORY, 0);

	if (fd != -ENOENT)
		return fd;

	int r = tree_make_dir(tree_fd, parent, 0755);

	return r < 0 ? r : path_open_in(tree_fd, parent, O_RDONLY | O_DIRECTORY, 0);
}

int tree_write_file(int tree_fd, const char *path, const char *data, size_t len, mode_t mode)
{
	const char *name;
	_cleanup_fd_ int dir_fd = open_parent(tree_fd, path, &name);

	if (dir_fd < 0)
		return dir_fd;

	int r = path_remove_tree_at(dir_fd, name);

	if (r < 0)
		return r;

	_cleanup_fd_ int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return -errno;
	r = fd_write_all(fd, data, len);
	if (r < 0)
		return r;
	return fchmod(fd, mode) < 0 ? -errno : 0;
}

int tree_link(int tree_fd, const char *path, const char *target)
{
	const char *name;
	_cleanup_fd_ int dir_fd = open_parent(tree_fd, path, &name);

	if (dir_fd < 0)
		return dir_fd;

	int r = path_remove_tree_at(dir_fd, name);

	if (r < 0)
		return r;
	return symlinkat(target, dir_fd, name) < 0 ? -errno : 0;
}

static int empty_folder(int dir_fd)
{
	_cleanup_dir_ DIR *dir = entries_open(dir_fd);
	const struct dirent *e;

	if (!dir)
		return -errno;
	while ((e = entries_next(dir))) {
		int r = path_remove_tree_at(dir_fd, e->d_name);

		if (r < 0)
			return r;
	}
	return -errno;
}

int tree_remove(int tree_fd, const char *path)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	_cleanup_free_ char *parent = slash ? strndup(path, (size_t)(slash - path)) : strdup("");

	if (!parent)
		return -ENOMEM;

	_cleanup_fd_ int dir_fd = path_open_in(tree_fd, *parent ? parent : "/", O_RDONLY | O_DIRECTORY, 0);

	if (dir_fd == -ENOENT)
		return 0;
	if (dir_fd < 0)
		return dir_fd;
	if (strcmp(name, "*") == 0)
		return empty_folder(dir_fd);
	if (!*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return -EINVAL;
	return path_remove_tree_at(dir_fd, name);
}

int tree_measure(int tree_fd, uint64_t *ret_bytes, uint64_t *ret_files)
{
	_cleanup_free_ char *path = str_printf("/proc/self/fd/%d/.", tree_fd);
	char *const roots[] = { path, NULL };
	FTS *fts = path ? fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR | FTS_XDEV, NULL) : NULL;
	int r = 0;

	if (!fts)
		return path ? -errno : -ENOMEM;
	*ret_bytes = *ret_files = 0;
	for (FTSENT *e = fts_read(fts); e; e = fts_read(fts)) {
		if (e->fts_info == FTS_ERR || e->fts_info == FTS_DNR || e->fts_info == FTS_NS)
			r = -e->fts_errno;
		if (e->fts_info == FTS_DP || e->fts_level == FTS_ROOTLEVEL)
			continue;
		(*ret_files)++;
		if (e->fts_info == FTS_F)
			*ret_bytes += (uint64_t)e->fts_statp->st_size;
	}
	fts_close(fts);
	return r;
}
