/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "base/str.h"
#include "runtime/guest_priv.h"
#include "runtime/inside_priv.h"

/* Only where there is a file: a guest without systemd has no machine-id, and needs none. One that is a link is left alone. */
static int replace_line(int etc, const char *name, const char *line, mode_t mode)
{
	_cleanup_free_ char *text = str_printf("%s\n", line);
	struct stat st;
	ssize_t n = text ? inside_read(etc, name, INSIDE_TEXT_MAX, NULL, &st) : -ENOMEM;

	if (n < 0)
		return n == -ENOENT || n == -ELOOP ? 0 : (int)n;
	return inside_replace(etc, name, text, &st, mode);
}

int inside_write_identity(int root_fd, const char *machine_id, const char *hostname, struct err *err)
{
	_cleanup_fd_ int etc = inside_open_dir(root_fd, "etc", false);
	size_t len = strcspn(machine_id, "\n");
	_cleanup_free_ char *id = strndup(machine_id, len);
	int r, next;

	if (etc < 0)
		return etc == -ENOENT ? 0 : err_sys(err, -etc, "open '/etc' of the guest");
	if (!id)
		return err_oom(err);
	r = replace_line(etc, "machine-id", id, 0444);
	next = replace_line(etc, "hostname", hostname, 0644);
	if (r < 0)
		return err_sys(err, -r, "write '/etc/machine-id'");
	return next < 0 ? err_sys(err, -next, "write '/etc/hostname'") : 0;
}

static int write_inside(void *context, struct err *err)
{
	_cleanup_fd_ int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (root < 0)
		return err_sys(err, errno, "open the guest's root");
	inside_start_write(context, root);
	return 0;
}

static int write_copy(const struct guest *guest, const struct net_plans *plans, struct err *err)
{
	_cleanup_(inside_start_close) struct inside_start start = INSIDE_START_INIT;
	struct guest_run run;
	int r = guest_get_run(guest, &run, err);

	if (r <= 0)
		return r;
	r = inside_start_open(guest, plans, &start, err);
	if (r == 0)
		r = inside_run(guest, &run, write_inside, &start, err);
	if (r == 0)
		inside_start_done(guest, &start);
	return r;
}

void inside_write_copy(const struct guest *guest, const struct net_plans *plans)
{
	struct err err = ERR_INIT;

	if (path_exists_at(guest->dir_fd, PENDING_MACHINE_ID) && write_copy(guest, plans, &err) < 0)
		log_warning(guest->node->log, "guest '%s': its files do not say yet who it is: its next start writes that: %s",
			    guest->name, err.msg);
}
