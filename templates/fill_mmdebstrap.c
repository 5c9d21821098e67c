/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/proc.h"
#include "base/str.h"
#include "base/userns.h"
#include "templates/apt_options.h"
#include "templates/confine_ids.h"
#include "templates/fill.h"

/*
 * mmdebstrap as root would run the maintainer scripts of packages as the host's root in a chroot (its "unshare" mode makes no
 * user namespace when root calls it). So nsenter puts it into a user namespace of ours first, where it is root of nothing else;
 * measured, that costs nothing (22 s of CPU time with and without). It writes a tar archive, which goes into the tree by
 * ctctl-unpack as any import does: one way in, and its files become owned by 0 and up again. The archive takes the way over a
 * file without a name (O_TMPFILE), because both programs are run one after the other.
 */
#define ARGS_MAX 64

struct args {
	const char *argv[ARGS_MAX + 1];
	char *owned[ARGS_MAX]; /* those to free */
	size_t n, n_owned;
	bool failed;
};

static void args_add(struct args *a, const char *arg)
{
	if (a->n == ARGS_MAX)
		a->failed = true;
	else
		a->argv[a->n++] = arg;
}

/* Takes the string over; NULL (no memory) is remembered. */
static void args_take(struct args *a, char *arg)
{
	if (!arg || a->n_owned == ARGS_MAX) {
		free(arg);
		a->failed = true;
		return;
	}
	a->owned[a->n_owned++] = arg;
	args_add(a, arg);
}

static void args_free(struct args *a)
{
	for (size_t i = 0; i < a->n_owned; i++)
		free(a->owned[i]);
}

static void on_line(void *context, const char *line)
{
	const struct fill *f = context;

	log_detail(f->log, "%s", line);
}

/* One --include for all lines of packages, which may separate by blanks or commas. */
static char *include_option(const struct recipe *r)
{
	struct strbuf b = { 0 };

	strbuf_add(&b, "--include=");
	for (size_t i = 0; i < r->packages.n; i++)
		strbuf_addf(&b, "%s%s", i > 0 ? "," : "", r->packages.items[i]);
	for (size_t i = 0; i < b.len; i++) {
		if (b.data[i] == ' ')
			b.data[i] = ',';
	}
	return strbuf_take(&b);
}

static void add_sources(struct args *a, const struct fill *f)
{
	const struct recipe *r = f->recipe;
	const char *mirror = f->spec->mirror ? f->spec->mirror : r->mirror;

	args_take(a, str_printf("deb %s %s %s", mirror, r->suite, r->components));
	args_take(a, str_printf("deb %s %s-updates %s", mirror, r->suite, r->components));
	if (r->security_mirror)
		args_take(a, str_printf("deb %s %s-security %s", r->security_mirror, r->suite, r->components));
}

static void add_command(struct args *a, const struct fill *f, int userns_fd)
{
	const struct recipe *r = f->recipe;

	args_add(a, "nsenter");
	/* Of this process by number: "self" would be nsenter, which has none of our descriptors. */
	args_take(a, str_printf("--user=/proc/%d/fd/%d", getpid(), userns_fd));
	args_add(a, "--");
	/* The kernel forgets the wish to die with the parent when a process changes its user. */
	args_add(a, "setpriv");
	args_add(a, "--pdeathsig=KILL");
	args_add(a, "--");
	/* What mmdebstrap starts outlives it, were it not in a PID namespace whose first process dies with ours. */
	args_add(a, "unshare");
	args_add(a, "--pid");
	args_add(a, "--fork");
	args_add(a, "--mount-proc");
	args_add(a, "--kill-child");
	args_add(a, "--");
	args_add(a, "mmdebstrap");
	args_add(a, "--mode=unshare");
	args_add(a, "--format=tar");
	args_take(a, str_printf("--variant=%s", r->variant ? r->variant : "minbase"));
	if (r->packages.n > 0)
		args_take(a, include_option(r));
	if (r->keyring)
		args_take(a, str_printf("--keyring=%s", r->keyring));
}

static int check_recipe(const struct fill *f, struct err *err)
{
	const struct recipe *r = f->recipe;

	if (r->suite && r->components && (r->mirror || f->spec->mirror))
		return 0;
	return err_exit(err, EXIT_BAD_CONFIG, EINVAL, "recipe of '%s': expected suite, components and mirror in [debian]",
			f->spec->name);
}

/*
 * Where mmdebstrap builds: not below the catalogue, whose folders it may not pass, and not in /tmp, which is in memory on newer
 * systems. Owned by the ids under which it runs. Others may pass it (apt downloads as a user of its own) and not list it; a
 * set-user-ID program in it gives them an id that owns nothing.
 */
static char *make_scratch(const struct fill *f, struct err *err)
{
	_cleanup_free_ char *path = str_printf("%s%s", STAGING_SCRATCH_PREFIX, f->staging->name);
	int r = -ENOMEM;

	if (path) {
		r = mkdir(path, 0711) < 0 ? -errno : 0;
		if (r == 0 && lchown(path, CONFINE_FIRST_ID, CONFINE_FIRST_ID) < 0)
			r = -errno;
	}
	if (r == 0)
		return TAKE_PTR(path);
	(void)!err_sys(err, -r, "make a scratch folder below /var/tmp");
	return NULL;
}

static int run_mmdebstrap(const struct fill *f, int userns_fd, int archive_fd, struct err *err)
{
	_cleanup_free_ char *scratch = make_scratch(f, err);
	_cleanup_free_ char *tmpdir = scratch ? str_printf("TMPDIR=%s", scratch) : NULL;
	_cleanup_apt_options_ struct apt_options apt = { 0 };
	struct args a = { 0 };
	int r;

	if (!scratch)
		return -err->code;

	r = apt_options_read(&apt, tmpdir, err);
	if (r < 0)
		return r;
	add_command(&a, f, userns_fd);
	for (size_t i = 0; i < apt.n_args; i++)
		args_add(&a, apt.args[i]);
	args_add(&a, f->recipe->suite);
	args_add(&a, "-");
	add_sources(&a, f);

	struct proc_spec run = PROC_SPEC_INIT;

	run.argv = a.argv;
	run.env = apt.env;
	run.stdout_fd = archive_fd;
	run.on_line = on_line;
	run.context = (void *)f;
	r = a.failed || !tmpdir ? err_oom(err) : proc_run(&run, "mmdebstrap", err);
	args_free(&a);
	return r;
}

int fill_mmdebstrap(const struct fill *f, struct err *err)
{
	int r = check_recipe(f, err);

	if (r < 0)
		return r;

	_cleanup_fd_ int userns_fd = userns_create(CONFINE_FIRST_ID, CONFINE_ID_COUNT, err);

	if (userns_fd < 0)
		return userns_fd;

	_cleanup_fd_ int archive_fd = openat(f->staging->fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (archive_fd < 0)
		return err_sys(err, errno, "make a file for the archive of mmdebstrap below '%s'", f->staging->dir);
	log_progress(f->log, "installing packages of %s (mmdebstrap)", f->recipe->suite);
	r = run_mmdebstrap(f, userns_fd, archive_fd, err);
	if (r < 0)
		return r;
	if (lseek(archive_fd, 0, SEEK_SET) < 0)
		return err_sys(err, errno, "rewind the archive of mmdebstrap");
	log_progress(f->log, "unpacking %s", f->recipe->suite);
	return fill_archive(f, archive_fd, f->recipe->suite, err);
}
