/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/guest.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/lock.h"
#include "base/path.h"
#include "base/str.h"
#include "runtime/guest_priv.h"

int guest_new(const struct node *node, const char *name, struct guest **ret, struct err *err)
{
	int r = str_check_name("guest", name, err);

	if (r < 0)
		return r;

	_cleanup_guest_ struct guest *guest = calloc(1, sizeof(*guest));

	if (!guest)
		return err_oom(err);
	guest->node = node;
	guest->dir_fd = guest->run_fd = guest->lock_fd = -EBADF;
	if (str_copy(guest->name, sizeof(guest->name), name) < 0)
		return err_set(err, ENAMETOOLONG, "guest name '%s' is too long", name);
	r = config_init(&guest->config, err);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(guest);
	return 0;
}

static int open_dir(struct guest *guest, struct err *err)
{
	_cleanup_free_ char *path = str_printf("%s/%s", guest->node->guests_dir, guest->name);

	if (!path)
		return err_oom(err);
	guest->dir_fd = path_open_dir(AT_FDCWD, path, O_RDONLY | O_NOFOLLOW);
	if (guest->dir_fd == -ENOENT)
		return err_exit(err, EXIT_NO_GUEST, ENOENT, "no guest '%s': see ctctl list", guest->name);
	return guest->dir_fd < 0 ? err_sys(err, -guest->dir_fd, "open '%s'", path) : 0;
}

int guest_open_run(struct guest *guest, struct err *err)
{
	_cleanup_fd_ int run = path_open_dir(AT_FDCWD, guest->node->run_dir, O_PATH);

	fd_close(&guest->run_fd);
	guest->run_fd = run < 0 ? run : path_make_dir_at(run, guest->name, 0700);
	return guest->run_fd < 0 ? err_sys(err, -guest->run_fd, "open '%s/%s'", guest->node->run_dir, guest->name) : 0;
}

int guest_open(const struct node *node, const char *name, struct guest **ret, struct err *err)
{
	_cleanup_guest_ struct guest *guest = NULL;
	int r = guest_new(node, name, &guest, err);

	if (r == 0)
		r = open_dir(guest, err);
	if (r == 0)
		r = guest_load(guest, err);
	if (r < 0)
		return r;

	/* A guest that was never started since the host booted has no run folder: a reader does not make one. */
	_cleanup_free_ char *run = str_printf("%s/%s", node->run_dir, name);

	if (!run)
		return err_oom(err);
	guest->run_fd = path_open_dir(AT_FDCWD, run, O_RDONLY | O_NOFOLLOW);
	if (guest->run_fd < 0 && guest->run_fd != -ENOENT)
		return err_sys(err, -guest->run_fd, "open '%s'", run);
	*ret = TAKE_PTR(guest);
	return 0;
}

/*
 * How often a lock is asked for that is just coming or going: a holder who has not yet noted himself is given a millisecond each
 * time.
 */
#define LOCK_TRIES 100

/* Is it a monitor's last act that holds the lock? Then waits for its end, and says whether to try again. */
static bool outlast_monitor(const struct guest *guest, int *tries)
{
	char note[64], verb[32];
	struct proc_id holder;
	int pid;

	if (!lock_is_held(guest->run_fd, GUEST_LOCK_FILE, note, sizeof(note)))
		return true;
	/* Between taking the lock and noting it, the holder is nobody, or seems to be the one before, who was killed. */
	if (sscanf(note, "%d %31s", &pid, verb) != 2 || proc_identify(pid, &holder) < 0)
		return ++*tries < LOCK_TRIES && poll(NULL, 0, 1) == 0;
	if (strcmp(verb, VERB_EXIT) != 0 && strcmp(verb, VERB_REBOOT) != 0)
		return false;

	_cleanup_fd_ int pidfd = proc_open(&holder);

	return pidfd < 0 || proc_wait_pidfd(pidfd, MONITOR_ACT_TIMEOUT_MS) == 0;
}

int guest_lock(struct guest *guest, const char *verb, bool wait, struct err *err)
{
	_cleanup_free_ char *what = str_printf("guest '%s'", guest->name);
	int tries = 0;

	if (!what)
		return err_oom(err);
	for (;;) {
		int r = guest_open_run(guest, err);

		/* It was there to be opened, and was removed before it was. */
		if (r == -ENOENT && ++tries < LOCK_TRIES)
			continue;
		if (r < 0)
			return r;
		guest->lock_fd = lock_take(guest->run_fd, GUEST_LOCK_FILE, what, verb, wait, err);
		if (guest->lock_fd == -EBUSY && outlast_monitor(guest, &tries))
			continue;
		/* Its folder was removed, by a destroy, between opening it and locking in it: take the new one's. */
		if (guest->lock_fd != -ENOENT)
			return guest->lock_fd < 0 ? guest->lock_fd : 0;
	}
}

