/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>

#include "base/err.h"

/* Does it begin as a public key does, with the name of a type and a blank? */
bool ssh_key_is_one(const char *text);

/*
 * The keys in a text as authorized_keys(5) and *.pub have them, a line each, comments and empty lines left out. Each must be
 * "TYPE BASE64 [COMMENT]", of a type that OpenSSH accepts, the base64 being of that type; options before it are refused. `what`
 * names the text in messages. INVALID. The caller frees *ret, "" if there is none.
 */
int ssh_keys_check(const char *what, const char *text, char **ret, struct err *err) _must_check_;
