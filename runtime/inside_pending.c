/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/str.h"
#include "runtime/guest_priv.h"
#include "runtime/inside_priv.h"
#include "runtime/password.h"
#include "runtime/ssh_keys.h"

/* Lines of a file of ours, "USER:...". */
#define PENDING_MAX (4 << 20)

int inside_pending_read(const struct guest *guest, const char *file, char **ret, struct err *err)
{
	ssize_t n = fd_read_file_at(guest->dir_fd, file, PENDING_MAX, ret);

	if (n == -ENOENT) {
		*ret = NULL;
		return 0;
	}
	return n < 0 ? err_sys(err, (int)-n, "read '%s' of guest '%s'", file, guest->name) : 0;
}

static bool is_of_user(const char *line, const char *user)
{
	size_t len = strlen(user);

	return strncmp(line, user, len) == 0 && line[len] == ':';
}

static const char *line_behind(const char *line)
{
	const char *end = strchr(line, '\n');

	return end ? end + 1 : line + strlen(line);
}

/* The lines of this user give way to `lines`. */
static int put_pending(const struct guest *guest, const char *file, const char *user, const char *lines, struct err *err)
{
	_cleanup_free_ char *old = NULL;
	struct strbuf b = { 0 };
	int r = inside_pending_read(guest, file, &old, err);

	if (r < 0)
		return r;
	for (const char *line = old ? old : ""; *line; line = line_behind(line)) {
		if (!is_of_user(line, user))
			strbuf_add_bytes(&b, line, (size_t)(line_behind(line) - line));
	}
	strbuf_add(&b, lines);

	_cleanup_free_ char *text = strbuf_take(&b);

	if (!text)
		return err_oom(err);
	r = fd_replace_file_at(guest->dir_fd, file, text, strlen(text), true, err);
	return r < 0 ? err_wrap(err, "guest '%s'", guest->name) : 0;
}

int inside_pending_remove(const struct guest *guest, const char *file)
{
	return unlinkat(guest->dir_fd, file, 0) < 0 && errno != ENOENT ? -errno : 0;
}

