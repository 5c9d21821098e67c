/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdint.h>

#include "base/err.h"

/* SHA-256 of files, by libmd. */
#define DIGEST_ROOM 65

/* The digest of all bytes of an open file from its beginning, in hexadecimal, and how many there are. 0 or a negative errno. */
int digest_file(int fd, char ret_hex[DIGEST_ROOM], uint64_t *ret_bytes) _must_check_;
