/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/err.h"
#include "runtime/node.h"

/*
 * What this host offers and lacks for each feature, in plain words, with what to do about it.
 */
enum doctor_verdict {
	DOCTOR_OK,
	DOCTOR_NOTE,	/* works, but not as well as it could */
	DOCTOR_LACKING, /* a feature is not available */
	DOCTOR_FATAL,	/* no guest can run */
};

struct doctor_finding {
	const char *feature; /* "containers", "disk limits", "checkpoint", ... */
	const char *check;   /* "user namespaces" */
	enum doctor_verdict verdict;
	char found[160];  /* what is there */
	char advice[256]; /* what to do; "" if nothing */
};

/* Runs every check of the table and hands each finding to `each`. Changes nothing on the host. */
int doctor_run(const struct node *node, void (*each)(void *context, const struct doctor_finding *finding), void *context,
	       struct err *err) _must_check_;
