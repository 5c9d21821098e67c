/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The only file that includes libsystemd's headers. */
#include "runtime/bus.h"

#include <systemd/sd-bus.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/library.h"
#include "base/proc.h"
#include "base/str.h"

#define SERVICE	  "org.freedesktop.systemd1"
#define OBJECT	  "/org/freedesktop/systemd1"
#define MANAGER	  "org.freedesktop.systemd1.Manager"
#define CALL_USEC (60 * UINT64_C(1000000))

/* The job that is waited for, and how it ended. */
struct job {
	const char *path;
	char result[BUS_RESULT_ROOM];
};

/* The functions that are used, with the types of the library's own header, and the connection. */
struct bus {
	void *handle;
	sd_bus *bus;
	struct job job;
	__typeof__(sd_bus_open_system) *open_system;
	__typeof__(sd_bus_flush_close_unref) *close;
	__typeof__(sd_bus_set_method_call_timeout) *set_timeout;
	__typeof__(sd_bus_match_signal) *match_signal;
	__typeof__(sd_bus_process) *process;
	__typeof__(sd_bus_wait) *wait;
	__typeof__(sd_bus_call) *call;
	__typeof__(sd_bus_call_method) *call_method;
	__typeof__(sd_bus_message_new_method_call) *new_call;
	__typeof__(sd_bus_message_appendv) *append;
	__typeof__(sd_bus_message_open_container) *open_container;
	__typeof__(sd_bus_message_close_container) *close_container;
	__typeof__(sd_bus_message_read) *read;
	__typeof__(sd_bus_message_unref) *unref;
	__typeof__(sd_bus_error_free) *error_free;
};

struct bus_call {
	struct bus *bus;
	sd_bus_message *message;
	int error; /* negative: what went wrong first */
};

void bus_close(struct bus *bus)
{
	if (!bus)
		return;
	if (bus->bus)
		bus->close(bus->bus);
	library_close(bus->handle);
	free(bus);
}

static int load(struct bus *bus, struct err *err)
{
	const struct library_symbol functions[] = {
		{ "sd_bus_open_system", &bus->open_system },
		{ "sd_bus_flush_close_unref", &bus->close },
		{ "sd_bus_set_method_call_timeout", &bus->set_timeout },
		{ "sd_bus_match_signal", &bus->match_signal },
		{ "sd_bus_process", &bus->process },
		{ "sd_bus_wait", &bus->wait },
		{ "sd_bus_call", &bus->call },
		{ "sd_bus_call_method", &bus->call_method },
		{ "sd_bus_message_new_method_call", &bus->new_call },
		{ "sd_bus_message_appendv", &bus->append },
		{ "sd_bus_message_open_container", &bus->open_container },
		{ "sd_bus_message_close_container", &bus->close_container },
		{ "sd_bus_message_read", &bus->read },
		{ "sd_bus_message_unref", &bus->unref },
		{ "sd_bus_error_free", &bus->error_free },
	};

	return library_open("libsystemd.so.0", "libsystemd0", functions, ARRAY_SIZE(functions), &bus->handle, err);
}

static int connect_bus(struct bus *bus)
{
	int r = bus->open_system(&bus->bus);

	if (r >= 0)
		r = bus->set_timeout(bus->bus, CALL_USEC);
	/* Signals of jobs are sent to those who asked for them. The call also shows that systemd answers. */
	return r < 0 ? r : bus->call_method(bus->bus, SERVICE, OBJECT, MANAGER, "Subscribe", NULL, NULL, NULL);
}

int bus_open(struct bus **ret, struct err *err)
{
	_cleanup_bus_ struct bus *bus = calloc(1, sizeof(*bus));
	int r = bus ? load(bus, err) : err_oom(err);

	if (r < 0)
		return r;
	r = connect_bus(bus);
	if (r < 0)
		return err_exit(err, EXIT_UNSUPPORTED, -r,
				"systemd cannot be reached by D-Bus (%s): apt-get install dbus, systemctl start dbus",
				strerror(-r));
	*ret = TAKE_PTR(bus);
	return 0;
}

