/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "templates_unit.h"

#include <elf.h>

#include "templates/detect.h"

/* The beginning of a program for a machine. */
static void put_elf(int tree_fd, const char *name, uint16_t machine, uint8_t class)
{
	unsigned char head[64] = { 0x7f, 'E', 'L', 'F', class, ELFDATA2LSB, EV_CURRENT };

	head[16] = ET_EXEC;
	memcpy(head + 18, &machine, sizeof(machine));
	put_file(tree_fd, name, head, sizeof(head), 0755);
}

/* One for this host. */
static void put_program(int tree_fd, const char *name)
{
	_cleanup_fd_ int self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	unsigned char head[64];

	assert_int_equal(fd_read_exact(self, head, sizeof(head)), 0);
	put_file(tree_fd, name, head, sizeof(head), 0755);
}

static void make_folders(int tree_fd)
{
	static const char *const folders[] = { "bin", "sbin", "etc", "usr", "usr/lib", "usr/lib/systemd" };

	for (size_t i = 0; i < ARRAY_SIZE(folders); i++)
		assert_int_equal(mkdirat(tree_fd, folders[i], 0755), 0);
}

static void the_kind_of_init_is_where_its_link_ends(void **state)
{
	static const struct {
		const char *program, *kind;
	} cases[] = { { "usr/lib/systemd/systemd", "systemd" },
		      { "bin/busybox", "busybox" },
		      { "sbin/openrc-init", "openrc" },
		      { "sbin/runit-init", "runit" },
		      { "sbin/something", "other" } };
	struct scratch *s = *state;

	make_folders(s->tree_fd);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_free_ char *target = str_printf("/%s", cases[i].program);
		struct template_manifest m = { 0 };
		struct err err = ERR_INIT;

		put_program(s->tree_fd, cases[i].program);
		assert_int_equal(symlinkat(target, s->tree_fd, "sbin/init"), 0);
		assert_ok(detect_tree(s->tree_fd, &m, &err), &err);
		assert_string_equal(m.init, cases[i].kind);
		assert_string_equal(m.init_path, "/sbin/init");
		assert_string_equal(m.arch, detect_host_arch());
		assert_int_equal(unlinkat(s->tree_fd, "sbin/init", 0), 0);
	}
}

static void sysvinit_and_a_linked_busybox_are_told_apart(void **state)
{
	struct scratch *s = *state;
	struct template_manifest m = { 0 };
	struct err err = ERR_INIT;

	make_folders(s->tree_fd);
	put_program(s->tree_fd, "sbin/init");
	assert_ok(detect_tree(s->tree_fd, &m, &err), &err);
	assert_string_equal(m.init, "other");
	put_text(s->tree_fd, "etc/inittab", "id:2:initdefault:\n");
	assert_ok(detect_tree(s->tree_fd, &m, &err), &err);
	assert_string_equal(m.init, "sysvinit");
	assert_int_equal(linkat(s->tree_fd, "sbin/init", s->tree_fd, "bin/busybox", 0), 0);
	assert_ok(detect_tree(s->tree_fd, &m, &err), &err);
	assert_string_equal(m.init, "busybox");
}

static void a_tree_without_an_init_is_no_template(void **state)
{
	/* A loop, a link to nothing, a folder, a file that is not executable. The host has these targets; the tree has not. */
	static const char *const links[] = { "init", "/bin/ls", "../../../../../../bin/ls", "/etc", "/etc/text" };
	struct scratch *s = *state;
	struct template_manifest m = { 0 };
	struct err err = ERR_INIT;

	make_folders(s->tree_fd);
	put_text(s->tree_fd, "etc/text", "x");
	for (size_t i = 0; i < ARRAY_SIZE(links); i++) {
		assert_int_equal(symlinkat(links[i], s->tree_fd, "sbin/init"), 0);
		assert_true(detect_tree(s->tree_fd, &m, &err) < 0);
		assert_int_equal(err.exit, EXIT_BAD_TEMPLATE);
		assert_err_has(&err, "/sbin/init");
		assert_int_equal(unlinkat(s->tree_fd, "sbin/init", 0), 0);
	}
}

static void a_foreign_architecture_is_refused(void **state)
{
	struct scratch *s = *state;
	struct template_manifest m = { 0 };
	struct err err = ERR_INIT;

	make_folders(s->tree_fd);
	put_elf(s->tree_fd, "sbin/init", EM_S390, ELFCLASS64);
	assert_true(detect_tree(s->tree_fd, &m, &err) < 0);
	assert_int_equal(err.exit, EXIT_BAD_TEMPLATE);
	assert_err_has(&err, "s390x");
	put_elf(s->tree_fd, "sbin/init", 12345, ELFCLASS64);
	assert_true(detect_tree(s->tree_fd, &m, &err) < 0);
	assert_err_has(&err, "unknown");
	/* An init that is a script: /bin/sh decides. */
	put_file(s->tree_fd, "sbin/init", "#!/bin/sh\n", 10, 0755);
	assert_true(detect_tree(s->tree_fd, &m, &err) < 0);
	put_program(s->tree_fd, "bin/sh");
	assert_ok(detect_tree(s->tree_fd, &m, &err), &err);
}

static void os_release_is_input(void **state)
{
	struct scratch *s = *state;
	struct template_manifest m = { 0 };
	struct err err = ERR_INIT;

	make_folders(s->tree_fd);
	put_program(s->tree_fd, "sbin/init");
	put_text(s->tree_fd, "etc/os-release", "NAME=x\nID=\"deb\x1b[2Jian\"\nVERSION='12 (bookworm)'\nVERSION_ID=12");
	assert_ok(detect_tree(s->tree_fd, &m, &err), &err);
	assert_string_equal(m.distribution, "deb[2Jian");
	assert_string_equal(m.release, "12 (bookworm)");

	char longest[300];

	snprintf(longest, sizeof(longest), "ID=%0250d\n", 7);
	put_text(s->tree_fd, "etc/os-release", longest);
	assert_ok(detect_tree(s->tree_fd, &m, &err), &err);
	assert_int_equal(strlen(m.distribution), sizeof(m.distribution) - 1);
}

/* A fifo would make the reader wait for ever, the host's file would give its secrets away. */
static void os_release_is_a_file_of_the_tree_or_nothing(void **state)
{
	struct scratch *s = *state;
	struct template_manifest m = { 0 };
	struct err err = ERR_INIT;

	make_folders(s->tree_fd);
	put_program(s->tree_fd, "sbin/init");
	assert_int_equal(mkfifoat(s->tree_fd, "etc/os-release", 0644), 0);
	assert_ok(detect_tree(s->tree_fd, &m, &err), &err);
	assert_string_equal(m.distribution, "");
	put_text(s->fd, "secret", "ID=secret\n");
	assert_int_equal(unlinkat(s->tree_fd, "etc/os-release", 0), 0);
	assert_int_equal(symlinkat("../../secret", s->tree_fd, "etc/os-release"), 0);
	assert_ok(detect_tree(s->tree_fd, &m, &err), &err);
	assert_string_equal(m.distribution, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		EACH(the_kind_of_init_is_where_its_link_ends),
		EACH(sysvinit_and_a_linked_busybox_are_told_apart),
		EACH(a_tree_without_an_init_is_no_template),
		EACH(a_foreign_architecture_is_refused),
		EACH(os_release_is_input),
		EACH(os_release_is_a_file_of_the_tree_or_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
