/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/listing.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "cmd/table.h"
#include "cmd/text.h"

struct listing {
	const struct column **columns; /* those that are shown */
	size_t n_columns;
	struct table *table; /* NULL for JSON */
	struct json *rows;   /* NULL for a table */
};

static const struct column *find_column(const struct column *columns, size_t n, const char *name, size_t len)
{
	for (size_t i = 0; i < n; i++) {
		if (strncasecmp(columns[i].name, name, len) == 0 && !columns[i].name[len])
			return &columns[i];
	}
	return NULL;
}

static int unknown_column(const struct column *columns, size_t n, const char *name, size_t len, struct err *err)
{
	struct strbuf b = { 0 };

	for (size_t i = 0; i < n; i++)
		strbuf_addf(&b, "%s%s", i ? ", " : "", columns[i].name);

	_cleanup_free_ char *all = strbuf_take(&b);

	return err_exit(err, EXIT_USAGE, EINVAL, "--output: no column '%.*s'; expected some of %s", (int)len, name,
			all ? all : "");
}

static int choose_named(struct listing *l, const struct column *columns, size_t n, const char *names, struct err *err)
{
	while (*names) {
		size_t len = strcspn(names, ",");
		const struct column *c = find_column(columns, n, names, len);

		if (!c)
			return unknown_column(columns, n, names, len, err);
		l->columns[l->n_columns++] = c;
		names += len + (names[len] == ',');
	}
	return l->n_columns > 0 ? 0 : err_exit(err, EXIT_USAGE, EINVAL, "--output: expected names of columns, or \"all\"");
}

static int choose(struct listing *l, const struct column *columns, size_t n, const struct request *request, struct err *err)
{
	const char *names = request->values[OPT_OUTPUT];
	bool is_json = request_has(request, OPT_JSON);

	/* A name can be given more than once; then there are at most as many as letters. */
	l->columns = calloc(n + (names ? strlen(names) : 0), sizeof(const struct column *));
	if (!l->columns)
		return err_oom(err);
	if (names && strcmp(names, "all") != 0)
		return choose_named(l, columns, n, names, err);
	for (size_t i = 0; i < n; i++) {
		bool is_cheap = !(columns[i].flags & COLUMN_USAGE);

		if (names || (is_json ? is_cheap : columns[i].flags & COLUMN_DEFAULT))
			l->columns[l->n_columns++] = &columns[i];
	}
	return 0;
}

static int make_table(struct listing *l, struct err *err)
{
	int r = table_new(&l->table, err);

	for (size_t i = 0; r == 0 && i < l->n_columns; i++) {
		_cleanup_free_ char *heading = strdup(l->columns[i]->name);

		if (!heading)
			return err_oom(err);
		for (char *c = heading; *c; c++)
			*c = (char)toupper((unsigned char)*c);
		r = table_add_column(l->table, heading, l->columns[i]->flags & COLUMN_RIGHT, err);
	}
	return r;
}

int listing_begin(const struct column *columns, size_t n_columns, const struct request *request, struct listing **ret,
		  struct err *err)
{
	_cleanup_listing_ struct listing *l = calloc(1, sizeof(*l));

	if (!l)
		return err_oom(err);

	int r = choose(l, columns, n_columns, request, err);

	if (r < 0)
		return r;
	if (request_has(request, OPT_JSON)) {
		l->rows = json_array_new_doc();
		r = l->rows ? 0 : err_oom(err);
	} else {
		r = make_table(l, err);
	}
	if (r < 0)
		return r;
	*ret = TAKE_PTR(l);
	return 0;
}

void listing_free(struct listing *listing)
{
	if (!listing)
		return;
	table_free(listing->table);
	if (listing->rows)
		json_free(listing->rows);
	free(listing->columns);
	free(listing);
}

bool listing_wants(const struct listing *listing, unsigned flags)
{
	for (size_t i = 0; i < listing->n_columns; i++) {
		if (listing->columns[i]->flags & flags)
			return true;
	}
	return false;
}

static int json_row(struct listing *l, const void *row, struct err *err)
{
	struct json *object = json_object_new_doc();

	if (!object)
		return err_oom(err);
	for (size_t i = 0; i < l->n_columns; i++) {
		_cleanup_value_ struct value v = l->columns[i]->get(row, l->columns[i]);

		value_add_json(&v, object, l->columns[i]->key);
	}
	json_add_child(l->rows, NULL, object);
	return 0;
}

static int table_row(struct listing *l, const void *row, struct err *err)
{
	int r = table_add_row(l->table, err);

	for (size_t i = 0; r == 0 && i < l->n_columns; i++) {
		_cleanup_value_ struct value v = l->columns[i]->get(row, l->columns[i]);
		struct strbuf b = { 0 };

		value_add_text(&v, &b);

		_cleanup_free_ char *text = strbuf_take(&b);

		r = text ? table_set(l->table, i, *text ? text : "-", err) : err_oom(err);
	}
	return r;
}

int listing_row(struct listing *listing, const void *row, struct err *err)
{
	return listing->rows ? json_row(listing, row, err) : table_row(listing, row, err);
}

int listing_print(struct listing *listing, struct app *app, struct err *err)
{
	_cleanup_free_ char *text = NULL;

	if (listing->rows)
		return print_json(app, listing->rows, err);

	int r = table_render(listing->table, &text, err);

	if (r < 0)
		return r;
	fputs(text, app->out);
	if (*text && text[strlen(text) - 1] != '\n')
		fputc('\n', app->out);
	return 0;
}

struct json *columns_to_json(const struct column *columns, size_t n, unsigned without, const void *row)
{
	struct json *object = json_object_new_doc();

	for (size_t i = 0; object && i < n; i++) {
		if (columns[i].flags & without)
			continue;

		_cleanup_value_ struct value v = columns[i].get(row, &columns[i]);

		value_add_json(&v, object, columns[i].key);
	}
	return object;
}

void columns_print(struct app *app, const struct column *columns, size_t n, unsigned without, const void *row)
{
	for (size_t i = 0; i < n; i++) {
		if (columns[i].flags & without)
			continue;

		_cleanup_value_ struct value v = columns[i].get(row, &columns[i]);
		struct strbuf b = { 0 };

		value_add_text(&v, &b);

		_cleanup_free_ char *text = strbuf_take(&b);

		if (!text || !*text)
			continue;
		fprintf(app->out, "%-15s ", columns[i].name);
		text_safe(app->out, text, false);
		fputc('\n', app->out);
	}
}

int print_json(struct app *app, const struct json *doc, struct err *err)
{
	_cleanup_free_ char *text = json_render(doc, true);

	if (!text)
		return err_oom(err);
	fprintf(app->out, "%s\n", text);
	return 0;
}
