/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The groups that a guest made below its own: read, made again, given back. */
#include "runtime/container/cgroup_tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/entries.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/str.h"
#include "runtime/container/cgroup_priv.h"

#define CONTROL_FILE "cgroup.subtree_control"

int cgroup_open_v2(const struct cgroup_map *map, const char *path, struct err *err)
{
	const struct cgroup_hierarchy *v2 = cgroup_map_v2(map);

	if (!v2)
		return err_exit(err, EXIT_UNSUPPORTED, EOPNOTSUPP,
				"this host has no unified cgroup hierarchy: mount cgroup2, see ctctl doctor");

	int dir = cgroup_open_group(v2, path);

	return dir < 0 ? err_sys(err, -dir, "open the cgroup '%s'", path) : dir;
}

static int open_node(int top, const char *path)
{
	return path_open_beneath(top, path[0] ? path : ".", O_RDONLY | O_DIRECTORY, 0);
}

/* Those that are enabled for the groups below. The kernel separates them by blanks and ends the line. */
static int read_controllers(int dir, char **ret)
{
	ssize_t n = fd_read_file_at(dir, CONTROL_FILE, 4096, ret);

	if (n >= 0)
		(*ret)[strcspn(*ret, "\n")] = '\0';
	return n < 0 ? (int)n : 0;
}

/* Adds the group, whose folder is `dir`. */
static int read_node(int dir, const char *path, struct cgroup_tree *tree)
{
	_cleanup_free_ char *controllers = NULL, *properties = NULL;
	struct stat st;
	int r = fstat(dir, &st) < 0 ? -errno : read_controllers(dir, &controllers);

	if (r == 0 && path[0])
		r = cgroup_read_properties(dir, &properties);
	if (r < 0)
		return r;

	struct cgroup_tree_node node = {
		.path = (char *)path,
		.uid = st.st_uid,
		.gid = st.st_gid,
		.controllers = controllers,
		.properties = properties,
	};

	return cgroup_tree_add(tree, &node);
}

/* A group that was removed meanwhile is none. */
static int read_child(int dir, const char *path, const char *name, struct cgroup_tree *tree, struct err *err)
{
	_cleanup_free_ char *whole = str_printf("%s%s%s", path, path[0] ? "/" : "", name);
	_cleanup_fd_ int child = whole ? path_open_beneath(dir, name, O_RDONLY | O_DIRECTORY, 0) : -ENOMEM;
	int r = child < 0 ? child : read_node(child, whole, tree);

	if (r == -ENOENT || r == -ENODEV)
		return 0;
	if (r == -EBADMSG)
		return err_exit(
			err, EXIT_CHECKPOINT, EBADMSG,
			"the guest's cgroup '%.160s' cannot be saved: expected at most 4096 groups, 64 deep, with names of "
			"letters, digits, and _.:@\\- (2048 characters in all), and values of 1024",
			whole);
	return r < 0 ? err_sys(err, -r, "read the guest's cgroup '%s'", whole ? whole : name) : 0;
}

static int read_children(int dir, const char *path, struct cgroup_tree *tree, struct err *err)
{
	_cleanup_dir_ DIR *d = entries_open(dir);
	const struct dirent *e;
	int r = 0;

	if (!d)
		return err_sys(err, errno, "list the guest's cgroup '%s'", path);
	while (r == 0 && (e = entries_next(d))) {
		if (e->d_type == DT_DIR)
			r = read_child(dir, path, e->d_name, tree, err);
	}
	return r;
}

/* The list that grows is also the queue of those whose children are still to be read: parents come first. */
static int read_tree(int top, struct cgroup_tree *tree, struct err *err)
{
	int r = read_node(top, "", tree);

	if (r < 0)
		return err_sys(err, -r, "read the guest's cgroup");
	for (size_t i = 0; r == 0 && i < tree->n; i++) {
		_cleanup_fd_ int dir = open_node(top, tree->list[i].path);

		if (dir < 0 && dir != -ENOENT)
			return err_sys(err, -dir, "open the guest's cgroup '%s'", tree->list[i].path);
		if (dir >= 0)
			r = read_children(dir, tree->list[i].path, tree, err);
	}
	return r;
}

int cgroup_map_tree_read(const struct cgroup_map *map, const char *path, struct cgroup_tree *ret, struct err *err)
{
	struct cgroup_tree tree = CGROUP_TREE_INIT;
	_cleanup_fd_ int top = cgroup_open_v2(map, path, err);

	if (top < 0)
		return top;

	int r = read_tree(top, &tree, err);

	if (r < 0) {
		cgroup_tree_free(&tree);
		return err_wrap(err, "cgroup '%s'", path);
	}
	*ret = tree;
	return 0;
}

/* `top` and a group of the tree below it. */
typedef int (*node_fn)(int top, const struct cgroup_tree_node *node, const struct log *log);

static int for_each_node(const struct cgroup_map *map, const char *path, const struct cgroup_tree *tree, node_fn act,
			 const char *what, const struct log *log, struct err *err)
{
	_cleanup_fd_ int top = cgroup_open_v2(map, path, err);

	if (top < 0)
		return top;
	for (size_t i = 0; i < tree->n; i++) {
		int r = act(top, &tree->list[i], log);

		if (r < 0)
			return err_sys(err, -r, "%s the group '%s' of the cgroup '%s'", what, tree->list[i].path, path);
	}
	return 0;
}

