/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "templates/detect.h"

#include <ctype.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/str.h"
#include "templates/tree.h"

#define OS_RELEASE_MAX 65536
#define LINK_ROOM      4096

static const struct arch {
	const char *name;    /* dpkg's */
	const char *machine; /* uname -m */
	uint16_t elf_machine;
	uint8_t elf_class;
	const char *runs_too; /* another architecture whose programs such a host runs */
} archs[] = {
	{ "amd64", "x86_64", EM_X86_64, ELFCLASS64, "i386" },	 { "i386", "i686", EM_386, ELFCLASS32, "" },
	{ "arm64", "aarch64", EM_AARCH64, ELFCLASS64, "armhf" }, { "armhf", "armv7l", EM_ARM, ELFCLASS32, "" },
	{ "riscv64", "riscv64", EM_RISCV, ELFCLASS64, "" },	 { "ppc64el", "ppc64le", EM_PPC64, ELFCLASS64, "" },
	{ "s390x", "s390x", EM_S390, ELFCLASS64, "" },
};

/* What the init is called where its link ends, and which kind of init that is. */
static const struct init_kind {
	const char *program;
	const char *kind;
} init_kinds[] = {
	{ "systemd", "systemd" }, { "busybox", "busybox" },  { "openrc-init", "openrc" },
	{ "runit", "runit" },	  { "runit-init", "runit" }, { "busybox.static", "busybox" },
};

static const struct arch *host_arch(void)
{
	struct utsname u;

	if (uname(&u) < 0)
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(archs); i++) {
		if (strcmp(u.machine, archs[i].machine) == 0)
			return &archs[i];
	}
	return NULL;
}

const char *detect_host_arch(void)
{
	const struct arch *a = host_arch();

	return a ? a->name : "";
}

/* Text of strangers for a table on a terminal: printable ASCII, cut to the room. */
static void copy_clean(char *dst, size_t room, const char *src, size_t len)
{
	size_t used = 0;

	for (size_t i = 0; i < len && used + 1 < room; i++) {
		if (isprint((unsigned char)src[i]) && (unsigned char)src[i] < 0x80)
			dst[used++] = src[i];
	}
	dst[used] = '\0';
}

/* KEY=value or KEY="value", os-release(5). False if the key is not there. */
static bool os_release_value(const char *text, const char *key, char *dst, size_t room)
{
	size_t key_len = strlen(key);

	for (const char *line = text; *line;) {
		size_t len = strcspn(line, "\n");

		if (len > key_len && strncmp(line, key, key_len) == 0 && line[key_len] == '=') {
			const char *value = line + key_len + 1;
			size_t n = len - key_len - 1;

			if (n >= 2 && (*value == '"' || *value == '\'') && value[n - 1] == *value) {
				value++;
				n -= 2;
			}
			copy_clean(dst, room, value, n);
			return true;
		}
		line += len + (line[len] == '\n');
	}
	return false;
}

static void detect_release(int tree_fd, struct template_manifest *m)
{
	_cleanup_free_ char *text = NULL;

	if (tree_read_file(tree_fd, "/etc/os-release", OS_RELEASE_MAX, &text) < 0 &&
	    tree_read_file(tree_fd, "/usr/lib/os-release", OS_RELEASE_MAX, &text) < 0)
		return; /* a tree without one is unusual, not wrong */
	os_release_value(text, "ID", m->distribution, sizeof(m->distribution));
	if (!os_release_value(text, "VERSION", m->release, sizeof(m->release)))
		os_release_value(text, "VERSION_ID", m->release, sizeof(m->release));
}

static const char *arch_of_file(int tree_fd, const char *path)
{
	_cleanup_fd_ int fd = tree_open_file(tree_fd, path);
	struct {
		unsigned char ident[EI_NIDENT];
		uint16_t type;
		uint16_t machine;
	} head;

	if (fd < 0 || fd_read_exact(fd, &head, sizeof(head)) < 0 || memcmp(head.ident, ELFMAG, SELFMAG) != 0)
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(archs); i++) {
		if (head.machine == archs[i].elf_machine && head.ident[EI_CLASS] == archs[i].elf_class)
			return archs[i].name;
	}
	return "unknown";
}

