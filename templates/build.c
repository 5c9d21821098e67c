/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "base/str.h"
#include "templates/detect.h"
#include "templates/digest.h"
#include "templates/fill.h"
#include "templates/manifest.h"
#include "templates/tree.h"

/* A random UUID, RFC 4122 version 4: overlayfs tells by it that the image below a guest's files is the one that it was. */
static int make_uuid(char room[37])
{
	uint8_t b[16];

	if (getrandom(b, sizeof(b), 0) != sizeof(b))
		return -EIO;
	b[6] = (uint8_t)((b[6] & 0x0f) | 0x40);
	b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
	snprintf(room, 37, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1], b[2], b[3], b[4],
		 b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
	return 0;
}

static int begin_manifest(const struct template_build_spec *spec, const char *kind, const char *source,
			  struct template_manifest *m, struct err *err)
{
	time_t now = time(NULL);
	struct tm tm;

	*m = (struct template_manifest){ 0 };
	if (str_copy(m->name, sizeof(m->name), spec->name) < 0)
		return err_set(err, EINVAL, "template name '%.80s': it is too long", spec->name);
	/* Only for people to read: a name of a file that is too long is cut. */
	snprintf(m->source, sizeof(m->source), "%s %s", kind, source);
	strftime(m->built, sizeof(m->built), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &tm));
	return make_uuid(m->uuid) < 0 ? err_set(err, EIO, "no random numbers for the UUID of the image") : 0;
}

static int make_image(const struct fill *f, struct template_manifest *m, struct err *err)
{
	_cleanup_free_ char *tree = staging_path(f->staging, "tree");
	_cleanup_free_ char *file = staging_path(f->staging, "version/" IMAGE_FILE);
	int r = fault_point("template.image", err);

	if (r < 0)
		return r;
	if (!tree || !file)
		return err_oom(err);
	r = f->spec->make_image(tree, file, m->uuid, err);
	if (r < 0)
		return r;

	_cleanup_fd_ int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return err_sys(err, errno, "open the new image '%s'", file);
	r = digest_file(fd, m->sha256, &m->image_bytes);
	if (r < 0 || fsync(fd) < 0)
		return err_sys(err, r < 0 ? -r : errno, "read the new image '%s'", file);
	return 0;
}

/* From a full tree to a published version. */
static int finish(const struct fill *f, struct template_manifest *m, struct err *err)
{
	int r = detect_tree(f->staging->tree_fd, m, err);

	if (r < 0)
		return err_wrap(err, "template '%s'", m->name);
	if (f->recipe && f->recipe->init && strcmp(f->recipe->init, m->init) != 0)
		return err_exit(err, EXIT_BAD_TEMPLATE, EBADMSG,
				"template '%s': the recipe promises the init '%s' and the tree has '%s'", m->name,
				f->recipe->init, m->init);
	r = tree_measure(f->staging->tree_fd, &m->tree_bytes, &m->n_files);
	if (r < 0)
		return err_sys(err, -r, "count the files of template '%s'", m->name);
	log_progress(f->log, "making the image of %llu files", (unsigned long long)m->n_files);
	r = make_image(f, m, err);
	return r < 0 ? r : staging_publish(f->staging, m, err);
}

static int fill_tree(const struct fill *f, struct err *err)
{
	static const struct {
		const char *kind;
		int (*fill)(const struct fill *f, struct err *err);
	} kinds[] = {
		{ "busybox", fill_busybox },
		{ "mmdebstrap", fill_mmdebstrap },
	};

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (strcmp(kinds[i].kind, f->recipe->kind) == 0)
			return kinds[i].fill(f, err);
	}
	return err_exit(err, EXIT_BAD_CONFIG, EINVAL, "recipe '%s': unknown kind '%.40s': expected mmdebstrap or busybox",
			f->spec->name, f->recipe->kind);
}

int template_build(const struct template_build_spec *spec, struct template_manifest *ret, const struct log *log, struct err *err)
{
	const char *recipe_name = spec->recipe ? spec->recipe : spec->name;
	_cleanup_recipe_ struct recipe recipe = { 0 };
	_cleanup_staging_ struct staging staging = STAGING_INIT;
	struct fill fill = { .spec = spec, .recipe = &recipe, .staging = &staging, .log = log };
	struct template_manifest m;
	int r = str_check_name("template", spec->name, err);

	if (r == 0)
		r = recipe_load(spec->recipes_dir, recipe_name, &recipe, err);
	if (r == 0)
		r = begin_manifest(spec, "recipe", recipe_name, &m, err);
	if (r == 0)
		r = staging_open(&staging, spec->dir, log, err);
	if (r != 0)
		return r;
	log_progress(log, "building template '%s' (%s)", spec->name, recipe.description);
	r = fill_tree(&fill, err);
	if (r >= 0)
		r = recipe_apply(&recipe, staging.tree_fd, err);
	if (r >= 0)
		r = finish(&fill, &m, err);
	if (r >= 0)
		*ret = m;
	return r;
}

static int open_tarball(const char *path, struct err *err)
{
	/* O_NONBLOCK: a fifo of that name would hold us up. */
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;

	if (fd < 0)
		return err_sys(err, errno, "open '%.200s'", path);
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return err_set(err, EINVAL, "'%.200s' is not a file: expected a tar archive, plain or gzip, xz, zstd, bzip2",
			       path);
	return TAKE_FD(fd);
}

int template_import(const struct template_build_spec *spec, struct template_manifest *ret, const struct log *log, struct err *err)
{
	_cleanup_staging_ struct staging staging = STAGING_INIT;
	struct fill fill = { .spec = spec, .staging = &staging, .log = log };
	const char *slash = strrchr(spec->tarball, '/');
	struct template_manifest m;
	int r = str_check_name("template", spec->name, err);

	if (r < 0)
		return r;

	_cleanup_fd_ int fd = open_tarball(spec->tarball, err);

	r = fd < 0 ? fd : begin_manifest(spec, "import", slash ? slash + 1 : spec->tarball, &m, err);
	if (r == 0)
		r = staging_open(&staging, spec->dir, log, err);
	if (r < 0)
		return r;
	log_progress(log, "unpacking '%s'", spec->tarball);
	r = fill_archive(&fill, fd, spec->tarball, err);
	if (r >= 0)
		r = finish(&fill, &m, err);
	if (r >= 0)
		*ret = m;
	return r;
}
