/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scratch.h"

#include <errno.h>

#include "runtime/checkpoint/images.h"
#include "runtime/shutdown.h"

static struct guest guest_of(const struct scratch *s)
{
	return (struct guest){ .name = "web1", .dir_fd = s->fd, .run_fd = -EBADF, .lock_fd = -EBADF };
}

static void suspend(const struct guest *guest, bool for_shutdown)
{
	struct cgroup_tree_node root_group = { .path = (char *)"", .controllers = (char *)"" };
	const struct checkpoint_manifest manifest = {
		.boot = "b", .uuid = "u", .cgroup = "g", .kernel = "k", .for_shutdown = for_shutdown, .groups = { &root_group, 1 }
	};
	struct err err = ERR_INIT;

	assert_ok(checkpoint_discard(guest, &err), &err);

	_cleanup_fd_ int images = checkpoint_begin(guest, &err);

	assert_ok(images, &err);
	assert_ok(checkpoint_write_manifest(images, &manifest, &err), &err);
	assert_ok(checkpoint_commit(guest, images, &err), &err);
}

/* The guest's own word counts; one that says nothing goes with its node. */
static void test_who_decides(void **state)
{
	static const struct {
		enum shutdown_action node, guest, expected;
	} rows[] = {
		{ SHUTDOWN_STOP, SHUTDOWN_UNSET, SHUTDOWN_STOP },      { SHUTDOWN_STOP, SHUTDOWN_STOP, SHUTDOWN_STOP },
		{ SHUTDOWN_STOP, SHUTDOWN_SUSPEND, SHUTDOWN_SUSPEND }, { SHUTDOWN_SUSPEND, SHUTDOWN_UNSET, SHUTDOWN_SUSPEND },
		{ SHUTDOWN_SUSPEND, SHUTDOWN_STOP, SHUTDOWN_STOP },    { SHUTDOWN_SUSPEND, SHUTDOWN_SUSPEND, SHUTDOWN_SUSPEND },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct node node = { .on_shutdown = rows[i].node };
		const struct guest_config config = { .on_shutdown = rows[i].guest };

		assert_int_equal(shutdown_action_of(&node, &config), rows[i].expected);
	}
}

static void test_a_new_guest_goes_with_its_node(void **state)
{
	const struct node node = { .on_shutdown = SHUTDOWN_SUSPEND };
	struct guest_config config;
	struct err err = ERR_INIT;

	(void)state;
	assert_ok(config_init(&config, &err), &err);
	assert_int_equal(shutdown_action_of(&node, &config), SHUTDOWN_SUSPEND);
	config_free(&config);
}

static void test_who_was_saved_by_a_shutdown(void **state)
{
	const struct guest guest = guest_of(*state);
	struct err err = ERR_INIT;

	assert_int_equal(shutdown_has_saved(&guest, &err), 0);
	suspend(&guest, true);
	assert_int_equal(shutdown_has_saved(&guest, &err), 1);
	suspend(&guest, false);
	assert_int_equal(shutdown_has_saved(&guest, &err), 0);
	put_file(guest.dir_fd, CHECKPOINT_DIR "/" CHECKPOINT_MANIFEST, "damaged");
	assert_int_equal(shutdown_has_saved(&guest, &err), -EBADMSG);
	assert_err_has(&err, "web1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_who_decides),
		cmocka_unit_test(test_a_new_guest_goes_with_its_node),
		SCRATCH_TEST(test_who_was_saved_by_a_shutdown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