void bus_fail(struct bus_call *call, int error)
{
	if (call && error < 0 && call->error == 0)
		call->error = error;
}

struct bus_call *bus_call_new(struct bus *bus, const char *method)
{
	struct bus_call *call = calloc(1, sizeof(*call));

	if (!call)
		return NULL;
	call->bus = bus;
	bus_fail(call, bus->new_call(bus->bus, &call->message, SERVICE, OBJECT, MANAGER, method));
	return call;
}

void bus_add(struct bus_call *call, const char *types, ...)
{
	va_list ap;

	if (!call || call->error < 0)
		return;
	va_start(ap, types);
	bus_fail(call, call->bus->append(call->message, types, ap));
	va_end(ap);
}

void bus_open_array(struct bus_call *call, const char *type)
{
	if (call && call->error == 0)
		bus_fail(call, call->bus->open_container(call->message, 'a', type));
}

void bus_close_array(struct bus_call *call)
{
	if (call && call->error == 0)
		bus_fail(call, call->bus->close_container(call->message));
}

static int read_job(const struct bus *bus, sd_bus_message *reply, struct bus_answer *ret)
{
	const char *path;
	int r = bus->read(reply, "o", &path);

	return r < 0 ? r : str_copy(ret->job, sizeof(ret->job), path);
}

int bus_send(struct bus_call *call, bool returns_job, struct bus_answer *ret)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	sd_bus_message *reply = NULL;

	*ret = (struct bus_answer){ 0 };
	if (!call) {
		snprintf(ret->text, sizeof(ret->text), "%s", strerror(ENOMEM));
		return -ENOMEM;
	}

	struct bus *bus = call->bus;
	int r = call->error;

	if (r == 0)
		r = bus->call(bus->bus, call->message, CALL_USEC, &error, &reply);
	if (r >= 0)
		r = returns_job ? read_job(bus, reply, ret) : 0;
	if (r < 0) {
		snprintf(ret->error, sizeof(ret->error), "%s", error.name ? error.name : "");
		snprintf(ret->text, sizeof(ret->text), "%s", error.message ? error.message : strerror(-r));
	}
	bus->error_free(&error);
	bus->unref(reply);
	bus->unref(call->message);
	free(call);
	return r;
}

static int on_job_removed(sd_bus_message *m, void *userdata, sd_bus_error *e _unused_)
{
	struct bus *bus = userdata;
	const char *path, *unit, *result;
	uint32_t id;
	int r = bus->read(m, "uoss", &id, &path, &unit, &result);

	if (r < 0 || !bus->job.path || strcmp(path, bus->job.path) != 0)
		return r;
	return str_copy(bus->job.result, sizeof(bus->job.result), result);
}

int bus_watch_jobs(struct bus *bus)
{
	int r = bus->match_signal(bus->bus, NULL, SERVICE, OBJECT, MANAGER, "JobRemoved", on_job_removed, bus);

	return r < 0 ? r : 0;
}

/* Signals that come before the reply wait in the library's queue until they are processed here. */
int bus_wait_job(struct bus *bus, const char *job, uint64_t timeout_ms, char result[BUS_RESULT_ROOM])
{
	uint64_t now = proc_now_ms(), end = now + timeout_ms;
	int r = 0;

	bus->job = (struct job){ .path = job };
	for (; !*bus->job.result && (r >= 0 || r == -EINTR); now = proc_now_ms()) {
		if (now >= end)
			r = -ETIMEDOUT;
		else
			r = bus->process(bus->bus, NULL);
		if (r == 0)
			r = bus->wait(bus->bus, (end - now) * 1000);
	}
	bus->job.path = NULL;
	if (!*bus->job.result)
		return r;
	memcpy(result, bus->job.result, BUS_RESULT_ROOM);
	return 0;
}
