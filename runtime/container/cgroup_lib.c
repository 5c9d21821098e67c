/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The only file that includes libcgroup: 2.0 (Debian 12) and 3.x (Debian 13) have these calls in common. What it cannot do is
 * done elsewhere, by files: named hierarchies and v2 without controllers, moving whole processes (it moves one thread on v1),
 * removing (it moves the processes to the parent).
 */
#include <libcgroup.h>

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "runtime/container/cgroup_priv.h"

DEFINE_CLEANUP(struct cgroup *, cleanup_cgroup, if (*p) cgroup_free(p))
#define _cleanup_cgroup_ _cleanup_(cleanup_cgroup)

static int errno_of_lib(int code)
{
	switch (code) {
	case 0:
		return 0;
	case ECGOTHER:
		return cgroup_get_last_errno() ? cgroup_get_last_errno() : EIO;
	case ECGROUPNOTMOUNTED:
	case ECGROUPSUBSYSNOTMOUNTED:
	case ECGROUPNOTEXIST:
	case ECGROUPVALUENOTEXIST:
		return ENOENT;
	case ECGROUPNOTOWNER:
	case ECGROUPNOTALLOWED:
		return EPERM;
	case ECGEOF:
		return ENODATA;
	default:
		return EIO;
	}
}

static void drop_message(void *userdata, int level, const char *fmt, va_list ap)
{
	(void)userdata, (void)level, (void)fmt, (void)ap;
}

/*
 * Reads the mounts once per process, 0.4 ms, and only in a process that needs it. It would print its messages otherwise: a
 * library does not.
 */
static int ensure_init(void)
{
	_cleanup_free_ char *mount = NULL;

	if (cgroup_get_subsys_mount_point("memory", &mount) != ECGROUPNOTINITIALIZED)
		return 0;
	cgroup_set_logger(drop_message, CGROUP_LOG_ERROR, NULL);
	return errno_of_lib(cgroup_init());
}

int cgroup_lib_create(const char *path, const char *const *controllers, struct err *err)
{
	_cleanup_cgroup_ struct cgroup *group = NULL;
	int code = ensure_init();

	if (code != 0)
		return err_sys(err, code, "start libcgroup");
	group = cgroup_new_cgroup(path);
	if (!group)
		return err_oom(err);
	for (int i = 0; controllers[i]; i++) {
		if (!cgroup_add_controller(group, controllers[i]))
			return err_oom(err);
	}
	/* Ignoring the owner saves a walk over every file: they belong to the caller, root, already. */
	code = errno_of_lib(cgroup_create_cgroup(group, 1));
	return code ? err_sys(err, code, "create the cgroup '%s'", path) : 0;
}

int cgroup_lib_set(const char *path, const char *controller, const char *file, const char *value)
{
	_cleanup_cgroup_ struct cgroup *group = NULL;
	struct cgroup_controller *c;
	int code;

	if (strchr(value, '\n')) /* 3.1 writes nothing of it and reports success */
		return -EINVAL;
	code = ensure_init();
	if (code != 0)
		return -code;
	group = cgroup_new_cgroup(path);
	c = group ? cgroup_add_controller(group, controller) : NULL;
	if (!c || cgroup_add_value_string(c, file, value) != 0)
		return -ENOMEM;
	return -errno_of_lib(cgroup_modify_cgroup(group));
}

int cgroup_lib_get(const char *path, const char *controller, const char *file, char *ret, size_t room)
{
	void *handle = NULL;
	int code = ensure_init();

	if (code != 0)
		return -code;
	ret[0] = '\0';
	code = errno_of_lib(cgroup_read_value_begin(controller, (char *)path, (char *)file, &handle, ret, (int)room));
	/* 3.0 closes what it never opened, when the group has just been removed. */
	if (handle)
		cgroup_read_value_end(&handle);
	ret[strcspn(ret, "\n")] = '\0';
	return -code;
}
