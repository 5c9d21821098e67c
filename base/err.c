/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/err.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static enum exit_code exit_from_errno(int code)
{
	switch (code) {
	case EPERM:
	case EACCES:
		return EXIT_PERMISSION;
	case ENOSPC:
	case EDQUOT:
		return EXIT_NO_SPACE;
	case ENOMEM:
	case EAGAIN:
	case EMFILE:
	case ENFILE:
		return EXIT_RESOURCES;
	case EINVAL:
	case ERANGE:
		return EXIT_INVALID;
	case ETIMEDOUT:
		return EXIT_TIMEOUT;
	case ENOSYS:
	case EOPNOTSUPP:
		return EXIT_UNSUPPORTED;
	default:
		return EXIT_SYSTEM;
	}
}

/* Names, lines of programs and texts of images come from strangers: none may begin a second line or speak to the terminal. */
static void make_one_line(char *msg)
{
	for (; *msg; msg++) {
		if ((unsigned char)*msg < ' ' || *msg == 0x7f)
			*msg = '?';
	}
}

static int fill(struct err *err, enum exit_code exit, int code, const char *fmt, va_list ap)
{
	if (code <= 0)
		code = EIO;
	if (err) {
		err->code = code;
		err->exit = exit;
		vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
		make_one_line(err->msg);
	}
	return -code;
}

int err_set(struct err *err, int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	int r = fill(err, exit_from_errno(code), code, fmt, ap);
	va_end(ap);
	return r;
}

int err_sys(struct err *err, int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	int r = fill(err, exit_from_errno(code), code, fmt, ap);
	va_end(ap);
	if (err) {
		size_t used = strlen(err->msg);

		snprintf(err->msg + used, sizeof(err->msg) - used, ": %s", strerror(-r));
	}
	return r;
}

int err_exit(struct err *err, enum exit_code exit, int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	int r = fill(err, exit, code, fmt, ap);
	va_end(ap);
	return r;
}

int err_wrap(struct err *err, const char *fmt, ...)
{
	char inner[sizeof(err->msg)];
	va_list ap;

	if (!err)
		return -EIO;
	memcpy(inner, err->msg, sizeof(inner));
	va_start(ap, fmt);
	vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
	va_end(ap);

	size_t used = strlen(err->msg);

	snprintf(err->msg + used, sizeof(err->msg) - used, ": %s", inner);
	make_one_line(err->msg);
	return -err->code;
}
