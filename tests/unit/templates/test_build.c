/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "templates_unit.h"

#include <signal.h>
#include <sys/wait.h>

#include "base/lock.h"

#define NEED_BUSYBOX()                                                                          \
	do {                                                                                    \
		if (access("/bin/busybox", X_OK) != 0 && access("/usr/bin/busybox", X_OK) != 0) \
			skip();                                                                 \
	} while (0)

static struct template_build_spec prepare(const struct scratch *s)
{
	put_text(s->fd, "recipes/small.recipe",
		 "[recipe]\nkind = busybox\ndescription = small\ninit = busybox\n[file a]\npath = /etc/os-release\nline = "
		 "ID=small\n");
	return (struct template_build_spec){ .dir = s->catalog,
					     .recipes_dir = s->recipes,
					     .helper_dir = "/nonexistent",
					     .name = "small",
					     .make_image = fake_image };
}

static void a_build_gives_a_whole_version(void **state)
{
	struct scratch *s = *state;
	struct template_build_spec spec = prepare(s);
	struct template_manifest m, again;
	struct template_ref ref;
	struct err err = ERR_INIT;

	NEED_BUSYBOX();
	assert_ok(template_build(&spec, &m, &s->sink, &err), &err);
	assert_string_equal(m.name, "small");
	assert_string_equal(m.distribution, "small");
	assert_string_equal(m.init, "busybox");
	assert_string_equal(m.source, "recipe small");
	assert_int_equal(strlen(m.uuid), 36);
	assert_int_equal(m.uuid[14], '4');
	assert_int_equal(strlen(m.sha256), 64);
	assert_int_equal(m.image_bytes, 36);
	assert_true(m.n_files > 100);
	assert_ok(template_resolve(s->catalog, "small", &ref, &err), &err);
	assert_ok(template_read_manifest(s->catalog, &ref, &again, &err), &err);
	assert_string_equal(again.uuid, m.uuid);
	assert_ok(template_verify(s->catalog, &ref, &err), &err);
	assert_int_equal(count_names(s->catalog, ".build"), 0);
	/* A second one beside it, under another name of template too. */
	assert_ok(template_build(&spec, &again, &s->sink, &err), &err);
	assert_string_not_equal(again.version, m.version);
	spec.name = "other";
	spec.recipe = "small";
	assert_ok(template_build(&spec, &again, &s->sink, &err), &err);
	assert_string_equal(again.name, "other");
}

static void a_failed_build_leaves_nothing(void **state)
{
	static const char *const points[] = { "template.image", "template.manifest", "template.publish" };
	struct scratch *s = *state;
	struct template_build_spec spec = prepare(s);
	struct template_manifest m;
	struct err err = ERR_INIT;

	NEED_BUSYBOX();
	for (size_t i = 0; i < ARRAY_SIZE(points); i++) {
		setenv("CTCTL_FAULT_FAIL", points[i], 1);
		assert_true(template_build(&spec, &m, &s->sink, &err) < 0);
		unsetenv("CTCTL_FAULT_FAIL");
		assert_err_has(&err, points[i]);
		assert_catalog_empty(s);
	}
	spec.make_image = failing_image;
	assert_true(template_build(&spec, &m, &s->sink, &err) < 0);
	assert_int_equal(err.exit, EXIT_NO_SPACE);
	assert_catalog_empty(s);
}

static void a_wrong_recipe_is_refused(void **state)
{
	struct scratch *s = *state;
	struct template_build_spec spec = prepare(s);
	struct template_manifest m;
	struct err err = ERR_INIT;

	NEED_BUSYBOX();
	put_text(s->fd, "recipes/kind.recipe", "[recipe]\nkind = magic\ndescription = x\n");
	spec.name = "kind";
	assert_true(template_build(&spec, &m, &s->sink, &err) < 0);
	assert_int_equal(err.exit, EXIT_BAD_CONFIG);
	assert_err_has(&err, "magic");
	put_text(s->fd, "recipes/init.recipe", "[recipe]\nkind = busybox\ndescription = x\ninit = systemd\n");
	spec.name = "init";
	assert_true(template_build(&spec, &m, &s->sink, &err) < 0);
	assert_int_equal(err.exit, EXIT_BAD_TEMPLATE);
	spec.name = "no-such";
	assert_true(template_build(&spec, &m, &s->sink, &err) < 0);
	assert_int_equal(err.exit, EXIT_NO_TEMPLATE);
	spec.name = "../x";
	assert_true(template_build(&spec, &m, &s->sink, &err) < 0);
	assert_int_equal(err.exit, EXIT_INVALID);
	assert_catalog_empty(s);
}

/* A child that builds and is killed at a fault point, or ends with 0 if the build succeeds. */
static pid_t build_in_child(const struct template_build_spec *spec, const char *kill_at)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;

	struct template_manifest m;
	struct err err = ERR_INIT;

	if (kill_at)
		setenv("CTCTL_FAULT_KILL", kill_at, 1);
	_exit(template_build(spec, &m, NULL, &err) < 0);
}

