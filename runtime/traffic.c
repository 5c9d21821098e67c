/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/traffic.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/lock.h"
#include "netns/filter.h"
#include "runtime/network.h"
#include "runtime/state.h"
#include "runtime/traffic_priv.h"

/* How often counters are read again that seem to be of two runs: a guest cannot be restarted that fast twice. */
#define READ_TRIES 3

uint32_t traffic_month_now(void)
{
	time_t now = time(NULL);
	struct tm tm;

	if (!gmtime_r(&now, &tm))
		return 0;
	return (uint32_t)(tm.tm_year + 1900) * 100 + (uint32_t)tm.tm_mon + 1;
}

static uint64_t outside_bytes(const struct net_traffic *t)
{
	return t->in[NET_OUTSIDE][0].bytes + t->in[NET_OUTSIDE][1].bytes + t->out[NET_OUTSIDE][0].bytes +
	       t->out[NET_OUTSIDE][1].bytes;
}

/* Counters only rise: one that is lower now is another one. */
static bool has_fallen(const struct net_traffic *before, const struct net_traffic *now)
{
	const struct net_count *a;

	for (size_t i = 0; (a = traffic_count(before, i, NULL)); i++) {
		const struct net_count *b = traffic_count(now, i, NULL);

		if (b->bytes < a->bytes || b->packets < a->packets)
			return true;
	}
	return false;
}

static bool is_same(const struct net_traffic *a, const struct net_traffic *b)
{
	return !has_fallen(a, b) && !has_fallen(b, a);
}

bool traffic_entry_add(struct traffic_entry *e, const char *boot, uint32_t month, const struct net_traffic *now)
{
	const struct net_traffic zero = { 0 };
	bool goes_on = strcmp(e->boot, boot) == 0 && !has_fallen(&e->seen, now);
	const struct net_traffic *before = goes_on ? &e->seen : &zero;
	const struct net_count *was;

	if (goes_on && e->month == month && is_same(before, now))
		return false;
	if (e->month != month)
		e->month_bytes = 0;
	e->month = month;
	e->month_bytes += outside_bytes(now) - outside_bytes(before);
	for (size_t i = 0; (was = traffic_count(before, i, NULL)); i++) {
		const struct net_count *is = traffic_count(now, i, NULL);
		struct net_count *sum = (struct net_count *)traffic_count(&e->sum, i, NULL);

		sum->bytes += is->bytes - was->bytes;
		sum->packets += is->packets - was->packets;
	}
	e->seen = *now;
	snprintf(e->boot, sizeof(e->boot), "%s", boot);
	return true;
}

/* A new month: the kernel's quota begins anew, with what has been used of it. */
static int renew_quota(const struct net_plan *plan, uint64_t used, struct err *err)
{
	struct net_filter_spec old = plan->filter, spec = plan->filter;

	if (!spec.quota_bytes)
		return 0;
	/* A quota whose used part is what it was goes on where it is (net_filter_change()): so it was another. */
	old.quota_used_bytes = used ? 0 : 1;
	spec.quota_used_bytes = used;
	return net_filter_change(plan->table, &old, &spec, err);
}

/* The counters of an interface of the present run, as they are in the kernel; 0 if it has none there. */
static int read_counters(const struct net_plan *plan, struct net_traffic *ret, struct err *err)
{
	if (!plan->link[0])
		return 0;

	int r = net_filter_read(plan->table, plan->link, plan->filter.is_bridged, ret, err);

	return r == 0 ? 1 : r == -ENOENT ? 0 : r;
}

/* What a run is called. One that has not come as far as to be noted has no name, and hardly any traffic. */
static int read_boot(const struct guest *guest, char room[BOOT_ID_ROOM], struct err *err)
{
	struct guest_run run = { 0 };
	int r = guest->run_fd < 0 ? 0 : state_read(guest->run_fd, &run, err);

	snprintf(room, BOOT_ID_ROOM, "%s", r == 1 ? run.boot : "none");
	return r < 0 ? r : 0;
}

/* What the kernel says of all interfaces of one run. */
struct snapshot {
	char boot[BOOT_ID_ROOM];
	struct net_plans plans;
	struct net_traffic now[INTERFACES_MAX];
	bool has[INTERFACES_MAX];
};

static void snapshot_free(struct snapshot *s)
{
	network_plans_free(&s->plans);
}
#define _cleanup_snapshot_ __attribute__((cleanup(snapshot_free)))

static int take_snapshot(const struct guest *guest, struct snapshot *ret, struct err *err)
{
	int r = read_boot(guest, ret->boot, err);

	network_plans_free(&ret->plans);
	ret->plans = NET_PLANS_INIT;
	if (r == 0 && guest->run_fd >= 0)
		r = network_read_note(guest->run_fd, LINKS_FILE, &ret->plans, err);
	for (size_t i = 0; r >= 0 && i < ret->plans.n; i++) {
		r = read_counters(&ret->plans.list[i], &ret->now[i], err);
		ret->has[i] = r == 1;
	}
	return r < 0 ? r : 0;
}

