/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The guests' unit, as systemd is asked for it. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/proc.h"
#include "base/str.h"
#include "runtime/bus.h"
#include "runtime/home_priv.h"

static int err_bus(const struct bus_answer *answer, int r, const char *what, const char *unit, struct err *err)
{
	return err_exit(err, EXIT_UNSUPPORTED, -r, "%s the unit '%s' of systemd: %s; see systemctl status %s", what, unit,
			answer->text, unit);
}

static int open_for(struct bus **ret, const struct node *node, struct err *err)
{
	return bus_open(ret, err) < 0 ? err_wrap(err, "the cgroup of guests (%s)", node->guests_unit) : 0;
}

int home_systemd_probe(const struct node *node, struct err *err)
{
	_cleanup_bus_ struct bus *bus = NULL;

	return open_for(&bus, node, err);
}

/*
 * What the unit is; systemd.service(5), systemd.kill(5), systemd.resource-control(5). ExecStart does nothing, but for a service
 * that starts something systemd makes the group and gives the slice its controllers.
 */
static void add_nature(struct bus_call *call, const struct node *node)
{
	_cleanup_free_ char *text = str_printf("Guests of ctctl%s%s", *node->prefix ? " in " : "", node->prefix);

	if (!text) {
		bus_fail(call, -ENOMEM);
		return;
	}
	bus_add(call, "(sv)(sv)(sv)(sv)(sv)", "Description", "s", text, "Type", "s", "oneshot", "RemainAfterExit", "b", 1,
		"Slice", "s", HOME_SLICE, "CollectMode", "s", "inactive-or-failed");
	/* Other guests go on when one of them runs out of memory. */
	bus_add(call, "(sv)(sv)(sv)", "Delegate", "b", 1, "TasksMax", "t", UINT64_MAX, "OOMPolicy", "s", "continue");
	/*
	 * ctctl has time limits of its own, one per guest. What it could not stop must not hold up the host: no SIGTERM, which an
	 * init may ignore.
	 */
	bus_add(call, "(sv)(sv)", "TimeoutStopUSec", "t", UINT64_MAX, "KillSignal", "i", SIGKILL);
}

/*
 * The program that started the first guest, and the installed one: the first may be a build that is gone when the host shuts
 * down, and then nothing but SIGKILL would be left for the guests. After one that did its work, the other finds nothing to stop.
 */
static void add_stop(struct bus_call *call, const struct node *node)
{
	static const char installed[] = CTCTL_SBINDIR "/ctctl";

	if (strcmp(node->self, installed) == 0)
		bus_add(call, "(sv)", "ExecStop", "a(sasb)", 1, installed, 3, installed, "autostart", "--stop", 1);
	else
		bus_add(call, "(sv)", "ExecStop", "a(sasb)", 2, node->self, 3, node->self, "autostart", "--stop", 1, installed, 3,
			installed, "autostart", "--stop", 1);
}

/*
 * Program, arguments, and is a failure to be ignored? Command lines are of the type a(sasb). The prefix is no argument: systemd
 * would put variables in, and 252 loses at its next daemon-reload how that was escaped. It loses whole lines of ExecStopEx=, too.
 */
static void add_commands(struct bus_call *call, const struct node *node)
{
	_cleanup_free_ char *marker = home_marker(node), *prefix = str_printf(NODE_PREFIX_ENV "=%s", node->prefix);

	if (!marker || !prefix) {
		bus_fail(call, -ENOMEM);
		return;
	}
	bus_add(call, "(sv)", "Environment", "as", 1, prefix);
	bus_add(call, "(sv)", "ExecStart", "a(sasb)", 1, "/bin/true", 1, "/bin/true", 0);
	add_stop(call, node);
	/* Also when that one was killed. */
	bus_add(call, "(sv)", "ExecStopPost", "a(sasb)", 1, "/bin/rm", 3, "/bin/rm", "-df", marker, 1);
}

/*
 * A unit is stopped before those that it is After=: guests before pools are unmounted and the network goes (systemd.special(7)).
 * Guests go with ctctl.service, which starts those of the instance without a prefix; a restart of it starts them when all are
 * stopped.
 */
static void add_order(struct bus_call *call, const struct node *node)
{
	bus_add(call, "(sv)", "After", "as", 4, "local-fs.target", "remote-fs.target", "network.target", "network-online.target");
	if (!*node->prefix)
		bus_add(call, "(sv)(sv)", "Before", "as", 1, "ctctl.service", "PartOf", "as", 1, "ctctl.service");
}

static int start_new(struct bus *bus, const struct node *node, struct bus_answer *ret)
{
	struct bus_call *call = bus_call_new(bus, "StartTransientUnit");

	bus_add(call, "ss", node->guests_unit, "fail");
	bus_open_array(call, "(sv)");
	add_nature(call, node);
	add_commands(call, node);
	add_order(call, node);
	bus_close_array(call);
	bus_add(call, "a(sa(sv))", 0);
	return bus_send(call, true, ret);
}

