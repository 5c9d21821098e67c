/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scratch.h"

#include <inttypes.h>

#include "base/ini.h"
#include "base/str.h"
#include "runtime/params.h"

static char *get(const struct guest_config *c, const struct param *p)
{
	char *text = config_get(c, p);

	assert_non_null(text);
	return text;
}

/* set -> get -> set -> get: the text and the number stay. */
static void check_round_trip(const struct param *p, const char *text)
{
	struct guest_config a, b;
	struct err err = ERR_INIT;

	assert_ok(config_init(&a, &err), &err);
	assert_ok(config_init(&b, &err), &err);
	if (config_set(&a, p, text, &err) < 0)
		fail_msg("%s '%s': %s", p->key, text, err.msg);

	_cleanup_free_ char *first = get(&a, p);

	if (config_set(&b, p, first, &err) < 0)
		fail_msg("%s '%s' is written as '%s': %s", p->key, text, first, err.msg);

	_cleanup_free_ char *second = get(&b, p);

	assert_string_equal(first, second);
	if (param_is_number(p))
		assert_memory_equal((char *)&a + p->offset, (char *)&b + p->offset, sizeof(uint64_t));
	config_free(&a);
	config_free(&b);
}

static void check_refused(const struct param *p, const char *text)
{
	struct guest_config c;
	struct err err = ERR_INIT;

	assert_ok(config_init(&c, &err), &err);

	_cleanup_free_ char *before = get(&c, p);

	if (config_set(&c, p, text, &err) != -EINVAL)
		fail_msg("%s '%s' was accepted", p->key, text);
	assert_int_equal(err.exit, EXIT_INVALID);
	assert_err_has(&err, p->key);
	assert_err_has(&err, "expected");

	_cleanup_free_ char *after = get(&c, p);

	assert_string_equal(before, after);
	config_free(&c);
}

static void number_text(const struct param *p, uint64_t v, char room[STR_NUMBER_ROOM])
{
	if (p->kind == PARAM_MILLI)
		str_from_milli(v, room);
	else
		snprintf(room, STR_NUMBER_ROOM, "%" PRIu64, v);
}

static void test_every_number_at_its_bounds(void **state)
{
	char room[STR_NUMBER_ROOM];
	const struct param *p;

	(void)state;
	for (size_t i = 0; (p = param_at(i)); i++) {
		uint64_t most = p->most ? p->most : p->kind == PARAM_MILLI ? UINT64_MAX : INT64_MAX;

		if (p->kind != PARAM_SIZE && p->kind != PARAM_MILLI && p->kind != PARAM_NUMBER)
			continue;
		number_text(p, p->least, room);
		check_round_trip(p, room);
		number_text(p, most, room);
		check_round_trip(p, room);
		if (p->least > 0) {
			number_text(p, p->least - 1, room);
			check_refused(p, room);
		}
		if (most < UINT64_MAX) {
			number_text(p, most + 1, room);
			check_refused(p, room);
		}
		check_refused(p, "12x");
		check_refused(p, "-1");
		check_refused(p, " 100");
	}
}

static void test_every_default(void **state)
{
	struct guest_config c;
	struct err err = ERR_INIT;
	const struct param *p;

	(void)state;
	assert_ok(config_init(&c, &err), &err);
	for (size_t i = 0; (p = param_at(i)); i++) {
		_cleanup_free_ char *text = get(&c, p);

		assert_string_equal(text, p->dflt);
		check_round_trip(p, "");
		assert_ptr_equal(param_find(p->key), p);
	}
	config_free(&c);
	assert_null(param_find(""));
	assert_null(param_find("Memory"));
	assert_null(param_find("memory "));
}

static void test_none(void **state)
{
	struct guest_config c;
	struct err err = ERR_INIT;

	(void)state;
	assert_ok(config_init(&c, &err), &err);
	assert_ok(config_set(&c, param_find("disk"), "none", &err), &err);
	assert_true(c.disk == 0);
	config_free(&c);
	check_round_trip(param_find("disk"), "none");
	check_round_trip(param_find("memory"), "none");
	check_round_trip(param_find("cpus"), "none");
	check_round_trip(param_find("io-read-ops"), "none");
	check_round_trip(param_find("cpuset"), "none");
	check_refused(param_find("pids"), "none");
	check_refused(param_find("io-weight"), "none");
	check_refused(param_find("io-read-ops"), "0");
	check_refused(param_find("disk"), "None");
}

static void test_cpusets(void **state)
{
	static const char *const good[] = { "0", "0-3", "0-3,6", "7,5,5", "0-8191" };
	static const char *const bad[] = { ",", "0,",  ",1", "0,,1",	"3-1", "-1",   "1-",
					   "a", "0 1", "0-", "0-3:1/2", "0x1", "8192", "0-1-2" };
	char longer[200];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		check_round_trip(param_find("cpuset"), good[i]);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		check_refused(param_find("cpuset"), bad[i]);
	/* What fits is what the control groups have room for. */
	for (size_t i = 0; i < sizeof(longer); i += 2)
		memcpy(longer + i, "1,", 2);
	longer[119] = '\0';
	check_round_trip(param_find("cpuset"), longer);
	longer[119] = ',';
	longer[121] = '\0';
	check_refused(param_find("cpuset"), longer);
}

