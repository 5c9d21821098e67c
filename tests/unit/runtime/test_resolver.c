/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scratch.h"

#include "base/str.h"
#include "runtime/resolver.h"

/* What is found, with blanks between. */
static void assert_found(const struct scratch *s, const char *configured, const char *expected)
{
	struct err err = ERR_INIT;
	struct strbuf b = { 0 };
	char **list = NULL;

	assert_ok(resolver_find(s->fd, configured, &list, &err), &err);
	strbuf_add(&b, "");
	for (char **p = list; *p; p++)
		strbuf_addf(&b, "%s%s", p == list ? "" : " ", *p);
	assert_string_equal(b.data, expected);
	strbuf_free(&b);
	resolver_free(list);
}

static void test_find(void **state)
{
	const struct scratch *s = *state;

	assert_found(s, NULL, "");
	assert_found(s, "192.0.2.1, 2001:db8::1", "192.0.2.1 2001:db8::1");
	put_dir(s->fd, "etc");
	put_file(s->fd, "etc/resolv.conf",
		 "# nameserver 192.0.2.9\nsearch nameserver\nnameserver 192.0.2.1\n nameserver\t2001:db8::1 \n"
		 "nameserver 127.0.0.53\nnameserver ::1\nnameserver fe80::1%eth0\nnameserver fe80::1\nnameserver 0.0.0.0\n"
		 "nameserver nonsense\nnameserver\nnameservers 192.0.2.8");
	assert_found(s, NULL, "192.0.2.1 2001:db8::1");
	assert_found(s, "192.0.2.7", "192.0.2.7");
}

/* systemd-resolved's stub is the host's own; what is behind it is not. */
static void test_resolved(void **state)
{
	const struct scratch *s = *state;

	put_dir(s->fd, "etc");
	put_dir(s->fd, "run");
	put_dir(s->fd, "run/systemd");
	put_dir(s->fd, "run/systemd/resolve");
	put_file(s->fd, "run/systemd/resolve/stub-resolv.conf", "nameserver 127.0.0.53\noptions edns0\n");
	assert_int_equal(symlinkat("../run/systemd/resolve/stub-resolv.conf", s->fd, "etc/resolv.conf"), 0);
	assert_found(s, NULL, "");
	put_file(s->fd, "run/systemd/resolve/resolv.conf", "nameserver 192.0.2.3\n");
	assert_found(s, NULL, "192.0.2.3");
}

static void test_search(void **state _unused_)
{
	struct err err = ERR_INIT;
	char *text = NULL;

	assert_ok(resolver_search(" a.example,  b_c.Example-2.net\t", &text, &err), &err);
	assert_string_equal(text, "a.example b_c.Example-2.net");
	free(text);
	assert_int_equal(resolver_search("a.example \"x\"", &text, &err), -EINVAL);
	assert_err_has(&err, "expected domains such as example.com");
	assert_int_equal(resolver_search("a;b", &text, &err), -EINVAL);
	assert_int_equal(resolver_search(" , ", &text, &err), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(test_find),
		SCRATCH_TEST(test_resolved),
		cmocka_unit_test(test_search),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
