/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/log.h"

/*
 * Templates: immutable, versioned system images that guests are created from.
 *
 *   DIR/NAME/VERSION/image.erofs      the tree (storage/image.h mounts it)
 *   DIR/NAME/VERSION/manifest.json    what it is, with the digest of the image
 *
 * A version is YYYYMMDD.N, N counting from 1 on each day. A reference is NAME, the newest version, or NAME@VERSION. A version
 * appears in one rename when it is complete; what an interrupted build left (DIR/.build-*) is removed by the next build.
 *
 * All calls are made by root in the host's namespaces.
 */
#define TEMPLATE_NAME_ROOM    64
#define TEMPLATE_VERSION_ROOM 32

struct template_manifest {
	char name[TEMPLATE_NAME_ROOM];
	char version[TEMPLATE_VERSION_ROOM];
	char distribution[32]; /* "debian"; "micro"; "" if unknown: os-release ID */
	char release[64];      /* "12 (bookworm)": os-release VERSION or VERSION_ID */
	char arch[16];	       /* "amd64", as dpkg says */
	char init[16];	       /* the kind of its default init: systemd, sysvinit, busybox, openrc, runit, other */
	char init_path[64];    /* "/sbin/init" */
	char built[32];	       /* UTC, 2026-11-21T18:00:00Z */
	char source[128];      /* "recipe debian-12" or "import rootfs.tar.zst" */
	char uuid[37];	       /* of the image */
	char sha256[65];       /* of the image, hexadecimal */
	uint64_t image_bytes;
	uint64_t tree_bytes; /* apparent size of all files */
	uint64_t n_files;
};

/* What a reference means, without reading the manifest: NAME@VERSION, and the image opened for reading. The caller closes it. */
struct template_ref {
	char name[TEMPLATE_NAME_ROOM];
	char version[TEMPLATE_VERSION_ROOM];
};

/*
 * Splits and, where no version is given, resolves it to the newest. Exit status NO_TEMPLATE, with the templates that exist in the
 * message.
 */
int template_resolve(const char *dir, const char *reference, struct template_ref *ret, struct err *err) _must_check_;

/* Opens the image of a resolved version, read-only. NO_TEMPLATE if it was removed. */
int template_open_image(const char *dir, const struct template_ref *ref, struct err *err) _must_check_;
int template_read_manifest(const char *dir, const struct template_ref *ref, struct template_manifest *ret,
			   struct err *err) _must_check_;

/* Compares the image with the digest in its manifest; BAD_TEMPLATE if they differ. Takes as long as reading the image does. */
int template_verify(const char *dir, const struct template_ref *ref, struct err *err) _must_check_;

/*
 * Every version of every template, by name, oldest first. Stops at a negative return of `each` and passes it on. A damaged one is
 * reported to `log` and left out.
 */
int template_each(const char *dir, int (*each)(void *context, const struct template_manifest *manifest), void *context,
		  const struct log *log, struct err *err) _must_check_;

/*
 * Takes away what builds and removals left that were interrupted, with a notice each. Builds do that, too; list and show do not
 * see it. A missing catalogue is a success.
 */
int template_sweep(const char *dir, const struct log *log, struct err *err) _must_check_;

/* Removes a version. Whether guests use it is the caller's question. */
int template_remove(const char *dir, const struct template_ref *ref, struct err *err) _must_check_;

struct template_build_spec {
	const char *dir;	 /* the catalogue */
	const char *recipes_dir; /* NAME.recipe files */
	const char *helper_dir;	 /* where the program ctctl-unpack is */
	const char *name;	 /* of the template; for a build also of the recipe unless `recipe` is given */
	const char *recipe;	 /* build only; NULL: as `name` */
	const char *mirror;	 /* build only; NULL: the recipe's */
	const char *tarball;	 /* import only: a tar, plain or gzip, xz, zstd, bzip2 */
	/* How a tree becomes an image: image_make() of storage/image.h, which this folder does not know. */
	int (*make_image)(const char *tree, const char *file, const char *uuid, struct err *err);
	uint64_t max_bytes; /* refuse a tree larger than this; 0: 64 GiB */
	uint64_t max_files; /* 0: 4 million */
};

/* Builds by recipe / imports a tarball of strangers. On success *ret is the new version's manifest. */
int template_build(const struct template_build_spec *spec, struct template_manifest *ret, const struct log *log,
		   struct err *err) _must_check_;
int template_import(const struct template_build_spec *spec, struct template_manifest *ret, const struct log *log,
		    struct err *err) _must_check_;

/* The names of the recipes, for `template build` without one and for completion. */
int template_each_recipe(const char *recipes_dir, int (*each)(void *context, const char *name, const char *description),
			 void *context, struct err *err) _must_check_;