static void test_good_texts(void **state)
{
	static const struct {
		const char *key, *text;
	} rows[] = {
		{ "pool", "fast-1" },
		{ "hostname", "web1.example.org" },
		{ "hostname", "Web1" },
		{ "ip", "10.0.3.5/24" },
		{ "ip", "fd00::5/64" },
		{ "gateway", "10.0.3.1" },
		{ "features", "fuse, nesting" },
		{ "features", "tun,tun" },
		{ "autostart", "YES" },
		{ "description", "it's \"quoted\" = [a]: 100% \\n $HOME" },
		{ "description", "a;b; c#d # e;" },
		{ "description", "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\xa7" },
		{ "memory", "1.5G" },
		{ "disk", "9007199254740991.999K" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		check_round_trip(param_find(rows[i].key), rows[i].text);
}

static void test_bad_texts(void **state)
{
	static const struct {
		const char *key, *text;
	} rows[] = {
		{ "pool", "../x" },
		{ "pool", "Fast" },
		{ "hostname", "-web" },
		{ "hostname", "web-" },
		{ "hostname", "web..de" },
		{ "hostname", ".web" },
		{ "hostname", "web." },
		{ "hostname", "a.-b" },
		{ "hostname", "a-.b" },
		{ "hostname", "we b" },
		{ "hostname", "web_1" },
		{ "hostname", "web\n" },
		{ "hostname", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" },
		{ "hostname", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" },
		{ "ip", "10.0.3.5" },
		{ "gateway", "10.0.3.1/24" },
		{ "features", "nesting,bpf" },
		{ "features", "Nesting" },
		{ "autostart", "maybe" },
		{ "description", "two\nlines" },
		{ "description", "tab\there" },
		{ "description", "del\x7f" },
		{ "description", "csi \xc2\x9b"
				 "2J" },
		{ "description", "latin \xe9" },
		{ "description", "cut \xc3" },
		{ "description", "overlong \xc0\xaf" },
		{ "description", "surrogate \xed\xa0\x80" },
		{ "description", "beyond \xf4\x90\x80\x80" },
		{ "description", " leading" },
		{ "description", "trailing " },
		{ "description", "a ;comment" },
		{ "description", ";comment" },
		{ "description", "# comment" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		check_refused(param_find(rows[i].key), rows[i].text);
}

static void test_text_length(void **state)
{
	char text[152];

	(void)state;
	memset(text, 'x', 151);
	text[151] = '\0';
	check_refused(param_find("description"), text);
	text[150] = '\0';
	check_round_trip(param_find("description"), text);
}

static int on_key(void *context, const char *section, const char *key, const char *value, struct err *err)
{
	(void)section;
	return config_set(context, param_find(key), value, err);
}

/* As guest.conf would hold it. */
static void check_through_file(const struct scratch *s, const struct param *p, const char *text)
{
	struct guest_config c, back;
	struct err err = ERR_INIT;

	assert_ok(config_init(&c, &err), &err);
	assert_ok(config_init(&back, &err), &err);
	if (config_set(&c, p, text, &err) == 0) {
		_cleanup_free_ char *value = get(&c, p);
		_cleanup_free_ char *file = ini_edit("description = old\n", "", p->key, *value ? value : NULL);

		put_file(s->fd, "guest.conf", file);
		if (ini_read_at(s->fd, "guest.conf", "guest.conf", on_key, &back, &err) < 0)
			fail_msg("'%s': %s", text, err.msg);

		_cleanup_free_ char *read = get(&back, p);

		assert_string_equal(read, value);
	}
	config_free(&c);
	config_free(&back);
}

/*
 * Whatever `set` accepts comes back the same through the file: texts by chance, of the characters that mean something to
 * somebody.
 */
static void test_descriptions_through_the_file(void **state)
{
	static const char *const parts[] = { "a", " ", ";",  "#",  "=",	 ":",	     "\"",	 "'",	     "\\",
					     "[", "]", "\r", "\t", "\v", "\xc2\xa0", "\xc3\xa9", "\xc2\x85", "\xef\xbb\xbf",
					     "%", "b" };
	const struct param *p = param_find("description");
	unsigned int seed = 7;

	for (int i = 0; i < 6000; i++) {
		struct strbuf b = { 0 };

		for (int n = (int)(rand_r(&seed) % 8); n >= 0; n--)
			strbuf_add(&b, parts[rand_r(&seed) % ARRAY_SIZE(parts)]);

		_cleanup_free_ char *text = strbuf_take(&b);

		check_through_file(*state, p, text);
	}
}

/* The longest of each goes into a line that the reader takes. */
static void test_long_values_through_the_file(void **state)
{
	const struct param *p;
	char text[151];

	memset(text, 'x', 150);
	text[150] = '\0';
	for (size_t i = 0; (p = param_at(i)); i++) {
		if (p->kind == PARAM_TEXT || p->kind == PARAM_INTERNAL)
			check_through_file(*state, p, text);
		if (p->kind == PARAM_FEATURES)
			check_through_file(*state, p, "nesting,io_uring,ia32_sockets,fuse,tun");
	}
}

static void test_feature_words(void **state)
{
	struct guest_config c;
	struct err err = ERR_INIT;
	size_t n = 0;

	(void)state;
	assert_ok(config_init(&c, &err), &err);
	for (; param_feature_word(n); n++) {
		assert_ok(config_set(&c, param_find("features"), param_feature_word(n), &err), &err);
		assert_true(config_has_feature(&c, (enum guest_feature)n));
		assert_true(c.features == UINT64_C(1) << n);
	}
	assert_true(n == FEATURE_TUN + 1);
	assert_ok(config_set(&c, param_find("features"), "", &err), &err);
	assert_true(c.features == 0);
	config_free(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(test_every_number_at_its_bounds),
		SCRATCH_TEST(test_every_default),
		SCRATCH_TEST(test_none),
		SCRATCH_TEST(test_cpusets),
		SCRATCH_TEST(test_good_texts),
		SCRATCH_TEST(test_bad_texts),
		SCRATCH_TEST(test_text_length),
		SCRATCH_TEST(test_descriptions_through_the_file),
		SCRATCH_TEST(test_long_values_through_the_file),
		SCRATCH_TEST(test_feature_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
