/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <sys/types.h>

#include "base/err.h"
#include "base/log.h"

/*
 * A recipe, NAME.recipe: how a template is made. The keys are in recipe.c's tables.
 *
 *   [recipe]            kind = mmdebstrap | busybox     description = one line     init = the kind of init that must come out
 *                       include = RECIPE: as if all of that one stood here; what follows adds to its lists and replaces the rest
 *   [debian]            suite mirror security_mirror components variant keyring packages (the last may be repeated)
 *   [tree]              remove = PATH  empty = PATH  folder = PATH  link = PATH -> TARGET  mask = UNIT    (each may be repeated)
 *   [file ID]           path = /etc/x   mode = 0644   line = ...        (repeated; each is a line of the file)
 */
struct recipe_list {
	char **items;
	size_t n;
};

struct recipe_file {
	char *id;   /* of the section, to tell one from the next */
	char *path; /* in the tree */
	char *text; /* lines joined, each with its newline */
	mode_t mode;
};

struct recipe {
	char *kind;
	char *description;
	char *init;
	char *suite;
	char *mirror;
	char *security_mirror;
	char *components;
	char *variant;
	char *keyring;
	struct recipe_list packages; /* an item may be a list with blanks or commas */
	struct recipe_list remove;
	struct recipe_list empty;
	struct recipe_list folder;
	struct recipe_list link;
	struct recipe_list mask;
	struct recipe_file *files;
	size_t n_files;
};

/*
 * Reads and checks one: `name` is one of recipes_dir, or, if it has a slash, the path of a file; so is what it includes.
 * NO_TEMPLATE if there is no such recipe, with those that exist in the message; BAD_CONFIG for an error in it.
 */
int recipe_load(const char *recipes_dir, const char *name, struct recipe *ret, struct err *err) _must_check_;
void recipe_free(struct recipe *r);
#define _cleanup_recipe_ __attribute__((cleanup(recipe_free)))

/* What a recipe does to the tree after it was filled: removals, folders, links, masked units, files, in this order. */
int recipe_apply(const struct recipe *r, int tree_fd, struct err *err) _must_check_;
