/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/checkpoint/resume.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "base/journal.h"
#include "base/str.h"
#include "runtime/checkpoint/nursery.h"
#include "runtime/guest_priv.h"
#include "runtime/operations.h"

void resume_close(struct resume *resume)
{
	checkpoint_manifest_free(&resume->manifest);
	cleanup_fd(&resume->images_fd);
	*resume = RESUME_INIT;
}

/* What it was saved with, it has to be restored with. */
static int check_same(const struct guest *guest, const struct checkpoint_manifest *manifest, struct err *err)
{
	const struct guest_config *c = &guest->config;
	const char *what = NULL;
	uint64_t ids;

	if (strcmp(manifest->uuid, c->uuid) != 0)
		what = "uuid";
	else if (strcmp(manifest->template_ref, c->template_ref) != 0)
		what = "template";
	else if (str_to_u64(c->ids, UINT32_MAX, &ids) < 0 || ids != manifest->ids_first)
		what = "ids";
	if (!what)
		return 0;
	return err_exit(err, EXIT_RESTORE, ESTALE,
			"guest '%s' was suspended with another '%s' than its " CONF_FILE
			" has now: put that back, or ctctl start %s --discard-checkpoint",
			guest->name, what, guest->name);
}

int resume_open(const struct guest *guest, struct resume *ret, struct err *err)
{
	*ret = RESUME_INIT;
	ret->images_fd = checkpoint_open(guest, &ret->manifest, err);

	int r = ret->images_fd < 0 ? ret->images_fd : check_same(guest, &ret->manifest, err);

	if (r < 0)
		resume_close(ret);
	return r;
}

int resume_settle(struct guest *guest, struct err *err)
{
	struct guest_run run;
	int r = nursery_close(guest, err);
	int alive = r < 0 ? r : guest_get_run(guest, &run, err);

	if (alive > 0) {
		r = checkpoint_discard(guest, err);
		if (r == 0 && !proc_is_alive(&run.monitor))
			r = guest_adopt(guest, &run, err);
	} else {
		r = alive < 0 ? alive : guest_cleanup_run(guest, err);
	}
	if (r == 0)
		r = journal_done(guest->run_fd, false, err);
	return r < 0 ? err_wrap(err, "settle an interrupted resume of guest '%s'", guest->name) : alive;
}
