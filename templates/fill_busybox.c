/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/proc.h"
#include "base/str.h"
#include "templates/fill.h"
#include "templates/tree.h"

#define PACKAGE		    "busybox-static"
#define PROGRAM_HEADERS_MAX 64

/* A program without an interpreter (ld.so) in its program headers needs nothing but itself. */
static bool is_static(int fd)
{
	Elf64_Ehdr head;

	if (pread(fd, &head, sizeof(head), 0) != sizeof(head) || memcmp(head.e_ident, ELFMAG, SELFMAG) != 0)
		return false;
	if (head.e_ident[EI_CLASS] != ELFCLASS64 || head.e_phentsize != sizeof(Elf64_Phdr) || head.e_phnum > PROGRAM_HEADERS_MAX)
		return false;
	for (int i = 0; i < head.e_phnum; i++) {
		Elf64_Phdr ph;
		off_t at = (off_t)head.e_phoff + i * (off_t)sizeof(ph);

		if (pread(fd, &ph, sizeof(ph), at) != sizeof(ph) || ph.p_type == PT_INTERP)
			return false;
	}
	return true;
}

static int open_busybox(const char **ret_path, struct err *err)
{
	static const char *const places[] = { "/bin/busybox", "/usr/bin/busybox" };

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		_cleanup_fd_ int fd = open(places[i], O_RDONLY | O_CLOEXEC | O_NOCTTY);

		if (fd < 0 || !is_static(fd))
			continue;
		*ret_path = places[i];
		return TAKE_FD(fd);
	}
	return err_exit(err, EXIT_UNSUPPORTED, ENOENT, "a statically linked busybox is missing: apt-get install " PACKAGE);
}

static int copy_program(int from_fd, int tree_fd, struct err *err)
{
	int r = tree_make_dir(tree_fd, "/bin", 0755);

	if (r == 0)
		r = tree_write_file(tree_fd, "/bin/busybox", "", 0, 0755);

	_cleanup_fd_ int to_fd = r == 0 ? openat(tree_fd, "bin/busybox", O_WRONLY | O_CLOEXEC | O_NOFOLLOW) : r;

	if (to_fd < 0)
		return err_sys(err, r < 0 ? -r : errno, "make /bin/busybox in the tree");
	for (;;) {
		ssize_t n = sendfile(to_fd, from_fd, NULL, 1 << 20);

		if (n == 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return err_sys(err, errno, "copy busybox into the tree");
	}
}

struct applets {
	int tree_fd;
	int n;
	int failed; /* the first negative errno */
};

/* A line of `busybox --list-full`: "usr/bin/awk". */
static void on_applet(void *context, const char *line)
{
	struct applets *a = context;

	if (a->failed < 0 || strcmp(line, "bin/busybox") == 0)
		return;
	a->failed = tree_link(a->tree_fd, line, "/bin/busybox");
	a->n++;
}

static int link_applets(int tree_fd, const char *busybox, struct err *err)
{
	static const char *const folders[] = { "/sbin", "/usr/bin", "/usr/sbin" };
	const char *const argv[] = { busybox, "--list-full", NULL };
	struct applets a = { .tree_fd = tree_fd };
	struct proc_spec spec = PROC_SPEC_INIT;
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(folders) && r == 0; i++)
		r = tree_make_dir(tree_fd, folders[i], 0755);
	if (r < 0)
		return err_sys(err, -r, "make folders in the tree");
	spec.argv = argv;
	spec.on_line = on_applet;
	spec.context = &a;
	r = proc_run(&spec, PACKAGE, err);
	if (r < 0)
		return r;
	if (a.failed < 0)
		return err_sys(err, -a.failed, "link the applets of busybox");
	return a.n > 0 ? 0 : err_set(err, ENOENT, "'%s --list-full' names no applet; install the package " PACKAGE, busybox);
}

int fill_busybox(const struct fill *f, struct err *err)
{
	const char *path = NULL;
	_cleanup_fd_ int fd = open_busybox(&path, err);
	int r = fd;

	if (r >= 0)
		r = copy_program(fd, f->staging->tree_fd, err);
	if (r >= 0)
		r = link_applets(f->staging->tree_fd, path, err);
	return r;
}
