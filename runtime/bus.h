/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/*
 * Calls of systemd's manager, org.freedesktop.systemd1(5), by the system's D-Bus. libsystemd is loaded on demand, as libmount is
 * (storage/mounts.c): few commands need it. By the host's root.
 */
struct bus;

/* Loads the library and connects. UNSUPPORTED where there is no library, or no systemd that answers. */
int bus_open(struct bus **ret, struct err *err) _must_check_;
void bus_close(struct bus *bus);
static inline void cleanup_bus(struct bus **bus)
{
	bus_close(*bus);
}
#define _cleanup_bus_ __attribute__((cleanup(cleanup_bus)))

/*
 * A call is made, filled and sent. What goes wrong before it is sent is told then. Types and arguments are those of
 * sd_bus_message_append(3). bus_fail() is for what was to be added and could not be made: the call fails with that, negative.
 */
struct bus_call;
struct bus_call *bus_call_new(struct bus *bus, const char *method) _must_check_;
void bus_add(struct bus_call *call, const char *types, ...);
void bus_fail(struct bus_call *call, int error);
void bus_open_array(struct bus_call *call, const char *type);
void bus_close_array(struct bus_call *call);

/* What systemd answered; "" is none. Texts that are too long are cut. */
struct bus_answer {
	char job[128];	/* the path of the job that it returned */
	char error[96]; /* the error's name: "org.freedesktop.systemd1.UnitExists" */
	char text[200]; /* what is wrong */
};

/* Sends the call, which is gone then (NULL: out of memory), and waits for the answer, a minute at most. 0 or a negative errno. */
int bus_send(struct bus_call *call, bool returns_job, struct bus_answer *ret) _must_check_;

/* From here on ends of jobs are heard. 0 or a negative errno. */
int bus_watch_jobs(struct bus *bus) _must_check_;

/* Waits for the end of one that was asked for since. `result` is "done" or why not. -ETIMEDOUT, or another negative errno. */
#define BUS_RESULT_ROOM 32
int bus_wait_job(struct bus *bus, const char *job, uint64_t timeout_ms, char result[BUS_RESULT_ROOM]) _must_check_;
