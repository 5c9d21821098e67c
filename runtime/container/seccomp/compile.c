/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Runs when ctctl is built: compiles policy.def with libseccomp, for each combination of lifted rules, and writes a C header with
 * the filters to stdout. So a start needs no library and no time for it, and a mistake in the table breaks the build, not a
 * guest. The only file that includes libseccomp.
 */
#include <errno.h>
#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <seccomp.h>

#include "base/cleanup.h"
#include "runtime/container/seccomp/lift.h"

#ifndef __x86_64__
#error "the filter is written for x86-64 hosts: review policy.def for the arguments and ABIs of this one, then extend abis[]"
#endif

#define LOW32	      0xffffffffULL
#define MAX_RULE_ARGS 2

struct rule {
	const char *name;
	int call;
	int error;
	unsigned int lift;
	unsigned int n_args;
	struct scmp_arg_cmp args[MAX_RULE_ARGS];
};

#define CMP_EQ(n, value)                                                                   \
	{                                                                                  \
		.arg = (n), .op = SCMP_CMP_MASKED_EQ, .datum_a = LOW32, .datum_b = (value) \
	}
#define CMP_BITS(n, bits)                                                                  \
	{                                                                                  \
		.arg = (n), .op = SCMP_CMP_MASKED_EQ, .datum_a = (bits), .datum_b = (bits) \
	}
#define CMP_ABOVE(n, value)                                       \
	{                                                         \
		.arg = (n), .op = SCMP_CMP_GT, .datum_a = (value) \
	}

#define RULE(call_, error_, lift_, n, ...) \
	{ .name = #call_,                  \
	  .call = SCMP_SYS(call_),         \
	  .error = (error_),               \
	  .lift = SECCOMP_LIFT_##lift_,    \
	  .n_args = (n),                   \
	  .args = { __VA_ARGS__ } },
#define DENY(call, error, lift)				     RULE(call, error, lift, 0)
#define DENY_ARG(call, a, value, error, lift)		     RULE(call, error, lift, 1, CMP_EQ(a, value))
#define DENY_BITS(call, a, bits, error, lift)		     RULE(call, error, lift, 1, CMP_BITS(a, bits))
#define DENY_ABOVE(call, a, value, error, lift)		     RULE(call, error, lift, 1, CMP_ABOVE(a, value))
#define DENY_ARGS(call, a1, value1, a2, value2, error, lift) RULE(call, error, lift, 2, CMP_EQ(a1, value1), CMP_EQ(a2, value2))

static const struct rule rules[] = {
#include "runtime/container/seccomp/policy.def"
};

/* The ABIs of the host. x32 has the architecture of x86-64 and numbers from 2^30: above the highest known one, so ENOSYS. */
static const struct abi {
	const char *name;
	uint32_t token;
	uint32_t audit;
} abis[] = {
	{ "X86_64", SCMP_ARCH_X86_64, AUDIT_ARCH_X86_64 },
	{ "I386", SCMP_ARCH_X86, AUDIT_ARCH_I386 },
};

static int fail(const char *what, int r)
{
	fprintf(stderr, "seccomp policy: %s: %s\n", what, strerror(-r));
	return r;
}

static bool is_socket_rule(const struct rule *rule)
{
	return strncmp(rule->name, "socket", strlen("socket")) == 0;
}

static int add_rules(scmp_filter_ctx ctx, uint32_t token, unsigned int lifted)
{
	for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
		const struct rule *rule = &rules[i];

		if (rule->lift & lifted)
			continue;
		if (token == SCMP_ARCH_X86 && (lifted & SECCOMP_LIFT_IA32_SOCKETS) && is_socket_rule(rule))
			continue;

		int r = seccomp_rule_add_array(ctx, SCMP_ACT_ERRNO((uint16_t)rule->error), rule->call, rule->n_args, rule->args);

		if (r < 0)
			return fail(rule->name, r);
	}
	return 0;
}

