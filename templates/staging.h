/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "templates/template.h"
#include "templates/version.h"

/*
 * Where a version comes into being: DIR/.build-XXXXXXXX, mode 0700, so that nobody but root can run a set-user-ID file of a tree
 * that is being made.
 *
 *   lock       held by the builder as long as it lives; one that nobody holds is a leftover
 *   tree/      the files, owned as the guest will see them
 *   version/   image.erofs and manifest.json; renamed to DIR/NAME/VERSION when it is whole
 *
 * DIR/.lock is held for moments: while a folder is made, cleaned away or published.
 */
#define STAGING_NAME_ROOM 32
#define STAGING_PREFIX	  ".build-"
#define REMOVED_PREFIX	  ".removed-"

/*
 * A builder's scratch outside of the catalogue, for programs that run as another user: this and the name of the staging folder.
 */
#define STAGING_SCRATCH_PREFIX "/var/tmp/ctctl"

struct staging {
	const char *dir; /* borrowed */
	int dir_fd;
	int fd;
	int lock_fd;
	int tree_fd;
	char name[STAGING_NAME_ROOM]; /* ".build-1a2b3c4d" */
};

#define STAGING_INIT ((struct staging){ .dir_fd = -EBADF, .fd = -EBADF, .lock_fd = -EBADF, .tree_fd = -EBADF })

/* Makes one, after removing those whose builder died (a notice each). The catalogue is made if it is missing. */
int staging_open(struct staging *ret, const char *dir, const struct log *log, struct err *err) _must_check_;

/* Removes it with everything in it. Nothing happens to one that was never opened. */
void staging_close(struct staging *st);
#define _cleanup_staging_ __attribute__((cleanup(staging_close)))

/* Its path, or that of a file in it; the caller frees. NULL when there is no memory. */
char *staging_path(const struct staging *st, const char *file) _must_check_;

/* Descriptor of its folder version/. */
int staging_open_version(const struct staging *st, struct err *err) _must_check_;

/*
 * Gives version/ its number, writes the manifest with it and moves it to its place, all under the catalogue's lock, so that two
 * builders of one name get two numbers. Everything is on the disk when the call returns. `m->version` is filled.
 */
int staging_publish(const struct staging *st, struct template_manifest *m, struct err *err) _must_check_;

/* The catalogue's lock, waited for. Returns the descriptor that holds it. */
int catalog_lock(int dir_fd, const char *verb, struct err *err) _must_check_;

/* A free name of that prefix: eight random hexadecimal digits behind it. 0 or a negative errno. */
int catalog_random_name(const char *prefix, char room[STAGING_NAME_ROOM]) _must_check_;