/* Is there a run folder of that name? */
static bool has_run(const struct guest *guest)
{
	_cleanup_fd_ int run = path_open_dir(AT_FDCWD, guest->node->run_dir, O_PATH);

	return run >= 0 && path_exists_at(run, guest->name);
}

/*
 * A run folder without a guest is what a destroy or a rename has left that was killed in its last step: it goes. But neither
 * leaves a guest that runs: then an administrator has moved its folder, or what it is on is not mounted. Without its run folder
 * nobody could end the guest any more.
 */
static int remove_stray_run(struct guest *guest, struct err *err)
{
	struct err ignored = ERR_INIT;
	struct guest_run run;
	int alive = guest_get_run(guest, &run, err);

	if (alive > 0)
		return err_exit(err, EXIT_RECOVERY, ESTALE, "guest '%s' runs but its folder '%s/%s' is gone: put it back",
				guest->name, guest->node->guests_dir, guest->name);
	if (alive == 0)
		(void)!guest_remove_run(guest, &ignored);
	return alive;
}

int guest_acquire(const struct node *node, const char *name, const char *verb, bool wait, struct guest **ret, struct err *err)
{
	_cleanup_guest_ struct guest *guest = NULL;
	int r = guest_new(node, name, &guest, err);

	/* Looked at first, so that a misspelt name leaves no run folder behind; and again under the lock. */
	if (r == 0)
		r = open_dir(guest, err);
	if (r < 0 && (r != -ENOENT || !guest || !has_run(guest)))
		return r;
	fd_close(&guest->dir_fd);
	r = guest_lock(guest, verb, wait, err);
	if (r == 0)
		r = open_dir(guest, err);
	if (r == -ENOENT) {
		int stray = remove_stray_run(guest, err);

		return stray < 0 ? stray : r;
	}
	if (r == 0)
		*ret = TAKE_PTR(guest);
	return r;
}

int guest_remove_run(struct guest *guest, struct err *err)
{
	_cleanup_fd_ int run = path_open_dir(AT_FDCWD, guest->node->run_dir, O_RDONLY);
	int r = run < 0 ? run : path_empty_but(guest->run_fd, GUEST_LOCK_FILE);

	/*
	 * The lock goes when there is nothing else to remove: from here on somebody who comes for it may make one of his own in
	 * there and have what we held. Then the folder is his, and so is all that he puts into it.
	 */
	if (r == 0 && unlinkat(guest->run_fd, GUEST_LOCK_FILE, 0) < 0 && errno != ENOENT)
		r = -errno;
	if (r == 0 && unlinkat(run, guest->name, AT_REMOVEDIR) < 0 && errno != ENOENT && errno != ENOTEMPTY)
		r = -errno;
	return r < 0 ? err_sys(err, -r, "remove '%s/%s'", guest->node->run_dir, guest->name) : 0;
}

void guest_close(struct guest *guest)
{
	if (!guest)
		return;
	config_free(&guest->config);
	fd_close(&guest->dir_fd);
	fd_close(&guest->run_fd);
	fd_close(&guest->lock_fd);
	free(guest);
}

int guest_each(const struct node *node, int (*each)(void *context, const char *name), void *context, struct err *err)
{
	_cleanup_dir_ DIR *dir = opendir(node->guests_dir);
	struct err ignored = ERR_INIT;

	if (!dir)
		return err_sys(err, errno, "read '%s'", node->guests_dir);
	for (struct dirent *e = readdir(dir); e; e = readdir(dir)) {
		if (str_check_name("guest", e->d_name, &ignored) < 0)
			continue;

		int r = each(context, e->d_name);

		if (r < 0)
			return r;
	}
	return 0;
}

char *guest_cgroup_path(const struct guest *guest)
{
	return str_printf("%s/%s", guest->node->cgroup_parent, guest->name);
}

char *guest_run_cgroup(const struct guest *guest)
{
	struct err ignored = ERR_INIT;
	struct guest_run run;

	if (guest->run_fd >= 0 && state_read(guest->run_fd, &run, &ignored) == 1 && run.cgroup[0])
		return strdup(run.cgroup);
	return guest_cgroup_path(guest);
}

void guest_link_name(const struct guest *guest, unsigned int slot, char room[LINK_NAME_ROOM])
{
	static const char digits[] = "0123456789abcdefghijklmnopqrstuv";
	size_t used = 0;

	room[used++] = 'c';
	room[used++] = 't';
	for (const char *p = guest->config.uuid; p && *p && used < 14; p++) {
		if (*p != '-')
			room[used++] = *p;
	}
	room[used++] = digits[slot % (sizeof(digits) - 1)];
	room[used] = '\0';
}
