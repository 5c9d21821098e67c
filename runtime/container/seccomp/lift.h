/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The flags of struct seccomp_policy as bits: which rules are lifted, and the index of the compiled filter. */
#define SECCOMP_LIFT_NONE	  0u
#define SECCOMP_LIFT_NESTING	  1u
#define SECCOMP_LIFT_IO_URING	  2u
#define SECCOMP_LIFT_IA32_SOCKETS 4u
#define SECCOMP_N_FILTERS	  8u
