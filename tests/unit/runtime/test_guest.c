/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "node_unit.h"

static int load(const struct scratch *s, const struct node *node, const char *conf, struct guest **ret, struct err *err)
{
	put_file(s->fd, GUEST_FILE("guest.conf"), conf);
	return guest_open(node, "web1", ret, err);
}

static void test_bad_confs(void **state)
{
	static const struct {
		const char *conf, *why;
	} rows[] = {
		{ "", "the key 'uuid', 'ids' or 'template' is missing" },
		{ "uuid = " UUID "\n", "is missing" },
		{ GOOD_CONF "memory = 12x\n", "guest.conf line 4: memory limit '12x': expected a size" },
		{ GOOD_CONF "\n# c\n  pids = 1\n", "guest.conf line 6: pids '1': expected" },
		{ GOOD_CONF "memory\n", "guest.conf line 4: expected 'key = value'" },
		{ GOOD_CONF "description = caf\xe9\n", "line 4: description" },
		{ "uuid =\nids = 1\ntemplate = x@1\n", "is missing" },
		{ "ids = 1\ntemplate = x@1\nuuid = ../../../x\n", "guest.conf: uuid '../../../x': expected" },
		{ "ids = 65536\ntemplate = x@1\nuuid = 01234567-89AB-cdef-0123-456789abcdef\n", "uuid '01234567-89AB" },
		{ "ids = 65536\ntemplate = x@1\nuuid = 01234567-89ab-cdef-0123-456789abcde\n", "uuid '01234567-" },
		{ "ids = 65536\ntemplate = x@1\nuuid = 01234567-89ab-cdef-0123-456789abcdef0\n", "uuid '01234567-" },
		{ GOOD_CONF "ids = 12x\n", "ids '12x': expected" },
		{ GOOD_CONF "ids = 0\n", "ids '0': expected" },
		{ GOOD_CONF "ids = 65537\n", "ids '65537': expected" },
		{ GOOD_CONF "ids = 4294967296\n", "ids '4294967296': expected" },
	};
	const struct scratch *s = *state;

	NEED_ROOT();

	_cleanup_node_ struct node *node = open_node(s, NULL);

	put_guest(s, "");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_guest_ struct guest *guest = NULL;
		struct err err = ERR_INIT;

		if (load(s, node, rows[i].conf, &guest, &err) == 0)
			fail_msg("'%s' was accepted", rows[i].conf);
		assert_int_equal(err.exit, EXIT_BAD_CONFIG);
		assert_err_has(&err, rows[i].why);
	}
}

static void test_unknown_keys_are_fine(void **state)
{
	const struct scratch *s = *state;
	_cleanup_guest_ struct guest *guest = NULL;
	struct err err = ERR_INIT;

	NEED_ROOT();

	_cleanup_node_ struct node *node = open_node(s, NULL);

	put_guest(s, "");
	assert_ok(load(s, node, GOOD_CONF "future = x\n[net]\nmemory = nonsense\n", &guest, &err), &err);
	assert_string_equal(guest->config.uuid, UUID);
	assert_true(guest->config.memory == 0);
}

/* `set` changes its line and nothing else. */
static void test_save_keeps_the_rest(void **state)
{
	const struct scratch *s = *state;
	const struct guest_setting changed[] = { { .param = param_find("memory") },
						 { .param = param_find("description") },
						 { .param = param_find("disk") } };
	_cleanup_guest_ struct guest *guest = NULL;
	struct err err = ERR_INIT;

	NEED_ROOT();

	_cleanup_node_ struct node *node = open_node(s, NULL);

	put_guest(s, "");
	assert_ok(load(s, node, "# mine\n\n" GOOD_CONF "memory: 1G ; much\n  cpus = 2\nfuture = x", &guest, &err), &err);
	assert_ok(config_set(&guest->config, changed[0].param, "", &err), &err);
	assert_ok(config_set(&guest->config, changed[1].param, "it's = \"mine\" #1", &err), &err);
	assert_ok(config_set(&guest->config, changed[2].param, "none", &err), &err);
	assert_ok(guest_save(guest, changed, ARRAY_SIZE(changed), &err), &err);
	assert_file(s->fd, GUEST_FILE("guest.conf"),
		    "# mine\n\n" GOOD_CONF "  cpus = 2\nfuture = x\ndescription = it's = \"mine\" #1\ndisk = none\n");
	assert_ok(guest_load(guest, &err), &err);
	assert_true(guest->config.cpus == 2000 && guest->config.disk == 0);
}

static void test_identity_of_a_damaged_conf(void **state)
{
	const struct scratch *s = *state;
	_cleanup_guest_ struct guest *guest = NULL;
	struct err err = ERR_INIT;

	NEED_ROOT();

	_cleanup_node_ struct node *node = open_node(s, NULL);

	put_guest(s, GOOD_CONF);
	assert_ok(guest_open(node, "web1", &guest, &err), &err);
	put_file(s->fd, GUEST_FILE("guest.conf"), "memory = 12x\nnonsense\npool = fast\nuuid = " UUID "\n");
	assert_ok(guest_load_identity(guest, &err), &err);
	assert_string_equal(guest->config.uuid, UUID);
	assert_string_equal(guest->config.pool, "fast");
	put_file(s->fd, GUEST_FILE("guest.conf"), "uuid = short\n");
	assert_int_equal(guest_load_identity(guest, &err), -EBADMSG);
	assert_int_equal(err.exit, EXIT_BAD_CONFIG);
}

static void test_names_that_are_none(void **state)
{
	static const char *const names[] = { "", ".", "..", "../guests/web1", "web1/", "Web1", "none" };
	const struct scratch *s = *state;

	NEED_ROOT();

	_cleanup_node_ struct node *node = open_node(s, NULL);

	put_guest(s, GOOD_CONF);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		_cleanup_guest_ struct guest *guest = NULL;
		struct err err = ERR_INIT;

		assert_true(guest_open_locked(node, names[i], "set", false, &guest, &err) < 0);
		assert_int_equal(err.exit, strcmp(names[i], "none") == 0 ? EXIT_NO_GUEST : EXIT_INVALID);
		assert_false(path_exists_at(s->fd, "run/none"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(test_bad_confs),		SCRATCH_TEST(test_unknown_keys_are_fine),
		SCRATCH_TEST(test_save_keeps_the_rest), SCRATCH_TEST(test_identity_of_a_damaged_conf),
		SCRATCH_TEST(test_names_that_are_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
