/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "cmd/listing.h"
#include "cmd/names.h"
#include "cmd/verbs.h"
#include "storage/pool.h"

#define UUID_LEN 36

struct pool_row {
	const char *name;
	bool is_readable;
	struct pool_stat stat;
	uint64_t n_guests;
};

static struct value get_name(const void *row, const struct column *column _unused_)
{
	const struct pool_row *p = row;

	return value_of_text(p->name);
}

static struct value get_kind(const void *row, const struct column *column _unused_)
{
	const struct pool_row *p = row;

	return value_of_text(p->is_readable ? pool_kind_name(p->stat.kind) : NULL);
}

static struct value get_size(const void *row, const struct column *column)
{
	const struct pool_row *p = row;
	size_t offset = column->offset;

	return value_of_number(p->is_readable ? VALUE_SIZE : VALUE_NONE, *(const uint64_t *)((const char *)row + offset));
}

static struct value get_limits(const void *row, const struct column *column _unused_)
{
	const struct pool_row *p = row;

	return value_of_number(p->is_readable ? VALUE_BOOL : VALUE_NONE, p->stat.has_limits);
}

static struct value get_guests(const void *row, const struct column *column _unused_)
{
	const struct pool_row *p = row;

	return value_of_number(p->is_readable ? VALUE_NUMBER : VALUE_NONE, p->n_guests);
}

#define FIELD(field) offsetof(struct pool_row, field)

static const struct column columns[] = {
	{ "name", "name", COLUMN_DEFAULT, get_name, 0, NULL },
	{ "kind", "kind", COLUMN_DEFAULT, get_kind, 0, NULL },
	{ "size", "total_bytes", COLUMN_DEFAULT | COLUMN_RIGHT, get_size, FIELD(stat.total_bytes), NULL },
	{ "free", "free_bytes", COLUMN_DEFAULT | COLUMN_RIGHT, get_size, FIELD(stat.free_bytes), NULL },
	{ "disk-limits", "has_disk_limits", COLUMN_DEFAULT, get_limits, 0, NULL },
	{ "guests", "guests", COLUMN_DEFAULT | COLUMN_RIGHT, get_guests, 0, NULL },
};

/* A guest's own area, not one of its checkpoints, whose names are longer. */
static int count_area(void *context, const char *id)
{
	*(uint64_t *)context += strlen(id) == UUID_LEN;
	return 0;
}

static int read_pool(const struct node *node, struct pool_row *row, struct err *err)
{
	_cleanup_(cleanup_pool) struct pool *pool = NULL;
	int r = pool_open(node->pools_dir, row->name, &pool, err);

	if (r == 0)
		r = pool_get_stat(pool, &row->stat, err);
	if (r == 0)
		r = area_each(pool, count_area, &row->n_guests, err);
	row->is_readable = r == 0;
	return r;
}

static int collect(void *context, const char *name)
{
	return names_add(context, name);
}

static int add_pool(struct app *app, struct listing *listing, const char *name, struct err *err)
{
	struct pool_row row = { .name = name };
	struct err why = ERR_INIT;

	if (read_pool(app->node, &row, &why) < 0)
		log_warning(&app->log, "pool %s: %s", name, why.msg);
	return listing_row(listing, &row, err);
}

int verb_pool_list(struct app *app, const struct request *request, struct err *err)
{
	_cleanup_listing_ struct listing *listing = NULL;
	_cleanup_names_ struct names names = { 0 };
	int r = listing_begin(columns, ARRAY_SIZE(columns), request, &listing, err);

	if (r == 0)
		r = pool_each(app->node->pools_dir, collect, &names, err);
	if (r < 0)
		return r == -ENOMEM ? err_oom(err) : r;
	names_sort(&names);
	for (size_t i = 0; r == 0 && i < names.n; i++)
		r = add_pool(app, listing, names.items[i], err);
	if (r == 0)
		r = listing_print(listing, app, err);
	if (r == 0 && names.n == 0)
		report_hint(app, "No pools yet: the first guest makes '%s', or: ctctl pool create NAME", app->node->default_pool);
	return r;
}

int verb_pool_show(struct app *app, const struct request *request, struct err *err)
{
	struct pool_row row = { .name = request->arguments[0] };
	int r = read_pool(app->node, &row, err);

	if (r < 0)
		return r;
	if (!request_has(request, OPT_JSON)) {
		columns_print(app, columns, ARRAY_SIZE(columns), 0, &row);
		return 0;
	}

	_cleanup_json_ struct json *doc = columns_to_json(columns, ARRAY_SIZE(columns), 0, &row);

	return doc ? print_json(app, doc, err) : err_oom(err);
}

int verb_pool_create(struct app *app, const struct request *request, struct err *err)
{
	const char *kind = request->values[OPT_KIND];
	struct pool_spec spec = { .name = request->arguments[0], .kind = POOL_BTRFS, .path = request->values[OPT_PATH] };
	int r = request_size(request, OPT_SIZE, &spec.size_bytes, err);

	if (r < 0)
		return r;
	if (kind && pool_kind_from_name(kind, &spec.kind) < 0)
		return err_exit(err, EXIT_USAGE, EINVAL, "--kind '%s': " POOL_KINDS_EXPECTED, kind);
	if (spec.path && spec.size_bytes)
		return err_exit(err, EXIT_USAGE, EINVAL,
				"--size is for a file system in a file of its own: leave out --size or --path");
	r = pool_create(app->node->pools_dir, &spec, &app->log, err);
	if (r == 0)
		report_hint(app, "Next: ctctl create NAME TEMPLATE --pool %s", spec.name);
	return r;
}

int verb_pool_remove(struct app *app, const struct request *request, struct err *err)
{
	return pool_remove(app->node->pools_dir, request->arguments[0], err);
}
