/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "addresses_unit.h"

#include "base/str.h"

/* Addresses from pools: each once, whoever asks at once and whatever is killed. */

static void put_pool(const struct node *node, const char *name, const char *range, const char *range6)
{
	struct net_pool_spec spec = { .name = name, .net = "nat", .ranges = (const char *const[]){ range, range6, NULL } };
	struct err err = ERR_INIT;

	assert_ok(net_pool_create(node, &spec, &err), &err);
}

static int lease_probed(const struct node *node, const char *pool_name, const char *uuid, address_probe_fn probe, void *context,
			struct net_address ret[2], struct err *err)
{
	struct net_pool pool;
	size_t n = 0;

	*err = ERR_INIT;

	int r = net_pool_open(node, pool_name, &pool, err);

	if (r == 0)
		r = address_lease(node, &pool, uuid, "eth0", probe, context, ret, &n, err);
	return r < 0 ? r : (int)n;
}

static int lease(const struct node *node, const char *pool, const char *uuid, struct net_address ret[2], struct err *err)
{
	return lease_probed(node, pool, uuid, NULL, NULL, ret, err);
}

static const char *text_of(const struct net_address *a)
{
	static char room[NET_ADDRESS_ROOM];

	net_address_format(a, true, room);
	return room;
}

static void test_all_are_given_and_no_more(void **state)
{
	struct place p;
	const struct node *node = put_node(*state, &p);
	struct net_address got[13][2], more[2];
	struct err err;

	for (size_t i = 0; i < 13; i++) {
		assert_int_equal(lease(node, "default", UUID_A, got[i], &err), 1);
		assert_int_equal(got[i][0].prefix, 28);
		for (size_t j = 0; j < i; j++)
			assert_false(net_address_equal(&got[i][0], &got[j][0]));
	}
	assert_owner(node, "10.200.0.1", "");
	assert_owner(node, "10.200.0.0", "");
	assert_owner(node, "10.200.0.15", "");
	assert_owner(node, "10.200.0.2", UUID_A "/eth0");
	assert_int_equal(lease(node, "default", UUID_B, more, &err), -EADDRNOTAVAIL);
	assert_int_equal(err.exit, EXIT_RESOURCES);
	assert_err_has(&err, "pool 'default' has no free IPv4 address: all 13 are taken");
	assert_ok(address_release(node, &got[4][0], 1, false, UUID_A, "eth0", &err), &err);
	assert_int_equal(lease(node, "default", UUID_B, more, &err), 1);
	assert_true(net_address_equal(&more[0], &got[4][0]));
}

/* What was given back is not given again at once: a neighbour may still have the old owner's MAC. */
static void test_they_go_round(void **state)
{
	struct place p;
	const struct node *node = put_node(*state, &p);
	struct net_address first[2], next[2];
	struct err err;

	assert_int_equal(lease(node, "default", UUID_A, first, &err), 1);
	for (int i = 0; i < 12; i++) {
		assert_ok(address_release_all_of(node, UUID_A, &err), &err);
		assert_int_equal(lease(node, "default", UUID_A, next, &err), 1);
		assert_false(net_address_equal(&first[0], &next[0]));
	}
	assert_ok(address_release_all_of(node, UUID_A, &err), &err);
	assert_int_equal(lease(node, "default", UUID_A, next, &err), 1);
	assert_true(net_address_equal(&first[0], &next[0]));
}

static void test_hints_that_are_none(void **state)
{
	static const char *const hints[] = { "", "x", "-1", "14", "99999999999999999999", "1 2", "\n\n\n", "13\n" };
	const struct scratch *s = *state;
	struct place p;
	const struct node *node = put_node(s, &p);
	struct net_address got[2];
	struct err err;

	put_dir(s->fd, "addresses");
	for (size_t i = 0; i < ARRAY_SIZE(hints); i++) {
		put_file(s->fd, "addresses/.next-default", hints[i]);
		assert_int_equal(lease(node, "default", UUID_A, got, &err), 1);
		assert_ok(address_release_all_of(node, UUID_A, &err), &err);
	}
}

static void test_several_ranges_and_gateway_among_them(void **state)
{
	static const char *const expected[] = { "10.1.0.2/24", "10.1.0.4/24", "10.1.0.200/24", "10.1.0.201/24" };
	const struct scratch *s = *state;
	struct place p;
	const struct node *node = put_node(s, &p);
	struct net_address got[2];
	struct err err;

	put_dir(s->fd, "netpools");
	put_file(s->fd, "netpools/p1.conf",
		 "net = bridge\nbridge = br0\nnetwork = 10.1.0.0/24\ngateway = 10.1.0.3\nrange = 10.1.0.2-10.1.0.4\n"
		 "range = 10.1.0.200-10.1.0.201\n");
	for (size_t i = 0; i < ARRAY_SIZE(expected); i++) {
		assert_int_equal(lease(node, "p1", UUID_A, got, &err), 1);
		assert_string_equal(text_of(&got[0]), expected[i]);
	}
	assert_int_equal(lease(node, "p1", UUID_A, got, &err), -EADDRNOTAVAIL);
	assert_err_has(&err, "all 4 are taken");
}