/* Those of passwd(5) and shadow(5) as adduser(8) takes them, so that no separator of a file is in one. */
static int check_user(const char *user, struct err *err)
{
	size_t len = strlen(user);

	if (len == 0 || len > 32 || user[0] == '-' || (user[0] >= '0' && user[0] <= '9') ||
	    user[strspn(user, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")])
		return err_exit(err, EXIT_INVALID, EINVAL,
				"user '%.40s': expected a name of letters, digits, dots, - and _, of at most 32 characters",
				user);
	return 0;
}

/* What is to be done in a guest that runs. */
struct change {
	const char *user;
	const char *keys; /* NULL: it is the password */
	struct password_hashes hashes;
};

static int change_inside(void *context, struct err *err)
{
	const struct change *change = context;
	const struct inside_hashes hashes = { .yescrypt = change->hashes.yescrypt, .sha512 = change->hashes.sha512 };
	_cleanup_fd_ int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (root < 0)
		return err_sys(err, errno, "open the guest's root");
	if (change->keys)
		return inside_write_keys(root, change->user, change->keys, err);
	return inside_write_password(root, change->user, &hashes, err);
}

/* At once if it runs, and what a start could not do is overtaken; else by the next start. */
static int apply(struct guest *guest, struct change *change, const char *file, const char *lines, struct err *err)
{
	struct guest_run run;
	int r = guest_get_run(guest, &run, err);

	/* A guest that goes on is not started, so that nothing would do it. */
	if (r == 0)
		r = guest_check_not_suspended(guest, err);
	if (r == 0)
		return put_pending(guest, file, change->user, lines, err);
	if (r > 0)
		r = inside_run(guest, &run, change_inside, change, err);
	if (r == 0 && path_exists_at(guest->dir_fd, file))
		r = put_pending(guest, file, change->user, "", err);
	return r;
}

int guest_passwd(const struct node *node, const char *name, const char *user, const char *password, struct err *err)
{
	_cleanup_guest_ struct guest *guest = NULL;
	struct change change = { .user = user };
	int r = check_user(user, err);

	if (r == 0)
		r = guest_open_locked(node, name, "passwd", false, &guest, err);
	if (r == 0)
		r = password_hash(password, &change.hashes, err);
	if (r < 0)
		return r;

	_cleanup_free_ char *line = str_printf("%s:%s:%s\n", user, change.hashes.yescrypt, change.hashes.sha512);

	r = line ? apply(guest, &change, PENDING_PASSWORDS, line, err) : err_oom(err);
	password_hashes_free(&change.hashes);
	return r;
}

/* "USER:KEY" for each; "USER:" says that there is none. */
static char *key_lines(const char *user, const char *keys)
{
	struct strbuf b = { 0 };

	if (!*keys)
		strbuf_addf(&b, "%s:\n", user);
	for (const char *line = keys; *line; line = line_behind(line))
		strbuf_addf(&b, "%s:%.*s", user, (int)(line_behind(line) - line), line);
	return strbuf_take(&b);
}

int guest_set_keys(const struct node *node, const char *name, const char *user, const char *keys, struct err *err)
{
	_cleanup_guest_ struct guest *guest = NULL;
	_cleanup_free_ char *checked = NULL;
	int r = check_user(user, err);

	if (r == 0)
		r = ssh_keys_check("the list", keys, &checked, err);
	if (r == 0)
		r = guest_open_locked(node, name, "set", false, &guest, err);
	if (r < 0)
		return r;

	struct change change = { .user = user, .keys = checked };
	_cleanup_free_ char *lines = key_lines(user, checked);

	return lines ? apply(guest, &change, PENDING_KEYS, lines, err) : err_oom(err);
}

static int keep_first(const struct err *why, struct err *err)
{
	if (err->code == 0)
		*err = *why;
	return -err->code;
}

int inside_apply_passwords(int root_fd, const char *text, struct err *err)
{
	_cleanup_free_ char *copy = strdup(text);
	char *rest = NULL;
	int r = copy ? 0 : err_oom(err);

	for (char *line = copy ? strtok_r(copy, "\n", &rest) : NULL; line; line = strtok_r(NULL, "\n", &rest)) {
		char *field = line;
		const char *user = strsep(&field, ":");
		struct inside_hashes hashes = { .yescrypt = strsep(&field, ":"), .sha512 = field };

		struct err why = ERR_INIT;

		if (hashes.sha512 && inside_write_password(root_fd, user, &hashes, &why) < 0)
			r = keep_first(&why, err);
	}
	return r;
}

/* The keys of the user of the first line, out of all lines; *line goes on to the next user's. Users' lines are together. */
static char *collect_keys(const char **line, const char *user)
{
	struct strbuf b = { 0 };

	strbuf_add(&b, "");
	for (; is_of_user(*line, user); *line = line_behind(*line)) {
		const char *key = *line + strlen(user) + 1;

		if (*key && *key != '\n')
			strbuf_add_bytes(&b, key, (size_t)(line_behind(key) - key));
	}
	return strbuf_take(&b);
}

int inside_apply_keys(int root_fd, const char *text, struct err *err)
{
	int r = 0;

	for (const char *line = text; *line;) {
		size_t len = strcspn(line, ":\n");
		struct err why = ERR_INIT;
		_cleanup_free_ char *user = strndup(line, len);

		if (line[len] != ':')
			return err_set(err, EBADMSG, "the pending keys are damaged");

		_cleanup_free_ char *keys = user ? collect_keys(&line, user) : NULL;

		if (!keys)
			return err_oom(err);
		if (inside_write_keys(root_fd, user, keys, &why) < 0)
			r = keep_first(&why, err);
	}
	return r;
}
