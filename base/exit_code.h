/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Every status with which ctctl ends. Where OpenVZ's vzctl and Virtuozzo's libvzctl have a number for the same
 * case (vzctl(8), libvzctl lib/vzerror.h) it is the same number, so that a provider's scripts keep working.
 * The manual page is generated from this table.
 *
 *   X(name, number, meaning)
 */
#define EXIT_CODES(X)                                                           \
	X(OK, 0, "success")                                                     \
	X(FAILED, 1, "the operation failed; the message says why")              \
	X(SYSTEM, 3, "a system call failed")                                    \
	X(UNSUPPORTED, 4, "this host lacks a needed feature: ctctl doctor")     \
	X(RESOURCES, 5, "not enough memory, processes or ids")                  \
	X(LOCKED, 9, "the guest is busy with another ctctl")                    \
	X(PERMISSION, 11, "permission denied: run as root")                     \
	X(NO_GUEST, 13, "no such guest")                                        \
	X(TIMEOUT, 14, "a time limit was reached")                              \
	X(CHECKPOINT, 16, "the guest could not be saved; it goes on")           \
	X(RESTORE, 17, "the guest could not be restored; its checkpoint stays") \
	X(USAGE, 20, "wrong command line")                                      \
	X(INVALID, 21, "an invalid value")                                      \
	X(NOT_RUNNING, 31, "the guest is not running")                          \
	X(RUNNING, 32, "the guest is running")                                  \
	X(NOT_STOPPED, 33, "the guest could not be stopped")                    \
	X(SUSPENDED, 35, "the guest is suspended: resume it first")             \
	X(NOT_SUSPENDED, 36, "the guest is not suspended")                      \
	X(NO_CHECKPOINT, 37, "no such checkpoint")                              \
	X(OBSTACLES, 38, "something is in the way of saving the guest")         \
	X(AREA_EXISTS, 44, "the guest's private area exists already")           \
	X(NO_SPACE, 46, "not enough disk space")                                \
	X(BAD_TEMPLATE, 47, "the template or image is damaged or refused")      \
	X(MOUNT, 50, "the guest's root could not be mounted")                   \
	X(ADDRESS_IN_USE, 78, "the address is in use")                          \
	X(BAD_CONFIG, 85, "a configuration file has an error")                  \
	X(NO_TEMPLATE, 91, "no such template")                                  \
	X(RECOVERY, 92, "an interrupted operation could not be undone")         \
	X(TEMPLATE_IN_USE, 93, "guests still use the template")                 \
	X(NETWORK, 104, "a network interface could not be set up")              \
	X(NO_POOL, 110, "no such pool")                                         \
	X(EXISTS, 111, "a guest, template, pool or label exists already")       \
	X(EXEC_NOT_EXECUTABLE, 126, "exec: the command is not executable")      \
	X(EXEC_NOT_FOUND, 127, "exec: no such command in the guest")

enum exit_code {
#define X(name, number, meaning) EXIT_##name = number,
	EXIT_CODES(X)
#undef X
};
