/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/secrets.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "runtime/ssh_keys.h"

#define KEY_FILE_MAX (256 << 10)

#define CTRL_C 3

/* Up to the end of the line or of the input, one byte at a time: what comes behind it is not ours. -EOVERFLOW past the room. */
static ssize_t read_line(int fd, char *room, size_t size)
{
	size_t n = 0;

	for (;;) {
		char c;
		ssize_t got = read(fd, &c, 1);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0 || c == '\n')
			break;
		if (c == CTRL_C)
			return -EINTR;
		if (n + 1 == size)
			return -EOVERFLOW;
		room[n++] = c;
	}
	room[n] = '\0';
	return strlen(room) == n ? (ssize_t)n : -EILSEQ;
}

static int explain(ssize_t code, struct err *err)
{
	if (code == -EINTR)
		return err_exit(err, EXIT_FAILED, EINTR, "interrupted: the password is as it was");
	if (code == -EOVERFLOW || code == -EILSEQ)
		return err_exit(err, EXIT_INVALID, EINVAL, "the password: expected one line of at most %d bytes", PASSWORD_MAX);
	return err_sys(err, (int)-code, "read the password");
}

/* Ctrl-C ends the line as a character: a signal would leave the terminal without echo. */
static ssize_t ask(struct app *app, const char *prompt, char *room, size_t size)
{
	struct termios old, quiet;

	if (tcgetattr(STDIN_FILENO, &old) < 0)
		return -errno;
	quiet = old;
	quiet.c_lflag &= ~(tcflag_t)(ECHO | ISIG);
	quiet.c_lflag |= ICANON;
	quiet.c_cc[VEOL] = CTRL_C;
	fputs(prompt, app->err_out);
	fflush(app->err_out);
	if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet) < 0)
		return -errno;

	ssize_t n = read_line(STDIN_FILENO, room, size);

	(void)!tcsetattr(STDIN_FILENO, TCSAFLUSH, &old);
	fputc('\n', app->err_out);
	return n;
}

static int ask_twice(struct app *app, const char *user, char *room, size_t size, struct err *err)
{
	char again[PASSWORD_MAX + 1] = "";
	_cleanup_free_ char *prompt = str_printf("New password of %s: ", user);
	ssize_t n = prompt ? ask(app, prompt, room, size) : -ENOMEM;
	bool is_same;

	if (n > 0)
		n = ask(app, "The same again: ", again, sizeof(again));
	is_same = strcmp(room, again) == 0;
	explicit_bzero(again, sizeof(again));
	if (n < 0)
		return explain(n, err);
	if (*room && !is_same)
		return err_exit(err, EXIT_INVALID, EINVAL, "the two are not the same: the password is as it was");
	return 0;
}

int secrets_read_password(struct app *app, const char *user, char room[PASSWORD_MAX + 1], struct err *err)
{
	int r = 0;

	if (isatty(STDIN_FILENO)) {
		r = ask_twice(app, user, room, PASSWORD_MAX + 1, err);
	} else {
		ssize_t n = read_line(STDIN_FILENO, room, PASSWORD_MAX + 1);

		r = n < 0 ? explain(n, err) : 0;
	}
	if (r == 0 && !*room)
		r = err_exit(err, EXIT_INVALID, EINVAL, "the password is empty: expected one line on standard input");
	return r;
}

/* Root's own choice of a path; what is there must still end. */
static int read_key_file(const char *path, char **ret, struct err *err)
{
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	int code = fd < 0 ? errno : 0;
	_cleanup_free_ char *text = malloc(KEY_FILE_MAX + 1);
	size_t len = 0;
	ssize_t n = 1;

	if (!text)
		return err_oom(err);
	if (fd < 0)
		return err_exit(err, EXIT_INVALID, code, "--ssh-key '%.60s': expected a public key, or a file of them: %s", path,
				strerror(code));
	while (n > 0 && len < KEY_FILE_MAX) {
		n = read(fd, text + len, KEY_FILE_MAX - len);
		if (n > 0)
			len += (size_t)n;
	}
	if (n < 0)
		return err_sys(err, errno, "read '%s'", path);
	text[len] = '\0';
	if (n > 0 || strlen(text) != len)
		return err_exit(err, EXIT_INVALID, EFBIG, "--ssh-key '%s': expected a text of less than 256K", path);
	*ret = TAKE_PTR(text);
	return 0;
}

static int add_keys(const char *value, struct strbuf *b, struct err *err)
{
	_cleanup_free_ char *text = NULL, *keys = NULL;
	_cleanup_free_ char *what = str_printf("--ssh-key '%.40s'", value);
	bool is_file = !ssh_key_is_one(value);
	int r = is_file ? read_key_file(value, &text, err) : 0;

	if (r == 0)
		r = what ? ssh_keys_check(what, is_file ? text : value, &keys, err) : err_oom(err);
	if (r < 0)
		return r;
	if (str_is_empty(keys))
		return err_exit(err, EXIT_INVALID, EINVAL, "%s: no key in it", what);
	strbuf_add(b, keys);
	return 0;
}

int secrets_read_keys(const struct request *request, char **ret, struct err *err)
{
	struct strbuf b = { 0 };

	strbuf_add(&b, "");
	for (size_t i = 0; i < request->n_keys; i++) {
		int r = *request->keys[i] ? add_keys(request->keys[i], &b, err) : 0;

		if (r < 0) {
			strbuf_free(&b);
			return r;
		}
	}
	*ret = strbuf_take(&b);
	return *ret ? 0 : err_oom(err);
}
