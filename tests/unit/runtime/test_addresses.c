/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "addresses_unit.h"

#include "base/str.h"

static void test_an_address_is_one_guests(void **state)
{
	struct place p;
	const struct node *node = put_node(*state, &p);
	struct err err = ERR_INIT;

	assert_ok(take_one(node, "192.0.2.10", false, UUID_A, "eth0", &err), &err);
	assert_owner(node, "192.0.2.10", UUID_A "/eth0");
	assert_ok(take_one(node, "192.0.2.10/24", false, UUID_A, "eth0", &err), &err);
	assert_int_equal(take_one(node, "192.0.2.10/32", false, UUID_B, "eth0", &err), -EADDRINUSE);
	assert_int_equal(err.exit, EXIT_ADDRESS_IN_USE);
	assert_err_has(&err, "address '192.0.2.10' is in use by another guest (" UUID_A "/eth0)");
	assert_int_equal(take_one(node, "192.0.2.10", false, UUID_A, "eth1", &err), -EADDRINUSE);
	assert_err_has(&err, "is the guest's own 'eth0' already");
	assert_owner(node, "192.0.2.10", UUID_A "/eth0");
	assert_ok(take_one(node, "2001:DB8:0::10", false, UUID_A, "eth0", &err), &err);
	assert_int_equal(take_one(node, "2001:db8::0010", false, UUID_B, "eth0", &err), -EADDRINUSE);
	assert_err_has(&err, "'2001:db8::10'");
}

static void test_the_message_names_the_guest(void **state)
{
	const struct scratch *s = *state;
	struct place p;
	const struct node *node = put_node(s, &p);
	struct err err = ERR_INIT;

	put_dir(s->fd, "guests/broken");
	put_file(s->fd, "guests/broken/guest.conf", "nonsense\n");
	put_dir(s->fd, "guests/web7");
	put_file(s->fd, "guests/web7/guest.conf", "uuid = " UUID_A "\nids = 1073741824\ntemplate = micro@1\n");
	assert_ok(take_one(node, "192.0.2.10", false, UUID_A, "eth3", &err), &err);
	assert_int_equal(take_one(node, "192.0.2.10", false, UUID_B, "eth0", &err), -EADDRINUSE);
	assert_err_has(&err, "address '192.0.2.10' is in use by guest 'web7' (eth3): take another one");
}

static void test_all_or_none(void **state)
{
	struct place p;
	const struct node *node = put_node(*state, &p);
	struct net_address three[] = { address_of("192.0.2.1"), address_of("192.0.2.2"), address_of("192.0.2.3") };
	struct err err = ERR_INIT;

	assert_ok(take_one(node, "192.0.2.3", false, UUID_A, "eth0", &err), &err);
	assert_ok(take_one(node, "192.0.2.1", false, UUID_B, "eth0", &err), &err);
	assert_int_equal(address_take(node, three, 3, false, UUID_B, "eth0", &err), -EADDRINUSE);
	assert_owner(node, "192.0.2.1", UUID_B "/eth0"); /* it had that one before */
	assert_owner(node, "192.0.2.2", "");
	assert_owner(node, "192.0.2.3", UUID_A "/eth0");
}

static void test_bad_owners(void **state)
{
	struct place p;
	const struct node *node = put_node(*state, &p);
	struct err err = ERR_INIT;

	assert_int_equal(take_one(node, "192.0.2.1", false, "", "eth0", &err), -EINVAL);
	assert_int_equal(take_one(node, "192.0.2.1", false, UUID_A, "", &err), -EINVAL);
	assert_int_equal(take_one(node, "192.0.2.1", false, "a/b", "eth0", &err), -EINVAL);
	assert_int_equal(take_one(node, "192.0.2.1", false, UUID_A, "a-name-that-is-longer-than-interfaces-have", &err), -EINVAL);
	assert_int_equal(count_entries(node), 0);
}

