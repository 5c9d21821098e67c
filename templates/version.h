/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdint.h>

#include "base/err.h"
#include "templates/template.h"

/* A version YYYYMMDD.N: comparable, so that 20260101.10 comes after 20260101.9. */
struct version {
	uint32_t day; /* 20260131 */
	uint32_t n;   /* counts from 1 on each day */
};

/* Reads exactly that form, without leading zeros in N. 0 or -EINVAL. */
int version_parse(const char *s, struct version *ret) _must_check_;

/* Negative, 0 or positive, as strcmp(). */
int version_compare(const struct version *a, const struct version *b);

void version_format(const struct version *v, char room[TEMPLATE_VERSION_ROOM]);

/*
 * The version to give to what is published now (UTC): later than `newest` (NULL: there is none), also when the clock went back,
 * because the newest is what a reference without a version means.
 */
struct version version_next(const struct version *newest, int64_t now_seconds);

/* The newest version among the names in a folder: 1 and it, 0 if there is none, or a negative errno. */
int version_newest_in(int dir_fd, struct version *ret) _must_check_;
