/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include <stdlib.h>

#include "runtime/ssh_keys.h"

/* Made by ssh-keygen for this test; nobody has the other halves. */
#define ED25519 "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILGjtxoLGYFib8ptriMy3ZbkdKydJV0FSQZPhIFHXQtO"
#define ECDSA                                                                                       \
	"ecdsa-sha2-nistp256 "                                                                      \
	"AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBJBqv80+KHkNdb5RY068yRBBv8z7kztzcOHA/" \
	"jP3fhT3ZWWktveiThEDRCHV5iHl7V9Ijp3uAFits7DADVc4mX4="

static void test_good(void **state _unused_)
{
	struct err err = ERR_INIT;
	char *keys = NULL;

	assert_ok(ssh_keys_check("x", "# mine\n\n  " ED25519 " me@home \r\n" ECDSA, &keys, &err), &err);
	assert_string_equal(keys, ED25519 " me@home\n" ECDSA "\n");
	free(keys);
	assert_ok(ssh_keys_check("x", "\n#\n", &keys, &err), &err);
	assert_string_equal(keys, "");
	free(keys);
	assert_true(ssh_key_is_one(ED25519));
	assert_false(ssh_key_is_one("/root/.ssh/id_ed25519.pub"));
	assert_false(ssh_key_is_one("ssh-ed25519"));
	assert_false(ssh_key_is_one("ssh-ed25519.pub"));
}

static void test_bad(void **state _unused_)
{
	static const struct {
		const char *text, *why;
	} rows[] = {
		{ "hello", "expected a type" },
		{ "ssh-dss AAAA", "expected a type" },
		{ "no-pty " ED25519, "expected a type" },
		{ "command=\"sh\" " ED25519, "expected a type" },
		{ "-----BEGIN OPENSSH PRIVATE KEY-----", "expected a type" },
		{ "ssh-ed25519 AAA", "base64" },
		{ "ssh-ed25519 AA*A", "base64" },
		{ "ssh-ed25519 A===", "base64" },
		{ "ssh-ed25519 ", "expected a type" },
		{ "ssh-ed25519 AAAA", "cut short" },
		{ "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5", "cut short" },
		/* Of another type than it says. */
		{ "ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "damaged" },
		/* The second part is longer than there is. */
		{ "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAA", "cut short" },
		{ ED25519 " a\x1b[0m", "printable" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct err err = ERR_INIT;
		char *keys = NULL;

		assert_int_equal(ssh_keys_check("--ssh-key", rows[i].text, &keys, &err), -EINVAL);
		assert_err_has(&err, rows[i].why);
		assert_err_has(&err, "--ssh-key");
		assert_int_equal(err.exit, EXIT_INVALID);
		assert_null(keys);
	}
}

static void test_too_long(void **state _unused_)
{
	struct err err = ERR_INIT;
	size_t len = 100000;
	_cleanup_free_ char *text = malloc(len + 1);
	char *keys = NULL;

	assert_non_null(text);
	memset(text, 'A', len);
	memcpy(text, "ssh-rsa ", 8);
	text[len] = '\0';
	assert_int_equal(ssh_keys_check("x", text, &keys, &err), -EINVAL);
	assert_err_has(&err, "8192");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
