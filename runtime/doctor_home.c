/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "runtime/doctor_priv.h"
#include "runtime/home_priv.h"

/* Has the group these controllers to give to guests? Their names, separated by blanks, are in `has`. */
static char *find_missing(const char *has)
{
	static const char *const needed[] = { "cpu", "cpuset", "io", "memory", "pids" };
	_cleanup_free_ char *padded = str_printf(" %s ", has);
	struct strbuf missing = { 0 };

	for (size_t i = 0; padded && i < ARRAY_SIZE(needed); i++) {
		char word[16];

		snprintf(word, sizeof(word), " %s ", needed[i]);
		if (!strstr(padded, word))
			strbuf_addf(&missing, " %s", needed[i]);
	}
	return strbuf_take(&missing);
}

/* The unit is there: what has systemd given it? */
static void look_at_group(const struct node *node, char *controllers, struct doctor_finding *f)
{
	_cleanup_free_ char *missing = find_missing(str_trim(controllers));

	if (!missing || !*missing) {
		doctor_found(f, DOCTOR_OK, "%s, delegated by systemd", node->cgroup_parent);
		return;
	}
	doctor_found(f, DOCTOR_LACKING, "%s, without:%s", node->cgroup_parent, missing);
	doctor_advise(f,
		      "systemd has not delegated these controllers, or the kernel lacks them: see cgroup.subtree_control of "
		      "ctctl.slice; "
		      "systemctl restart %s stops all guests and makes it anew.",
		      node->guests_unit);
}

void doctor_home(const struct node *node, struct doctor_finding *f)
{
	struct err err = ERR_INIT;

	if (!node->guests_unit) {
		doctor_found(f, DOCTOR_OK, "%s in each hierarchy; systemd does not hand out groups here", node->cgroup_parent);
		return;
	}
	if (home_systemd_probe(node, &err) < 0) {
		doctor_found(f, DOCTOR_FATAL, "%s cannot be made", node->cgroup_parent);
		doctor_advise(f, "%.250s", err.msg);
		return;
	}

	_cleanup_free_ char *path = str_printf("/sys/fs/cgroup/%s/cgroup.controllers", node->cgroup_parent);
	_cleanup_free_ char *controllers = path ? doctor_read(path) : NULL;

	if (controllers)
		look_at_group(node, controllers, f);
	else
		doctor_found(f, DOCTOR_OK, "%s, which systemd makes for the first start", node->cgroup_parent);
}
