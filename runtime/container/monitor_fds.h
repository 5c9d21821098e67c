/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What ctctl-monitor is started with: argv is NAME BOOT INIT_PID CTCTL PREFIX; 0, 1 and 2 are /dev/null, and
 */
enum {
	MONITOR_FD_FIRST = 3,
	MONITOR_FD_INIT = MONITOR_FD_FIRST, /* pidfd of the guest's init, whose parent it is */
	MONITOR_FD_MASTER,		    /* the host's end of the console */
	MONITOR_FD_SLAVE,   /* the guest's end, held so that poll() reports no hang-up while nobody in the guest has it open */
	MONITOR_FD_SOCKET,  /* listens for `ctctl console`: SOCK_SEQPACKET, non-blocking */
	MONITOR_FD_LOG_DIR, /* where console.log is */
	MONITOR_FD_END,
	MONITOR_N_FDS = MONITOR_FD_END - MONITOR_FD_FIRST,
};

/* A packet on the console's socket begins with its kind. */
enum {
	CONSOLE_DATA = 'd', /* both ways: bytes of the terminal follow */
	CONSOLE_SIZE = 'w', /* to the monitor: struct winsize follows */
};

#define CONSOLE_PACKET_MAX 4096

/* console.log is moved to console.log.old at this size, so that at most twice as much is kept. */
#define CONSOLE_LOG_MAX (128 * 1024)
