/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "templates/template.h"

/* manifest.json: struct template_manifest as a file. */
#define MANIFEST_FILE "manifest.json"
#define IMAGE_FILE    "image.erofs"

/* Reads it from the version folder `version_fd`; `shown` ("micro@20260101.1") is for messages. BAD_TEMPLATE if it is damaged. */
int manifest_read(int version_fd, const char *shown, struct template_manifest *ret, struct err *err) _must_check_;

/* Writes it; on the disk when the call returns. */
int manifest_write(int version_fd, const struct template_manifest *m, struct err *err) _must_check_;
