/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "base/str.h"
#include "templates/template.h"
#include "templates/version.h"

struct walk {
	const char *dir;
	int (*each)(void *context, const struct template_manifest *manifest);
	void *context;
	const struct log *log;
	struct err *err;
};

static int keep_names(const struct dirent *e)
{
	struct err ignored = ERR_INIT;

	return str_check_name("template", e->d_name, &ignored) == 0;
}

static int keep_versions(const struct dirent *e)
{
	struct version ignored;

	return version_parse(e->d_name, &ignored) == 0;
}

static int by_version(const struct dirent **a, const struct dirent **b)
{
	struct version va, vb;

	if (version_parse((*a)->d_name, &va) < 0 || version_parse((*b)->d_name, &vb) < 0)
		return 0;
	return version_compare(&va, &vb);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int visit(const struct walk *w, const char *name, const char *version)
{
	struct template_ref ref = { 0 };
	struct template_manifest m;
	struct err why = ERR_INIT;

	if (str_copy(ref.name, sizeof(ref.name), name) < 0 || str_copy(ref.version, sizeof(ref.version), version) < 0)
		return 0;
	if (template_read_manifest(w->dir, &ref, &m, &why) == 0)
		return w->each(w->context, &m);
	/* One that was removed between the listing and now is no damage. */
	if (why.exit != EXIT_NO_TEMPLATE)
		log_warning(w->log, "%s", why.msg);
	return 0;
}

static int visit_versions(const struct walk *w, const char *name)
{
	_cleanup_free_ char *path = str_printf("%s/%s", w->dir, name);
	struct dirent **entries = NULL;
	int r = 0;

	if (!path)
		return err_oom(w->err);

	int n = scandir(path, &entries, keep_versions, by_version);

	for (int i = 0; i < n; i++) {
		if (r >= 0)
			r = visit(w, name, entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
	return r < 0 ? r : 0;
}

int template_each(const char *dir, int (*each)(void *context, const struct template_manifest *manifest), void *context,
		  const struct log *log, struct err *err)
{
	struct walk w = { .dir = dir, .each = each, .context = context, .log = log, .err = err };
	struct dirent **entries = NULL;
	int r = 0, n = scandir(dir, &entries, keep_names, by_name);

	if (n < 0 && errno != ENOENT)
		return err_sys(err, errno, "read the template catalogue '%s'", dir);
	for (int i = 0; i < n; i++) {
		if (r >= 0)
			r = visit_versions(&w, entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
	return r < 0 ? r : 0;
}
