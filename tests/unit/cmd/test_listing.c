/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include <locale.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "cmd/guest_columns.h"
#include "cmd_unit.h"
#include "runtime/params.h"

static const char odd[] = "say \"hi\" \\ — ünï, <b>&</b> /";

static void set(struct guest_config *config, const char *key, const char *value)
{
	struct err err = ERR_INIT;

	assert_ok(config_set(config, param_find(key), value, &err), &err);
}

struct fixture {
	struct guest guest;
	struct guest_row rows[2];
	struct columns columns;
	struct app app;
	char *out;
	size_t size;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct err err = ERR_INIT;

	assert_non_null(f);
	assert_ok(config_init(&f->guest.config, &err), &err);
	set(&f->guest.config, "memory", "512M");
	set(&f->guest.config, "cpus", "1.5");
	set(&f->guest.config, "description", odd);
	set(&f->guest.config, "features", "fuse,nesting");
	set(&f->guest.config, "autostart", "yes");
	set(&f->guest.config, "ids", "1073741824");
	assert_ok(guest_columns_new(&f->columns, &err), &err);
	f->rows[0] = (struct guest_row){
		.name = "web1",
		.guest = &f->guest,
		.status = { .state = GUEST_RUNNING, .init_pid = 42, .memory_bytes = 1536, .cpu_usec = 2500000, .n_pids = 7 },
		.has_usage = true,
	};
	f->rows[1] = (struct guest_row){ .name = "web2", .status = { .state = GUEST_BROKEN }, .error = "guest.conf line 3: no" };
	f->app.out = open_memstream(&f->out, &f->size);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	fclose(f->app.out);
	free(f->out);
	config_free(&f->guest.config);
	columns_free(&f->columns);
	free(f);
	return 0;
}

static const char *list(struct fixture *f, const char *output, bool json)
{
	struct request request = { .values = { [OPT_OUTPUT] = output, [OPT_JSON] = json ? "" : NULL } };
	_cleanup_listing_ struct listing *listing = NULL;
	struct err err = ERR_INIT;

	assert_ok(listing_begin(f->columns.columns, f->columns.n, &request, &listing, &err), &err);
	for (size_t i = 0; i < ARRAY_SIZE(f->rows); i++)
		assert_ok(listing_row(listing, &f->rows[i], &err), &err);
	assert_ok(listing_print(listing, &f->app, &err), &err);
	fflush(f->app.out);
	return f->out;
}

static void test_table(void **state)
{
	assert_string_equal(list(*state, "name,STATE,memory,cpus,memory-used,cpu-time,processes", false),
			    "NAME STATE   MEMORY CPUS MEMORY-USED CPU-TIME PROCESSES\n"
			    "web1 running   512M  1.5        1.5K   2.50 s         7\n"
			    "web2 broken       -    -           -        -         -\n");
}

static void test_suspended(void **state)
{
	struct fixture *f = *state;

	f->rows[0].status = (struct guest_status){ .state = GUEST_SUSPENDED,
						   .checkpoint_bytes = 3 << 20,
						   .suspended_at = 1795324800 };

	_cleanup_json_ struct json *doc = columns_to_json(f->columns.columns, f->columns.n, 0, &f->rows[0]);
	uint64_t number;

	assert_string_equal(list(f, "name,state,checkpoint", false), "NAME STATE     CHECKPOINT\n"
								     "web1 suspended       3.0M\n"
								     "web2 broken             -\n");
	assert_int_equal(json_get_u64(doc, "checkpoint_bytes", &number), 0);
	assert_int_equal(number, 3 << 20);
	assert_int_equal(json_get_u64(doc, "suspended_at", &number), 0);
	assert_int_equal(number, 1795324800);
}

static void test_control_characters(void **state)
{
	struct fixture *f = *state;

	f->rows[0].name = "a\x1b[31mb\nc";

	const char *out = list(f, "name", false);

	assert_null(strchr(out, '\x1b'));
	assert_non_null(strstr(out, "\\x1b"));
}

static void test_defaults(void **state)
{
	const char *out = list(*state, NULL, false);

	assert_true(strncmp(out, "NAME STATE ", 11) == 0);
	assert_null(strstr(out, "MEMORY-USED"));
	assert_non_null(strstr(out, " AUTOSTART"));
}

static void test_json_types(void **state)
{
	struct fixture *f = *state;
	_cleanup_json_ struct json *doc = columns_to_json(f->columns.columns, f->columns.n, 0, &f->rows[0]);
	struct {
		const char *key;
		uint64_t value;
	} numbers[] = {
		{ "memory_bytes", 512 << 20 }, { "cpus_milli", 1500 },	{ "disk_bytes", 10ULL << 30 }, { "init_pid", 42 },
		{ "memory_used_bytes", 1536 }, { "cpu_usec", 2500000 }, { "ids", 1073741824 },	       { "autostart_order", 100 },
	};
	const char *text;
	uint64_t number;
	bool is;

	assert_non_null(doc);
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		assert_int_equal(json_get_u64(doc, numbers[i].key, &number), 0);
		assert_int_equal(number, numbers[i].value);
	}
	assert_int_equal(json_get_bool(doc, "autostart", &is), 0);
	assert_true(is);
	assert_int_equal(json_get_string(doc, "state", &text), 0);
	assert_string_equal(text, "running");
	/* Present, and null: no address, no known disk usage. */
	assert_int_equal(json_get_string(doc, "ip", &text), -EBADMSG);
	assert_int_equal(json_get_u64(doc, "disk_used_bytes", &number), -EBADMSG);
}

/* What is printed is one valid document, and a description comes back as it was set. */
static void test_json_text(void **state)
{
	struct fixture *f = *state;
	_cleanup_json_ struct json *doc = NULL, *list_doc = NULL;
	_cleanup_json_ struct json *object = columns_to_json(f->columns.columns, f->columns.n, 0, &f->rows[0]);
	struct err err = ERR_INIT;
	const char *text;

	assert_ok(print_json(&f->app, object, &err), &err);
	fflush(f->app.out);
	assert_ok(json_parse(f->out, "object", &doc, &err), &err);
	assert_int_equal(json_get_string(doc, "description", &text), 0);
	assert_string_equal(text, odd);
	assert_non_null(strstr(f->out, "\"nesting\""));

	rewind(f->app.out);
	assert_ok(json_parse(list(f, NULL, true), "list", &list_doc, &err), &err);
	assert_non_null(strstr(f->out, "\"error\": \"guest.conf line 3: no\""));
	assert_null(strstr(f->out, "memory_used_bytes"));
}

static void test_unknown_column(void **state)
{
	static const char *const refused[] = { "name,foo", "", ",", "name,,state", "nam" };
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		struct request request = { .values = { [OPT_OUTPUT] = refused[i] } };
		_cleanup_listing_ struct listing *listing = NULL;
		struct err err = ERR_INIT;

		assert_true(listing_begin(f->columns.columns, f->columns.n, &request, &listing, &err) < 0);
		assert_int_equal(err.exit, EXIT_USAGE);
		assert_err_has(&err, "--output");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_table, setup, teardown),
		cmocka_unit_test_setup_teardown(test_suspended, setup, teardown),
		cmocka_unit_test_setup_teardown(test_control_characters, setup, teardown),
		cmocka_unit_test_setup_teardown(test_defaults, setup, teardown),
		cmocka_unit_test_setup_teardown(test_json_types, setup, teardown),
		cmocka_unit_test_setup_teardown(test_json_text, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unknown_column, setup, teardown),
	};

	setlocale(LC_CTYPE, "C.UTF-8");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
