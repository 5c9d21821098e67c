/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "node_unit.h"

#include <sched.h>

#include "runtime/interface.h"
#include "runtime/network.h"
#include "runtime/state.h"
#include "runtime/traffic.h"
#include "runtime/traffic_priv.h"

#define BOOT_A "0123456789abcdef0123456789abcdef"
#define BOOT_B "fedcba9876543210fedcba9876543210"
#define QUOTA  (UINT64_C(1) << 20)

static struct net_traffic counters(uint64_t in_outside, uint64_t out_local)
{
	struct net_traffic t = { 0 };

	t.in[NET_OUTSIDE][0] = (struct net_count){ in_outside, in_outside / 100 };
	t.out[NET_LOCAL][1] = (struct net_count){ out_local, out_local / 100 };
	return t;
}

static bool add(struct traffic_entry *e, const char *boot, uint32_t month, uint64_t in_outside, uint64_t out_local)
{
	struct net_traffic now = counters(in_outside, out_local);

	return traffic_entry_add(e, boot, month, &now);
}

static void assert_entry(const struct traffic_entry *e, uint64_t in_outside, uint64_t out_local, uint64_t month_bytes)
{
	assert_int_equal(e->sum.in[NET_OUTSIDE][0].bytes, in_outside);
	assert_int_equal(e->sum.in[NET_OUTSIDE][0].packets, in_outside / 100);
	assert_int_equal(e->sum.out[NET_LOCAL][1].bytes, out_local);
	assert_int_equal(e->month_bytes, month_bytes);
}

static void test_sums(void **state)
{
	struct traffic_entry e = { .interface = "eth0" };

	(void)state;
	assert_true(add(&e, BOOT_A, 202611, 1000, 500));
	assert_entry(&e, 1000, 500, 1000);
	/* The same once more, as after a kill behind the fold: nothing twice, and nothing to write. */
	assert_false(add(&e, BOOT_A, 202611, 1000, 500));
	assert_entry(&e, 1000, 500, 1000);
	assert_true(add(&e, BOOT_A, 202611, 1500, 500));
	assert_entry(&e, 1500, 500, 1500);
	/* Another run begins at 0, also where it has counted more by now than the one before. */
	assert_true(add(&e, BOOT_B, 202611, 2000, 700));
	assert_entry(&e, 3500, 1200, 3500);
	/* Counters that fell are others, though nobody said so: all of them. */
	assert_true(add(&e, BOOT_B, 202611, 100, 800));
	assert_entry(&e, 3600, 2000, 3600);
}

static void test_months(void **state)
{
	struct traffic_entry e = { .interface = "eth0" };

	(void)state;
	assert_true(add(&e, BOOT_A, 202611, 1000, 500));
	assert_true(add(&e, BOOT_A, 202612, 1300, 500));
	assert_entry(&e, 1300, 500, 300);
	/* It begins although nothing was sent. */
	assert_true(add(&e, BOOT_A, 202701, 1300, 500));
	assert_entry(&e, 1300, 500, 0);
	assert_int_equal(e.month, 202701);
}

static void fill_book(struct traffic_book *book)
{
	struct traffic_entry *e = traffic_book_get(book, "eth0");

	assert_non_null(e);
	add(e, BOOT_A, 202611, UINT64_MAX / 2, 500);
	e->told_month = 202611;
	e->told_quota = QUOTA;
	e = traffic_book_get(book, "eth1");
	assert_non_null(e);
	add(e, BOOT_A, 202611, 7, 8);
	e->boot[0] = '\0';
	e->seen = (struct net_traffic){ 0 };
}

