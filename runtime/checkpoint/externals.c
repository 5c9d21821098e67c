/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/checkpoint/externals.h"

#include <errno.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime/container/container.h"
#include "runtime/network.h"

void externals_free(struct externals *externals)
{
	for (size_t i = 0; i < externals->n; i++)
		free(externals->list[i]);
	free(externals->list);
	*externals = EXTERNALS_INIT;
}

_printf_(3, 4) static int add(struct externals *to, struct err *err, const char *fmt, ...)
{
	char **list = reallocarray(to->list, to->n + 1, sizeof(*list));
	va_list args;
	int r;

	if (!list)
		return err_oom(err);
	to->list = list;
	va_start(args, fmt);
	r = vasprintf(&to->list[to->n], fmt, args);
	va_end(args);
	if (r < 0)
		return err_oom(err);
	to->n++;
	return 0;
}

int externals_of_dump(struct externals *ret, uint64_t features, const char *console, struct err *err)
{
	const char *name;
	int r = 0;

	for (size_t i = 0; r == 0 && (name = ct_device_name(i, features)); i++)
		r = add(ret, err, "mnt[/dev/%s]:dev-%s", name, name);
	if (r == 0 && *console)
		r = add(ret, err, "%s", console);
	return r < 0 ? r : add(ret, err, "mnt[/dev/console]:console");
}

int externals_of_restore(struct externals *ret, uint64_t features, const char *console_path, const struct net_plans *nets,
			 struct err *err)
{
	const char *name;
	int r = 0;

	for (size_t i = 0; r == 0 && (name = ct_device_name(i, features)); i++)
		r = add(ret, err, "mnt[dev-%s]:/dev/%s", name, name);
	for (size_t i = 0; r == 0 && i < nets->n; i++)
		r = add(ret, err, "netdev[%s]:%s", nets->list[i].guest_name, nets->list[i].guest_name);
	return r < 0 ? r : add(ret, err, "mnt[console]:%s", console_path);
}
