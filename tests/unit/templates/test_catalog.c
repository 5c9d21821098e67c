/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "templates_unit.h"

#include "templates/digest.h"
#include "templates/manifest.h"

#define IMAGE_TEXT "the bytes of an image"

static void publish(const struct scratch *s, const char *name, const char *version)
{
	struct template_manifest m = {
		.image_bytes = UINT64_MAX, .tree_bytes = 1, .n_files = 2, .distribution = "debian", .init = "systemd"
	};
	_cleanup_free_ char *path = str_printf("%s/%s/%s", s->catalog, name, version);
	struct err err = ERR_INIT;

	snprintf(m.name, sizeof(m.name), "%s", name);
	snprintf(m.version, sizeof(m.version), "%s", version);
	assert_int_equal(path_make_dirs(path, 0755), 0);

	_cleanup_fd_ int fd = path_open_dir(AT_FDCWD, path, O_RDONLY);

	put_text(fd, IMAGE_FILE, IMAGE_TEXT);

	_cleanup_fd_ int image = openat(fd, IMAGE_FILE, O_RDONLY | O_CLOEXEC);

	assert_int_equal(digest_file(image, m.sha256, &m.image_bytes), 0);
	assert_ok(manifest_write(fd, &m, &err), &err);
}

static void the_newest_version_is_found_by_number(void **state)
{
	struct scratch *s = *state;
	struct template_ref ref;
	struct err err = ERR_INIT;

	publish(s, "web", "20260131.9");
	publish(s, "web", "20260131.10");
	publish(s, "web", "20251231.99");
	/* What is no version does not count. */
	_cleanup_free_ char *other = str_printf("%s/web/latest", s->catalog);

	assert_int_equal(mkdir(other, 0755), 0);
	assert_ok(template_resolve(s->catalog, "web", &ref, &err), &err);
	assert_string_equal(ref.name, "web");
	assert_string_equal(ref.version, "20260131.10");
	assert_ok(template_resolve(s->catalog, "web@20251231.99", &ref, &err), &err);
	assert_string_equal(ref.version, "20251231.99");
}

static void what_is_not_there_is_named_with_what_is(void **state)
{
	struct scratch *s = *state;
	struct template_ref ref;
	struct err err = ERR_INIT;

	assert_true(template_resolve(s->catalog, "web", &ref, &err) < 0);
	assert_int_equal(err.exit, EXIT_NO_TEMPLATE);
	assert_err_has(&err, "template build");
	publish(s, "mail", "20260131.1");
	assert_true(template_resolve(s->catalog, "web", &ref, &err) < 0);
	assert_err_has(&err, "there are mail");
	assert_true(template_resolve(s->catalog, "mail@20260131.2", &ref, &err) < 0);
	assert_int_equal(err.exit, EXIT_NO_TEMPLATE);
}

static void bad_references_never_become_paths(void **state)
{
	static const char *const bad[] = { "",		 "../x",     "a/b",	     ".build-1",
					   "web@",	 "web@../1", "web@20260131", "web@20260131.1/..",
					   "@20260131.1" };
	struct scratch *s = *state;
	struct template_ref ref;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct err err = ERR_INIT;

		assert_true(template_resolve(s->catalog, bad[i], &ref, &err) < 0);
		assert_int_equal(err.exit, EXIT_INVALID);
	}
}

static void an_image_is_verified_by_its_digest(void **state)
{
	struct scratch *s = *state;
	struct template_ref ref;
	struct err err = ERR_INIT;

	publish(s, "web", "20260131.1");
	assert_ok(template_resolve(s->catalog, "web", &ref, &err), &err);
	assert_ok(template_verify(s->catalog, &ref, &err), &err);

	_cleanup_free_ char *path = str_printf("%s/web/20260131.1/" IMAGE_FILE, s->catalog);
	_cleanup_fd_ int fd = open(path, O_WRONLY | O_CLOEXEC);

	/* One byte, the same size. */
	assert_int_equal(pwrite(fd, "T", 1, 0), 1);
	assert_true(template_verify(s->catalog, &ref, &err) < 0);
	assert_int_equal(err.exit, EXIT_BAD_TEMPLATE);
	assert_err_has(&err, "web@20260131.1");
}

/* FIPS 180-4's example. */
static void the_digest_is_sha256(void **state)
{
	struct scratch *s = *state;
	char hex[DIGEST_ROOM];
	uint64_t bytes;

	put_text(s->fd, "abc", "abc");

	_cleanup_fd_ int fd = openat(s->fd, "abc", O_RDONLY | O_CLOEXEC);

	assert_int_equal(digest_file(fd, hex, &bytes), 0);
	assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	assert_int_equal(bytes, 3);
}

