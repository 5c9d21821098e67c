/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "cmd/app.h"
#include "cmd/parse.h"
#include "runtime/password.h"

/* What is to be kept from the command line, or comes from a file that it names. */

/*
 * The new password: asked for twice at the terminal, without showing it, or the first line of a standard input that is none. The
 * caller overwrites `room` when it is done with it. INVALID if it is empty or too long, or the two are not the same.
 */
int secrets_read_password(struct app *app, const char *user, char room[PASSWORD_MAX + 1], struct err *err) _must_check_;

/*
 * The keys of every --ssh-key, each a key itself or a file of them, checked, a line each; "" where they say that there is to be
 * none. The caller frees *ret.
 */
int secrets_read_keys(const struct request *request, char **ret, struct err *err) _must_check_;
