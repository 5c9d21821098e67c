/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "templates/unpack/policy.h"

/*
 * Unpacks the tar archive (plain or gzip, xz, zstd, bzip2) that `fd` reads into the working folder, by libarchive. Owners, modes,
 * times, ACLs and the attributes that policy_keeps_xattr() keeps are restored. -EBADMSG (BAD_TEMPLATE) if the policy or
 * libarchive's own checks refuse an entry, or if the archive is damaged; -ENOSPC (NO_SPACE). What was written so far stays: the
 * caller throws the folder away.
 *
 * In ctctl-unpack: called confined (confine.h), as root of a user namespace, with the working folder as its root.
 */
int extract_archive(int fd, const struct limits *limits, struct counts *counts, struct err *err) _must_check_;
