/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/err.h"

/*
 * The nameservers of a guest: a NULL-terminated list of addresses, which the caller frees with resolver_free(); empty if nothing
 * is known that works. `configured` is the guest's parameter, a list of addresses; without it (NULL) they are the host's, from
 * /etc/resolv.conf below `root_fd`, but those that only the host reaches, on its loopback; where that is systemd-resolved's, the
 * ones behind it, from its own file.
 */
int resolver_find(int root_fd, const char *configured, char ***ret, struct err *err) _must_check_;
void resolver_free(char **list);

/*
 * "a.example, b.example" with one blank between; at least one, and only what can be in a domain's name. -EINVAL. The caller
 * frees *ret.
 */
int resolver_search(const char *text, char **ret, struct err *err) _must_check_;
