/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/link.h"

#include <errno.h>
#include <poll.h>

#include "base/cleanup.h"
#include "base/proc.h"
#include "netns/nl_priv.h"

/* Since Linux 6.8 the question itself has the kernel catch up (rtnl_getlink(), linkwatch_sync_dev()); before, its work does. */
static int is_ready(struct nl_sock *sock, const char *name, struct err *err)
{
	_cleanup_(cleanup_link) struct rtnl_link *link = NULL;
	int r = netlink_get_link(sock, name, &link, err);

	return r < 0 ? r : (rtnl_link_get_flags(link) & IFF_RUNNING) != 0;
}

static int drop_event(struct nl_msg *msg _unused_, void *arg _unused_)
{
	return NL_OK;
}

/* That something happened to some link; what, is asked. */
static int open_events(struct nl_sock **ret, struct err *err)
{
	_cleanup_(cleanup_nl_sock) struct nl_sock *events = NULL;
	int r = netlink_open(&events, err);

	if (r < 0)
		return r;
	nl_socket_disable_seq_check(events);
	if (nl_socket_modify_cb(events, NL_CB_VALID, NL_CB_CUSTOM, drop_event, NULL) < 0 ||
	    nl_socket_add_membership(events, RTNLGRP_LINK) < 0 || nl_socket_set_nonblocking(events) < 0)
		return err_set(err, EIO, "listen to changes of interfaces");
	*ret = TAKE_PTR(events);
	return 0;
}

int net_link_wait_ready(const char *name, int timeout_ms, struct err *err)
{
	_cleanup_(cleanup_nl_sock) struct nl_sock *sock = NULL;
	_cleanup_(cleanup_nl_sock) struct nl_sock *events = NULL;
	uint64_t end = proc_now_ms() + (uint64_t)timeout_ms;
	int r = netlink_check_name(name, err);

	if (r == 0)
		r = netlink_open(&sock, err);
	if (r == 0)
		r = is_ready(sock, name, err);
	if (r != 0)
		return r;
	r = open_events(&events, err);
	if (r == 0)
		r = is_ready(sock, name, err); /* it may have become so before we listened */
	for (uint64_t now; r == 0 && (now = proc_now_ms()) < end;) {
		struct pollfd p = { .fd = nl_socket_get_fd(events), .events = POLLIN };

		if (poll(&p, 1, (int)(end - now)) > 0)
			(void)nl_recvmsgs_default(events); /* lost ones do not matter: the state is asked for */
		r = is_ready(sock, name, err);
	}
	return r;
}
