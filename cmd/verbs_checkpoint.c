/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cmd/listing.h"
#include "cmd/verbs.h"
#include "runtime/lifecycle.h"

static struct value get_label(const void *row, const struct column *column _unused_)
{
	const struct guest_checkpoint *c = row;

	return value_of_text(c->label);
}

static struct value get_taken(const void *row, const struct column *column _unused_)
{
	const struct guest_checkpoint *c = row;

	return value_of_nonzero(VALUE_TIME, c->taken_at);
}

static struct value get_memory(const void *row, const struct column *column _unused_)
{
	const struct guest_checkpoint *c = row;

	return value_of_number(VALUE_SIZE, c->image_bytes);
}

static struct value get_disk(const void *row, const struct column *column _unused_)
{
	const struct guest_checkpoint *c = row;

	return value_of_number(c->has_disk ? VALUE_SIZE : VALUE_NONE, c->disk_bytes);
}

static const struct column columns[] = {
	{ "label", "label", COLUMN_DEFAULT, get_label, 0, NULL },
	{ "taken", "taken_at", COLUMN_DEFAULT, get_taken, 0, NULL },
	{ "memory", "memory_bytes", COLUMN_DEFAULT | COLUMN_RIGHT, get_memory, 0, NULL },
	{ "disk", "disk_bytes", COLUMN_DEFAULT | COLUMN_RIGHT, get_disk, 0, NULL },
};

struct list {
	struct guest_checkpoint *items;
	size_t n, room;
};
DEFINE_CLEANUP(struct list, cleanup_list, free(p->items))

static int collect(void *context, const struct guest_checkpoint *checkpoint)
{
	struct list *list = context;

	if (list->n == list->room) {
		size_t room = list->room ? list->room * 2 : 16;
		struct guest_checkpoint *bigger = reallocarray(list->items, room, sizeof(*bigger));

		if (!bigger)
			return -ENOMEM;
		list->items = bigger;
		list->room = room;
	}
	list->items[list->n++] = *checkpoint;
	return 0;
}

/* The oldest first. */
static int compare(const void *a, const void *b)
{
	const struct guest_checkpoint *x = a, *y = b;

	return x->taken_at != y->taken_at ? (x->taken_at > y->taken_at ? 1 : -1) : strcmp(x->label, y->label);
}

int verb_checkpoint_list(struct app *app, const struct request *request, struct err *err)
{
	const char *name = request->arguments[0];
	_cleanup_listing_ struct listing *listing = NULL;
	_cleanup_(cleanup_list) struct list list = { 0 };
	int r = listing_begin(columns, ARRAY_SIZE(columns), request, &listing, err);

	if (r == 0)
		r = guest_checkpoint_each(app->node, name, collect, &list, err);
	if (r < 0)
		return r == -ENOMEM ? err_oom(err) : r;
	if (list.n > 1)
		qsort(list.items, list.n, sizeof(*list.items), compare);
	for (size_t i = 0; r == 0 && i < list.n; i++)
		r = listing_row(listing, &list.items[i], err);
	if (r == 0)
		r = listing_print(listing, app, err);
	if (r == 0 && list.n == 0)
		report_hint(app, "No checkpoints of %s yet. Next: ctctl checkpoint create %s", name, name);
	return r;
}

int verb_checkpoint_create(struct app *app, const struct request *request, struct err *err)
{
	const char *name = request->arguments[0];
	const char *label = request->n_arguments > 1 ? request->arguments[1] : NULL;
	struct guest_checkpoint_made made = { 0 };
	int r = guest_checkpoint_create(app->node, name, label, &made, err);

	if (r < 0)
		return r;
	fprintf(app->out, "%s\n", made.label);
	report_hint(app, "%s stood for %" PRIu64 " ms. To come back: ctctl checkpoint restore %s %s", name,
		    made.stood_usec / 1000, name, made.label);
	return 0;
}

int verb_checkpoint_restore(struct app *app, const struct request *request, struct err *err)
{
	return guest_checkpoint_restore(app->node, request->arguments[0], request->arguments[1], err);
}

/* All of them are tried; the first failure counts. */
int verb_checkpoint_remove(struct app *app, const struct request *request, struct err *err)
{
	int r = 0;

	for (size_t i = 1; i < request->n_arguments; i++) {
		struct err why = ERR_INIT;

		if (guest_checkpoint_remove(app->node, request->arguments[0], request->arguments[i], &why) == 0)
			continue;
		if (r < 0) {
			report_error(app, request->arguments[0], &why);
			continue;
		}
		*err = why;
		r = -why.code;
	}
	return r;
}