/* Who does not hold the guest's lock may have read counters of the next run as those of the one before. */
static int take_consistent_snapshot(const struct guest *guest, struct snapshot *ret, struct err *err)
{
	char boot[BOOT_ID_ROOM];

	for (int i = 0; i < READ_TRIES; i++) {
		int r = take_snapshot(guest, ret, err);

		if (r == 0)
			r = read_boot(guest, boot, err);
		if (r < 0 || strcmp(boot, ret->boot) == 0)
			return r;
	}
	return err_set(err, EAGAIN, "guest '%s' is being restarted", guest->name);
}

/* A damaged file is nothing that a guest should be stopped for, or could not be stopped with. */
static int read_book(const struct guest *guest, bool keep_aside, struct traffic_book *ret, struct err *err)
{
	struct err why = ERR_INIT;
	int r = traffic_book_read(guest->dir_fd, ret, &why);

	if (r != -EBADMSG)
		return r < 0 ? err_set(err, -r, "%s", why.msg) : 0;
	traffic_book_free(ret);
	if (!keep_aside) {
		log_warning(guest->node->log, "guest '%s': what it has sent and received is not known: %s", guest->name, why.msg);
		return 0;
	}
	if (renameat(guest->dir_fd, TRAFFIC_FILE, guest->dir_fd, TRAFFIC_FILE_DAMAGED) < 0)
		return err_sys(err, errno, "rename '" TRAFFIC_FILE "' to '" TRAFFIC_FILE_DAMAGED "'");
	log_warning(guest->node->log, "guest '%s': counting begins anew: %s; it was kept as '%s/%s/" TRAFFIC_FILE_DAMAGED "'",
		    guest->name, why.msg, guest->node->guests_dir, guest->name);
	return 0;
}

/* Adds the snapshot to the book. Returns 1 if that changed anything. */
static int add_snapshot(struct snapshot *s, struct traffic_book *book, struct err *err)
{
	uint32_t month = traffic_month_now();
	int changed = 0;

	for (size_t i = 0; i < s->plans.n; i++) {
		if (!s->has[i])
			continue;

		struct traffic_entry *e = traffic_book_get(book, s->plans.list[i].guest_name);

		if (!e)
			return err_oom(err);

		/* The first look at an interface is none: its quota is as it was started with. */
		bool is_new_month = e->month && e->month != month;

		if (traffic_entry_add(e, s->boot, month, &s->now[i]))
			changed = 1;
		/* Before the file says that the month has begun: who is killed in between does it again. */
		int r = is_new_month ? renew_quota(&s->plans.list[i], e->month_bytes, err) : 0;

		if (r < 0)
			return r;
		if (is_new_month)
			s->now[i].quota_used_bytes = e->month_bytes;
	}
	return changed;
}

static bool is_counted(const struct snapshot *s, const char *interface)
{
	for (size_t i = 0; i < s->plans.n; i++) {
		if (s->has[i] && strcmp(s->plans.list[i].guest_name, interface) == 0)
			return true;
	}
	return false;
}

/* Counters that are gone: whatever gets this name next begins at 0. Returns 1 if there were any. */
static int forget_gone(const struct snapshot *s, struct traffic_book *book)
{
	int changed = 0;

	for (size_t i = 0; i < book->n; i++) {
		if (!book->list[i].boot[0] || is_counted(s, book->list[i].interface))
			continue;
		book->list[i].boot[0] = '\0';
		book->list[i].seen = (struct net_traffic){ 0 };
		changed = 1;
	}
	return changed;
}

static bool is_told(const struct traffic_entry *e, uint64_t quota)
{
	return e->told_month == e->month && e->told_quota == quota;
}

static bool is_spent(const struct traffic_entry *e, const struct net_traffic *now, uint64_t quota)
{
	/* The kernel's own number is that of what it saw, also of what it did not let pass any more, in this run. */
	return quota && (e->month_bytes >= quota || now->quota_used_bytes >= quota || is_told(e, quota));
}

/* Returns 1 if somebody is to be told. */
static int find_spent(const struct guest *guest, const struct snapshot *s, struct traffic_book *book, struct traffic_spent *ret,
		      size_t *ret_n)
{
	int changed = 0;

	for (size_t i = 0; i < s->plans.n; i++) {
		const char *name = s->plans.list[i].guest_name;
		const struct guest_interface *iface = config_interface(&guest->config, name);
		struct traffic_entry *e = traffic_book_find(book, name);

		if (!s->has[i] || !iface || !e || !is_spent(e, &s->now[i], iface->quota))
			continue;

		struct traffic_spent *spent = &ret[(*ret_n)++];

		/* What was not let through is in no counter: then it is the quota that was used, to the last packet. */
		*spent = (struct traffic_spent){ .used = e->month_bytes, .quota = iface->quota };
		if (spent->used < spent->quota)
			spent->used = spent->quota;
		memcpy(spent->interface, e->interface, sizeof(spent->interface));
		spent->is_new = !is_told(e, iface->quota);
		e->told_month = e->month;
		e->told_quota = iface->quota;
		changed |= spent->is_new;
	}
	return changed;
}

