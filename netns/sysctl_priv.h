/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>

#include "base/err.h"

/*
 * Settings below /proc/sys/net of the caller's network namespace (the kernel shows those of whoever opens them). `path` is below
 * that folder: "ipv4/ip_forward", or with `link` in the place of %s: "ipv6/conf/%s/accept_ra". `link` NULL: none.
 */
#define SYSCTL_NET "/proc/sys/net"

/* One that has the value already is not written: it may be read-only. 0, or a negative errno with a message that names it. */
int sysctl_set(const char *path, const char *link, const char *value, struct err *err) _must_check_;

/* The number in it, or a negative errno (bare: callers decide what a missing one means). */
int sysctl_get(const char *path, const char *link) _must_check_;
