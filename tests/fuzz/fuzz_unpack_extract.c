/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any bytes as an archive, unpacked without the confinement: what the policy and libarchive let through must stay inside the
 * folder. As root it becomes nobody first. Beside the folder lies a canary and nothing else; after each input that must be so.
 */
#include <fcntl.h>
#include <locale.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/path.h"
#include "templates/unpack/extract.h"

#define NOBODY 65534
#define CANARY "untouched"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Root is nobody while it handles an input: effective ids, because libFuzzer itself writes its corpus. */
static void become(uid_t uid)
{
	if (getuid() == 0 && (setegid(uid == 0 ? 0 : NOBODY) < 0 || seteuid(uid) < 0))
		abort();
}

/* TOP/in, where archives are unpacked, and TOP/canary beside it. Returns TOP. */
static int make_place(char *top)
{
	if (!mkdtemp(top))
		abort();

	int fd = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_fd_ int canary = openat(fd, "canary", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	if (fd_write_all(canary, CANARY, strlen(CANARY)) < 0 || mkdirat(fd, "in", 0700) < 0)
		abort();
	return fd;
}

static void check_beside(int top)
{
	int fd = openat(top, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_dir_ DIR *dir = fdopendir(fd);
	_cleanup_free_ char *canary = NULL;
	struct stat st;
	int n = 0;

	while (readdir(dir))
		n++;
	if (n != 4 || fstatat(top, "canary", &st, AT_SYMLINK_NOFOLLOW) < 0 || st.st_nlink != 1 || st.st_mode != (S_IFREG | 0600))
		abort();
	if (fd_read_file_at(top, "canary", 100, &canary) < 0 || strcmp(canary, CANARY) != 0)
		abort();
}

static void unpack(const uint8_t *data, size_t size)
{
	const struct limits limits = { .max_bytes = 1 << 20, .max_files = 50 };
	struct counts counts;
	struct err err = ERR_INIT;
	_cleanup_fd_ int fd = memfd_create("archive", MFD_CLOEXEC);

	if (fd_write_all(fd, data, size) < 0 || lseek(fd, 0, SEEK_SET) < 0)
		abort();

	int r = extract_archive(fd, &limits, &counts, &err);

	/* A refusal says why, in one printable line. */
	if (r < 0 && (err.code == 0 || !err.msg[0] || strpbrk(err.msg, "\n\x1b")))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char name[] = "/tmp/fuzz_unpack.XXXXXX";
	_cleanup_fd_ int home = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	setlocale(LC_CTYPE, "C.UTF-8");
	become(NOBODY);

	_cleanup_fd_ int top = make_place(name);

	if (fchdir(top) < 0 || chdir("in") < 0)
		abort();
	unpack(data, size);
	check_beside(top);
	become(0);
	/* As root again, because an archive may close its folders; or by the plain user, whose leftovers are his. */
	if (fchdir(home) < 0 || (path_remove_tree_at(AT_FDCWD, name) < 0 && getuid() == 0))
		abort();
	return 0;
}
