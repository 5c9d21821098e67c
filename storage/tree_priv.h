/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <dirent.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <time.h>

#include "base/err.h"

/*
 * Whole trees of files, read and made, by the host's root, file by file: for copies of areas (tree_copy.c) and for their form as
 * a stream (area_send.c, area_receive.c).
 *
 * Names in a tree are a guest's. Nothing is opened but a single name below a folder that is held, and never through a link; how
 * deep a tree is costs memory, not descriptors.
 */

/* Where one is in a tree: a descriptor, and the way back, which is compared with what was noted on the way down. */
struct tree_place {
	int fd;	   /* of the folder, O_RDONLY */
	dev_t dev; /* of the whole tree */
	ino_t *above;
	size_t depth;
	size_t room;
};

/* `fd` becomes the place's. 0 or a negative errno, bare, as of all below that take no struct err. */
int tree_place_begin(struct tree_place *place, int fd) _must_check_;
void tree_place_end(struct tree_place *place);
/* -EXDEV: it is on another file system. */
int tree_place_enter(struct tree_place *place, const char *name) _must_check_;
int tree_place_leave(struct tree_place *place) _must_check_;

/* Files with several names, by the number of their inode: each has a number from 1 on, in the order in which they were met. */
struct tree_inodes {
	struct tree_inode {
		ino_t inode; /* 0: free */
		uint64_t number;
	} * slots;
	size_t n;
	size_t room; /* a power of two */
};

/* Its number; *ret_is_new where it was not met before. */
int tree_inodes_find(struct tree_inodes *inodes, ino_t inode, uint64_t *ret, bool *ret_is_new) _must_check_;
void tree_inodes_free(struct tree_inodes *inodes);

/*
 * What is done with what a walk meets. Errors are passed on. `fd` is of the original: O_RDONLY of regular files and folders,
 * O_PATH of others, closed by the walk.
 */
struct tree_visitor {
	/* The folder `name` begins; what comes until it ends is in it. */
	int (*begin)(void *context, const char *name, struct err *err);
	int (*end)(void *context, int fd, const struct stat *st, struct err *err);
	/* Anything else. `number` is 0 for a file with one name. */
	int (*file)(void *context, const char *name, int fd, const struct stat *st, uint64_t number, struct err *err);
	/* One more name of the file of that number. */
	int (*again)(void *context, const char *name, uint64_t number, struct err *err);
};

/*
 * Walks over the folder `name` below `dir_fd` itself and all that is below it, each folder's files before its folders. `inodes`
 * may have been used for another part of the same tree. Nobody may write there meanwhile: what is not as it was is -ESTALE.
 */
int tree_walk(int dir_fd, const char *name, struct tree_inodes *inodes, const struct tree_visitor *visitor, void *context,
	      struct err *err) _must_check_;

/* What is said of a file besides what is in it. Of a symbolic link the mode is not used. */
struct tree_meta {
	mode_t mode; /* with the type */
	uint32_t uid, gid;
	struct timespec atime, mtime;
};

/* Where a symbolic link leads to, which the caller frees. 0 or a negative errno. */
int tree_read_link(int fd, const struct stat *st, char **ret) _must_check_;

struct tree_meta tree_meta_of(const struct stat *st);

/*
 * In this order, after the contents: the owner, then attributes, then all else; a change of owner or contents takes set-user-ID
 * bits and capabilities away. `fd` may be O_PATH.
 */
int tree_set_owner(int fd, const struct tree_meta *meta) _must_check_;
int tree_set_rest(int fd, const struct tree_meta *meta) _must_check_;

/* Calls `each` with every extended attribute; `fd` may be O_PATH. A negative return ends it and is passed on. */
int tree_each_attr(int fd, int (*each)(void *context, const char *name, const void *value, size_t len),
		   void *context) _must_check_;
/* 0 or a negative errno. */
int tree_set_attr(int fd, const char *name, const void *value, size_t len) _must_check_;

/* A tree that is being made, below a folder of our own. */
struct tree_target {
	struct tree_place place;
	int links_fd; /* a name of each file that has several, by number, until the end */
};

/* `dir_fd`, which stays the caller's, gets a folder for links, which tree_target_end() removes with all that is in it. */
int tree_target_begin(struct tree_target *target, int dir_fd, struct err *err) _must_check_;
int tree_target_finish(struct tree_target *target, int dir_fd, struct err *err) _must_check_;
void tree_target_free(struct tree_target *target);

/* Makes an empty file of the type of `mode`; returns it, O_RDWR if it is a regular one, else O_PATH. -EINVAL for others. */
int tree_target_make(struct tree_target *target, const char *name, mode_t mode, dev_t device, const char *link_to) _must_check_;
/* Notes it under its number; gives it one more name. */
int tree_target_keep(struct tree_target *target, const char *name, uint64_t number) _must_check_;
int tree_target_again(struct tree_target *target, const char *name, uint64_t number) _must_check_;
/* Makes a folder, root's alone, and goes into it; tree_place_leave() goes back. */
int tree_target_enter(struct tree_target *target, const char *name) _must_check_;

/* Where a file has data, and not a hole, from `offset` on. 1, 0 at its end, or a negative errno. */
int tree_next_data(int fd, uint64_t offset, uint64_t size, uint64_t *ret_start, uint64_t *ret_end) _must_check_;

/* Makes the empty file `to` as large as `from` is, `size`, with its data and its holes, sharing blocks where that can be. */
int tree_copy_data(int from, int to, uint64_t size) _must_check_;

/* A name that a folder's entry can have, and no other. */
bool tree_is_name(const char *name);