static void test_file(void **state)
{
	const struct scratch *s = *state;
	_cleanup_traffic_book_ struct traffic_book book = { 0 }, again = { 0 }, none = { 0 };
	struct err err = ERR_INIT;

	assert_ok(traffic_book_read(s->fd, &none, &err), &err);
	assert_int_equal(none.n, 0);
	fill_book(&book);
	assert_ok(traffic_book_write(s->fd, &book, &err), &err);
	assert_ok(traffic_book_read(s->fd, &again, &err), &err);
	assert_int_equal(again.n, 2);
	for (size_t i = 0; i < 2; i++) {
		assert_string_equal(again.list[i].interface, book.list[i].interface);
		assert_string_equal(again.list[i].boot, book.list[i].boot);
		assert_memory_equal(&again.list[i].sum, &book.list[i].sum, sizeof(again.list[i].sum));
		assert_memory_equal(&again.list[i].seen, &book.list[i].seen, sizeof(again.list[i].seen));
		assert_int_equal(again.list[i].month_bytes, book.list[i].month_bytes);
		assert_int_equal(again.list[i].told_month, book.list[i].told_month);
		assert_int_equal(again.list[i].told_quota, book.list[i].told_quota);
	}
}

/* Whatever line the file ends with but the last, that is seen. */
static void test_cut_files(void **state)
{
	const struct scratch *s = *state;
	_cleanup_traffic_book_ struct traffic_book book = { 0 };
	_cleanup_free_ char *text = NULL;
	struct err err = ERR_INIT;

	fill_book(&book);
	assert_ok(traffic_book_write(s->fd, &book, &err), &err);

	ssize_t len = fd_read_file_at(s->fd, TRAFFIC_FILE, 1 << 16, &text);

	assert_true(len > 500);
	for (ssize_t i = 0; i < len - 1; i++) {
		_cleanup_traffic_book_ struct traffic_book cut = { 0 };

		if (i > 0 && text[i - 1] != '\n')
			continue;
		put_bytes(s->fd, TRAFFIC_FILE, text, (size_t)i);
		if (traffic_book_read(s->fd, &cut, &err) != -EBADMSG)
			fail_msg("%zd of %zd bytes were read as a whole file", i, len);
		assert_int_equal(err.exit, EXIT_BAD_CONFIG);
	}
}

static void test_damaged_files(void **state)
{
	static const struct {
		const char *text, *why;
	} rows[] = {
		{ "", "not complete" },
		{ "interfaces = x\n", "line 1: interfaces 'x'" },
		{ "interfaces = 1\n[eth0]\nin-local-ipv4 = 1\n", "line 3: in-local-ipv4 '1': expected two numbers" },
		{ "interfaces = 1\n[eth0]\ndropped = -1 2\n", "dropped '-1 2'" },
		{ "interfaces = 1\n[eth0]\ndropped = 1 2 3\n", "dropped '1 2 3'" },
		{ "interfaces = 1\n[eth0]\nmonth = 4294967296 2\n", "month '4294967296 2'" },
		{ "interfaces = 1\n[a-name-of-16-chars]\nmonth = 1 2\n", "interface 'a-name" },
		{ "interfaces = 1\n[eth0]\nboot = " BOOT_A "0\n", "boot '" },
		{ "nonsense\n", "line 1" },
	};
	const struct scratch *s = *state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_traffic_book_ struct traffic_book book = { 0 };
		struct err err = ERR_INIT;

		put_file(s->fd, TRAFFIC_FILE, rows[i].text);
		assert_int_equal(traffic_book_read(s->fd, &book, &err), -EBADMSG);
		assert_err_has(&err, rows[i].why);
	}
}

/* What is said on the way. */
struct heard {
	char text[2048];
};

static void hear(void *context, enum log_level level, const char *line)
{
	struct heard *h = context;
	size_t used = strlen(h->text);

	if (level != LOG_LEVEL_DETAIL)
		snprintf(h->text + used, sizeof(h->text) - used, "%s\n", line);
}

