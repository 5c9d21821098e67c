/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The only file that includes libcap. */
#include "runtime/container/caps.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/capability.h>

#include "base/cleanup.h"

DEFINE_CLEANUP(cap_t, cleanup_cap, if (*p) cap_free(*p))

/*
 * What a guest's root never has, and why. systemd's ConditionCapability= looks at the bounding set: a capability that is gone
 * skips the unit, one that is there but counts for nothing (the kernel asks for it in the initial user namespace) lets the unit
 * start and fail.
 *
 * Kept on purpose: what an init and its services use in the guest's own namespaces (SYS_ADMIN NET_ADMIN SYS_CHROOT SETFCAP
 * SYS_RESOURCE SYS_PTRACE SYS_NICE IPC_LOCK AUDIT_WRITE LEASE ...), SYS_BOOT (reboot(2) ends the guest's PID namespace, which is
 * how a guest reboots), and what programs expect of root and the kernel refuses anyway (MKNOD: only whiteouts; AUDIT_CONTROL:
 * pam_loginuid; SYS_TTY_CONFIG: vhangup(2) by getty).
 */
static const struct {
	cap_value_t cap;
	const char *why;
} dropped[] = {
	{ CAP_SYS_MODULE, "modules are the host's; systemd's modprobe@ units would start and fail" },
	{ CAP_SYS_RAWIO, "ports and memory; sys-kernel-debug.mount and sys-kernel-tracing.mount would start and fail" },
	{ CAP_SYS_TIME, "one clock for all guests; systemd-timesyncd and chrony are skipped" },
	{ CAP_MAC_ADMIN, "the security policy is the host's" },
	{ CAP_MAC_OVERRIDE, "the security policy is the host's" },
	{ CAP_AUDIT_READ, "the audit log is the host's; systemd-journald-audit.socket is skipped" },
	{ CAP_SYSLOG, "the kernel's log, and the addresses in it, are the host's" },
	{ CAP_BLOCK_SUSPEND, "the power of the host is no guest's" },
	{ CAP_WAKE_ALARM, "the power of the host is no guest's" },
	{ CAP_SYS_PACCT, "acct(2) is denied by the filter" },
	{ CAP_PERFMON, "perf_event_open(2) is denied by the filter: it shows other guests' timing" },
	{ CAP_BPF, "bpf(2) is denied by the filter" },
	{ CAP_CHECKPOINT_RESTORE, "the host checkpoints the guest; what it allows, SYS_ADMIN allows too" },
};

#define CAP_LAST_KNOWN CAP_CHECKPOINT_RESTORE

/* One that a future kernel adds is dropped until somebody has thought about it. */
static bool is_dropped(cap_value_t cap)
{
	if (cap > CAP_LAST_KNOWN)
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(dropped); i++) {
		if (dropped[i].cap == cap)
			return true;
	}
	return false;
}

static int drop_from_bounding(cap_value_t cap, struct err *err)
{
	if (cap_drop_bound(cap) == 0)
		return 0;

	int code = errno;
	char *name = cap_to_name(cap);
	int r = err_sys(err, code, "drop the capability %s", name ? name : "?");

	cap_free(name);
	return r;
}

int caps_drop(struct err *err)
{
	_cleanup_(cleanup_cap) cap_t caps = cap_get_proc();
	cap_value_t n_caps = cap_max_bits(); /* as many as this kernel has */

	if (!caps)
		return err_sys(err, errno, "read the capabilities");
	for (cap_value_t cap = 0; cap < n_caps; cap++) {
		if (!is_dropped(cap))
			continue;
		int r = drop_from_bounding(cap, err);

		if (r < 0)
			return r;
		if (cap_set_flag(caps, CAP_PERMITTED, 1, &cap, CAP_CLEAR) < 0 ||
		    cap_set_flag(caps, CAP_EFFECTIVE, 1, &cap, CAP_CLEAR) < 0)
			return err_sys(err, errno, "drop a capability");
	}
	/* With the inheritable set the kernel empties the ambient one (capabilities(7)). */
	if (cap_clear_flag(caps, CAP_INHERITABLE) < 0 || cap_set_proc(caps) < 0)
		return err_sys(err, errno, "set the capabilities");
	return 0;
}

bool caps_has_sys_resource(void)
{
	cap_t caps = cap_get_proc();
	cap_flag_value_t value = CAP_CLEAR;
	bool has = caps && cap_get_flag(caps, CAP_SYS_RESOURCE, CAP_EFFECTIVE, &value) == 0 && value == CAP_SET;

	cap_free(caps);
	return has;
}
