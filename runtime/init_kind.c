/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/init_kind.h"

#include <signal.h>
#include <string.h>

#include "base/cleanup.h"

static const char *const run_init_0[] = { "/sbin/init", "0", NULL };
static const char *const run_poweroff[] = { "/sbin/poweroff", NULL };

/* systemd's SIGRTMIN is 34 as glibc counts (systemd(1): SIGRTMIN+4 starts poweroff.target). */
#define SYSTEMD_POWEROFF (34 + 4)

static const struct init_kind kinds[] = {
	{ "systemd", SYSTEMD_POWEROFF, NULL },
	{ "busybox", SIGUSR2, NULL },  /* init/init.c of busybox: SIGUSR2 is power-off */
	{ "sysvinit", 0, run_init_0 }, /* telinit(8): runlevel 0 */
	{ "runit", 0, run_init_0 },    /* runit-init(8) */
	{ "openrc", 0, run_poweroff }, /* openrc-init links it to openrc-shutdown(8) */
	{ "other", SIGTERM, NULL },
};

const struct init_kind *init_kind_find(const char *name)
{
	size_t i = 0;

	while (i < ARRAY_SIZE(kinds) - 1 && (!name || strcmp(kinds[i].name, name) != 0))
		i++;
	return &kinds[i];
}
