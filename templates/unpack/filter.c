/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <seccomp.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "templates/unpack/confine.h"

/* By name, because not every architecture or library has each of them. */
static const char *const allowed[] = {
	/* reading and writing */
	"read", "readv", "pread64", "write", "writev", "pwrite64", "lseek", "close", "fsync", "ftruncate", "fallocate", "fcntl",
	"dup",
	/* files */
	"open", "openat", "stat", "lstat", "fstat", "newfstatat", "statx", "access", "faccessat", "faccessat2", "readlink",
	"readlinkat", "getdents64", "mkdir", "mkdirat", "rmdir", "unlink", "unlinkat", "symlink", "symlinkat", "link", "linkat",
	"rename", "renameat", "renameat2", "chmod", "fchmod", "fchmodat", "fchmodat2", "chown", "lchown", "fchown", "fchownat",
	"utime", "utimes", "futimesat", "utimensat", "chdir", "fchdir", "getcwd", "umask", "fstatfs", "statfs",
	/* attributes */
	"setxattr", "lsetxattr", "fsetxattr", "getxattr", "lgetxattr", "fgetxattr", "listxattr", "llistxattr", "flistxattr",
	"removexattr", "lremovexattr", "fremovexattr",
	/* memory, time, identity, the end */
	"brk", "mmap", "munmap", "mremap", "mprotect", "madvise", "futex", "clock_gettime", "gettimeofday", "time", "getrandom",
	"getpid", "gettid", "getuid", "geteuid", "getgid", "getegid", "sched_yield", "sched_getaffinity", "sysinfo",
	"rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigaltstack", "exit", "exit_group"
};

static int allow(scmp_filter_ctx filter, const char *name)
{
	int nr = seccomp_syscall_resolve_name(name);

	if (nr == __NR_SCMP_ERROR || nr < 0)
		return 0; /* not on this architecture, or newer than the library */
	return seccomp_rule_add(filter, SCMP_ACT_ALLOW, nr, 0);
}

/*
 * Fifos only: the kernel lets root of a user namespace make the character device 0:0, which overlayfs takes for a deleted file.
 */
static int allow_mkfifo(scmp_filter_ctx filter)
{
	int r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mknodat), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, S_IFMT, S_IFIFO));

	if (r == 0 && SCMP_SYS(mknod) >= 0)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mknod), 1, SCMP_A1(SCMP_CMP_MASKED_EQ, S_IFMT, S_IFIFO));
	return r;
}

int confine_filter(struct err *err)
{
	/* ENOSYS: the C library and sanitizers fall back where they can. A foreign system call table kills. */
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
	int r = filter ? allow_mkfifo(filter) : -ENOMEM;

	for (size_t i = 0; i < ARRAY_SIZE(allowed) && r == 0; i++)
		r = allow(filter, allowed[i]);
	if (r == 0)
		r = seccomp_load(filter);
	if (filter)
		seccomp_release(filter);
	return r < 0 ? err_sys(err, -r, "filter system calls") : 0;
}
