/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/str.h"
#include "runtime/container/launch_priv.h"
#include "runtime/inside.h"

/*
 * What keeps a stock systemd from using what CRIU cannot save. In /run, a tmpfs of ours: the guest's own files stay untouched.
 *
 *   PrivateUsers, ProtectHostname, PrivateIPC   nested namespaces
 *   credentials                                 a ramfs whose content comes back empty
 *   memory pressure                             a restored PSI descriptor makes pid 1 spin
 */
static const struct {
	const char *path;
	const char *content; /* NULL: a symlink to /dev/null, which masks a unit */
} systemd_files[] = {
	{ "run/systemd/system/service.d/zz-ctctl.conf", "[Service]\n"
							"PrivateUsers=no\n"
							"ProtectHostname=no\n"
							"PrivateIPC=no\n"
							"LoadCredential=\n"
							"LoadCredentialEncrypted=\n"
							"ImportCredential=\n"
							"SetCredential=\n"
							"MemoryPressureWatch=off\n" },
	{ "run/systemd/system.conf.d/zz-ctctl.conf", "[Manager]\nDefaultMemoryPressureWatch=off\n" },
	{ "run/systemd/system/dev-hugepages.mount", NULL },
};

/* Makes the folders above `path`, one by one, below the root. */
static int make_parents(int root_fd, const char *path)
{
	_cleanup_free_ char *copy = strdup(path);

	if (!copy)
		return -ENOMEM;
	for (char *slash = strchr(copy, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdirat(root_fd, copy, 0755) < 0 && errno != EEXIST)
			return -errno;
		*slash = '/';
	}
	return 0;
}

static int write_file(int root_fd, const char *path, const char *content, mode_t mode)
{
	_cleanup_fd_ int fd = path_open_in(root_fd, path, O_WRONLY | O_CREAT | O_TRUNC | O_NONBLOCK, mode);

	return fd < 0 ? fd : fd_write_all(fd, content, strlen(content));
}

static int write_systemd_files(int root_fd)
{
	for (size_t i = 0; i < ARRAY_SIZE(systemd_files); i++) {
		const char *path = systemd_files[i].path;
		int r = make_parents(root_fd, path);

		if (r == 0 && systemd_files[i].content)
			r = write_file(root_fd, path, systemd_files[i].content, 0644);
		else if (r == 0 && symlinkat("/dev/null", root_fd, path) < 0)
			r = -errno;
		if (r < 0)
			return r;
	}
	return 0;
}

/*
 * Only if it says something else: the guest's own edits of its name stay until `ctctl set` changes ours. The file is the guest's:
 * whatever is at that path (a fifo would hold us up for ever) or keeps us from writing it (a full disk, a read-only /etc), the
 * guest starts without.
 */
static int write_hostname(int root_fd, const char *hostname)
{
	_cleanup_free_ char *line = str_printf("%s\n", hostname);
	_cleanup_fd_ int fd = path_open_in(root_fd, "etc/hostname", O_RDONLY | O_NONBLOCK, 0);
	char now[80] = "";
	struct stat st;

	if (!line)
		return -ENOMEM;
	if (fd >= 0 && (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)))
		return 0;
	if (fd >= 0 && read(fd, now, sizeof(now) - 1) >= 0 && strcmp(now, line) == 0)
		return 0;
	(void)!write_file(root_fd, "etc/hostname", line, 0644);
	return 0;
}

/*
 * The host's boot id would be every guest's and the same after each of their reboots, so that their journals could not tell one
 * boot from the next. A file of ours is put over the kernel's (as systemd-nspawn does); it stays in sight below /run, from where
 * a checkpoint can find it.
 */
static int cover_boot_id(int root_fd, const char *boot)
{
	static const char path[] = "run/ctctl/boot_id";
	_cleanup_free_ char *uuid = str_printf("%.8s-%.4s-%.4s-%.4s-%.12s\n", boot, boot + 8, boot + 12, boot + 16, boot + 20);
	int r = uuid ? make_parents(root_fd, path) : -ENOMEM;

	if (r == 0)
		r = write_file(root_fd, path, uuid, 0444);
	if (r < 0)
		return r;

	_cleanup_fd_ int tree = (int)syscall(SYS_open_tree, root_fd, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	_cleanup_fd_ int target = path_open_beneath(root_fd, "proc/sys/kernel/random/boot_id", O_PATH, 0);

	if (tree < 0)
		return -errno;
	return target < 0 ? target : ct_attach(tree, target);
}

int ct_write_guest_files(const struct ct_spec *spec, struct err *err)
{
	_cleanup_fd_ int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	mode_t mask = umask(0022);
	int r = root < 0 ? -errno : 0;

	if (sethostname(spec->hostname, strlen(spec->hostname)) < 0)
		r = -errno;
	if (r == 0)
		r = write_hostname(root, spec->hostname);
	if (r == 0 && strcmp(spec->init_kind, "systemd") == 0)
		r = write_systemd_files(root);
	if (r == 0)
		r = cover_boot_id(root, spec->boot);
	if (r == 0)
		inside_start_write(spec->inside, root);
	umask(mask);
	return r < 0 ? err_sys(err, -r, "write the guest's host name and run-time files") : 0;
}