static int detect_arch(int tree_fd, struct template_manifest *m, struct err *err)
{
	const char *arch = arch_of_file(tree_fd, m->init_path);
	const struct arch *host = host_arch();

	if (!arch)
		arch = arch_of_file(tree_fd, "/bin/sh");
	if (!arch)
		return err_exit(err, EXIT_BAD_TEMPLATE, ENOEXEC, "neither %s nor /bin/sh of the tree is a program (ELF)",
				m->init_path);
	if (host && strcmp(arch, host->name) != 0 && strcmp(arch, host->runs_too) != 0)
		return err_exit(err, EXIT_BAD_TEMPLATE, ENOEXEC, "its programs are for %s and this host runs %s", arch,
				host->name);
	return str_copy(m->arch, sizeof(m->arch), arch);
}

/* Are two paths the same file? A busybox may be installed as hard links. */
static bool is_same_file(int tree_fd, const struct stat *a, const char *path)
{
	_cleanup_fd_ int fd = path_open_in(tree_fd, path, O_PATH, 0);
	struct stat b;

	return fd >= 0 && fstat(fd, &b) == 0 && a->st_ino == b.st_ino && a->st_dev == b.st_dev;
}

static const char *kind_of_program(int tree_fd, int fd, const struct stat *st)
{
	char target[LINK_ROOM];
	struct path_fd link = path_of_fd(fd);
	ssize_t n = readlink(link.s, target, sizeof(target) - 1);

	if (n <= 0)
		return "other";
	target[n] = '\0';

	/* The path is the host's and stays unused but for its last component. */
	const char *slash = strrchr(target, '/'), *name = slash ? slash + 1 : target;

	for (size_t i = 0; i < ARRAY_SIZE(init_kinds); i++) {
		if (strcmp(name, init_kinds[i].program) == 0)
			return init_kinds[i].kind;
	}
	if (is_same_file(tree_fd, st, "/bin/busybox"))
		return "busybox";
	if (strcmp(name, "init") == 0) {
		_cleanup_fd_ int inittab = tree_open_file(tree_fd, "/etc/inittab");

		return inittab >= 0 ? "sysvinit" : "other";
	}
	return "other";
}

/* 1 if `path` is an init, 0 if not, or a negative errno. */
static int try_init(int tree_fd, const char *path, struct template_manifest *m)
{
	_cleanup_fd_ int fd = path_open_in(tree_fd, path, O_PATH, 0);
	struct stat st;

	if (fd < 0)
		return 0;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || !(st.st_mode & 0111))
		return 0;

	int r = str_copy(m->init, sizeof(m->init), kind_of_program(tree_fd, fd, &st));

	return r < 0 || str_copy(m->init_path, sizeof(m->init_path), path) < 0 ? -EINVAL : 1;
}

int detect_tree(int tree_fd, struct template_manifest *m, struct err *err)
{
	/*
	 * The kernel's own order is /sbin/init, /etc/init, /bin/init (init/main.c); the others are where distributions keep
	 * theirs.
	 */
	static const char *const candidates[] = {
		"/sbin/init",		"/usr/sbin/init",	   "/etc/init", "/bin/init", "/init",
		"/lib/systemd/systemd", "/usr/lib/systemd/systemd"
	};
	int found = 0;

	for (size_t i = 0; i < ARRAY_SIZE(candidates) && found == 0; i++)
		found = try_init(tree_fd, candidates[i], m);
	if (found < 0)
		return err_sys(err, -found, "look for the init of the tree");
	if (found == 0)
		return err_exit(err, EXIT_BAD_TEMPLATE, ENOENT,
				"the tree has no init: expected a program at /sbin/init; a container image of one application is "
				"not a system");
	detect_release(tree_fd, m);

	int r = detect_arch(tree_fd, m, err);

	return r < 0 ? r : 0;
}
