/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/table.h"

#include <errno.h>
#include <libsmartcols/libsmartcols.h>
#include <locale.h>
#include <stdlib.h>

struct table {
	struct libscols_table *scols;
	struct libscols_line *row;
};

int table_new(struct table **ret, struct err *err)
{
	struct table *t = calloc(1, sizeof(*t));

	if (!t)
		return err_oom(err);
	/*
	 * How wide a character is: only tables ask, and reading a locale takes longer than many a command. Numbers and messages
	 * stay as they are.
	 */
	if (!setlocale(LC_CTYPE, ""))
		setlocale(LC_CTYPE, "C.UTF-8");
	t->scols = scols_new_table();
	if (!t->scols) {
		table_free(t);
		return err_oom(err);
	}
	*ret = t;
	return 0;
}

void table_free(struct table *table)
{
	if (!table)
		return;
	scols_unref_table(table->scols);
	free(table);
}

int table_add_column(struct table *table, const char *heading, bool right, struct err *err)
{
	return scols_table_new_column(table->scols, heading, 0, right ? SCOLS_FL_RIGHT : 0) ? 0 : err_oom(err);
}

int table_add_row(struct table *table, struct err *err)
{
	table->row = scols_table_new_line(table->scols, NULL);
	return table->row ? 0 : err_oom(err);
}

int table_set(struct table *table, size_t column, const char *text, struct err *err)
{
	int r = scols_line_set_data(table->row, column, text);

	return r < 0 ? err_sys(err, -r, "fill a table") : 0;
}

int table_render(struct table *table, char **ret, struct err *err)
{
	int r = scols_print_table_to_string(table->scols, ret);

	return r < 0 ? err_sys(err, -r, "print a table") : 0;
}
