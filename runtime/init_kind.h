/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * How each kind of init is asked to power off: by a signal to it, or by a command in the guest.
 */
struct init_kind {
	const char *name;	      /* as in template manifests */
	int stop_signal;	      /* 0: none */
	const char *const *stop_argv; /* NULL: none */
};

/* The row of that name; that of "other" for an unknown one. Never NULL. */
const struct init_kind *init_kind_find(const char *name);
