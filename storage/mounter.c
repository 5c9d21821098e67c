/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "storage/mounter_priv.h"

#include <errno.h>
#include <linux/securebits.h>
#include <signal.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <unistd.h>

/* setfsuid(2) reports no failure: it returns the previous id, and an id that is no id (-1) changes nothing. */
static int set_fs_ids(uid_t uid, gid_t gid)
{
	setfsgid(gid);
	setfsuid(uid);
	return setfsuid((uid_t)-1) == (int)uid && setfsgid((gid_t)-1) == (int)gid ? 0 : -EPERM;
}

static int become(const struct mounter *saved, uid_t uid)
{
	if (prctl(PR_SET_SECUREBITS, saved->securebits | SECBIT_NO_SETUID_FIXUP) < 0)
		return -errno;
	return set_fs_ids(uid, (gid_t)uid);
}

static int go_back(const struct mounter *saved)
{
	int ids = set_fs_ids(saved->fsuid, saved->fsgid);
	int bits = prctl(PR_SET_SECUREBITS, saved->securebits) < 0 ? -errno : 0;

	if (saved->dumpable == 1)
		prctl(PR_SET_DUMPABLE, 1);
	if (saved->death_signal) {
		prctl(PR_SET_PDEATHSIG, saved->death_signal);
		if (getppid() != saved->parent)
			kill(getpid(), saved->death_signal);
	}
	return ids < 0 ? ids : bits;
}

int mounter_enter(struct mounter *saved, uid_t uid, struct err *err)
{
	*saved = (struct mounter){
		.securebits = prctl(PR_GET_SECUREBITS),
		.dumpable = prctl(PR_GET_DUMPABLE),
		.parent = getppid(),
		.fsuid = (uid_t)setfsuid((uid_t)-1),
		.fsgid = (gid_t)setfsgid((gid_t)-1),
	};
	if (saved->securebits < 0 || prctl(PR_GET_PDEATHSIG, &saved->death_signal) < 0)
		return err_sys(err, errno, "read the process's own attributes");

	int r = become(saved, uid);

	if (r < 0) {
		go_back(saved);
		return err_sys(err, -r, "take the identity of the guest's root (%u) to mount for it", uid);
	}
	return 0;
}

int mounter_leave(const struct mounter *saved, struct err *err)
{
	int r = go_back(saved);

	return r < 0 ? err_sys(err, -r, "give up the identity of the guest's root after mounting for it") : 0;
}
