/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "cmd/listing.h"
#include "cmd/verbs.h"
#include "runtime/lifecycle.h"
#include "storage/image.h"
#include "storage/image.h"
#include "templates/template.h"

static struct value get_text(const void *row, const struct column *column)
{
	const char *text = (const char *)row + column->offset;

	return value_of_text(*text ? text : NULL);
}

static struct value get_size(const void *row, const struct column *column)
{
	return value_of_number(VALUE_SIZE, *(const uint64_t *)((const char *)row + column->offset));
}

static struct value get_count(const void *row, const struct column *column)
{
	return value_of_number(VALUE_NUMBER, *(const uint64_t *)((const char *)row + column->offset));
}

#define FIELD(field) offsetof(struct template_manifest, field)

static const struct column columns[] = {
	{ "name", "name", COLUMN_DEFAULT, get_text, FIELD(name), NULL },
	{ "version", "version", COLUMN_DEFAULT, get_text, FIELD(version), NULL },
	{ "distribution", "distribution", COLUMN_DEFAULT, get_text, FIELD(distribution), NULL },
	{ "release", "release", COLUMN_DEFAULT, get_text, FIELD(release), NULL },
	{ "arch", "arch", COLUMN_DEFAULT, get_text, FIELD(arch), NULL },
	{ "init", "init", COLUMN_DEFAULT, get_text, FIELD(init), NULL },
	{ "init-path", "init_path", 0, get_text, FIELD(init_path), NULL },
	{ "size", "image_bytes", COLUMN_DEFAULT | COLUMN_RIGHT, get_size, FIELD(image_bytes), NULL },
	{ "tree-size", "tree_bytes", COLUMN_RIGHT, get_size, FIELD(tree_bytes), NULL },
	{ "files", "files", COLUMN_RIGHT, get_count, FIELD(n_files), NULL },
	{ "built", "built", COLUMN_DEFAULT, get_text, FIELD(built), NULL },
	{ "source", "source", 0, get_text, FIELD(source), NULL },
	{ "uuid", "uuid", 0, get_text, FIELD(uuid), NULL },
	{ "sha256", "sha256", 0, get_text, FIELD(sha256), NULL },
};

static int print_manifest(struct app *app, const struct request *request, const struct template_manifest *m, struct err *err)
{
	if (!request_has(request, OPT_JSON)) {
		columns_print(app, columns, ARRAY_SIZE(columns), 0, m);
		return 0;
	}

	_cleanup_json_ struct json *doc = columns_to_json(columns, ARRAY_SIZE(columns), 0, m);

	return doc ? print_json(app, doc, err) : err_oom(err);
}

struct rows {
	struct listing *listing;
	struct err *err;
	size_t n;
};

static int add_manifest(void *context, const struct template_manifest *manifest)
{
	struct rows *rows = context;

	rows->n++;
	return listing_row(rows->listing, manifest, rows->err);
}

int verb_template_list(struct app *app, const struct request *request, struct err *err)
{
	_cleanup_listing_ struct listing *listing = NULL;
	int r = listing_begin(columns, ARRAY_SIZE(columns), request, &listing, err);
	struct rows rows = { .listing = listing, .err = err };

	if (r == 0)
		r = template_each(app->node->templates_dir, add_manifest, &rows, &app->log, err);
	if (r == 0)
		r = listing_print(listing, app, err);
	if (r == 0 && rows.n == 0)
		report_hint(app, "No templates yet. Next: ctctl template build debian-12");
	return r;
}

int verb_template_show(struct app *app, const struct request *request, struct err *err)
{
	struct template_manifest manifest;
	struct template_ref ref;
	int r = template_resolve(app->node->templates_dir, request->arguments[0], &ref, err);

	if (r == 0)
		r = template_read_manifest(app->node->templates_dir, &ref, &manifest, err);
	return r < 0 ? r : print_manifest(app, request, &manifest, err);
}

int verb_template_verify(struct app *app, const struct request *request, struct err *err)
{
	struct template_ref ref;
	int r = template_resolve(app->node->templates_dir, request->arguments[0], &ref, err);

	if (r == 0)
		r = template_verify(app->node->templates_dir, &ref, err);
	if (r == 0)
		report_hint(app, "%s@%s is as it was built.", ref.name, ref.version);
	return r;
}

struct version_count {
	const char *name;
	size_t n;
};

static int count_version(void *context, const struct template_manifest *manifest)
{
	struct version_count *count = context;

	count->n += strcmp(manifest->name, count->name) == 0;
	return 0;
}

