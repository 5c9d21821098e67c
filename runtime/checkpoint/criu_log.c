/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"
#include "runtime/checkpoint/criu_priv.h"

/* With warnings only it has a few lines. */
#define LOG_MAX (16 << 20)

/* "(00.012345)   1234: Error (criu/files-reg.c:1234): Can't open ...": what stands behind the second colon. */
char *criu_line_reason(const char *line, size_t len)
{
	_cleanup_free_ char *copy = strndup(line, len);
	char *error = copy ? strstr(copy, "Error (") : NULL;
	char *text = error ? strstr(error, "): ") : NULL;

	if (!text)
		return NULL;
	text[strcspn(text, "\n")] = '\0';
	text = str_trim(text + strlen("): "));
	return *text ? strdup(text) : NULL;
}

/* Lines that only say that something failed, which is known by then. */
static bool is_echo(const char *reason)
{
	return strstr(reason, "FAILED.") || strstr(reason, "action scripts failed") || strstr(reason, "exited, status=");
}

char *criu_log_reason(int images_fd, const char *log)
{
	_cleanup_free_ char *text = NULL;
	char *last = NULL;

	if (!log || fd_read_file_at(images_fd, log, LOG_MAX, &text) < 0)
		return NULL;
	for (char *line = text; *line;) {
		size_t len = strcspn(line, "\n");
		char *reason = criu_line_reason(line, len);

		if (reason && !(last && is_echo(reason))) {
			free(last);
			last = TAKE_PTR(reason);
		}
		free(reason);
		line += len + (line[len] == '\n');
	}
	return last;
}

bool criu_log_is_passing(int images_fd, const char *log)
{
	_cleanup_free_ char *text = NULL;
	const char *line;
	size_t len;

	if (!log || fd_read_file_at(images_fd, log, LOG_MAX, &text) < 0)
		return false;
	line = strstr(text, "error parsing [inotify wd:");
	if (!line)
		return false;
	len = strcspn(line, "\n");
	return !memmem(line, len, "fhandle-bytes:", strlen("fhandle-bytes:"));
}