static int make_node(int top, const struct cgroup_tree_node *node, const struct log *log)
{
	const char *slash = strrchr(node->path, '/'), *name = slash ? slash + 1 : node->path;
	_cleanup_free_ char *above = strndup(node->path, slash ? (size_t)(slash - node->path) : 0);

	if (!node->path[0])
		return 0;

	_cleanup_fd_ int parent = above ? open_node(top, above) : -ENOMEM;

	if (parent < 0)
		return parent;
	if (mkdirat(parent, name, 0755) < 0)
		return errno == EEXIST ? 0 : -errno;
	if (fchownat(parent, name, node->uid, node->gid, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;

	_cleanup_fd_ int dir = open_node(top, node->path);

	return dir < 0 ? dir : cgroup_write_properties(dir, node, true, log);
}

int cgroup_map_tree_make(const struct cgroup_map *map, const char *path, const struct cgroup_tree *tree, struct err *err)
{
	return for_each_node(map, path, tree, make_node, "make", NULL, err);
}

/* All files of a group that the guest made are those of who made it. */
static int give_limits(int dir)
{
	_cleanup_dir_ DIR *d = entries_open(dir);
	const struct dirent *e;
	struct stat above;
	int r = 0;

	if (!d || fstatat(dir, "..", &above, 0) < 0)
		return -errno;
	while (r == 0 && (e = entries_next(d))) {
		if (e->d_type == DT_REG && fchownat(dir, e->d_name, above.st_uid, above.st_gid, AT_SYMLINK_NOFOLLOW) < 0)
			r = -errno;
	}
	return r;
}

static int give_node(int dir, const struct cgroup_tree_node *node)
{
	int r = node->path[0] ? give_limits(dir) : 0;

	return r < 0 ? r : cgroup_give(dir, node->uid, node->gid);
}

static int own_node(int top, const struct cgroup_tree_node *node, const struct log *log)
{
	_cleanup_fd_ int dir = open_node(top, node->path);

	(void)log;
	return dir < 0 ? dir : give_node(dir, node);
}

int cgroup_map_tree_own(const struct cgroup_map *map, const char *path, const struct cgroup_tree *tree, struct err *err)
{
	return for_each_node(map, path, tree, own_node, "give to its owner", NULL, err);
}

/*
 * The group above has handed its controllers down already: their files are here, and ours. Each controller in a write of its own:
 * one that is not there must not take the others with it. The kernel says ENOENT of one that the group above has not, EINVAL of
 * one that it does not know.
 */
static int enable_node(int top, const struct cgroup_tree_node *node, const struct log *log)
{
	_cleanup_fd_ int dir = open_node(top, node->path);
	_cleanup_free_ char *list = strdup(node->controllers);
	char *save = NULL;
	int r = dir < 0 ? dir : !list ? -ENOMEM : give_node(dir, node);

	(void)log;
	if (r < 0)
		return r;
	for (char *word = strtok_r(list, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
		_cleanup_free_ char *value = str_printf("+%s", word);

		r = value ? fd_write_file_at(dir, CONTROL_FILE, value) : -ENOMEM;
		if (r < 0 && r != -ENOENT && r != -EINVAL)
			return r;
	}
	return 0;
}

int cgroup_map_tree_enable(const struct cgroup_map *map, const char *path, const struct cgroup_tree *tree, struct err *err)
{
	return for_each_node(map, path, tree, enable_node, "enable the controllers below", NULL, err);
}

static int set_node(int top, const struct cgroup_tree_node *node, const struct log *log)
{
	_cleanup_fd_ int dir = str_is_empty(node->properties) ? -EBADF : open_node(top, node->path);

	if (str_is_empty(node->properties) || dir == -ENOENT)
		return 0;
	return dir < 0 ? dir : cgroup_write_properties(dir, node, false, log);
}

int cgroup_map_tree_set(const struct cgroup_map *map, const char *path, const struct cgroup_tree *tree, const struct log *log,
			struct err *err)
{
	return for_each_node(map, path, tree, set_node, "set the properties of", log, err);
}

static int host_with(const char *path, struct cgroup_map *ret, struct err *err)
{
	int r = cgroup_check_path(path, err);

	return r < 0 ? r : cgroup_map_host(ret, err);
}

int cgroup_tree_read(const char *path, struct cgroup_tree *ret, struct err *err)
{
	struct cgroup_map map = { 0 };
	int r = host_with(path, &map, err);

	return r < 0 ? r : cgroup_map_tree_read(&map, path, ret, err);
}

int cgroup_tree_make(const char *path, const struct cgroup_tree *tree, struct err *err)
{
	struct cgroup_map map = { 0 };
	int r = host_with(path, &map, err);

	return r < 0 ? r : cgroup_map_tree_make(&map, path, tree, err);
}

int cgroup_tree_own(const char *path, const struct cgroup_tree *tree, struct err *err)
{
	struct cgroup_map map = { 0 };
	int r = host_with(path, &map, err);

	return r < 0 ? r : cgroup_map_tree_own(&map, path, tree, err);
}

int cgroup_tree_enable(const char *path, const struct cgroup_tree *tree, struct err *err)
{
	struct cgroup_map map = { 0 };
	int r = host_with(path, &map, err);

	return r < 0 ? r : cgroup_map_tree_enable(&map, path, tree, err);
}

int cgroup_tree_set(const char *path, const struct cgroup_tree *tree, const struct log *log, struct err *err)
{
	struct cgroup_map map = { 0 };
	int r = host_with(path, &map, err);

	return r < 0 ? r : cgroup_map_tree_set(&map, path, tree, log, err);
}

int cgroup_v2_folder(const char *path, char **ret, struct err *err)
{
	struct cgroup_map map = { 0 };
	int r = host_with(path, &map, err);
	_cleanup_fd_ int dir = r < 0 ? r : cgroup_open_v2(&map, path, err);

	if (dir < 0)
		return dir;
	*ret = str_printf("%s/%s", cgroup_map_v2(&map)->mount, path);
	return *ret ? 0 : err_oom(err);
}
