/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/str.h"
#include "templates/digest.h"
#include "templates/manifest.h"
#include "templates/staging.h"
#include "templates/template.h"
#include "templates/version.h"

#define SHOWN_ROOM (TEMPLATE_NAME_ROOM + TEMPLATE_VERSION_ROOM)

static void show_ref(const struct template_ref *ref, char room[SHOWN_ROOM])
{
	snprintf(room, SHOWN_ROOM, "%s@%s", ref->name, ref->version);
}

static bool is_template_name(const char *name)
{
	struct err ignored = ERR_INIT;

	return str_check_name("template", name, &ignored) == 0;
}

/* Only on the way to an error message: reading the whole catalogue is not for the hot path. */
static char *list_names(const char *dir_name)
{
	struct strbuf names = { 0 };
	struct dirent **entries = NULL;
	int n = scandir(dir_name, &entries, NULL, alphasort);

	for (int i = 0; i < n; i++) {
		if (is_template_name(entries[i]->d_name))
			strbuf_addf(&names, "%s%s", names.len ? ", " : "", entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
	return strbuf_take(&names);
}

static int no_template(const char *dir, const char *reference, struct err *err)
{
	_cleanup_free_ char *names = list_names(dir);

	if (str_is_empty(names))
		return err_exit(err, EXIT_NO_TEMPLATE, ENOENT,
				"no template '%s': there is none yet; make one with 'ctctl template build'", reference);
	return err_exit(err, EXIT_NO_TEMPLATE, ENOENT, "no template '%s': there are %s; see 'ctctl template list'", reference,
			names);
}

static int split_reference(const char *reference, struct template_ref *ret, struct err *err)
{
	_cleanup_free_ char *name = strndup(reference, strcspn(reference, "@"));
	const char *at = strchr(reference, '@');
	struct version ignored;

	if (!name)
		return err_oom(err);
	*ret = (struct template_ref){ 0 };

	int r = str_check_name("template", name, err);

	if (r == 0 && at && version_parse(at + 1, &ignored) < 0)
		return err_exit(err, EXIT_INVALID, EINVAL,
				"template '%.100s': expected NAME or NAME@VERSION with a version such as 20260131.1", reference);
	if (r == 0 && (str_copy(ret->name, sizeof(ret->name), name) < 0 ||
		       str_copy(ret->version, sizeof(ret->version), at ? at + 1 : "") < 0))
		r = err_set(err, EINVAL, "template '%.100s': the name is too long", reference);
	return r;
}

/* The path of a file of a resolved version, relative to the catalogue's own. */
static char *version_path(const char *dir, const struct template_ref *ref, const char *file)
{
	return str_printf("%s/%s/%s/%s", dir, ref->name, ref->version, file);
}

int template_resolve(const char *dir, const char *reference, struct template_ref *ret, struct err *err)
{
	int r = split_reference(reference, ret, err);

	if (r < 0)
		return r;
	if (ret->version[0]) {
		_cleanup_free_ char *image = version_path(dir, ret, IMAGE_FILE);

		if (!image)
			return err_oom(err);
		return access(image, F_OK) == 0 ? 0 : no_template(dir, reference, err);
	}

	_cleanup_free_ char *path = str_printf("%s/%s", dir, ret->name);
	_cleanup_fd_ int fd = path ? path_open_dir(AT_FDCWD, path, O_RDONLY | O_NOFOLLOW) : -ENOMEM;
	struct version newest;

	r = fd < 0 ? fd : version_newest_in(fd, &newest);
	if (r == 0 || r == -ENOENT)
		return no_template(dir, reference, err);
	if (r < 0)
		return err_sys(err, -r, "read the template folder '%s/%s'", dir, ret->name);
	version_format(&newest, ret->version);
	return 0;
}

int template_open_image(const char *dir, const struct template_ref *ref, struct err *err)
{
	_cleanup_free_ char *path = version_path(dir, ref, IMAGE_FILE);
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY) : -1;

	if (fd >= 0)
		return fd;
	if (!path)
		return err_oom(err);
	if (errno == ENOENT)
		return err_exit(err, EXIT_NO_TEMPLATE, ENOENT, "template '%s@%s' is gone: its image '%s' was removed", ref->name,
				ref->version, path);
	return err_sys(err, errno, "open the image '%s'", path);
}

static int open_version(const char *dir, const struct template_ref *ref, struct err *err)
{
	_cleanup_free_ char *path = version_path(dir, ref, "");
	int fd = path ? path_open_dir(AT_FDCWD, path, O_RDONLY) : -ENOMEM;

	if (fd == -ENOENT) {
		char shown[SHOWN_ROOM];

		show_ref(ref, shown);
		return no_template(dir, shown, err);
	}
	return fd < 0 ? err_sys(err, -fd, "open template '%s@%s'", ref->name, ref->version) : fd;
}

int template_read_manifest(const char *dir, const struct template_ref *ref, struct template_manifest *ret, struct err *err)
{
	_cleanup_fd_ int fd = open_version(dir, ref, err);
	char shown[SHOWN_ROOM];

	if (fd < 0)
		return fd;
	show_ref(ref, shown);

	int r = manifest_read(fd, shown, ret, err);

	/* The folder's name is what it is called; a manifest that says otherwise was copied or edited. */
	if (r == 0 && (strcmp(ret->name, ref->name) != 0 || strcmp(ret->version, ref->version) != 0))
		return err_exit(err, EXIT_BAD_TEMPLATE, EBADMSG, "template '%s': its manifest is that of '%s@%s'; build it again",
				shown, ret->name, ret->version);
	return r;
}

int template_verify(const char *dir, const struct template_ref *ref, struct err *err)
{
	struct template_manifest m;
	char sha256[DIGEST_ROOM];
	uint64_t bytes;
	int r = template_read_manifest(dir, ref, &m, err);

	if (r < 0)
		return r;

	_cleanup_fd_ int fd = template_open_image(dir, ref, err);

	if (fd < 0)
		return fd;
	r = digest_file(fd, sha256, &bytes);
	if (r < 0)
		return err_sys(err, -r, "read the image of template '%s@%s'", ref->name, ref->version);
	if (bytes != m.image_bytes || strcmp(sha256, m.sha256) != 0)
		return err_exit(
			err, EXIT_BAD_TEMPLATE, EBADMSG,
			"template '%s@%s' is damaged: its image has not the digest of its manifest; build or import it again",
			ref->name, ref->version);
	return 0;
}

static int remove_locked(int dir_fd, const struct template_ref *ref, char trash[STAGING_NAME_ROOM], struct err *err)
{
	_cleanup_fd_ int name_fd = path_open_dir(dir_fd, ref->name, O_RDONLY | O_NOFOLLOW);
	int r = name_fd < 0 ? name_fd : catalog_random_name(REMOVED_PREFIX, trash);

	/* Gone under its name in one step; what an interruption leaves of it, template_sweep() takes away. */
	if (r == 0 && renameat(name_fd, ref->version, dir_fd, trash) < 0)
		r = -errno;
	if (r < 0)
		return err_sys(err, -r, "remove template '%s@%s'", ref->name, ref->version);
	if (fsync(name_fd) < 0)
		return err_sys(err, errno, "sync the folder of template '%s'", ref->name);
	/* The last version goes with its name; otherwise the folder is not empty and stays. */
	(void)unlinkat(dir_fd, ref->name, AT_REMOVEDIR);
	return 0;
}

int template_remove(const char *dir, const struct template_ref *ref, struct err *err)
{
	char trash[STAGING_NAME_ROOM];
	_cleanup_fd_ int version_fd = open_version(dir, ref, err);

	if (version_fd < 0)
		return version_fd;

	_cleanup_fd_ int dir_fd = path_open_dir(AT_FDCWD, dir, O_RDONLY);

	if (dir_fd < 0)
		return err_sys(err, -dir_fd, "open the template catalogue '%s'", dir);

	_cleanup_fd_ int lock = catalog_lock(dir_fd, "remove", err);
	int r = lock < 0 ? lock : remove_locked(dir_fd, ref, trash, err);

	if (r < 0)
		return r;
	r = fault_point("template.remove", err);
	if (r < 0)
		return r;
	r = path_remove_tree_at(dir_fd, trash);
	return r < 0 ? err_sys(err, -r, "delete '%s/%s'", dir, trash) : 0;
}
