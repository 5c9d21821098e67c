/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The ids under which ctctl-unpack and mmdebstrap run: unprivileged on the host and no guest's. systemd's table of ids
 * (UIDS-GIDS.md) keeps 1879048192 and up free of its containers and of everything else, and the ranges of guests (runtime/node.c)
 * end below. No file keeps them: trees are owned by the ids that the guest will see.
 */
#define CONFINE_FIRST_ID 1879048192u
#define CONFINE_ID_COUNT 65536u
