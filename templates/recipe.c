/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "templates/recipe.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/ini.h"
#include "base/path.h"
#include "base/str.h"
#include "templates/template.h"

#define RECIPE_SUFFIX ".recipe"
#define FILE_SECTION  "file "
/* Of recipes that each include the next. */
#define DEPTH_MAX 8

/* A recipe that is being read, or one that it includes. */
struct reading {
	const char *recipes_dir;
	struct recipe *recipe;
	int depth;
};

static const struct text_key {
	const char *section, *key;
	size_t offset;
} text_keys[] = {
	{ "recipe", "kind", offsetof(struct recipe, kind) },
	{ "recipe", "description", offsetof(struct recipe, description) },
	{ "recipe", "init", offsetof(struct recipe, init) },
	{ "debian", "suite", offsetof(struct recipe, suite) },
	{ "debian", "mirror", offsetof(struct recipe, mirror) },
	{ "debian", "security_mirror", offsetof(struct recipe, security_mirror) },
	{ "debian", "components", offsetof(struct recipe, components) },
	{ "debian", "variant", offsetof(struct recipe, variant) },
	{ "debian", "keyring", offsetof(struct recipe, keyring) },
};

static const struct list_key {
	const char *section, *key;
	size_t offset;
} list_keys[] = {
	{ "debian", "packages", offsetof(struct recipe, packages) }, { "tree", "remove", offsetof(struct recipe, remove) },
	{ "tree", "empty", offsetof(struct recipe, empty) },	     { "tree", "folder", offsetof(struct recipe, folder) },
	{ "tree", "link", offsetof(struct recipe, link) },	     { "tree", "mask", offsetof(struct recipe, mask) },
};

static int list_add(struct recipe_list *list, const char *item)
{
	char **bigger = reallocarray(list->items, list->n + 1, sizeof(*bigger));

	if (!bigger)
		return -ENOMEM;
	list->items = bigger;
	list->items[list->n] = strdup(item);
	if (!list->items[list->n])
		return -ENOMEM;
	list->n++;
	return 0;
}

static void list_free(struct recipe_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		free(list->items[i]);
	free(list->items);
}

void recipe_free(struct recipe *r)
{
	for (size_t i = 0; i < ARRAY_SIZE(text_keys); i++)
		free(*(char **)((char *)r + text_keys[i].offset));
	for (size_t i = 0; i < ARRAY_SIZE(list_keys); i++)
		list_free((struct recipe_list *)((char *)r + list_keys[i].offset));
	for (size_t i = 0; i < r->n_files; i++) {
		free(r->files[i].id);
		free(r->files[i].path);
		free(r->files[i].text);
	}
	free(r->files);
	*r = (struct recipe){ 0 };
}

/* The file of that section; keys of one section follow each other. */
static struct recipe_file *file_of_section(struct recipe *r, const char *id)
{
	if (r->n_files > 0 && strcmp(r->files[r->n_files - 1].id, id) == 0)
		return &r->files[r->n_files - 1];

	struct recipe_file *bigger = reallocarray(r->files, r->n_files + 1, sizeof(*bigger));

	if (!bigger)
		return NULL;
	r->files = bigger;

	struct recipe_file *f = &r->files[r->n_files];

	*f = (struct recipe_file){ .id = strdup(id), .mode = 0644 };
	if (!f->id)
		return NULL;
	r->n_files++;
	return f;
}

static int replace_text(char **at, char *value, struct err *err)
{
	if (!value)
		return err_oom(err);
	free(*at);
	*at = value;
	return 0;
}

static int parse_mode(const char *text, mode_t *ret, struct err *err)
{
	char *end;
	unsigned long mode = strtoul(text, &end, 8);

	if (*end || end == text || mode > 07777)
		return err_set(err, EINVAL, "mode '%.20s': expected an octal number such as 0644", text);
	*ret = (mode_t)mode;
	return 0;
}

static int on_file_key(struct recipe *r, const char *id, const char *key, const char *value, struct err *err)
{
	struct recipe_file *f = file_of_section(r, id);

	if (!f)
		return err_oom(err);
	if (strcmp(key, "path") == 0)
		return replace_text(&f->path, strdup(value), err);
	if (strcmp(key, "mode") == 0)
		return parse_mode(value, &f->mode, err);
	if (strcmp(key, "line") == 0)
		return replace_text(&f->text, str_printf("%s%s\n", f->text ? f->text : "", value), err);
	return err_set(err, EINVAL, "unknown key '%.60s' in [file %.60s]: expected path, mode or line", key, id);
}

static int read_named(const struct reading *reading, const char *name, struct err *err);

static int include(const struct reading *reading, const char *name, struct err *err)
{
	const struct reading next = { reading->recipes_dir, reading->recipe, reading->depth + 1 };

	if (next.depth > DEPTH_MAX)
		return err_set(err, ELOOP, "include = %.60s: expected at most %d recipes that include one another", name,
			       DEPTH_MAX);

	int r = read_named(&next, name, err);

	/* The one that was asked for is there. */
	if (r == -ENOENT)
		err->code = EINVAL;
	return r == -ENOENT ? -EINVAL : r;
}