/* One filter per ABI, because a rule may hold for one and not for the other. */
static int build_abi(uint32_t token, unsigned int lifted, scmp_filter_ctx *ret)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);

	if (!ctx)
		return fail("init", -ENOMEM);

	int r = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(ENOSYS));

	if (r == 0)
		r = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_NNP, 0);
	if (r == 0)
		r = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (r == 0 && token != seccomp_arch_native()) {
		r = seccomp_arch_add(ctx, token);
		if (r == 0)
			r = seccomp_arch_remove(ctx, seccomp_arch_native());
	}
	if (r == 0)
		r = add_rules(ctx, token, lifted);
	if (r < 0) {
		seccomp_release(ctx);
		return fail("compile", r);
	}
	*ret = ctx;
	return 0;
}

static int build(unsigned int lifted, scmp_filter_ctx *ret)
{
	scmp_filter_ctx ctx = NULL, other = NULL;
	int r = build_abi(abis[0].token, lifted, &ctx);

	for (size_t i = 1; r == 0 && i < ARRAY_SIZE(abis); i++) {
		r = build_abi(abis[i].token, lifted, &other);
		if (r == 0)
			r = seccomp_merge(ctx, other);
	}
	*ret = ctx;
	return r;
}

static uint32_t highest_known(uint32_t token)
{
	int nr = 4095;
	char *name;

	while (nr > 0 && !(name = seccomp_syscall_resolve_num_arch(token, nr)))
		nr--;
	free(name);
	return (uint32_t)nr;
}

static void put(uint16_t code, uint8_t jt, uint8_t jf, uint32_t k)
{
	printf("\t{ 0x%02x, %u, %u, 0x%08x },\n", code, jt, jf, k);
}

/*
 * Numbers that were unknown when this was compiled: ENOSYS. Falls through to what libseccomp made, which loads everything anew.
 */
static void put_prologue(void)
{
	put(BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(struct seccomp_data, arch));
	for (size_t i = 0; i < ARRAY_SIZE(abis); i++) {
		put(BPF_JMP | BPF_JEQ | BPF_K, 0, 4, abis[i].audit);
		put(BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(struct seccomp_data, nr));
		put(BPF_JMP | BPF_JGT | BPF_K, 0, 1, highest_known(abis[i].token));
		put(BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | ENOSYS);
		put(BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(struct seccomp_data, arch));
	}
}

static int put_filter(unsigned int lifted)
{
	scmp_filter_ctx ctx;
	struct sock_filter insn;
	_cleanup_fd_ int fd = memfd_create("filter", MFD_CLOEXEC);
	int r = build(lifted, &ctx);

	if (r < 0)
		return r;
	r = seccomp_export_bpf(ctx, fd);
	seccomp_release(ctx);
	if (r < 0 || lseek(fd, 0, SEEK_SET) < 0)
		return fail("export", r < 0 ? r : -errno);
	printf("static const struct sock_filter seccomp_filter_%u[] = {\n", lifted);
	put_prologue();
	while (read(fd, &insn, sizeof(insn)) == sizeof(insn))
		put(insn.code, insn.jt, insn.jf, insn.k);
	printf("};\n");
	return 0;
}

int main(void)
{
	printf("/* Made by runtime/container/seccomp/compile.c from policy.def. */\n#include <linux/filter.h>\n");
	for (size_t i = 0; i < ARRAY_SIZE(abis); i++)
		printf("#define SECCOMP_HIGHEST_%s %uU\n", abis[i].name, highest_known(abis[i].token));
	for (unsigned int lifted = 0; lifted < SECCOMP_N_FILTERS; lifted++) {
		if (put_filter(lifted) < 0)
			return 1;
	}
	printf("#define SECCOMP_FILTER(n) { sizeof(seccomp_filter_##n) / sizeof(seccomp_filter_##n[0]), (struct sock_filter "
	       "*)seccomp_filter_##n }\n");
	printf("static const struct sock_fprog seccomp_filters[] = {\n");
	for (unsigned int lifted = 0; lifted < SECCOMP_N_FILTERS; lifted++)
		printf("\tSECCOMP_FILTER(%u),\n", lifted);
	printf("};\n");
	return fflush(stdout) != 0;
}
