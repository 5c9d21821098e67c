/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include "runtime/lifecycle.h"

struct template_use {
	const struct node *node;
	const char *reference;
	struct err *err;
};

static int check_use(void *context, const char *name)
{
	const struct template_use *use = context;
	_cleanup_guest_ struct guest *guest = NULL;
	struct err ignored = ERR_INIT;

	if (guest_open(use->node, name, &guest, &ignored) < 0) {
		if (ignored.exit == EXIT_NO_GUEST)
			return 0;
		return err_exit(use->err, EXIT_TEMPLATE_IN_USE, EBUSY,
				"guest '%s' may use template '%s', but cannot be asked: %s", name, use->reference, ignored.msg);
	}
	if (strcmp(guest->config.template_ref, use->reference) != 0)
		return 0;
	return err_exit(use->err, EXIT_TEMPLATE_IN_USE, EBUSY, "template '%s' is used by guest '%s': destroy that first",
			use->reference, name);
}

int guest_check_template_unused(const struct node *node, const char *template_ref, struct err *err)
{
	struct template_use use = { .node = node, .reference = template_ref, .err = err };

	return guest_each(node, check_use, &use, err);
}
