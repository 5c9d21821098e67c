/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "templates/template.h"

/*
 * Finds out what a tree is: distribution and release (os-release), the default init and its kind, the architecture (ELF header of
 * the init or of /bin/sh). Fills distribution, release, arch, init and init_path. BAD_TEMPLATE if there is no init, or none that
 * this host can run.
 */
int detect_tree(int tree_fd, struct template_manifest *m, struct err *err) _must_check_;

/* The architecture of this host, as dpkg says; "" if it is not one that we know. */
const char *detect_host_arch(void);
