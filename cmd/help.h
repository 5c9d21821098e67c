/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdio.h>

#include "base/err.h"
#include "cmd/command.h"

/* Help, generated from the tables. No line is longer than HELP_WIDTH columns. */
#define HELP_WIDTH 100

/* "ctctl create NAME TEMPLATE [options]", which the caller frees; NULL when there is no memory. */
char *help_usage(const struct command *command) _must_check_;

void help_command(FILE *out, const struct command *command);
void help_group(FILE *out, const char *group);
void help_program(FILE *out);