static void test_a_damaged_file_stops_nothing(void **state)
{
	const struct scratch *s = *state;
	struct heard heard = { 0 };
	const struct log log = { hear, &heard };
	_cleanup_guest_ struct guest *guest = NULL;
	_cleanup_free_ struct traffic_report *list = NULL;
	struct err err = ERR_INIT;
	size_t n = 1;

	NEED_ROOT();

	_cleanup_node_ struct node *node = open_node(s, &log);

	put_guest(s, GOOD_CONF);
	put_dir(s->fd, RUN_DIR);
	put_file(s->fd, GUEST_FILE("traffic"), "nonsense\n");
	assert_ok(guest_open(node, "web1", &guest, &err), &err);
	assert_ok(traffic_read(guest, &list, &n, &err), &err);
	assert_int_equal(n, 0);
	assert_non_null(strstr(heard.text, "line 1"));
	assert_ok(traffic_fold(guest, &err), &err);
	assert_non_null(strstr(heard.text, "traffic.damaged"));
	assert_file(s->fd, GUEST_FILE("traffic.damaged"), "nonsense\n");
	assert_false(path_exists_at(s->fd, GUEST_FILE("traffic")));
}

/* A guest "web1" whose init is this process, with a filter in a network namespace of its own and a quota that is used up. */
struct world {
	struct heard heard;
	struct log log;
	struct node *node;
	struct guest *guest;
	struct net_plans plans;
};

static void write_run(const struct guest *guest)
{
	struct guest_run run = { .boot = BOOT_A, .ids_first = 1073741824 };
	struct err err = ERR_INIT;

	assert_int_equal(proc_identify(getpid(), &run.init), 0);
	run.monitor = run.init;
	assert_ok(state_write(guest->run_fd, &run, &err), &err);
}

static void world_open(const struct scratch *s, struct world *w)
{
	struct err err = ERR_INIT;

	*w = (struct world){ .log = { hear, &w->heard } };
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	w->node = open_node(s, &w->log);
	put_guest(s, GOOD_CONF "[eth0]\nslot = 0\nnet = routed\nip = 192.0.2.10\nquota = 1M\n");
	put_dir(s->fd, RUN_DIR);
	assert_ok(guest_open(w->node, "web1", &w->guest, &err), &err);
	write_run(w->guest);

	const struct net_filter_node tables = { .table = w->node->nft_table };

	assert_ok(net_filter_open(&tables, &err), &err);
	assert_ok(network_plan(w->guest, &w->plans, &err), &err);
	assert_int_equal(w->plans.n, 1);
	/* It was started with a quota of which nothing was used. */
	assert_ok(network_note(w->guest->run_fd, LINKS_FILE, &w->plans, &err), &err);
	w->plans.list[0].filter.quota_used_bytes = QUOTA;
	assert_ok(net_filter_add(tables.table, &w->plans.list[0].filter, &err), &err);
}

static void world_close(struct world *w)
{
	network_plans_free(&w->plans);
	guest_close(w->guest);
	node_close(w->node);
}

static uint64_t quota_of_kernel(const struct world *w)
{
	const struct net_plan *plan = &w->plans.list[0];
	struct net_traffic t = { 0 };
	struct err err = ERR_INIT;

	assert_ok(net_filter_read(w->node->nft_table, plan->link, plan->filter.is_bridged, &t, &err), &err);
	return t.quota_used_bytes;
}

/* As if runs before this one had used that much, nearly all of the quota, in this month. */
static void put_book(const struct world *w, uint32_t month)
{
	_cleanup_traffic_book_ struct traffic_book book = { 0 };
	struct traffic_entry *e = traffic_book_get(&book, "eth0");
	struct err err = ERR_INIT;

	assert_non_null(e);
	add(e, BOOT_B, month, QUOTA - 48, 0);
	assert_ok(traffic_book_write(w->guest->dir_fd, &book, &err), &err);
}

static void put_hook(const struct scratch *s, mode_t mode)
{
	_cleanup_free_ char *text = str_printf("#!/bin/sh\necho \"$*\" >> %s/told\n", s->path);
	_cleanup_free_ char *dir = str_printf("%s/etc/hooks", s->path);

	assert_true(text && dir);
	assert_int_equal(path_make_dirs(dir, 0755), 0);
	put_file(s->fd, "etc/hooks/quota", text);
	assert_int_equal(fchmodat(s->fd, "etc/hooks/quota", mode, 0), 0);
}