static void test_typed_ones_and_prefixes_are_passed_over(void **state)
{
	struct place p;
	const struct node *node = put_node(*state, &p);
	struct net_address got[2];
	struct err err;

	assert_ok(take_one(node, "10.200.0.2", false, UUID_B, "eth0", &err), &err);
	assert_ok(take_one(node, "10.200.0.4/30", true, UUID_B, "eth0", &err), &err);
	assert_int_equal(lease(node, "default", UUID_A, got, &err), 1);
	assert_string_equal(text_of(&got[0]), "10.200.0.3/28");
	assert_int_equal(lease(node, "default", UUID_A, got, &err), 1);
	assert_string_equal(text_of(&got[0]), "10.200.0.8/28");
	assert_int_equal(count_entries(node), 4);
}

static void test_ipv6_is_random(void **state)
{
	struct place p;
	const struct node *node = put_node(*state, &p);
	struct net_address a[2], b[2], more[2];
	struct err err;

	put_pool(node, "p1", "10.1.0.0/24", "fd00:1::/64");
	assert_int_equal(lease(node, "p1", UUID_A, a, &err), 2);
	assert_int_equal(lease(node, "p1", UUID_B, b, &err), 2);
	assert_int_equal(a[1].family, AF_INET6);
	assert_int_equal(a[1].prefix, 64);
	/* Two that follow one another, or have the same 32 bits in front, are none of chance. */
	assert_true(memcmp(a[1].bytes + 8, b[1].bytes + 8, 4) != 0);
	assert_true(memcmp(a[1].bytes, "\xfd\x00\x00\x01\x00\x00\x00\x00", 8) == 0);
	put_pool(node, "p2", "fd00:2::10-fd00:2::13", NULL);
	for (int i = 0; i < 4; i++)
		assert_int_equal(lease(node, "p2", UUID_A, more, &err), 1);
	assert_int_equal(lease(node, "p2", UUID_A, more, &err), -EADDRNOTAVAIL);
	assert_err_has(&err, "pool 'p2' has no free IPv6 address");
}

/* If one family has none left, the other's is not kept. */
static void test_both_or_none(void **state)
{
	struct place p;
	const struct node *node = put_node(*state, &p);
	struct net_address got[2];
	struct err err;

	put_pool(node, "p1", "10.1.0.0/24", "fd00:2::10-fd00:2::10");
	assert_int_equal(lease(node, "p1", UUID_A, got, &err), 2);
	assert_int_equal(lease(node, "p1", UUID_B, got, &err), -EADDRNOTAVAIL);
	assert_int_equal(count_entries(node), 2);
}

static void test_a_removed_pool_gives_nothing(void **state)
{
	struct place p;
	const struct node *node = put_node(*state, &p);
	struct net_address got[2];
	struct net_pool pool;
	struct err err = ERR_INIT;
	size_t n;

	put_pool(node, "p1", "10.1.0.0/24", NULL);
	assert_ok(net_pool_open(node, "p1", &pool, &err), &err);
	assert_ok(net_pool_remove(node, "p1", &err), &err);
	assert_int_equal(address_lease(node, &pool, UUID_A, "eth0", NULL, NULL, got, &n, &err), -ENOENT);
	assert_int_equal(err.exit, EXIT_NO_POOL);
	assert_int_equal(count_entries(node), 0);
}

/* Others on the wire: so many of the first that are asked about are used. */
struct wire {
	const struct node *node;
	int n_used, n_asked;
	size_t n_batch;
	int result;
};

static int ask(void *context, const struct net_address *candidates, size_t n, size_t *ret_index, struct err *err)
{
	struct wire *w = context;
	char name[NET_ADDRESS_ROOM];

	/* It is ours while it is asked about. */
	net_address_format(&candidates[0], false, name);
	assert_owner(w->node, name, UUID_A "/eth0");
	w->n_batch = n;
	if (w->result < 0)
		return err_set(err, -w->result, "no wire");
	*ret_index = 0;
	return w->n_asked++ < w->n_used;
}

