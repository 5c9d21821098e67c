/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdint.h>

#include "runtime/home.h"

/* "/run/ctctl-guests". The caller frees; NULL when there is no memory. */
char *home_marker(const struct node *node) _must_check_;

/* Is the group of the guests' unit there? One that is being stopped loses it before its marker. */
bool home_has_group(const struct node *node);

/* The slice that all instances share. */
#define HOME_SLICE "ctctl.slice"

/* What home.c asks of systemd, over D-Bus; home_systemd.c. */

/* Is there a bus with systemd on it? Changes nothing. */
int home_systemd_probe(const struct node *node, struct err *err) _must_check_;

/* Makes the unit, or starts it, and waits for it; its group stands afterwards. One caller at a time. */
int home_systemd_start(const struct node *node, struct err *err) _must_check_;

/*
 * Sets MemoryLow=, in bytes, of the guests' unit or of the slice. It is in the kernel on return, and stays over a daemon-reload:
 * that of the unit as long as there is the unit, that of the slice until the host's next boot.
 */
int home_systemd_set_low(const struct node *node, const char *unit, uint64_t low, struct err *err) _must_check_;