/* The first is A's. Can B have the second? */
static const struct overlap {
	const char *first;
	bool first_is_prefix;
	const char *second;
	bool second_is_prefix;
	const char *why; /* NULL: it can */
} overlaps[] = {
	{ "2001:db8:5::/64", true, "2001:db8:5::1", false,
	  "address '2001:db8:5::1' is in '2001:db8:5::/64', which is routed to" },
	{ "2001:db8:5::/64", true, "2001:db8:5::", false, "is in '2001:db8:5::/64'" },
	{ "2001:db8:5::/64", true, "2001:db8:5:1::1", false, NULL },
	{ "2001:db8:5::1", false, "2001:db8:5::/64", true,
	  "prefix '2001:db8:5::/64' has '2001:db8:5::1' in it, which is in use by" },
	{ "2001:db8:5:1::1", false, "2001:db8:5::/64", true, NULL },
	{ "2001:db8:5::/64", true, "2001:db8:5::/64", true, "prefix '2001:db8:5::/64' is in use by" },
	{ "2001:db8:5::/64", true, "2001:db8:5::/80", true, "is in '2001:db8:5::/64'" },
	{ "2001:db8:5::/64", true, "2001:db8::/32", true, "has '2001:db8:5::/64' in it" },
	{ "2001:db8:5::/64", true, "2001:db8:6::/64", true, NULL },
	{ "2001:db8::/127", true, "2001:db8::1", false, "is in '2001:db8::/127'" },
	{ "8000::/1", true, "fd00::1", false, "is in '8000::/1'" },
	{ "192.0.2.0/29", true, "192.0.2.7", false, "is in '192.0.2.0/29'" },
	{ "192.0.2.0/29", true, "192.0.2.8", false, NULL },
	{ "192.0.2.7", false, "192.0.2.0/29", true, "has '192.0.2.7' in it" },
	/* A prefix of the full length is an address. */
	{ "192.0.2.7/32", true, "192.0.2.7", false, "address '192.0.2.7' is in use" },
	{ "2001:db8::7", false, "2001:db8::7/128", true, "address '2001:db8::7' is in use" },
	/* That of an address is its network's, which is not the guest's. */
	{ "192.0.2.7/24", false, "192.0.2.8/24", false, NULL },
};

static void test_overlaps(void **state)
{
	struct place p;
	const struct node *node = put_node(*state, &p);
	struct err err = ERR_INIT;

	for (size_t i = 0; i < ARRAY_SIZE(overlaps); i++) {
		const struct overlap *o = &overlaps[i];
		struct net_address second = address_of(o->second);

		assert_ok(take_one(node, o->first, o->first_is_prefix, UUID_A, "eth0", &err), &err);
		/* Whose it is himself may have both. */
		assert_ok(address_take(node, &second, 1, o->second_is_prefix, UUID_A, "eth0", &err), &err);
		assert_ok(address_release(node, &second, 1, o->second_is_prefix, UUID_A, "eth0", &err), &err);
		assert_ok(take_one(node, o->first, o->first_is_prefix, UUID_A, "eth0", &err), &err);

		int r = take_one(node, o->second, o->second_is_prefix, UUID_B, "eth0", &err);

		assert_int_equal(r, o->why ? -EADDRINUSE : 0);
		if (o->why)
			assert_err_has(&err, o->why);
		assert_int_equal(count_entries(node), o->why ? 1 : 2);
		assert_ok(address_release_all_of(node, UUID_A, &err), &err);
		assert_ok(address_release_all_of(node, UUID_B, &err), &err);
		assert_int_equal(count_entries(node), 0);
	}
}

static void test_only_the_owner_releases(void **state)
{
	const struct scratch *s = *state;
	struct place p;
	const struct node *node = put_node(s, &p);
	struct net_address a = address_of("192.0.2.10"), net = address_of("2001:db8::/64");
	struct err err = ERR_INIT;

	assert_ok(address_take(node, &a, 1, false, UUID_A, "eth0", &err), &err);
	assert_ok(address_take(node, &net, 1, true, UUID_A, "eth1", &err), &err);
	assert_ok(take_one(node, "192.0.2.11", false, UUID_B, "eth0", &err), &err);
	put_file(s->fd, "addresses/192.0.2.12", ""); /* nobody's */
	assert_ok(address_release(node, &a, 1, false, UUID_B, "eth0", &err), &err);
	assert_ok(address_release(node, &a, 1, false, UUID_A, "eth", &err), &err);
	assert_ok(address_release(node, &a, 1, false, UUID_A, "eth1", &err), &err);
	assert_ok(address_release_all_of(node, "aaaaaaaa", &err), &err);
	assert_ok(address_release_all_of(node, "", &err), &err);
	assert_int_equal(count_entries(node), 4);
	assert_ok(address_release_all_of(node, UUID_A, &err), &err);
	assert_int_equal(count_entries(node), 2);
	assert_owner(node, "192.0.2.11", UUID_B "/eth0");
	assert_int_equal(take_one(node, "192.0.2.12", false, UUID_A, "eth0", &err), -EADDRINUSE);
	assert_ok(address_release(node, &a, 1, false, UUID_A, "eth0", &err), &err);
}

static int check_one(const struct node *node, const char *text, bool is_prefix, const char *interface, struct err *err)
{
	struct net_address a = address_of(text);

	*err = ERR_INIT;
	return address_check(node, &a, 1, is_prefix, UUID_A, interface, err);
}

