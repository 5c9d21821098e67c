/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <sys/capability.h>
#include <sys/prctl.h>

#include "base/cleanup.h"
#include "templates/unpack/confine.h"

int confine_caps(struct err *err)
{
	/*
	 * What chown, files in others' folders, chmod and utime of others' files, set-group-ID modes, and file capabilities need.
	 */
	static const cap_value_t kept[] = { CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FOWNER, CAP_FSETID, CAP_SETFCAP };
	int r = 0;

	for (cap_value_t c = 0; CAP_IS_SUPPORTED(c) && r == 0; c++)
		r = cap_drop_bound(c) < 0 ? -errno : 0;

	cap_t caps = cap_init(); /* empty */

	if (r == 0 && (!caps || cap_set_flag(caps, CAP_PERMITTED, ARRAY_SIZE(kept), kept, CAP_SET) < 0 ||
		       cap_set_flag(caps, CAP_EFFECTIVE, ARRAY_SIZE(kept), kept, CAP_SET) < 0 || cap_set_proc(caps) < 0))
		r = -errno;
	if (caps)
		cap_free(caps);
	if (r == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		r = -errno;
	return r < 0 ? err_sys(err, -r, "drop capabilities") : 0;
}
