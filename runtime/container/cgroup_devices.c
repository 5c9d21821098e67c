/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which devices a guest's group may open or make: by the devices controller where it sits in a v1 hierarchy, else by a program
 * of BPF on the v2 group (cgroup-v2.rst, "Device controller"; BPF_PROG_TYPE_CGROUP_DEVICE, Linux 4.15).
 *
 * It is the second wall: in a user namespace no device node can be made, and the guest has only those that are bound for it.
 * It holds against a node that comes into the guest in another way: by a mistake of an administrator or of ours.
 *
 * Not by libbpf: it is made for programs that a compiler wrote, with maps and relocations, and brings libelf and zlib into
 * every start. This one is made here from a table and takes two system calls: 0.07 ms (measured on 6.18).
 */
#include <errno.h>
#include <linux/bpf.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "runtime/container/cgroup_priv.h"

#define ANY_MINOR -1

/* All are character devices. Documentation/admin-guide/devices.txt */
static const struct device {
	int major;
	int minor;
	enum { EVERY_GUEST, WITH_TUN, WITH_FUSE } who;
} devices[] = {
	{ 1, 3, EVERY_GUEST },		 /* null */
	{ 1, 5, EVERY_GUEST },		 /* zero */
	{ 1, 7, EVERY_GUEST },		 /* full */
	{ 1, 8, EVERY_GUEST },		 /* random */
	{ 1, 9, EVERY_GUEST },		 /* urandom */
	{ 5, 0, EVERY_GUEST },		 /* tty */
	{ 5, 1, EVERY_GUEST },		 /* console */
	{ 5, 2, EVERY_GUEST },		 /* ptmx */
	{ 136, ANY_MINOR, EVERY_GUEST }, /* pts */
	{ 10, 200, WITH_TUN },		 { 10, 229, WITH_FUSE },
};

static bool is_allowed(const struct cgroup_spec *spec, const struct device *d)
{
	switch (d->who) {
	case EVERY_GUEST:
		return true;
	case WITH_TUN:
		return spec->allow_tun;
	case WITH_FUSE:
		return spec->allow_fuse;
	}
	return false;
}

/*
 * The kernel takes one rule per write. Not by libcgroup: 3.1 drops a value of several lines and reports success, and the guest
 * would have no device at all.
 */
static int write_lines(const struct cgroup_hierarchy *h, const struct cgroup_spec *spec)
{
	int r = cgroup_write(h, spec->path, "devices.deny", "a");

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(devices); i++) {
		char minor[16] = "*", line[48];

		if (!is_allowed(spec, &devices[i]))
			continue;
		if (devices[i].minor != ANY_MINOR)
			snprintf(minor, sizeof(minor), "%d", devices[i].minor);
		snprintf(line, sizeof(line), "c %d:%s rwm", devices[i].major, minor);
		r = cgroup_write(h, spec->path, "devices.allow", line);
	}
	return r;
}

/* The program: registers and the instructions of it (Documentation/bpf/standardization/instruction-set.rst). */
enum { R_RESULT = BPF_REG_0, R_CONTEXT = BPF_REG_1, R_ACCESS = BPF_REG_2, R_MAJOR = BPF_REG_3, R_MINOR = BPF_REG_4 };

/* The head is 7 instructions, the end 2; a device takes 4, or 3 with any minor number. */
#define INSNS_MAX (9 + 4 * ARRAY_SIZE(devices))

struct program {
	struct bpf_insn insn[INSNS_MAX];
	unsigned int n;
	bool is_full; /* something did not fit: it must not be loaded */
};

static void emit(struct program *p, int code, int dst, int src, int off, int imm)
{
	if (p->n == ARRAY_SIZE(p->insn)) {
		p->is_full = true;
		return;
	}
	p->insn[p->n++] = (struct bpf_insn){
		.code = (uint8_t)code,
		.dst_reg = (uint8_t)(dst & 0xf),
		.src_reg = (uint8_t)(src & 0xf),
		.off = (int16_t)off,
		.imm = imm,
	};
}

