/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/err.h"

/*
 * What an operation wants to say while it works. A library never prints: it calls the sink that its caller gave, cmd/ decides
 * what reaches the terminal. NULL is a valid sink and drops everything.
 */
enum log_level {
	LOG_LEVEL_DETAIL,   /* only with --verbose: a line of a program that we run */
	LOG_LEVEL_PROGRESS, /* a step of something that takes more than a second */
	LOG_LEVEL_NOTICE,   /* something was done that was not asked for: an interrupted start was undone */
	LOG_LEVEL_WARNING,  /* done, but not all of it, or not as well as it could be */
};

struct log {
	void (*write)(void *context, enum log_level level, const char *line);
	void *context;
};

void log_write(const struct log *log, enum log_level level, const char *fmt, ...) _printf_(3, 4);

#define log_detail(log, ...)   log_write(log, LOG_LEVEL_DETAIL, __VA_ARGS__)
#define log_progress(log, ...) log_write(log, LOG_LEVEL_PROGRESS, __VA_ARGS__)
#define log_notice(log, ...)   log_write(log, LOG_LEVEL_NOTICE, __VA_ARGS__)
#define log_warning(log, ...)  log_write(log, LOG_LEVEL_WARNING, __VA_ARGS__)
