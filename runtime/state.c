/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/state.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"

#define STATE_SIZE_MAX 4096

int state_write(int run_fd, const struct guest_run *run, struct err *err)
{
	_cleanup_free_ char *text = str_printf("init %d %" PRIu64 "\nmonitor %d %" PRIu64 "\nboot %s\nstarted %" PRIu64
					       "\nfeatures %" PRIu64 "\nids %" PRIu64 "\n",
					       run->init.pid, run->init.start_ticks, run->monitor.pid, run->monitor.start_ticks,
					       run->boot, run->started_at, run->features, run->ids_first);

	if (!text)
		return err_oom(err);
	return fd_replace_file_at(run_fd, STATE_FILE, text, strlen(text), false, err);
}

int state_read(int run_fd, struct guest_run *ret, struct err *err)
{
	_cleanup_free_ char *text = NULL;
	ssize_t n = fd_read_file_at(run_fd, STATE_FILE, STATE_SIZE_MAX, &text);

	if (n == -ENOENT)
		return 0;
	if (n < 0)
		return err_sys(err, (int)-n, "read the state");
	*ret = (struct guest_run){ 0 };

	int got = sscanf(text,
			 "init %d %" SCNu64 " monitor %d %" SCNu64 " boot %32s started %" SCNu64 " features %" SCNu64
			 " ids %" SCNu64,
			 &ret->init.pid, &ret->init.start_ticks, &ret->monitor.pid, &ret->monitor.start_ticks, ret->boot,
			 &ret->started_at, &ret->features, &ret->ids_first);

	if (got != 8)
		return err_exit(err, EXIT_RECOVERY, EBADMSG,
				"the file '" STATE_FILE "' in the guest's run folder is damaged: expected 8 values, found %d",
				got);
	return 1;
}
