/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The only file that includes libsystemd's headers. It is loaded on demand, as libmount is (storage/mounts.c): once per boot of
 * the host somebody needs it. The interface is org.freedesktop.systemd1(5).
 */
#include <systemd/sd-bus.h>

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/proc.h"
#include "base/str.h"
#include "runtime/home_priv.h"

#define SERVICE	  "org.freedesktop.systemd1"
#define OBJECT	  "/org/freedesktop/systemd1"
#define MANAGER	  "org.freedesktop.systemd1.Manager"
#define CALL_USEC (60 * UINT64_C(1000000))

/* The functions that are used, with the types of the library's own header, and the connection. */
struct bus {
	void *handle;
	sd_bus *bus;
	__typeof__(sd_bus_open_system) *open_system;
	__typeof__(sd_bus_flush_close_unref) *close;
	__typeof__(sd_bus_set_method_call_timeout) *set_timeout;
	__typeof__(sd_bus_match_signal) *match_signal;
	__typeof__(sd_bus_process) *process;
	__typeof__(sd_bus_wait) *wait;
	__typeof__(sd_bus_call) *call;
	__typeof__(sd_bus_call_method) *call_method;
	__typeof__(sd_bus_message_new_method_call) *new_call;
	__typeof__(sd_bus_message_append) *append;
	__typeof__(sd_bus_message_open_container) *open_container;
	__typeof__(sd_bus_message_close_container) *close_container;
	__typeof__(sd_bus_message_read) *read;
	__typeof__(sd_bus_message_unref) *unref;
	__typeof__(sd_bus_error_free) *error_free;
	__typeof__(sd_bus_error_has_name) *error_has_name;
};

static void bus_close(struct bus *b)
{
	if (b->bus)
		b->close(b->bus);
	if (b->handle)
		dlclose(b->handle);
}
#define _cleanup_bus_ _cleanup_(bus_close)

static int find_function(const struct bus *b, const char *name, void *ret, struct err *err)
{
	void *symbol = dlsym(b->handle, name);

	if (!symbol)
		return err_exit(err, EXIT_UNSUPPORTED, ENOSYS, "libsystemd.so.0 has no %s(): apt-get install libsystemd0", name);
	memcpy(ret, &symbol, sizeof(symbol));
	return 0;
}

static int load(struct bus *b, struct err *err)
{
	const struct {
		const char *name;
		void *ret;
	} functions[] = {
		{ "sd_bus_open_system", &b->open_system },
		{ "sd_bus_flush_close_unref", &b->close },
		{ "sd_bus_set_method_call_timeout", &b->set_timeout },
		{ "sd_bus_match_signal", &b->match_signal },
		{ "sd_bus_process", &b->process },
		{ "sd_bus_wait", &b->wait },
		{ "sd_bus_call", &b->call },
		{ "sd_bus_call_method", &b->call_method },
		{ "sd_bus_message_new_method_call", &b->new_call },
		{ "sd_bus_message_append", &b->append },
		{ "sd_bus_message_open_container", &b->open_container },
		{ "sd_bus_message_close_container", &b->close_container },
		{ "sd_bus_message_read", &b->read },
		{ "sd_bus_message_unref", &b->unref },
		{ "sd_bus_error_free", &b->error_free },
		{ "sd_bus_error_has_name", &b->error_has_name },
	};

	b->handle = dlopen("libsystemd.so.0", RTLD_NOW | RTLD_LOCAL);
	if (!b->handle)
		return err_exit(err, EXIT_UNSUPPORTED, ENOENT,
				"the library libsystemd.so.0 is missing: apt-get install libsystemd0");
	for (size_t i = 0; i < ARRAY_SIZE(functions); i++) {
		int r = find_function(b, functions[i].name, functions[i].ret, err);

		if (r < 0)
			return r;
	}
	return 0;
}

/* What systemd answered. */
static int err_bus(const struct bus *b, sd_bus_error *e, int r, const char *what, const char *unit, struct err *err)
{
	int code = err_exit(err, EXIT_UNSUPPORTED, -r, "%s the unit '%s' of systemd: %s; see systemctl status %s", what, unit,
			    e->message ? e->message : strerror(-r), unit);

	b->error_free(e);
	return code;
}

static int bus_open(struct bus *b, const struct node *node, struct err *err)
{
	int r = load(b, err);

	if (r < 0)
		return r;
	r = b->open_system(&b->bus);
	if (r >= 0)
		r = b->set_timeout(b->bus, CALL_USEC);
	/* Signals of jobs are sent to those who asked for them. The call also shows that systemd answers. */
	if (r >= 0)
		r = b->call_method(b->bus, SERVICE, OBJECT, MANAGER, "Subscribe", NULL, NULL, NULL);
	if (r < 0)
		return err_exit(err, EXIT_UNSUPPORTED, -r,
				"systemd, which is to make the cgroup of guests (%s), cannot be reached by D-Bus (%s): apt-get "
				"install dbus, systemctl start dbus",
				node->guests_unit, strerror(-r));
	return 0;
}