static void test_what_others_use_is_passed_over(void **state)
{
	struct place p;
	const struct node *node = put_node(*state, &p);
	struct wire wire = { .node = node, .n_used = 3 };
	struct net_address got[2];
	struct err err;

	assert_int_equal(lease_probed(node, "default", UUID_A, ask, &wire, got, &err), 1);
	assert_string_equal(text_of(&got[0]), "10.200.0.5/28");
	assert_int_equal(wire.n_asked, 4);
	assert_int_equal(count_entries(node), 1);
	wire = (struct wire){ .node = node, .n_used = 99 };
	assert_int_equal(lease_probed(node, "default", UUID_A, ask, &wire, got, &err), -EADDRNOTAVAIL);
	assert_int_equal(wire.n_asked, 12);
	assert_err_has(&err, "all 13 are taken, 12 of them by others on the network");
	assert_int_equal(count_entries(node), 1);
	wire = (struct wire){ .node = node, .result = -EIO };
	assert_int_equal(lease_probed(node, "default", UUID_A, ask, &wire, got, &err), -EIO);
	assert_int_equal(count_entries(node), 1);
	put_pool(node, "p1", "10.1.0.0/24", "fd00:1::/64");
	wire = (struct wire){ .node = node, .n_used = 1 };
	assert_int_equal(lease_probed(node, "p1", UUID_A, ask, &wire, got, &err), 2);
	assert_int_equal(wire.n_batch, 2);
	assert_string_equal(text_of(&got[0]), "10.1.0.3/24");
}

static int work(const struct node *node)
{
	struct net_address got[2];
	struct err err;

	return lease(node, "p1", UUID_A, got, &err);
}

static void test_interruptions(void **state)
{
	static const char *const points[] = { "address.linked", "address.synced", "address.asked" };
	struct place p;
	const struct node *node = put_node(*state, &p);
	struct err err = ERR_INIT;

	put_pool(node, "p1", "10.1.0.0/24", "fd00:1::/64");
	for (size_t i = 0; i < ARRAY_SIZE(points); i++) {
		assert_int_equal(with_fault("CTCTL_FAULT_FAIL", points[i], work, node), 77);
		assert_int_equal(count_entries(node), 0);
		assert_int_equal(with_fault("CTCTL_FAULT_KILL", points[i], work, node), 128 + SIGKILL);
		assert_int_equal(count_entries(node), 2);
		assert_ok(address_release_all_of(node, UUID_A, &err), &err);
		assert_int_equal(count_entries(node), 0);
		assert_int_equal(work(node), 2);
		assert_ok(address_release_all_of(node, UUID_A, &err), &err);
	}
}

/* Twenty want one of fifteen. */
static void lease_at_once(const struct node *node, int out)
{
	struct net_address got[2];
	struct err err;
	char uuid[40];

	snprintf(uuid, sizeof(uuid), "process-%d", getpid());

	int r = lease(node, "p1", uuid, got, &err);

	if (r == 1)
		_exit(write(out, &got[0], sizeof(got[0])) == (ssize_t)sizeof(got[0]) ? 0 : 1);
	_exit(r == -EADDRNOTAVAIL && strstr(err.msg, "all 15 are taken") ? 5 : 1);
}

static void test_none_twice_among_processes(void **state)
{
	enum { WANT = 20, HAVE = 15 };
	struct place p;
	const struct node *node = put_node(*state, &p);
	struct net_address got[HAVE + 1];
	int fds[2], n_given = 0, n_refused = 0;
	pid_t pids[WANT];

	put_pool(node, "p1", "10.1.0.2-10.1.0.16", NULL);
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	for (int i = 0; i < WANT; i++) {
		pids[i] = fork_child();
		if (pids[i] == 0)
			lease_at_once(node, fds[1]);
	}
	close(fds[1]);
	for (int i = 0; i < WANT; i++) {
		int status = wait_status(pids[i]);

		n_given += status == 0;
		n_refused += status == 5;
	}
	assert_int_equal(n_given, HAVE);
	assert_int_equal(n_refused, WANT - HAVE);
	for (int i = 0; i < HAVE; i++) {
		assert_int_equal(fd_read_exact(fds[0], &got[i], sizeof(got[i])), 0);
		for (int j = 0; j < i; j++)
			assert_false(net_address_equal(&got[i], &got[j]));
	}
	close(fds[0]);
	assert_int_equal(count_entries(node), HAVE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(test_all_are_given_and_no_more),
		SCRATCH_TEST(test_they_go_round),
		SCRATCH_TEST(test_hints_that_are_none),
		SCRATCH_TEST(test_several_ranges_and_gateway_among_them),
		SCRATCH_TEST(test_typed_ones_and_prefixes_are_passed_over),
		SCRATCH_TEST(test_ipv6_is_random),
		SCRATCH_TEST(test_both_or_none),
		SCRATCH_TEST(test_a_removed_pool_gives_nothing),
		SCRATCH_TEST(test_what_others_use_is_passed_over),
		SCRATCH_TEST(test_interruptions),
		SCRATCH_TEST(test_none_twice_among_processes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
