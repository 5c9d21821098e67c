/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What ctctl-unpack says on its stdout, one JSON object: on success the counts; on failure REPORT_EXIT (an enum exit_code) and
 * REPORT_ERROR, one line. It ends with status 0 or 1 accordingly. The reader treats it as input of strangers.
 */
#define REPORT_EXIT	"exit"
#define REPORT_ERROR	"error"
#define REPORT_FILES	"files"
#define REPORT_BYTES	"bytes"
#define REPORT_DEVICES	"skipped_devices"
#define REPORT_SOCKETS	"skipped_sockets"
#define REPORT_XATTRS	"dropped_xattrs"
#define REPORT_WARNINGS "warnings"