/* Of several versions a name alone means the newest, which is hardly ever the one to be removed. */
static int check_is_meant(struct app *app, const char *reference, const struct template_ref *ref, struct err *err)
{
	struct version_count count = { .name = ref->name };

	if (strchr(reference, '@'))
		return 0;

	int r = template_each(app->node->templates_dir, count_version, &count, NULL, err);

	if (r < 0 || count.n <= 1)
		return r;
	return err_exit(err, EXIT_USAGE, EINVAL,
			"template '%s' has %zu versions: name one, such as %s@%s; see ctctl template list", ref->name, count.n,
			ref->name, ref->version);
}

int verb_template_remove(struct app *app, const struct request *request, struct err *err)
{
	const char *reference = request->arguments[0], *dir = app->node->templates_dir;
	char full[TEMPLATE_NAME_ROOM + TEMPLATE_VERSION_ROOM];
	struct template_ref ref;
	/* A removal that was interrupted is repeated, by a user who sees no template of that name any more. */
	int r = template_sweep(dir, app->node->log, err);

	if (r == 0)
		r = template_resolve(dir, reference, &ref, err);
	if (r == 0)
		r = check_is_meant(app, reference, &ref, err);
	if (r < 0)
		return r;
	snprintf(full, sizeof(full), "%s@%s", ref.name, ref.version);
	r = guest_check_template_unused(app->node, full, err);
	/* The image of stopped guests that are gone by now may still be mounted, which would keep its space. */
	if (r == 0)
		r = image_release(app->node->images_dir, full, err);
	return r < 0 ? r : template_remove(dir, &ref, err);
}

static int read_spec(struct app *app, const struct request *request, struct template_build_spec *ret, struct err *err)
{
	*ret = (struct template_build_spec){
		.make_image = image_make,
		.dir = app->node->templates_dir,
		.recipes_dir = app->node->recipes_dir,
		.helper_dir = app->node->helper_dir,
		.name = request_argument(request, 0),
		.recipe = request->values[OPT_RECIPE],
		.mirror = request->values[OPT_MIRROR],
		.tarball = request_argument(request, 1),
	};

	int r = request_size(request, OPT_MAX_SIZE, &ret->max_bytes, err);

	return r < 0 ? r : request_number(request, OPT_MAX_FILES, UINT32_MAX, &ret->max_files, err);
}

static int print_built(struct app *app, const struct request *request, const struct template_manifest *m, struct err *err)
{
	if (request_has(request, OPT_JSON))
		return print_manifest(app, request, m, err);
	fprintf(app->out, "%s@%s\n", m->name, m->version);
	report_hint(app, "Next: ctctl create NAME %s --start", m->name);
	return 0;
}

struct recipe_row {
	const char *name;
	const char *description;
};

static struct value get_recipe_name(const void *row, const struct column *column _unused_)
{
	const struct recipe_row *r = row;

	return value_of_text(r->name);
}

static struct value get_recipe_description(const void *row, const struct column *column _unused_)
{
	const struct recipe_row *r = row;

	return value_of_text(r->description);
}

static const struct column recipe_columns[] = {
	{ "recipe", "recipe", COLUMN_DEFAULT, get_recipe_name, 0, NULL },
	{ "description", "description", COLUMN_DEFAULT, get_recipe_description, 0, NULL },
};

static int add_recipe(void *context, const char *name, const char *description)
{
	struct rows *rows = context;
	const struct recipe_row row = { name, description };

	return listing_row(rows->listing, &row, rows->err);
}

static int list_recipes(struct app *app, const struct request *request, struct err *err)
{
	_cleanup_listing_ struct listing *listing = NULL;
	int r = listing_begin(recipe_columns, ARRAY_SIZE(recipe_columns), request, &listing, err);
	struct rows rows = { .listing = listing, .err = err };

	if (r == 0)
		r = template_each_recipe(app->node->recipes_dir, add_recipe, &rows, err);
	return r < 0 ? r : listing_print(listing, app, err);
}

int verb_template_build(struct app *app, const struct request *request, struct err *err)
{
	struct template_manifest manifest;
	struct template_build_spec spec;

	if (request->n_arguments == 0)
		return list_recipes(app, request, err);

	int r = read_spec(app, request, &spec, err);

	if (r == 0)
		r = template_build(&spec, &manifest, &app->log, err);
	return r < 0 ? r : print_built(app, request, &manifest, err);
}

int verb_template_import(struct app *app, const struct request *request, struct err *err)
{
	struct template_manifest manifest;
	struct template_build_spec spec;
	int r = read_spec(app, request, &spec, err);

	if (r == 0)
		r = template_import(&spec, &manifest, &app->log, err);
	return r < 0 ? r : print_built(app, request, &manifest, err);
}
