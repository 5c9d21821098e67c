/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any bytes as RUN/NAME/state: what is read can be written and is read back the same. */
#include "fuzz_place.h"

#include "runtime/state.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct place p;
	struct guest_run run, back;
	struct err err = ERR_INIT;

	place_open(&p, STATE_FILE, data, size);

	int r = state_read(p.fd, &run, &err);

	if (r < 0)
		check_err(&err);
	else if (r != 1 || state_write(p.fd, &run, &err) < 0 || state_read(p.fd, &back, &err) != 1 ||
		 run.init.pid != back.init.pid || run.init.start_ticks != back.init.start_ticks ||
		 run.monitor.pid != back.monitor.pid || strcmp(run.boot, back.boot) != 0 || run.ids_first != back.ids_first ||
		 strcmp(run.cgroup, back.cgroup) != 0)
		abort();
	place_close(&p);
	return 0;
}