static int on_key(void *context, const char *section, const char *key, const char *value, struct err *err)
{
	const struct reading *reading = context;
	struct recipe *r = reading->recipe;

	if (str_has_prefix(section, FILE_SECTION))
		return on_file_key(r, section + strlen(FILE_SECTION), key, value, err);
	if (strcmp(section, "recipe") == 0 && strcmp(key, "include") == 0)
		return include(reading, value, err);
	for (size_t i = 0; i < ARRAY_SIZE(text_keys); i++) {
		if (strcmp(section, text_keys[i].section) == 0 && strcmp(key, text_keys[i].key) == 0)
			return replace_text((char **)((char *)r + text_keys[i].offset), strdup(value), err);
	}
	for (size_t i = 0; i < ARRAY_SIZE(list_keys); i++) {
		if (strcmp(section, list_keys[i].section) != 0 || strcmp(key, list_keys[i].key) != 0)
			continue;
		return list_add((struct recipe_list *)((char *)r + list_keys[i].offset), value) < 0 ? err_oom(err) : 0;
	}
	return err_set(err, EINVAL, "unknown key '%.60s' in [%.60s]", key, section);
}

static int check(const struct recipe *r, const char *shown, struct err *err)
{
	if (!r->kind || !r->description)
		return err_exit(err, EXIT_BAD_CONFIG, EINVAL, "%s: expected 'kind' and 'description' in [recipe]", shown);
	for (size_t i = 0; i < r->n_files; i++) {
		if (!r->files[i].path)
			return err_exit(err, EXIT_BAD_CONFIG, EINVAL, "%s: expected 'path' in [file %s]", shown, r->files[i].id);
	}
	return 0;
}

static int add_name(void *context, const char *name, const char *description _unused_)
{
	struct strbuf *names = context;

	strbuf_addf(names, "%s%s", names->len ? ", " : "", name);
	return 0;
}

static int no_recipe(const char *recipes_dir, const char *name, struct err *err)
{
	struct strbuf b = { 0 };
	struct err ignored = ERR_INIT;
	bool listed = template_each_recipe(recipes_dir, add_name, &b, &ignored) == 0;
	_cleanup_free_ char *names = strbuf_take(&b);

	return err_exit(err, EXIT_NO_TEMPLATE, ENOENT, "no recipe '%s' in '%s': there are %s", name, recipes_dir,
			listed && !str_is_empty(names) ? names : "none");
}

static char *path_of(const char *recipes_dir, const char *name)
{
	return strchr(name, '/') ? strdup(name) : str_printf("%s/%s" RECIPE_SUFFIX, recipes_dir, name);
}

static int read_named(const struct reading *reading, const char *name, struct err *err)
{
	bool is_path = strchr(name, '/');
	_cleanup_free_ char *path = path_of(reading->recipes_dir, name);
	int r = is_path ? 0 : str_check_name("recipe", name, err);

	if (r < 0)
		return r;
	if (!path)
		return err_oom(err);
	r = ini_read_at(AT_FDCWD, path, path, on_key, (void *)reading, err);
	if (r == -ENOENT && is_path)
		return err_exit(err, EXIT_NO_TEMPLATE, ENOENT, "no recipe '%.200s': there is no such file", path);
	if (r == -ENOENT && reading->depth > 1)
		return err_exit(err, EXIT_NO_TEMPLATE, ENOENT, "no recipe '%s' in '%s'", name, reading->recipes_dir);
	return r == -ENOENT ? no_recipe(reading->recipes_dir, name, err) : r;
}

int recipe_load(const char *recipes_dir, const char *name, struct recipe *ret, struct err *err)
{
	_cleanup_recipe_ struct recipe recipe = { 0 };
	_cleanup_free_ char *path = path_of(recipes_dir, name);
	const struct reading reading = { recipes_dir, &recipe, 1 };
	int r = path ? read_named(&reading, name, err) : err_oom(err);

	if (r == 0)
		r = check(&recipe, path, err);
	if (r < 0)
		return r;
	*ret = recipe;
	recipe = (struct recipe){ 0 };
	return 0;
}

static int keep_recipes(const struct dirent *e)
{
	const char *dot = strrchr(e->d_name, '.');

	return dot && dot != e->d_name && strcmp(dot, RECIPE_SUFFIX) == 0;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

int template_each_recipe(const char *recipes_dir, int (*each)(void *context, const char *name, const char *description),
			 void *context, struct err *err)
{
	struct dirent **entries = NULL;
	int r = 0, n = scandir(recipes_dir, &entries, keep_recipes, by_name);

	if (n < 0)
		return err_sys(err, errno, "read the folder of recipes '%s'", recipes_dir);
	for (int i = 0; i < n; i++) {
		_cleanup_recipe_ struct recipe recipe = { 0 };

		*strrchr(entries[i]->d_name, '.') = '\0';
		if (r >= 0)
			r = recipe_load(recipes_dir, entries[i]->d_name, &recipe, err);
		if (r >= 0)
			r = each(context, entries[i]->d_name, recipe.description);
		free(entries[i]);
	}
	free(entries);
	return r < 0 ? r : 0;
}
