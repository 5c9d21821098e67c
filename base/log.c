/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/log.h"

#include <stdio.h>

void log_write(const struct log *log, enum log_level level, const char *fmt, ...)
{
	char line[512];
	va_list ap;

	if (!log || !log->write)
		return;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	log->write(log->context, level, line);
}