static void test_the_hook_is_run_once(void **state)
{
	const struct scratch *s = *state;
	struct err err = ERR_INIT;
	struct world w;

	NEED_ROOT();
	world_open(s, &w);
	put_hook(s, 0755);
	for (int i = 0; i < 3; i++)
		assert_ok(traffic_collect(w.node, &err), &err);
	assert_file(s->fd, "told", "web1 eth0 1048576 1048576 throttle\n");
	assert_non_null(strstr(w.heard.text, "guest 'web1': eth0 has used up its quota of 1M this month: throttle\n"));
	world_close(&w);
}

static void test_hooks_of_others_are_not_run(void **state)
{
	const struct scratch *s = *state;
	struct err err = ERR_INIT;
	struct world w;

	NEED_ROOT();
	world_open(s, &w);
	put_book(&w, traffic_month_now());
	put_hook(s, 0775);
	assert_ok(traffic_collect(w.node, &err), &err);
	assert_false(path_exists_at(s->fd, "told"));
	assert_non_null(strstr(w.heard.text, "writable by nobody else"));
	world_close(&w);
}

/* The kernel's quota begins anew, and whose it is, is not told that it was used up. */
static void test_a_new_month(void **state)
{
	const struct scratch *s = *state;
	struct err err = ERR_INIT;
	uint64_t used = 1;
	struct world w;

	NEED_ROOT();
	world_open(s, &w);
	put_hook(s, 0755);
	assert_int_equal(quota_of_kernel(&w), QUOTA);

	put_book(&w, 202001);
	assert_ok(traffic_month_used(w.guest, "eth0", &used, &err), &err);
	assert_int_equal(used, 0);
	assert_ok(traffic_collect(w.node, &err), &err);
	assert_int_equal(quota_of_kernel(&w), 0);
	assert_false(path_exists_at(s->fd, "told"));
	world_close(&w);
}

static void test_an_interface_that_is_gone(void **state)
{
	const struct scratch *s = *state;
	_cleanup_traffic_book_ struct traffic_book book = { 0 };
	struct err err = ERR_INIT;
	struct world w;

	NEED_ROOT();
	world_open(s, &w);
	assert_ok(traffic_fold(w.guest, &err), &err);
	assert_ok(traffic_book_read(w.guest->dir_fd, &book, &err), &err);
	assert_int_equal(book.n, 1);
	assert_string_equal(book.list[0].boot, BOOT_A);
	traffic_book_free(&book);
	/* Its counters are: what gets its name next, in the same run, has others. Who only looks does not say so. */
	assert_ok(net_filter_remove(w.node->nft_table, &w.plans.list[0].filter, NULL, &err), &err);
	assert_ok(traffic_collect(w.node, &err), &err);
	assert_ok(traffic_book_read(w.guest->dir_fd, &book, &err), &err);
	assert_string_equal(book.list[0].boot, BOOT_A);
	traffic_book_free(&book);
	assert_ok(traffic_fold(w.guest, &err), &err);
	assert_ok(traffic_book_read(w.guest->dir_fd, &book, &err), &err);
	assert_string_equal(book.list[0].boot, "");
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(test_sums),
		SCRATCH_TEST(test_months),
		SCRATCH_TEST(test_file),
		SCRATCH_TEST(test_cut_files),
		SCRATCH_TEST(test_damaged_files),
		SCRATCH_TEST(test_a_damaged_file_stops_nothing),
		SCRATCH_TEST(test_the_hook_is_run_once),
		SCRATCH_TEST(test_hooks_of_others_are_not_run),
		SCRATCH_TEST(test_a_new_month),
		SCRATCH_TEST(test_an_interface_that_is_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
