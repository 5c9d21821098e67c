/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "templates/recipe.h"
#include "templates/tree.h"

#define ARROW " -> "

static int apply_link(int tree_fd, const char *item)
{
	const char *arrow = strstr(item, ARROW);
	_cleanup_free_ char *path = arrow ? strndup(item, (size_t)(arrow - item)) : NULL;

	return path ? tree_link(tree_fd, path, arrow + strlen(ARROW)) : -EINVAL;
}

/* "/tmp 1777"; without a mode it is 0755. */
static int apply_folder(int tree_fd, const char *item)
{
	const char *blank = strchr(item, ' ');
	_cleanup_free_ char *path = blank ? strndup(item, (size_t)(blank - item)) : strdup(item);

	return path ? tree_make_dir(tree_fd, path, blank ? (mode_t)strtoul(blank + 1, NULL, 8) : 0755) : -ENOMEM;
}

static int apply_mask(int tree_fd, const char *item)
{
	_cleanup_free_ char *path = str_printf("/etc/systemd/system/%s", item);

	return path ? tree_link(tree_fd, path, "/dev/null") : -ENOMEM;
}

/* Empties a file that must exist, or a folder. */
static int apply_empty(int tree_fd, const char *item)
{
	size_t len = strlen(item);

	if (len > 0 && item[len - 1] == '*')
		return tree_remove(tree_fd, item);
	return tree_write_file(tree_fd, item, "", 0, 0644);
}

static int apply_list(const struct recipe_list *list, const char *key, int (*apply)(int tree_fd, const char *item), int tree_fd,
		      struct err *err)
{
	for (size_t i = 0; i < list->n; i++) {
		int r = apply(tree_fd, list->items[i]);

		if (r < 0)
			return err_sys(err, -r, "recipe: %s = %s", key, list->items[i]);
	}
	return 0;
}

int recipe_apply(const struct recipe *r, int tree_fd, struct err *err)
{
	const struct {
		const struct recipe_list *list;
		const char *key;
		int (*apply)(int tree_fd, const char *item);
	} steps[] = {
		{ &r->remove, "remove", tree_remove },	{ &r->empty, "empty", apply_empty },
		{ &r->folder, "folder", apply_folder }, { &r->link, "link", apply_link },
		{ &r->mask, "mask", apply_mask },
	};

	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		int done = apply_list(steps[i].list, steps[i].key, steps[i].apply, tree_fd, err);

		if (done < 0)
			return done;
	}
	for (size_t i = 0; i < r->n_files; i++) {
		const struct recipe_file *f = &r->files[i];
		const char *text = f->text ? f->text : "";
		int done = tree_write_file(tree_fd, f->path, text, strlen(text), f->mode);

		if (done < 0)
			return err_sys(err, -done, "recipe: write '%s'", f->path);
	}
	return 0;
}
