/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "templates/recipe.h"
#include "templates/staging.h"
#include "templates/template.h"

/*
 * The ways in which files come into the tree of a staging folder. Each leaves them owned as the guest will see them; what is left
 * behind by a failure goes with the staging folder.
 */
struct fill {
	const struct template_build_spec *spec;
	const struct recipe *recipe; /* NULL for an import */
	const struct staging *staging;
	const struct log *log;
};

/* kind = busybox: the host's static busybox with a link for each of its applets. Needs no network. */
int fill_busybox(const struct fill *f, struct err *err) _must_check_;

/*
 * kind = mmdebstrap: Debian's packages, installed by mmdebstrap in a user namespace of its own; its archive goes the way of an
 * import.
 */
int fill_mmdebstrap(const struct fill *f, struct err *err) _must_check_;

/*
 * Unpacks an archive of strangers (a readable descriptor) by the confined program ctctl-unpack. `shown` names it in messages.
 * What cannot be in a template is BAD_TEMPLATE and the message names the entry; what was left out (device nodes) is a notice.
 */
int fill_archive(const struct fill *f, int archive_fd, const char *shown, struct err *err) _must_check_;
