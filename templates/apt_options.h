/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stddef.h>

#include "base/err.h"

/*
 * What of this host's way to the mirror a bootstrap needs as well: its proxies, from apt's own configuration and from the
 * environment of root's command line. Nothing of it stays in the template (mmdebstrap writes the options into a file that the
 * recipe removes).
 */
#define APT_OPTIONS_MAX 8

struct apt_options {
	const char *args[APT_OPTIONS_MAX]; /* "--aptopt=..." */
	size_t n_args;
	const char *env[APT_OPTIONS_MAX + 1]; /* "http_proxy=...", NULL-terminated */
	size_t n_env;
};

/* Reads them by apt-config; `extra_env` (borrowed) comes first in `env`. */
int apt_options_read(struct apt_options *ret, const char *extra_env, struct err *err) _must_check_;
void apt_options_free(struct apt_options *o);
#define _cleanup_apt_options_ __attribute__((cleanup(apt_options_free)))
