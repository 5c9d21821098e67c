/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/filter_priv.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Transactions that are done once more when the kernel has something against them that can be helped. */

int filter_requests_room(struct filter_requests *r, size_t n, struct err *err)
{
	r->q = calloc(n, sizeof(*r->q));
	return r->q ? 0 : err_oom(err);
}

void filter_request_element(struct filter_requests *r, uint16_t type, uint16_t flags, const struct filter_element *e)
{
	r->q[r->n++] = (struct filter_request){ .type = type, .flags = flags, .family = e->family, .element = e };
}

int filter_request_err(const struct filter_request *q, struct err *err)
{
	const char *what = q->chain ? q->chain : q->element ? q->element->set : "table";

	if (q->error == ENOENT)
		return err_exit(err, EXIT_NETWORK, ENOENT,
				"nftables: '%s' is missing: somebody removed ctctl's rules; restart the guests", what);
	if (q->error == EOPNOTSUPP)
		return err_exit(err, EXIT_UNSUPPORTED, EOPNOTSUPP, "this kernel's nftables cannot do what '%s' needs", what);
	return err_exit(err, EXIT_NETWORK, q->error, "nftables: '%s': %s", what, strerror(q->error));
}

static const struct filter_request *first_refused(const struct filter_requests *r)
{
	for (size_t i = 0; i < r->n; i++) {
		if (r->q[i].error)
			return &r->q[i];
	}
	return NULL;
}

/* Leaves out what is not there to be deleted. Returns whether that were all of the kernel's objections. */
static bool drop_missing(struct filter_requests *r)
{
	size_t kept = 0;

	for (size_t i = 0; i < r->n; i++) {
		if (r->q[i].error && r->q[i].error != ENOENT)
			return false;
	}
	for (size_t i = 0; i < r->n; i++) {
		if (!r->q[i].error)
			r->q[kept++] = r->q[i];
	}
	r->n = kept;
	return true;
}

int filter_delete_all(const char *table, int *io_hold, struct filter_requests *r, struct err *err)
{
	for (int i = 0; i < FILTER_TRIES; i++) {
		int ret = filter_transaction(table, io_hold, r->q, r->n, err);

		if (ret != -ECANCELED)
			return ret;
		if (!drop_missing(r))
			return filter_request_err(first_refused(r), err);
	}
	return err_set(err, EBUSY, "nftables: elements of the table '%s' keep changing: try again", table);
}

/* A published port that is there already is another guest's, unless this guest left it there itself. */
int filter_check_owner(const char *table, const struct filter_element *e, struct err *err)
{
	struct filter_answer answer;
	uint16_t port;
	int r = filter_ask(table, e, &answer, 1, err);

	if (r < 0)
		return r;
	if (!answer.is_there || strcmp(answer.owner, e->owner) == 0)
		return 0;
	memcpy(&port, e->key + e->key_len - 4, sizeof(port)); /* the last part of the key */
	return err_exit(err, EXIT_ADDRESS_IN_USE, EEXIST, "port %d of the host is published by the guest with the interface '%s'",
			ntohs(port), answer.owner);
}

/*
 * What is in the way of a new element is taken out in the same transaction: it was left by a start that was killed, and may say
 * something else. Returns 1 if there is something to try again.
 */
static int clear_way(const char *table, struct filter_requests *r, struct filter_requests *ret, struct err *err)
{
	ret->n = 0;
	for (size_t i = 0; i < r->n; i++) {
		struct filter_request *q = &r->q[i];
		bool in_the_way = q->type == NFT_MSG_NEWSETELEM && (q->error == EEXIST || q->error == EBUSY);

		if (q->error && !in_the_way && !(q->error == ENOENT && q->type == NFT_MSG_DELSETELEM))
			return filter_request_err(q, err);
		if (in_the_way && q->element->owner) {
			int k = filter_check_owner(table, q->element, err);

			if (k < 0)
				return k;
		}
		if (in_the_way)
			filter_request_element(ret, NFT_MSG_DELSETELEM, 0, q->element);
		if (q->type == NFT_MSG_NEWSETELEM || !q->error)
			ret->q[ret->n++] = *q;
	}
	return 1;
}

/* `requests` has room for twice its number. */
int filter_change_all(const char *table, struct filter_requests *r, size_t room, struct err *err)
{
	for (int i = 0; i < FILTER_TRIES; i++) {
		int ret = filter_transaction(table, NULL, r->q, r->n, err);

		if (ret != -ECANCELED)
			return ret;

		_cleanup_(cleanup_requests) struct filter_requests next = { 0 };

		ret = filter_requests_room(&next, 2 * room, err);
		if (ret == 0)
			ret = clear_way(table, r, &next, err);
		if (ret < 0)
			return ret;
		if (next.n > room)
			return err_set(err, EBUSY, "nftables: elements of the table '%s' keep changing: try again", table);
		memcpy(r->q, next.q, next.n * sizeof(*next.q));
		r->n = next.n;
	}
	return err_set(err, EBUSY, "nftables: elements of the table '%s' keep changing: try again", table);
}
