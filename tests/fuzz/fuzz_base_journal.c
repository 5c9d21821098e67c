/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any bytes as a journal: read, refused, or taken for torn and removed; and what was read can be written again. */
#include "fuzz_place.h"

#include "base/journal.h"

static void check_entry(const struct place *p, const struct journal_entry *e)
{
	struct journal_entry back;
	struct err err = ERR_INIT;

	if (journal_done(p->fd, false, &err) < 0)
		abort();
	/* An empty or a blank word is read, though never written. */
	if (journal_begin(p->fd, e->op, e->arg, false, &err) < 0) {
		if (e->op[0])
			abort();
		return;
	}
	for (int i = 0; i < e->n_steps; i++) {
		if (e->steps[i][0] && journal_step(p->fd, e->steps[i], false, &err) < 0)
			abort();
	}
	if (journal_read(p->fd, &back, &err) != 1 || strcmp(back.op, e->op) != 0 || strcmp(back.arg, e->arg) != 0)
		abort();
	for (int i = 0; i < back.n_steps; i++) {
		if (!journal_has_step(e, back.steps[i]))
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct place p;
	struct journal_entry e;
	struct err err = ERR_INIT;

	place_open(&p, JOURNAL_FILE, data, size);

	int r = journal_read(p.fd, &e, &err);

	if (r < 0)
		check_err(&err);
	else if (r == 0 && (path_exists_at(p.fd, JOURNAL_FILE) || memchr(data, '\n', size)))
		abort();
	else if (r == 1)
		check_entry(&p, &e);
	place_close(&p);
	return 0;
}
