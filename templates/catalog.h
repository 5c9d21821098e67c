/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "templates/template.h"
#include "templates/version.h"

/* The newest version in the folder of one template. 1 if there is one, 0 if not, or a negative errno. */
int catalog_newest(int name_fd, struct version *ret) _must_check_;