static int status_of(pid_t pid)
{
	int status = -1;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void the_next_build_sweeps_what_a_killed_one_left(void **state)
{
	static const char *const points[] = { "template.image", "template.manifest", "template.publish" };
	struct scratch *s = *state;
	struct template_build_spec spec = prepare(s);
	struct template_manifest m;
	struct err err = ERR_INIT;

	NEED_BUSYBOX();
	for (size_t i = 0; i < ARRAY_SIZE(points); i++) {
		assert_int_equal(status_of(build_in_child(&spec, points[i])), SIGKILL);
		assert_int_equal(count_names(s->catalog, ".build-"), 1);
		s->log[0] = '\0';
		assert_ok(template_build(&spec, &m, &s->sink, &err), &err);
		assert_non_null(strstr(s->log, "interrupted"));
		assert_int_equal(count_names(s->catalog, ".build-"), 0);
	}

	_cleanup_free_ char *versions = str_printf("%s/small", s->catalog);

	/* Nothing half of a killed build was ever published. */
	assert_int_equal(count_names(versions, "2"), (int)ARRAY_SIZE(points));
}

static void a_living_builder_is_left_alone(void **state)
{
	struct scratch *s = *state;
	struct template_build_spec spec = prepare(s);
	struct template_manifest m;
	struct err err = ERR_INIT;
	_cleanup_free_ char *theirs = str_printf("%s/.build-00000001", s->catalog);

	NEED_BUSYBOX();
	assert_int_equal(path_make_dirs(theirs, 0700), 0);

	_cleanup_fd_ int dir_fd = path_open_dir(AT_FDCWD, theirs, O_RDONLY);
	int lock = lock_take(dir_fd, "lock", "x", "build", false, &err);

	assert_true(lock >= 0);
	assert_ok(template_build(&spec, &m, &s->sink, &err), &err);
	assert_int_equal(count_names(s->catalog, ".build-"), 1);
	close(lock);
	assert_ok(template_build(&spec, &m, &s->sink, &err), &err);
	assert_int_equal(count_names(s->catalog, ".build-"), 0);
}

static void builders_at_once_get_versions_of_their_own(void **state)
{
	struct scratch *s = *state;
	struct template_build_spec spec = prepare(s);
	_cleanup_free_ char *versions = str_printf("%s/small", s->catalog);
	pid_t pids[6];

	NEED_BUSYBOX();
	for (size_t i = 0; i < ARRAY_SIZE(pids); i++)
		pids[i] = build_in_child(&spec, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(pids); i++)
		assert_int_equal(status_of(pids[i]), 0);
	assert_int_equal(count_names(versions, "2"), (int)ARRAY_SIZE(pids));
	assert_int_equal(count_names(s->catalog, ".build-"), 0);
}

static int fail_if_there_is_one(void *context, const struct template_manifest *manifest)
{
	(void)context;
	(void)manifest;
	return -EEXIST;
}

/* What is left of it is no template any more. */
static void interrupt_removal(struct scratch *s, const char *name)
{
	struct template_ref ref;
	struct err err = ERR_INIT;

	assert_ok(template_resolve(s->catalog, name, &ref, &err), &err);
	setenv("CTCTL_FAULT_FAIL", "template.remove", 1);
	assert_true(template_remove(s->catalog, &ref, &err) < 0);
	unsetenv("CTCTL_FAULT_FAIL");
	assert_int_equal(count_names(s->catalog, ".removed-"), 1);
	assert_true(template_resolve(s->catalog, name, &ref, &err) < 0);
	assert_ok(template_each(s->catalog, fail_if_there_is_one, NULL, NULL, &err), &err);
}

static void an_interrupted_removal_is_finished(void **state)
{
	struct scratch *s = *state;
	struct template_build_spec spec = prepare(s);
	struct template_manifest m;
	struct err err = ERR_INIT;

	NEED_BUSYBOX();
	assert_ok(template_build(&spec, &m, &s->sink, &err), &err);

	interrupt_removal(s, "small");
	assert_ok(template_build(&spec, &m, &s->sink, &err), &err);
	assert_int_equal(count_names(s->catalog, ".removed-"), 0);
	interrupt_removal(s, "small");
	assert_ok(template_sweep(s->catalog, &s->sink, &err), &err);
	assert_int_equal(count_names(s->catalog, ".removed-"), 0);
	assert_ok(template_sweep("/nonexistent", NULL, &err), &err);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		EACH(a_build_gives_a_whole_version),	  EACH(a_failed_build_leaves_nothing),
		EACH(a_wrong_recipe_is_refused),	  EACH(the_next_build_sweeps_what_a_killed_one_left),
		EACH(a_living_builder_is_left_alone),	  EACH(builders_at_once_get_versions_of_their_own),
		EACH(an_interrupted_removal_is_finished),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