int home_systemd_probe(const struct node *node, struct err *err)
{
	_cleanup_bus_ struct bus b = { 0 };

	return bus_open(&b, node, err);
}

/*
 * What the unit is; systemd.service(5), systemd.kill(5), systemd.resource-control(5). ExecStart does nothing, but for a service
 * that starts something systemd makes the group and gives the slice its controllers.
 */
static int add_nature(const struct bus *b, sd_bus_message *m, const struct node *node)
{
	_cleanup_free_ char *text = str_printf("Guests of ctctl%s%s", *node->prefix ? " in " : "", node->prefix);
	int r = text ? b->append(m, "(sv)(sv)(sv)(sv)(sv)", "Description", "s", text, "Type", "s", "oneshot", "RemainAfterExit",
				 "b", 1, "Slice", "s", "ctctl.slice", "CollectMode", "s", "inactive-or-failed")
		     : -ENOMEM;

	/* Other guests go on when one of them runs out of memory. */
	if (r >= 0)
		r = b->append(m, "(sv)(sv)(sv)", "Delegate", "b", 1, "TasksMax", "t", UINT64_MAX, "OOMPolicy", "s", "continue");
	/*
	 * ctctl has time limits of its own, one per guest. What it could not stop must not hold up the host: no SIGTERM, which an
	 * init may ignore.
	 */
	if (r >= 0)
		r = b->append(m, "(sv)(sv)", "TimeoutStopUSec", "t", UINT64_MAX, "KillSignal", "i", SIGKILL);
	return r;
}

/*
 * Program, arguments, and is a failure one of the unit? Command lines are of the type a(sasb). The prefix is no argument: systemd
 * would put variables in, and 252 loses at its next daemon-reload how that was escaped. It loses whole lines of ExecStopEx=, too.
 */
static int add_commands(const struct bus *b, sd_bus_message *m, const struct node *node)
{
	_cleanup_free_ char *marker = home_marker(node), *prefix = str_printf(NODE_PREFIX_ENV "=%s", node->prefix);
	int r = marker && prefix ? b->append(m, "(sv)", "Environment", "as", 1, prefix) : -ENOMEM;

	if (r >= 0)
		r = b->append(m, "(sv)", "ExecStart", "a(sasb)", 1, "/bin/true", 1, "/bin/true", 0);
	if (r >= 0)
		r = b->append(m, "(sv)", "ExecStop", "a(sasb)", 1, node->self, 3, node->self, "autostart", "--stop", 0);
	/* Also when that one was killed. */
	if (r >= 0)
		r = b->append(m, "(sv)", "ExecStopPost", "a(sasb)", 1, "/bin/rm", 3, "/bin/rm", "-df", marker, 1);
	return r;
}

/*
 * A unit is stopped before those that it is After=: guests before pools are unmounted and the network goes (systemd.special(7)).
 * Guests go with ctctl.service, which starts those of the instance without a prefix; a restart of it starts them when all are
 * stopped.
 */
static int add_order(const struct bus *b, sd_bus_message *m, const struct node *node)
{
	int r = b->append(m, "(sv)", "After", "as", 4, "local-fs.target", "remote-fs.target", "network.target",
			  "network-online.target");

	if (r < 0 || *node->prefix)
		return r;
	return b->append(m, "(sv)(sv)", "Before", "as", 1, "ctctl.service", "PartOf", "as", 1, "ctctl.service");
}

static int fill_request(const struct bus *b, sd_bus_message *m, const struct node *node)
{
	int r = b->append(m, "ss", node->guests_unit, "fail");

	if (r >= 0)
		r = b->open_container(m, 'a', "(sv)");
	if (r >= 0)
		r = add_nature(b, m, node);
	if (r >= 0)
		r = add_commands(b, m, node);
	if (r >= 0)
		r = add_order(b, m, node);
	if (r >= 0)
		r = b->close_container(m);
	return r < 0 ? r : b->append(m, "a(sa(sv))", 0);
}

/* The job that was asked for, and how it ended. */
struct job {
	const struct bus *bus;
	char path[128];
	char result[32];
};

static int note_job(const struct bus *b, sd_bus_message *reply, struct job *job)
{
	const char *path;
	int r = b->read(reply, "o", &path);

	if (r >= 0)
		r = str_copy(job->path, sizeof(job->path), path);
	b->unref(reply);
	return r;
}

/*
 * A unit of that name may be there: made by a start that was killed, or active while our marker was removed. It is started as it
 * is then.
 */
