/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/link.h"

#include <errno.h>

#include "base/cleanup.h"
#include "netns/nl_priv.h"

int net_port_setup(const struct net_port_spec *spec, struct err *err)
{
	return netlink_check_name(spec->link, err);
}
