/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/err.h"
#include "runtime/node.h"

/* ctctl.conf: what it says goes over the defaults that node_open() has put there. A missing file is fine. */
int node_read_conf(struct node *node, struct err *err) _must_check_;
