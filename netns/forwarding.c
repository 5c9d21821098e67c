/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/link.h"

#include <dirent.h>
#include <errno.h>

#include "base/cleanup.h"
#include "netns/nl_priv.h"
#include "netns/sysctl_priv.h"

#define FORWARDING4 "ipv4/ip_forward"
#define FORWARDING6 "ipv6/conf/all/forwarding"

bool net_has_ipv6(void)
{
	return sysctl_get("ipv6/conf/all/disable_ipv6", NULL) == 0;
}

int net_forwarding_is_enabled(int family)
{
	int r = sysctl_get(family == AF_INET6 ? FORWARDING6 : FORWARDING4, NULL);

	return r < 0 ? r : r != 0;
}

/* Before it forwards: with the change the kernel drops the default routes that it has from advertisements. */
static int keep_listening(struct err *err)
{
	_cleanup_dir_ DIR *dir = opendir(SYSCTL_NET "/ipv6/conf");

	if (!dir)
		return err_sys(err, errno, "list '%s'", SYSCTL_NET "/ipv6/conf");
	for (struct dirent *e = readdir(dir); e; e = readdir(dir)) {
		if (e->d_name[0] == '.' || strcmp(e->d_name, "all") == 0 || strcmp(e->d_name, "default") == 0)
			continue;
		if (sysctl_get("ipv6/conf/%s/accept_ra", e->d_name) != 1)
			continue;

		int r = sysctl_set("ipv6/conf/%s/accept_ra", e->d_name, "2", err);

		if (r < 0 && r != -ENOENT) /* it went meanwhile */
			return r;
	}
	return 0;
}

int net_forwarding_enable(int family, struct err *err)
{
	int is_on = net_forwarding_is_enabled(family);

	if (is_on == 1)
		return 0;
	if (family == AF_INET6 && !net_has_ipv6())
		return err_exit(err, EXIT_UNSUPPORTED, EAFNOSUPPORT,
				"forward IPv6: it is switched off on this host (ipv6.disable, net.ipv6.conf.all.disable_ipv6)");

	int r = family == AF_INET6 ? keep_listening(err) : 0;

	if (r == 0)
		r = sysctl_set(family == AF_INET6 ? FORWARDING6 : FORWARDING4, NULL, "1", err);
	return r < 0 ? r : 1;
}
