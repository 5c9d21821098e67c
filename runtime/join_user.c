/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/join_user.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "base/str.h"

#define GROUPS_MAX 256

/* The last id that a guest has. */
#define ID_MAX 65535U

/* Of /etc/passwd and /etc/group: 100,000 users. */
#define DATABASE_MAX (8 << 20)

/* An id as the guest's 65536 have it. */
static int parse_id(const char *text, uid_t *ret)
{
	uint64_t v;

	if (str_to_u64(text, ID_MAX, &v) < 0)
		return -EINVAL;
	*ret = (uid_t)v;
	return 0;
}

/* "UID" or "UID:GID"; 1 if it is one, 0 if it is a name. */
static int parse_numeric(const char *wanted, struct join_user *ret)
{
	_cleanup_free_ char *copy = strdup(wanted);
	char *colon = copy ? strchr(copy, ':') : NULL;
	uid_t gid;

	if (!copy)
		return -ENOMEM;
	if (colon)
		*colon = '\0';
	if (parse_id(copy, &ret->uid) < 0)
		return 0;
	ret->gid = ret->uid;
	if (!colon)
		return 1;
	if (parse_id(colon + 1, &gid) < 0)
		return 0;
	ret->gid = gid;
	return 1;
}

static int take(struct join_user *user, const struct passwd *pw)
{
	user->name = strdup(pw->pw_name);
	user->home = strdup(str_is_empty(pw->pw_dir) ? "/" : pw->pw_dir);
	user->shell = strdup(str_is_empty(pw->pw_shell) ? "/bin/sh" : pw->pw_shell);
	return user->name && user->home && user->shell ? 0 : -ENOMEM;
}

/*
 * The guest's file, and its choice what is at that path: a fifo would hold us up for ever, /dev/zero and a file of holes would be
 * read without end.
 */
static FILE *open_database(int root_fd, const char *path)
{
	_cleanup_fd_ int fd = path_open_in(root_fd, path, O_RDONLY | O_NONBLOCK, 0);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > DATABASE_MAX)
		return NULL;

	FILE *file = fdopen(fd, "r");

	if (file)
		(void)!TAKE_FD(fd);
	return file;
}

/* Not getpwnam(): the guest's name services would be loaded into a process that is still ours. */
static int read_passwd(const char *name, uid_t uid, struct passwd **ret, FILE *file)
{
	struct passwd *pw;

	while ((pw = fgetpwent(file))) {
		if (name ? strcmp(pw->pw_name, name) == 0 : pw->pw_uid == uid) {
			*ret = pw;
			return 1;
		}
	}
	return 0;
}

int join_user_find(int root_fd, const char *wanted, struct join_user *ret, struct err *err)
{
	struct passwd fallback = { .pw_name = (char *)"root", .pw_dir = (char *)"/", .pw_shell = (char *)"/bin/sh" };
	struct passwd *pw = &fallback;
	_cleanup_file_ FILE *file = open_database(root_fd, "etc/passwd");

	*ret = (struct join_user){ 0 };

	int is_numeric = wanted ? parse_numeric(wanted, ret) : 1;

	if (is_numeric < 0)
		return err_oom(err);

	int found = file ? read_passwd(is_numeric ? NULL : wanted, ret->uid, &pw, file) : 0;

	if (!found && !is_numeric)
		return err_exit(err, EXIT_INVALID, ENOENT, "no user '%.40s' in the guest's /etc/passwd", wanted);
	/* Nobody in the table has this number: he has no name, and so no groups of a name. */
	if (!found && wanted && ret->uid != 0)
		fallback.pw_name = (char *)wanted;
	/* Not only because others are not mapped: -1 means "leave as it is" to setresuid(2). */
	if (found && (pw->pw_uid > ID_MAX || pw->pw_gid > ID_MAX))
		return err_exit(err, EXIT_INVALID, ERANGE, "user '%.40s' in the guest's /etc/passwd: expected ids up to %u",
				pw->pw_name, ID_MAX);
	if (found && (!wanted || !strchr(wanted, ':'))) {
		ret->uid = pw->pw_uid;
		ret->gid = pw->pw_gid;
	}
	return take(ret, pw) < 0 ? err_oom(err) : 0;
}

void join_user_free(struct join_user *user)
{
	free(user->name);
	free(user->home);
	free(user->shell);
}

/* The groups that name the user as a member. */
static size_t read_groups(int root_fd, const struct join_user *user, gid_t *groups, size_t room)
{
	_cleanup_file_ FILE *file = open_database(root_fd, "etc/group");
	size_t n = 0;
	struct group *gr;

	while (file && n < room && (gr = fgetgrent(file))) {
		for (char **m = gr->gr_mem; *m; m++) {
			if (strcmp(*m, user->name) == 0 && gr->gr_gid != user->gid && n < room)
				groups[n++] = gr->gr_gid;
		}
	}
	return n;
}

int join_user_become(int root_fd, const struct join_user *user, struct err *err)
{
	gid_t groups[GROUPS_MAX];
	size_t n = 0;

	groups[n++] = user->gid;
	n += read_groups(root_fd, user, groups + n, ARRAY_SIZE(groups) - n);
	if (setgroups(n, groups) < 0 || setresgid(user->gid, user->gid, user->gid) < 0 ||
	    setresuid(user->uid, user->uid, user->uid) < 0)
		return err_sys(err, errno, "become the user '%s' of the guest", user->name);
	return 0;
}
