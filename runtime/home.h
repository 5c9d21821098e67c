/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "runtime/node.h"

/*
 * Where the groups of an instance's guests are.
 *
 *   systemd, /sys/fs/cgroup is cgroup2    ctctl.slice/PARENT-guests.service/NAME
 *   any other host                        PARENT/NAME in each hierarchy
 *
 * Where systemd has the unified hierarchy, a group belongs to whom systemd gave it, and it gives away those of units with
 * Delegate=, which a slice cannot have (systemd.resource-control(5), CGROUP_DELEGATION.md). So guests live in a service. It has
 * no process of its own; its start makes the group, and its stop, which is also the host's shutdown, is `ctctl autostart --stop`,
 * however the guests came to run. It is transient: the first start of a guest after the host's boot makes it.
 *
 * /run/PARENT-guests stands as long as all is prepared: a start looks for it and for the group, and asks systemd only where one
 * of them is missing.
 */

/* Does systemd run this host, with the whole of /sys/fs/cgroup as cgroup2? */
bool home_is_by_systemd(void);

/* Finishes cgroup_parent, and sets guests_unit where groups are systemd's. */
int home_name(struct node *node, bool by_systemd, struct err *err) _must_check_;

/*
 * Sees to it that a guest can be started here. By the host's root, who may hold a guest's lock: waits for systemd, at most
 * HOME_TIMEOUT_S, and for others who do. UNSUPPORTED where systemd cannot be reached, TIMEOUT. What a failure leaves is a unit
 * without guests.
 */
#define HOME_TIMEOUT_S 300
int home_open(const struct node *node, struct err *err) _must_check_;

/*
 * All guests are about to be stopped: from now on home_open() asks systemd, which refuses while the unit is being stopped. So a
 * guest that reboots in the host's shutdown is not started into it.
 */
void home_close(const struct node *node);

/*
 * Sees to it that the groups of the instance's unit and of the slice have a memory.low of the sum of what is below them: systemd
 * is told where they have not. After each change of a guest's memory.low, the end of its group included. Nothing happens where
 * home_open() has not been or home_close() has: the next home_open() does it then. As home_open() otherwise.
 */
int home_protect(const struct node *node, struct err *err) _must_check_;