/* What a hand wrote into guest.conf is taken by the next start, if it is free. */
static void test_check(void **state)
{
	struct place p;
	const struct node *node = put_node(*state, &p);
	struct err err = ERR_INIT;

	assert_ok(take_one(node, "192.0.2.1", false, UUID_A, "eth0", &err), &err);
	assert_ok(take_one(node, "192.0.2.2", false, UUID_B, "eth0", &err), &err);
	assert_ok(check_one(node, "192.0.2.1", false, "eth0", &err), &err);
	assert_int_equal(check_one(node, "192.0.2.2", false, "eth0", &err), -EADDRINUSE);
	assert_ok(check_one(node, "192.0.2.3", false, "eth0", &err), &err);
	assert_owner(node, "192.0.2.3", UUID_A "/eth0");
	assert_ok(check_one(node, "192.0.2.1", false, "eth1", &err), &err);
	assert_owner(node, "192.0.2.1", UUID_A "/eth1");
	assert_int_equal(check_one(node, "192.0.2.0/30", true, "eth0", &err), -EADDRINUSE);
	assert_int_equal(count_entries(node), 3);
	assert_ok(address_release_all_of(node, UUID_A, &err), &err);
	assert_int_equal(count_entries(node), 1);
}

static const char *const points[] = { "address.linked", "address.synced" };

static int work_take(const struct node *node)
{
	struct net_address two[] = { address_of("192.0.2.1"), address_of("2001:db8::1") };
	struct err err = ERR_INIT;

	return address_take(node, two, 2, false, UUID_A, "eth0", &err);
}

static int work_take_prefix(const struct node *node)
{
	struct net_address net = address_of("2001:db8:7::/48");
	struct err err = ERR_INIT;

	return address_take(node, &net, 1, true, UUID_A, "eth0", &err);
}

/* What was killed has left entries of its guest, of which the guest's end gives all back; what failed has left none. */
static void test_interruptions(void **state)
{
	static int (*const works[])(const struct node *) = { work_take, work_take_prefix };
	struct place p;
	const struct node *node = put_node(*state, &p);
	struct err err = ERR_INIT;

	for (size_t i = 0; i < ARRAY_SIZE(points); i++) {
		for (size_t w = 0; w < ARRAY_SIZE(works); w++) {
			assert_int_equal(with_fault("CTCTL_FAULT_FAIL", points[i], works[w], node), 77);
			assert_int_equal(count_entries(node), 0);
			assert_int_equal(with_fault("CTCTL_FAULT_KILL", points[i], works[w], node), 128 + SIGKILL);
			assert_true(count_entries(node) > 0);
			/* Who is killed holds no lock, and has no nameless entry. */
			assert_ok(works[w](node), &err);
			assert_ok(address_release_all_of(node, UUID_A, &err), &err);
			assert_int_equal(count_entries(node), 0);
		}
	}
}

/* Begins when the other end of the pipe is closed, so that both do. */
static void take_at_once(const struct node *node, const int barrier[2], bool is_prefix)
{
	struct err err;
	char c;

	close(barrier[1]);
	if (read(barrier[0], &c, 1) != 0)
		_exit(2);
	_exit(take_one(node, is_prefix ? "2001:db8:5::/64" : "2001:db8:5::1", is_prefix, is_prefix ? UUID_A : UUID_B, "eth0",
		       &err) < 0);
}

/* One takes a prefix, one an address in it, at once: one of them gets it, whoever it is, and never both, nor none. */
static void test_prefix_and_address_at_once(void **state)
{
	struct place p;
	const struct node *node = put_node(*state, &p);

	for (int i = 0; i < 200; i++) {
		struct err err = ERR_INIT;
		int n_taken = 0, barrier[2];
		pid_t pids[2];

		assert_int_equal(pipe2(barrier, O_CLOEXEC), 0);
		for (int k = 0; k < 2; k++) {
			pids[k] = fork_child();
			if (pids[k] == 0)
				take_at_once(node, barrier, k);
		}
		close(barrier[0]);
		close(barrier[1]);
		for (int k = 0; k < 2; k++)
			n_taken += wait_status(pids[k]) == 0;
		assert_int_equal(n_taken, 1);
		assert_int_equal(count_entries(node), 1);
		assert_ok(address_release_all_of(node, UUID_A, &err), &err);
		assert_ok(address_release_all_of(node, UUID_B, &err), &err);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(test_an_address_is_one_guests),
		SCRATCH_TEST(test_the_message_names_the_guest),
		SCRATCH_TEST(test_all_or_none),
		SCRATCH_TEST(test_bad_owners),
		SCRATCH_TEST(test_overlaps),
		SCRATCH_TEST(test_only_the_owner_releases),
		SCRATCH_TEST(test_check),
		SCRATCH_TEST(test_interruptions),
		SCRATCH_TEST(test_prefix_and_address_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
