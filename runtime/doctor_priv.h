/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "runtime/doctor.h"

/*
 * What the checks of doctor share. A check gets a finding that says "ok" and its names, and changes the rest with these. All run
 * as the host's root; none changes anything, except that the kernel may load a module that it is asked about, as the first start
 * would have it do.
 */
typedef void doctor_fn(const struct node *node, struct doctor_finding *f);

/* What is there / what to do about it; text that is too long is cut. */
void doctor_found(struct doctor_finding *f, enum doctor_verdict verdict, const char *fmt, ...) _printf_(3, 4);
void doctor_advise(struct doctor_finding *f, const char *fmt, ...) _printf_(2, 3);

/* Is the running kernel this version or later? Versions are "6.12.9+deb13-amd64". */
bool doctor_kernel_is(unsigned major, unsigned minor);
bool doctor_version_is(const char *version, unsigned major, unsigned minor);

/* Is the file system in the kernel, or can its module be loaded? */
bool doctor_has_filesystem(const char *name);

/* Is the program in the host's fixed PATH? */
bool doctor_has_program(const char *name);

/* Reads a file of procfs or sysfs whole / as one number. False if that cannot be done. The caller frees. */
char *doctor_read(const char *path) _must_check_;
bool doctor_read_number(const char *path, uint64_t *ret);

/* doctor_kernel.c */
doctor_fn doctor_root, doctor_kernel, doctor_user_namespaces, doctor_namespaces, doctor_seccomp;
/* doctor_limits.c */
doctor_fn doctor_cgroups, doctor_devices, doctor_controllers, doctor_memory_steps, doctor_cpuset, doctor_io, doctor_io_weight,
	doctor_ids, doctor_open_files, doctor_pid_max, doctor_inotify, doctor_keys;
/* doctor_home.c */
doctor_fn doctor_home;
/* doctor_storage.c */
doctor_fn doctor_overlay, doctor_erofs, doctor_loop, doctor_btrfs, doctor_pools;
/* doctor_network.c */
doctor_fn doctor_links, doctor_macvlan, doctor_vlans, doctor_nftables, doctor_nat, doctor_firewalls, doctor_shaping;
/* doctor_network_host.c */
doctor_fn doctor_forwarding, doctor_uplinks, doctor_ipv6, doctor_advertisements, doctor_reverse_path, doctor_arp;
/* doctor_network_clash.c */
doctor_fn doctor_firewall, doctor_bridge_filter, doctor_names, doctor_networks;
/* doctor_programs.c */
doctor_fn doctor_helpers, doctor_templates, doctor_image_maker, doctor_mmdebstrap, doctor_criu, doctor_kvm, doctor_clock,
	doctor_boot;
