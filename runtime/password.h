/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/err.h"

/*
 * A password as crypt(5) has it, by both methods that a guest may understand (see inside_write_password()). Takes some 50 ms, on
 * purpose. Free with password_hashes_free().
 */
struct password_hashes {
	char *yescrypt;
	char *sha512;
};

/* The longest that crypt(3) takes, without its end. */
#define PASSWORD_MAX 511

int password_hash(const char *password, struct password_hashes *ret, struct err *err) _must_check_;
void password_hashes_free(struct password_hashes *hashes);