static int add_line(void *context, const struct template_manifest *m)
{
	struct strbuf *b = context;

	strbuf_addf(b, "%s@%s ", m->name, m->version);
	return strcmp(m->name, "stop") == 0 ? -ECANCELED : 0;
}

static void all_are_listed_in_order_and_damage_is_reported(void **state)
{
	struct scratch *s = *state;
	struct strbuf b = { 0 };
	struct err err = ERR_INIT;

	assert_ok(template_each(s->catalog, add_line, &b, &s->sink, &err), &err);
	assert_int_equal(b.len, 0);
	publish(s, "web", "20260131.10");
	publish(s, "web", "20260131.9");
	publish(s, "mail", "20260131.1");
	publish(s, "broken", "20260131.1");

	_cleanup_free_ char *path = str_printf("%s/broken/20260131.1", s->catalog);
	_cleanup_fd_ int fd = path_open_dir(AT_FDCWD, path, O_RDONLY);

	put_text(fd, MANIFEST_FILE, "{ \"name\": \"broken\" ");
	assert_ok(template_each(s->catalog, add_line, &b, &s->sink, &err), &err);
	assert_string_equal(b.data, "mail@20260131.1 web@20260131.9 web@20260131.10 ");
	assert_non_null(strstr(s->log, "broken@20260131.1"));
	publish(s, "stop", "20260131.1");
	assert_int_equal(template_each(s->catalog, add_line, &b, &s->sink, &err), -ECANCELED);
	strbuf_free(&b);
}

static void damaged_manifests_are_refused(void **state)
{
	static const char *const bad[] = { "",	   "[]",
					   "{}",   "{\"name\": 5}",
					   "null", "{\"name\":\"web\",\"version\":\"20260131.1\"}" };
	struct scratch *s = *state;
	struct template_ref ref;
	struct template_manifest m;
	struct err err = ERR_INIT;

	publish(s, "web", "20260131.1");
	assert_ok(template_resolve(s->catalog, "web", &ref, &err), &err);
	assert_ok(template_read_manifest(s->catalog, &ref, &m, &err), &err);
	assert_string_equal(m.distribution, "debian");
	assert_int_equal(m.image_bytes, strlen(IMAGE_TEXT));

	_cleanup_free_ char *path = str_printf("%s/web/20260131.1", s->catalog);
	_cleanup_fd_ int fd = path_open_dir(AT_FDCWD, path, O_RDONLY);

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		put_text(fd, MANIFEST_FILE, bad[i]);
		assert_true(template_read_manifest(s->catalog, &ref, &m, &err) < 0);
		assert_int_equal(err.exit, EXIT_BAD_TEMPLATE);
	}
	/* That of another template. */
	publish(s, "mail", "20260131.1");
	assert_int_equal(rename(path, s->recipes), 0);

	_cleanup_free_ char *mail = str_printf("%s/mail/20260131.1", s->catalog);

	assert_int_equal(rename(mail, path), 0);
	assert_true(template_read_manifest(s->catalog, &ref, &m, &err) < 0);
	assert_err_has(&err, "mail@20260131.1");
}

static void a_removed_version_is_gone_with_its_name(void **state)
{
	struct scratch *s = *state;
	struct template_ref ref;
	struct err err = ERR_INIT;

	publish(s, "web", "20260131.1");
	publish(s, "web", "20260131.2");
	assert_ok(template_resolve(s->catalog, "web", &ref, &err), &err);

	_cleanup_fd_ int image = template_open_image(s->catalog, &ref, &err);

	assert_true(image >= 0);
	assert_ok(template_remove(s->catalog, &ref, &err), &err);
	assert_int_equal(template_open_image(s->catalog, &ref, &err), -ENOENT);
	assert_int_equal(err.exit, EXIT_NO_TEMPLATE);
	assert_true(template_remove(s->catalog, &ref, &err) < 0);
	assert_int_equal(err.exit, EXIT_NO_TEMPLATE);
	assert_ok(template_resolve(s->catalog, "web", &ref, &err), &err);
	assert_string_equal(ref.version, "20260131.1");
	assert_ok(template_remove(s->catalog, &ref, &err), &err);
	assert_catalog_empty(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		EACH(the_newest_version_is_found_by_number),
		EACH(what_is_not_there_is_named_with_what_is),
		EACH(bad_references_never_become_paths),
		EACH(an_image_is_verified_by_its_digest),
		EACH(the_digest_is_sha256),
		EACH(all_are_listed_in_order_and_damage_is_reported),
		EACH(damaged_manifests_are_refused),
		EACH(a_removed_version_is_gone_with_its_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
