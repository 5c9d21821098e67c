/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <netinet/in.h> /* before the kernel's header of the same types */

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "netns/filter.h"

/* What the files of the filter share. Families are those of nftables: NFPROTO_INET, NFPROTO_BRIDGE, NFPROTO_ARP. */

/* As long as a key or a value gets: the name of an interface and an IPv6 address; each part is filled up to 4 bytes. */
#define FILTER_KEY_ROOM	  32
#define FILTER_CHAIN_ROOM 32
#define FILTER_FAMILIES	  3

enum filter_state {
	FILTER_STATE_NONE,
	FILTER_STATE_PACKETS, /* matches above `amount` packets per second */
	FILTER_STATE_BYTES,   /* matches above `amount` bytes per second */
	FILTER_STATE_QUOTA,   /* matches once `used` has reached `amount` bytes */
};

/* One element of a set or map: what the filter knows of an interface is a list of these. */
struct filter_element {
	uint8_t family;
	const char *set;
	uint8_t key[FILTER_KEY_ROOM];
	uint32_t key_len;
	uint8_t key_end[FILTER_KEY_ROOM]; /* an interval: its last key */
	bool has_end;
	char chain[FILTER_CHAIN_ROOM];	/* a map of verdicts: the chain, */
	int verdict;			/* NFT_GOTO or NFT_JUMP */
	uint8_t value[FILTER_KEY_ROOM]; /* a map of values */
	uint32_t value_len;
	enum filter_state state;
	uint64_t amount, used;
	const char *owner; /* a key that is not the interface's own says whose it is */
};

struct filter_elements {
	struct filter_element *e;
	size_t n, room;
	bool failed; /* no memory */
};

DEFINE_CLEANUP(struct filter_elements, cleanup_elements, free(p->e))

/* The elements of an interface, in the order in which they go in: what refers to it first, what lets it in last. */
int filter_elements_of(const struct net_filter_spec *spec, struct filter_elements *ret, struct err *err) _must_check_;

/* The next element, empty; its key begins with the interface's name, or is empty (NULL). NULL: no memory. */
struct filter_element *filter_element_add(struct filter_elements *list, uint8_t family, const char *set, const char *link);
void filter_key_add(struct filter_element *e, const void *part, size_t len);
void filter_value_add(struct filter_element *e, const void *part, size_t len);
bool filter_element_same_key(const struct filter_element *a, const struct filter_element *b);

/* A chain of the guest's own rules, which the few guests have that have any. */
void filter_rules_chain(const char *link, char room[FILTER_CHAIN_ROOM]);
int filter_rules_make(const char *table, const struct net_filter_spec *spec, struct err *err) _must_check_;

/* One message to nf_tables; `error` is the kernel's answer, as a positive errno. */
struct filter_request {
	uint16_t type;	/* NFT_MSG_... */
	uint16_t flags; /* NLM_F_CREATE, NLM_F_EXCL */
	uint8_t family;
	const char *chain;
	const struct filter_element *element;
	int error;
};

struct nl_msg;

/* What it says, behind its headers. 0, or not when there is no room. */
int filter_message_put(struct nl_msg *msg, const char *table, const struct filter_request *q) _must_check_;

/*
 * All of them in one transaction: 0 when it is done. -ECANCELED when the kernel refused some: nothing is done, and their `error`
 * says which. Any other negative errno with `err` set. `io_hold`: see net_filter_remove().
 */
int filter_transaction(const char *table, int *io_hold, struct filter_request *requests, size_t n, struct err *err) _must_check_;

/* A transaction that meets what a killed one left, or misses what it took, is done once more without that. */
#define FILTER_TRIES 4

/* A list of them in the making. */
struct filter_requests {
	struct filter_request *q;
	size_t n;
};

DEFINE_CLEANUP(struct filter_requests, cleanup_requests, free(p->q))

int filter_requests_room(struct filter_requests *r, size_t n, struct err *err) _must_check_;
void filter_request_element(struct filter_requests *r, uint16_t type, uint16_t flags, const struct filter_element *e);

/* Deletes what is there of them, in one transaction. The list is used up. */
int filter_delete_all(const char *table, int *io_hold, struct filter_requests *r, struct err *err) _must_check_;

/*
 * Deletes and adds, in one transaction: what is missing need not be deleted, and what is in the way of a new one is replaced,
 * unless it is another guest's. The list has room for `room` requests, twice its number, and is used up.
 */
int filter_change_all(const char *table, struct filter_requests *r, size_t room, struct err *err) _must_check_;

/* Is a published port free, or its own? Else -EEXIST. */
int filter_check_owner(const char *table, const struct filter_element *e, struct err *err) _must_check_;

/* The error of a refused one. */
int filter_request_err(const struct filter_request *request, struct err *err) _must_check_;

/* What the kernel says about an element. */
struct filter_answer {
	bool is_there;
	uint64_t bytes, packets, used;
	char owner[16];
};
/* Asks for elements by their keys, all in one message. */
int filter_ask(const char *table, const struct filter_element *elements, struct filter_answer *answers, size_t n,
	       struct err *err) _must_check_;

/* Asks whether a chain is there: 1 or 0. */
int filter_has_chain(const char *table, uint8_t family, const char *chain, struct err *err) _must_check_;

/* "inet", "bridge", "arp" */
const char *filter_family_name(uint8_t family);

/* Rules as text, by libnftables, in one transaction. -EEXIST: something that the text creates is there already. */
int filter_run_text(const char *text, struct err *err) _must_check_;

/* The fixed rules: a new string of the tables of these families; the chain that each has last; and of what nat needs. */
#define FILTER_MARKER_CHAIN "from_guests"
char *filter_text_tables(const struct net_filter_node *node, const uint8_t *families, size_t n) _must_check_;
#define FILTER_NAT_CHAIN "nat_postrouting"
char *filter_text_nat(const char *table) _must_check_;