static int start_old(struct bus *bus, const struct node *node, struct bus_answer *ret)
{
	struct bus_call *call = bus_call_new(bus, "StartUnit");

	bus_add(call, "ss", node->guests_unit, "fail");
	return bus_send(call, true, ret);
}

/*
 * A unit of that name may be there: made by a start that was killed, or active while our marker was removed. It is started as it
 * is then.
 */
static int request_start(struct bus *bus, const struct node *node, struct bus_answer *ret, struct err *err)
{
	int r = start_new(bus, node, ret);

	if (r < 0 && strcmp(ret->error, "org.freedesktop.systemd1.UnitExists") == 0)
		r = start_old(bus, node, ret);
	if (r < 0 && strcmp(ret->error, "org.freedesktop.systemd1.TransactionIsDestructive") == 0)
		return err_exit(err, EXIT_FAILED, EBUSY,
				"systemd is stopping all guests, for the host's shutdown or by 'systemctl stop %s': start it "
				"again after that",
				node->guests_unit);
	return r < 0 ? err_bus(ret, r, "start", node->guests_unit, err) : 0;
}

static int wait_for_job(struct bus *bus, const struct node *node, const char *job, struct err *err)
{
	char result[BUS_RESULT_ROOM];
	int r = bus_wait_job(bus, job, HOME_TIMEOUT_S * UINT64_C(1000), result);

	if (r == -ETIMEDOUT)
		return err_exit(err, EXIT_TIMEOUT, ETIMEDOUT, "systemd has not started '%s' in %d s: see systemctl list-jobs",
				node->guests_unit, HOME_TIMEOUT_S);
	if (r < 0)
		return err_sys(err, -r, "wait until systemd has started '%s'", node->guests_unit);
	if (strcmp(result, "done") == 0)
		return 0;
	return err_exit(err, EXIT_UNSUPPORTED, ECANCELED, "systemd could not start '%s' (%s): see systemctl status %s",
			node->guests_unit, result, node->guests_unit);
}

static int attach(struct bus *bus, const struct node *node, pid_t pid, struct err *err)
{
	struct bus_call *call = bus_call_new(bus, "AttachProcessesToUnit");
	struct bus_answer answer;

	bus_add(call, "ssau", node->guests_unit, "", 1, (uint32_t)pid);

	int r = bus_send(call, false, &answer);

	return r < 0 ? err_bus(&answer, r, "make the cgroup of", node->guests_unit, err) : 0;
}

/*
 * systemd removes the empty group of a service that has only exited, and forgets that there was one: it would not show the guests
 * and, when it makes the group again to stop the unit, take away the controllers of whom it finds in it, and so their limits
 * (measured on 252). Handing it a process, which then ends, makes it keep the group.
 */
static int keep_group(struct bus *bus, const struct node *node, struct err *err)
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
	r = pid < 0 ? err_sys(err, -pid, "make a process") : attach(bus, node, pid, err);
	close(hold[1]);
	if (pid > 0 && waitpid(pid, NULL, 0) < 0 && r == 0)
		r = err_sys(err, errno, "wait for a process");
	return r;
}

int home_systemd_start(const struct node *node, struct err *err)
{
	_cleanup_bus_ struct bus *bus = NULL;
	struct bus_answer answer;
	int r = open_for(&bus, node, err);

	if (r < 0)
		return r;
	r = bus_watch_jobs(bus);
	if (r < 0)
		return err_sys(err, -r, "listen to systemd");
	r = request_start(bus, node, &answer, err);
	if (r == 0)
		r = wait_for_job(bus, node, answer.job, err);
	/* With guests in it, it is kept already. */
	if (r == 0 && !home_has_group(node))
		r = keep_group(bus, node, err);
	if (r == 0 && !home_has_group(node))
		r = err_exit(err, EXIT_FAILED, ENOENT,
			     "systemd has started '%s', and its cgroup is not there: see systemctl status %s", node->guests_unit,
			     node->guests_unit);
	return r;
}

/*
 * systemd may answer before it has written to the group: it keeps a list of groups to be written to (unit_invalidate_cgroup()),
 * which it works off before it looks at the next call. So this is one.
 */
static int wait_until_written(struct bus *bus, const char *unit, struct bus_answer *ret)
{
	struct bus_call *call = bus_call_new(bus, "GetUnit");

	bus_add(call, "s", unit);
	return bus_send(call, false, ret);
}

int home_systemd_set_low(const struct node *node, const char *unit, uint64_t low, struct err *err)
{
	_cleanup_bus_ struct bus *bus = NULL;
	struct bus_answer answer;
	int r = open_for(&bus, node, err);

	if (r < 0)
		return r;

	struct bus_call *call = bus_call_new(bus, "SetUnitProperties");

	bus_add(call, "sb", unit, 1);
	bus_add(call, "a(sv)", 1, "MemoryLow", "t", low);
	r = bus_send(call, false, &answer);
	if (r == 0)
		r = wait_until_written(bus, unit, &answer);
	return r < 0 ? err_bus(&answer, r, "set the protected memory of", unit, err) : 0;
}
