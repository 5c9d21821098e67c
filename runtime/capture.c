/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/capture.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/proc.h"
#include "base/str.h"
#include "netns/wire.h"
#include "runtime/guest_priv.h"
#include "runtime/network.h"
#include "runtime/terminal.h"

/* Where to look, of a running guest. */
struct place {
	char interface[IFNAMSIZ];
	int init_fd; /* of the guest's init, if it is in its network namespace; else -EBADF */
};

static int find_place(const struct guest *guest, const struct guest_run *run, const char *interface, struct place *ret,
		      struct err *err)
{
	struct net_plans plans = NET_PLANS_INIT;
	int r = network_read_note(guest->run_fd, LINKS_FILE, &plans, err);
	const struct net_plan *plan = r < 0 ? NULL : network_find_plan(&plans, interface);

	if (plan && plan->link[0]) {
		snprintf(ret->interface, sizeof(ret->interface), "%s", plan->link);
	} else if (plan) {
		snprintf(ret->interface, sizeof(ret->interface), "%s", plan->guest_name);
		ret->init_fd = proc_open(&run->init);
		r = ret->init_fd < 0 ? err_sys(err, -ret->init_fd, "open guest '%s'", guest->name) : 0;
	} else if (r >= 0) {
		r = err_exit(err, EXIT_NETWORK, ENODEV,
			     "the running guest '%s' has no connected interface '%s': see ctctl net list %s", guest->name,
			     interface, guest->name);
	}
	network_plans_free(&plans);
	return r < 0 ? r : 0;
}

/* What a guest sends is its own business: for root's eyes. A link that somebody has put there is not followed. */
static int open_file(const char *path, struct err *err)
{
	_cleanup_fd_ int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0600);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(err, errno, "open '%s' to write", path);
	/* One that was there may be for all to read, and another's; a device or a pipe is as its owner has it. */
	if (S_ISREG(st.st_mode) && (fchmod(fd, 0600) < 0 || fchown(fd, geteuid(), getegid()) < 0 || ftruncate(fd, 0) < 0))
		return err_sys(err, errno, "make '%s' a file for root only", path);
	return TAKE_FD(fd);
}

/* net_capture() in the guest's network namespace. */
static int capture_inside(int init_fd, const struct net_capture_spec *spec, uint64_t *ret_packets, uint64_t *ret_lost,
			  struct err *err)
{
	_cleanup_fd_ int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

	/* By a pidfd (Linux 5.8): of this process, whoever has its number by now. */
	if (home < 0 || setns(init_fd, CLONE_NEWNET) < 0)
		return err_sys(err, errno, "enter the network of the guest");

	int r = net_capture(spec, ret_packets, ret_lost, err);

	if (setns(home, CLONE_NEWNET) < 0 && r == 0)
		return err_sys(err, errno, "leave the network of the guest");
	return r;
}

static int capture(const struct place *place, const struct guest_capture_spec *spec, uint64_t *ret_packets, uint64_t *ret_lost,
		   struct err *err)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP, 0 };
	_cleanup_fd_ int file = spec->file ? open_file(spec->file, err) : -EBADF;

	if (spec->file && file < 0)
		return file;

	_cleanup_fd_ int stop = terminal_catch_signals(signals);
	struct net_capture_spec net = {
		.interface = place->interface,
		.out_fd = spec->file ? file : spec->out_fd,
		.packets_max = spec->packets_max,
		.snap_bytes = spec->snap_bytes,
		.stop_fd = stop,
	};

	if (stop < 0)
		return err_sys(err, -stop, "catch signals");
	if (spec->on_begin)
		spec->on_begin(spec->context);
	return place->init_fd >= 0 ? capture_inside(place->init_fd, &net, ret_packets, ret_lost, err)
				   : net_capture(&net, ret_packets, ret_lost, err);
}

int guest_capture(const struct node *node, const char *name, const struct guest_capture_spec *spec, uint64_t *ret_packets,
		  uint64_t *ret_lost, struct err *err)
{
	_cleanup_guest_ struct guest *guest = NULL;
	struct place place = { .init_fd = -EBADF };
	struct guest_run run;
	int r = guest_open(node, name, &guest, err);

	if (r == 0)
		r = guest_need_running(guest, &run, err);
	if (r == 0)
		r = find_place(guest, &run, spec->interface, &place, err);
	if (r == 0)
		r = capture(&place, spec, ret_packets, ret_lost, err);
	if (place.init_fd >= 0)
		close(place.init_fd);
	return r;
}
