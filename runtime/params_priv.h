/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdint.h>

#include "base/err.h"
#include "runtime/params.h"

/* Kinds of parameters: what is accepted, and how it is written. */

/* params_text.c: checks a value that is not empty; *ret is its one way of writing, which the caller frees. */
int param_parse_text(const struct param *p, const char *text, char **ret, struct err *err) _must_check_;

/* params_number.c: of a value that is not empty; the text is freed by the caller, NULL: no memory. */
int param_parse_number(const struct param *p, const char *text, uint64_t *ret, struct err *err) _must_check_;
char *param_format_number(const struct param *p, uint64_t v) _must_check_;

/* Limits that there can be none of, which is 0 in the configuration. */
bool param_can_be_none(const struct param *p);
