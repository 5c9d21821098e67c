/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/policy.h"

#include <errno.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "runtime/cpuset.h"
#include "runtime/policy_priv.h"
#include "runtime/resolver.h"

/* Pairs that would take back what the other gives: memory-high never reached, memory-low more than it may have. */
static int check_memory_order(const struct guest_config *config, struct err *err)
{
	const struct {
		const char *key, *what;
		uint64_t value, most;
	} pairs[] = {
		{ "memory-high", "memory", config->memory_high, config->memory },
		{ "memory-low", "memory", config->memory_low, config->memory },
		{ "memory-low", "memory-high", config->memory_low, config->memory_high },
	};

	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
		char want[STR_NUMBER_ROOM], most[STR_NUMBER_ROOM];

		if (pairs[i].most == 0 || pairs[i].value <= pairs[i].most)
			continue;
		str_from_size(pairs[i].value, want);
		str_from_size(pairs[i].most, most);
		return err_exit(err, EXIT_INVALID, EINVAL, "%s '%s': expected at most its %s, %s", pairs[i].key, want,
				pairs[i].what, most);
	}
	return 0;
}

static int check_memory_host(const struct guest_config *config, struct err *err)
{
	const struct {
		const char *what;
		uint64_t value;
	} sizes[] = {
		{ "memory limit", config->memory },
		{ "memory-high", config->memory_high },
		{ "memory-low", config->memory_low },
	};
	struct sysinfo si;

	if (sysinfo(&si) < 0)
		return err_sys(err, errno, "ask the host's memory");

	uint64_t total = (uint64_t)(si.totalram + si.totalswap) * si.mem_unit;

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		char want[STR_NUMBER_ROOM];

		if (sizes[i].value <= total)
			continue;
		str_from_size(sizes[i].value, want);
		return err_exit(err, EXIT_INVALID, ERANGE, "%s '%s': this host has %lluM with swap", sizes[i].what, want,
				(unsigned long long)(total >> 20));
	}
	return 0;
}

static int check_memory(const struct guest_config *config, struct err *err)
{
	int r = check_memory_host(config, err);

	return r < 0 ? r : check_memory_order(config, err);
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

static int check_search(const struct guest_config *config, struct err *err)
{
	_cleanup_free_ char *domains = NULL;

	return config->search ? resolver_search(config->search, &domains, err) : 0;
}

int policy_check_start(const struct node *node, const struct guest_config *config, struct err *err)
{
	(void)node;

	int r = check_memory(config, err);

	if (r == 0)
		r = check_cpus(config, err);
	if (r == 0)
		r = policy_check_network(config, err);
	return r;
}

int policy_check(const struct node *node, const struct guest_config *config, struct err *err)
{
	int r = policy_check_start(node, config, err);

	if (r == 0)
		r = policy_check_links(node, config, err);
	if (r == 0)
		r = check_search(config, err);
	return r == 0 && config->cpuset ? cpuset_check_online("cpuset", config->cpuset, err) : r;
}
