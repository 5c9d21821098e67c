/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/str.h"
#include "templates/template.h"

/*
 * What the tests of this folder share: a scratch folder with a catalogue and recipes, a tree, a log, and an image maker without
 * mkfs.erofs.
 */
struct scratch {
	char path[64];
	char catalog[80];
	char recipes[80];
	int fd;
	int tree_fd;
	int n_fds;
	char log[8192]; /* every line of level notice and up */
	struct log sink;
};

static inline int count_fds(void)
{
	_cleanup_dir_ DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	while (dir && readdir(dir))
		n++;
	return n;
}

static inline void keep_line(void *context, enum log_level level, const char *line)
{
	struct scratch *s = context;
	size_t used = strlen(s->log);

	if (level >= LOG_LEVEL_NOTICE)
		snprintf(s->log + used, sizeof(s->log) - used, "%s\n", line);
}

static inline _unused_ int scratch_setup(void **state)
{
	struct scratch *s = calloc(1, sizeof(*s));

	if (!s)
		return -1;
	s->n_fds = count_fds();
	snprintf(s->path, sizeof(s->path), "/tmp/test_templates.XXXXXX");
	if (!mkdtemp(s->path))
		return -1;
	snprintf(s->catalog, sizeof(s->catalog), "%s/catalog", s->path);
	snprintf(s->recipes, sizeof(s->recipes), "%s/recipes", s->path);
	s->fd = path_open_dir(AT_FDCWD, s->path, O_RDONLY);
	s->tree_fd = path_make_dir_at(s->fd, "tree", 0755);
	s->sink = (struct log){ .write = keep_line, .context = s };
	*state = s;
	return mkdir(s->recipes, 0755) < 0 || s->tree_fd < 0 ? -1 : 0;
}

static inline _unused_ int scratch_teardown(void **state)
{
	struct scratch *s = *state;
	int r;

	close(s->tree_fd);
	close(s->fd);
	r = path_remove_tree_at(AT_FDCWD, s->path);
	if (count_fds() != s->n_fds)
		r = -EMFILE;
	free(s);
	return r;
}

#define EACH(test) cmocka_unit_test_setup_teardown(test, scratch_setup, scratch_teardown)

static inline _unused_ void put_file(int dir_fd, const char *name, const void *data, size_t len, mode_t mode)
{
	_cleanup_fd_ int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, data, len), 0);
	assert_int_equal(fchmod(fd, mode), 0);
}

static inline _unused_ void put_text(int dir_fd, const char *name, const char *text)
{
	put_file(dir_fd, name, text, strlen(text), 0644);
}

/* As image_make(): the tree is there, the file is not. The image is its UUID. */
static inline _unused_ int fake_image(const char *tree, const char *file, const char *uuid, struct err *err)
{
	struct stat st;

	if (stat(tree, &st) < 0 || !S_ISDIR(st.st_mode))
		return err_set(err, ENOTDIR, "no tree");

	_cleanup_fd_ int fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	return fd < 0 || fd_write_all(fd, uuid, strlen(uuid)) < 0 ? err_set(err, EIO, "no image") : 0;
}

static inline _unused_ int failing_image(const char *tree _unused_, const char *file _unused_, const char *uuid _unused_,
					 struct err *err)
{
	return err_set(err, ENOSPC, "the disk is full");
}

/* How many names of a folder begin with `prefix`. */
static inline _unused_ int count_names(const char *path, const char *prefix)
{
	_cleanup_dir_ DIR *dir = opendir(path);
	int n = 0;

	for (struct dirent *e = dir ? readdir(dir) : NULL; e; e = readdir(dir))
		n += str_has_prefix(e->d_name, prefix) && strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
	return n;
}

/* No template, no staging folder: nothing but the lock. */
static inline _unused_ void assert_catalog_empty(const struct scratch *s)
{
	assert_int_equal(count_names(s->catalog, ""), count_names(s->catalog, ".lock"));
}