int traffic_fold_book(const struct guest *guest, bool is_owner, struct traffic_spent *ret_spent, size_t *ret_n, struct err *err)
{
	_cleanup_traffic_book_ struct traffic_book book = { 0 };
	_cleanup_snapshot_ struct snapshot s = { 0 };
	/* One at a time; who holds it is not stopped by anybody. */
	_cleanup_fd_ int lock = lock_take(guest->dir_fd, TRAFFIC_LOCK_FILE, "the traffic", "account", true, err);
	int r = lock < 0 ? lock : take_consistent_snapshot(guest, &s, err);

	if (r == 0)
		r = read_book(guest, true, &book, err);
	if (r == 0)
		r = add_snapshot(&s, &book, err);
	if (r >= 0 && is_owner)
		r |= forget_gone(&s, &book);
	if (r >= 0 && ret_spent)
		r |= find_spent(guest, &s, &book, ret_spent, ret_n);
	return r > 0 ? traffic_book_write(guest->dir_fd, &book, err) : r;
}

int traffic_fold(const struct guest *guest, struct err *err)
{
	struct err why = ERR_INIT;
	int r = traffic_fold_book(guest, true, NULL, NULL, &why);

	if (r == -ENOMEM)
		return err_oom(err);
	if (r < 0)
		log_warning(guest->node->log, "guest '%s': its traffic could not be added up: %s", guest->name, why.msg);
	return 0;
}

static int make_reports(const struct guest *guest, const struct traffic_book *book, struct traffic_report **ret, size_t *ret_n,
			struct err *err)
{
	uint32_t month = traffic_month_now();
	struct traffic_report *list = calloc(book->n + 1, sizeof(*list));

	if (!list)
		return err_oom(err);
	for (size_t i = 0; i < book->n; i++) {
		const struct traffic_entry *e = &book->list[i];
		const struct guest_interface *iface = config_interface(&guest->config, e->interface);

		list[i].total = e->sum;
		list[i].month_outside_bytes = e->month == month ? e->month_bytes : 0;
		list[i].quota_bytes = iface ? iface->quota : 0;
		memcpy(list[i].interface, e->interface, sizeof(list[i].interface));
	}
	*ret = list;
	*ret_n = book->n;
	return 0;
}

/* In memory only: as traffic_fold_book() would have it. */
static int add_current(const struct guest *guest, struct traffic_book *book, struct err *err)
{
	_cleanup_snapshot_ struct snapshot s = { 0 };
	int r = take_consistent_snapshot(guest, &s, err);

	for (size_t i = 0; r == 0 && i < s.plans.n; i++) {
		struct traffic_entry *e = s.has[i] ? traffic_book_get(book, s.plans.list[i].guest_name) : NULL;

		if (s.has[i] && !e)
			return err_oom(err);
		if (e)
			(void)traffic_entry_add(e, s.boot, traffic_month_now(), &s.now[i]);
	}
	return r;
}

/* Was nothing folded between reading the one and the other? */
static bool is_same_book(const struct traffic_book *a, const struct traffic_book *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++) {
		if (strcmp(a->list[i].boot, b->list[i].boot) != 0 || !is_same(&a->list[i].sum, &b->list[i].sum))
			return false;
	}
	return true;
}

/*
 * Without a lock: counters that were folded and removed between reading the file and them would be missing, and the sum would
 * have fallen. The file tells.
 */
static int read_current(const struct guest *guest, struct traffic_book *ret, struct err *err)
{
	for (int i = 0;; i++) {
		_cleanup_traffic_book_ struct traffic_book before = { 0 }, after = { 0 };
		int r = read_book(guest, false, &before, err);

		if (r == 0)
			r = read_book(guest, false, ret, err);
		if (r == 0)
			r = add_current(guest, ret, err);
		if (r == 0)
			r = read_book(guest, false, &after, err);
		if (r < 0 || i == READ_TRIES || is_same_book(&before, &after))
			return r;
		traffic_book_free(ret);
	}
}

int traffic_read(const struct guest *guest, struct traffic_report **ret, size_t *ret_n, struct err *err)
{
	_cleanup_traffic_book_ struct traffic_book book = { 0 };
	int r = read_current(guest, &book, err);

	return r < 0 ? r : make_reports(guest, &book, ret, ret_n, err);
}

int traffic_month_used(const struct guest *guest, const char *interface, uint64_t *ret, struct err *err)
{
	_cleanup_traffic_book_ struct traffic_book book = { 0 };
	int r = read_current(guest, &book, err);
	const struct traffic_entry *e = r < 0 ? NULL : traffic_book_find(&book, interface);

	*ret = e && e->month == traffic_month_now() ? e->month_bytes : 0;
	return r;
}
