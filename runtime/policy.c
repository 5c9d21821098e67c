/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/policy.h"

#include <errno.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "base/str.h"

static int check_memory(const struct guest_config *config, struct err *err)
{
	struct sysinfo si;
	char want[STR_NUMBER_ROOM];

	if (sysinfo(&si) < 0)
		return err_sys(err, errno, "ask the host's memory");

	uint64_t total = (uint64_t)(si.totalram + si.totalswap) * si.mem_unit;

	if (config->memory <= total)
		return 0;
	str_from_size(config->memory, want);
	return err_exit(err, EXIT_INVALID, ERANGE, "memory limit '%s': this host has %lluM with swap", want,
			(unsigned long long)(total >> 20));
}

static int check_cpus(const struct guest_config *config, struct err *err)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);
	char want[STR_NUMBER_ROOM];

	if (n <= 0 || config->cpus <= (uint64_t)n * 1000)
		return 0;
	str_from_milli(config->cpus, want);
	return err_exit(err, EXIT_INVALID, ERANGE, "cpus '%s': this host has %ld", want, n);
}

static int check_network(const struct guest_config *config, struct err *err)
{
	if (config->gateway && !config->ip)
		return err_exit(err, EXIT_INVALID, EINVAL, "gateway '%s': needs an address too: --ip ADDRESS/PREFIX",
				config->gateway);
	if (config->gateway && config->ip && !strchr(config->gateway, ':') != !strchr(config->ip, ':'))
		return err_exit(err, EXIT_INVALID, EINVAL, "gateway '%s': expected one of the same family as '%s'",
				config->gateway, config->ip);
	return 0;
}

int policy_check(const struct node *node, const struct guest_config *config, struct err *err)
{
	(void)node;

	int r = check_memory(config, err);

	if (r == 0)
		r = check_cpus(config, err);
	if (r == 0)
		r = check_network(config, err);
	return r;
}