static int request_start(const struct bus *b, const struct node *node, struct job *job, struct err *err)
{
	sd_bus_error e = SD_BUS_ERROR_NULL;
	sd_bus_message *m = NULL, *reply = NULL;
	int r = b->new_call(b->bus, &m, SERVICE, OBJECT, MANAGER, "StartTransientUnit");

	if (r >= 0)
		r = fill_request(b, m, node);
	if (r >= 0)
		r = b->call(b->bus, m, CALL_USEC, &e, &reply);
	b->unref(m);
	if (r < 0 && b->error_has_name(&e, "org.freedesktop.systemd1.UnitExists")) {
		b->error_free(&e);
		r = b->call_method(b->bus, SERVICE, OBJECT, MANAGER, "StartUnit", &e, &reply, "ss", node->guests_unit, "fail");
	}
	if (r < 0 && b->error_has_name(&e, "org.freedesktop.systemd1.TransactionIsDestructive")) {
		b->error_free(&e);
		return err_exit(err, EXIT_FAILED, EBUSY,
				"systemd is stopping all guests, for the host's shutdown or by 'systemctl stop %s': start it "
				"again after that",
				node->guests_unit);
	}
	if (r >= 0)
		r = note_job(b, reply, job);
	return r < 0 ? err_bus(b, &e, r, "start", node->guests_unit, err) : 0;
}

static int on_job_removed(sd_bus_message *m, void *userdata, sd_bus_error *e _unused_)
{
	struct job *job = userdata;
	const char *path, *unit, *result;
	uint32_t id;
	int r = job->bus->read(m, "uoss", &id, &path, &unit, &result);

	if (r < 0 || strcmp(path, job->path) != 0)
		return r;
	return str_copy(job->result, sizeof(job->result), result);
}

/* Signals that come before the reply wait in the library's queue until they are processed here. */
static int wait_for_job(const struct bus *b, const struct node *node, const struct job *job, struct err *err)
{
	uint64_t now = proc_now_ms(), end = now + HOME_TIMEOUT_S * UINT64_C(1000);
	int r = 0;

	for (; !*job->result; now = proc_now_ms()) {
		if (now >= end)
			return err_exit(err, EXIT_TIMEOUT, ETIMEDOUT,
					"systemd has not started '%s' in %d s: see systemctl list-jobs", node->guests_unit,
					HOME_TIMEOUT_S);
		r = b->process(b->bus, NULL);
		if (r == 0)
			r = b->wait(b->bus, (end - now) * 1000);
		if (r < 0 && r != -EINTR)
			return err_sys(err, -r, "wait until systemd has started '%s'", node->guests_unit);
	}
	if (strcmp(job->result, "done") == 0)
		return 0;
	return err_exit(err, EXIT_UNSUPPORTED, ECANCELED, "systemd could not start '%s' (%s): see systemctl status %s",
			node->guests_unit, job->result, node->guests_unit);
}

static int attach(const struct bus *b, const struct node *node, pid_t pid, struct err *err)
{
	sd_bus_error e = SD_BUS_ERROR_NULL;
	int r = b->call_method(b->bus, SERVICE, OBJECT, MANAGER, "AttachProcessesToUnit", &e, NULL, "ssau", node->guests_unit, "",
			       1, (uint32_t)pid);

	return r < 0 ? err_bus(b, &e, r, "make the cgroup of", node->guests_unit, err) : 0;
}

/*
 * systemd removes the empty group of a service that has only exited, and forgets that there was one: it would not show the guests
 * and, when it makes the group again to stop the unit, take away the controllers of whom it finds in it, and so their limits
 * (measured on 252). Handing it a process, which then ends, makes it keep the group.
 */
static int keep_group(const struct bus *b, const struct node *node, struct err *err)
{
	int hold[2], r;
	pid_t pid;

	if (pipe2(hold, O_CLOEXEC) < 0)
		return err_sys(err, errno, "make a pipe");
	pid = proc_clone(0, -1, NULL);
	if (pid == 0) {
		char end;

		close(hold[1]);
		_exit(read(hold[0], &end, 1) != 0);
	}
	close(hold[0]);
	r = pid < 0 ? err_sys(err, -pid, "make a process") : attach(b, node, pid, err);
	close(hold[1]);
	if (pid > 0 && waitpid(pid, NULL, 0) < 0 && r == 0)
		r = err_sys(err, errno, "wait for a process");
	return r;
}

int home_systemd_start(const struct node *node, struct err *err)
{
	_cleanup_bus_ struct bus b = { 0 };
	_cleanup_free_ char *group = str_printf("/sys/fs/cgroup/%s", node->cgroup_parent);
	struct job job = { .bus = &b };
	int r = group ? bus_open(&b, node, err) : err_oom(err);

	if (r < 0)
		return r;
	r = b.match_signal(b.bus, NULL, SERVICE, OBJECT, MANAGER, "JobRemoved", on_job_removed, &job);
	if (r < 0)
		return err_sys(err, -r, "listen to systemd");
	r = request_start(&b, node, &job, err);
	if (r == 0)
		r = wait_for_job(&b, node, &job, err);
	/* With guests in it, it is kept already. */
	if (r == 0 && access(group, F_OK) < 0)
		r = keep_group(&b, node, err);
	return r;
}