static void emit_return(struct program *p, int verdict)
{
	emit(p, BPF_ALU64 | BPF_MOV | BPF_K, R_RESULT, 0, 0, verdict);
	emit(p, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

static void emit_load(struct program *p, int reg, size_t offset)
{
	emit(p, BPF_LDX | BPF_MEM | BPF_W, reg, R_CONTEXT, (int)offset, 0);
}

/* "If it is not this one, on to the next." */
static void emit_device(struct program *p, const struct device *d)
{
	bool has_minor = d->minor != ANY_MINOR;

	emit(p, BPF_JMP | BPF_JNE | BPF_K, R_MAJOR, 0, has_minor ? 3 : 2, d->major);
	if (has_minor)
		emit(p, BPF_JMP | BPF_JNE | BPF_K, R_MINOR, 0, 2, d->minor);
	emit_return(p, 1);
}

static void write_program(struct program *p, const struct cgroup_spec *spec)
{
	emit_load(p, R_ACCESS, offsetof(struct bpf_cgroup_dev_ctx, access_type));
	emit_load(p, R_MAJOR, offsetof(struct bpf_cgroup_dev_ctx, major));
	emit_load(p, R_MINOR, offsetof(struct bpf_cgroup_dev_ctx, minor));
	/* The lower half of the word is the type; reading, writing and making nodes, in the upper one, are all the same to us. */
	emit(p, BPF_ALU | BPF_AND | BPF_K, R_ACCESS, 0, 0, 0xffff);
	emit(p, BPF_JMP | BPF_JEQ | BPF_K, R_ACCESS, 0, 2, BPF_DEVCG_DEV_CHAR);
	emit_return(p, 0);
	for (size_t i = 0; i < ARRAY_SIZE(devices); i++) {
		if (is_allowed(spec, &devices[i]))
			emit_device(p, &devices[i]);
	}
	emit_return(p, 0);
}

static int bpf(int command, union bpf_attr *attr)
{
	long r = syscall(SYS_bpf, command, attr, sizeof(*attr));

	return r < 0 ? -errno : (int)r;
}

static int load(const struct program *p)
{
	union bpf_attr attr = { 0 };

	if (p->is_full)
		return -E2BIG;
	attr.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
	attr.insns = (uint64_t)(uintptr_t)p->insn;
	attr.insn_cnt = p->n;
	attr.license = (uint64_t)(uintptr_t) "GPL";
	memcpy(attr.prog_name, "ctctl_devices", sizeof("ctctl_devices"));
	return bpf(BPF_PROG_LOAD, &attr);
}

/*
 * Without BPF_F_ALLOW_MULTI: a second program for the group takes the place of the first, and nobody can add one to a group
 * below. Nobody has to: in a guest there is no bpf(2), and the kernel would not let a user namespace use it for this. Programs
 * of groups above, such as systemd's for a slice, count besides.
 */
static int attach(int group_fd, int program_fd)
{
	union bpf_attr attr = { 0 };

	attr.target_fd = (uint32_t)group_fd;
	attr.attach_bpf_fd = (uint32_t)program_fd;
	attr.attach_type = BPF_CGROUP_DEVICE;
	return bpf(BPF_PROG_ATTACH, &attr);
}

static int load_and_attach(const struct cgroup_hierarchy *v2, const struct cgroup_spec *spec)
{
	struct program p = { .n = 0 };
	_cleanup_fd_ int group = cgroup_open_group(v2, spec->path), program = -EBADF;

	if (group < 0)
		return group;
	write_program(&p, spec);
	program = load(&p);
	/* The group holds it from now on; it goes with the group. */
	return program < 0 ? program : attach(group, program);
}

/* A kernel that has no such programs (ENOSYS, EINVAL), or one that allows us none (EPERM: lockdown, a filter around us). */
static int explain(int code, const struct cgroup_spec *spec, struct err *err)
{
	return err_exit(err, EXIT_UNSUPPORTED, code,
			"the devices of the cgroup '%s' cannot be limited by BPF (%s): it needs a kernel with CONFIG_CGROUP_BPF "
			"and bpf(2) allowed for root: ctctl doctor",
			spec->path, strerror(code));
}

int cgroup_probe_devices(void)
{
	static const struct cgroup_spec nothing = { .path = "" };
	struct program p = { .n = 0 };
	_cleanup_fd_ int fd = -EBADF;

	write_program(&p, &nothing);
	fd = load(&p);
	return fd < 0 ? fd : 0;
}

int cgroup_allow_devices(const struct cgroup_map *map, const struct cgroup_spec *spec, struct err *err)
{
	const struct cgroup_hierarchy *v1 = cgroup_map_find(map, "devices"), *v2 = cgroup_map_v2(map);
	int r;

	if (!v1 && !v2)
		return err_exit(err, EXIT_UNSUPPORTED, EOPNOTSUPP,
				"the devices of the cgroup '%s' cannot be limited: neither cgroup2 nor the devices controller of "
				"version 1 is mounted: mount cgroup2 on /sys/fs/cgroup",
				spec->path);
	r = v1 ? write_lines(v1, spec) : load_and_attach(v2, spec);
	if (r == 0)
		return 0;
	return v1 ? err_sys(err, -r, "set the devices of the cgroup '%s'", spec->path) : explain(-r, spec, err);
}
