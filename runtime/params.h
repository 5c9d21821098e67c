/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/*
 * What can be set on a guest (params.def) and on each of its interfaces (interface.def), as data. Values live in struct
 * guest_config and struct guest_interface; numbers are in the unit of their kind, 0 where there is no limit.
 */
enum param_kind {
	PARAM_TEXT,	/* char *: one line */
	PARAM_NAME,	/* char *: str_check_name() */
	PARAM_HOSTNAME, /* char *: RFC 1123 */
	PARAM_SIZE,	/* uint64_t bytes */
	PARAM_MILLI,	/* uint64_t thousandths */
	PARAM_NUMBER,	/* uint64_t */
	PARAM_BOOL,	/* uint64_t 0 or 1 */
	PARAM_CPUSET,	/* char *: cpuset_check() */
	PARAM_FEATURES, /* uint64_t: 1 << enum guest_feature */
	PARAM_SHUTDOWN, /* uint64_t: enum shutdown_action */
	PARAM_INTERNAL, /* char *: only ctctl writes it */

	/* Of the network. Lists are text in one way of writing, separated by ", ". */
	PARAM_NETMODE,	    /* uint64_t: enum net_mode */
	PARAM_FILTER,	    /* uint64_t: enum net_filter_level */
	PARAM_QUOTA_ACTION, /* uint64_t: enum quota_action */
	PARAM_RATE,	    /* uint64_t bits per second */
	PARAM_LINK,	    /* char *: an interface of the host */
	PARAM_MAC,	    /* char *: of one machine, in lower case */
	PARAM_ADDRESSES,    /* char *: list of ADDRESS[/PREFIX] */
	PARAM_HOSTS,	    /* char *: list of addresses without a prefix */
	PARAM_PREFIXES,	    /* char *: list of NETWORK/PREFIX */
	PARAM_PUBLISH,	    /* char *: list of [ADDRESS:]PORT:PORT[/tcp|udp] */
	PARAM_RULES,	    /* char *: list of what interface_parse_rule() reads */
};

enum param_scope {
	PARAM_LIVE,
	PARAM_INSIDE,
	PARAM_START,
	PARAM_CREATE,
	PARAM_FIXED,
};

/* X(NAME, "word", "what it opens") */
#define GUEST_FEATURES(X)                                                                                       \
	X(NESTING, "nesting", "container engines inside; such a guest cannot be checkpointed")                  \
	X(IO_URING, "io_uring", "io_uring system calls; such a guest cannot be checkpointed")                   \
	X(IA32_SOCKETS, "ia32_sockets", "sockets of 32-bit programs, which no filter can tell apart by family") \
	X(FUSE, "fuse", "the device /dev/fuse")                                                                 \
	X(TUN, "tun", "the device /dev/net/tun, for VPNs")

enum guest_feature {
#define X(name, word, help) FEATURE_##name,
	GUEST_FEATURES(X)
#undef X
};

/* X(NAME, "word"): what becomes of a running guest when the host shuts down; runtime/shutdown.h. */
#define SHUTDOWN_ACTIONS(X) \
	X(STOP, "stop")     \
	X(SUSPEND, "suspend")

enum shutdown_action {
	SHUTDOWN_UNSET, /* of a guest: as the node has it */
#define X(name, word) SHUTDOWN_##name,
	SHUTDOWN_ACTIONS(X)
#undef X
};

#define PARAM_TYPE_TEXT		char *
#define PARAM_TYPE_NAME		char *
#define PARAM_TYPE_HOSTNAME	char *
#define PARAM_TYPE_CPUSET	char *
#define PARAM_TYPE_INTERNAL	char *
#define PARAM_TYPE_SIZE		uint64_t
#define PARAM_TYPE_MILLI	uint64_t
#define PARAM_TYPE_NUMBER	uint64_t
#define PARAM_TYPE_BOOL		uint64_t
#define PARAM_TYPE_FEATURES	uint64_t
#define PARAM_TYPE_SHUTDOWN	uint64_t
#define PARAM_TYPE_NETMODE	uint64_t
#define PARAM_TYPE_FILTER	uint64_t
#define PARAM_TYPE_QUOTA_ACTION uint64_t
#define PARAM_TYPE_RATE		uint64_t
#define PARAM_TYPE_LINK		char *
#define PARAM_TYPE_MAC		char *
#define PARAM_TYPE_ADDRESSES	char *
#define PARAM_TYPE_HOSTS	char *
#define PARAM_TYPE_PREFIXES	char *
#define PARAM_TYPE_PUBLISH	char *
#define PARAM_TYPE_RULES	char *

/* A string that is not set is NULL. */
struct guest_interface;
struct guest_config {
#define PARAM(field, key, kind, dflt, least, most, scope, arg, help) PARAM_TYPE_##kind field;
#include "runtime/params.def"
#undef PARAM
	struct guest_interface *interfaces; /* in the order of guest.conf; see interface.h */
	size_t n_interfaces;
};

enum param_owner {
	PARAM_OF_GUEST,
	PARAM_OF_INTERFACE,
};

struct param {
	const char *key;
	const char *dflt;
	const char *argument;
	const char *help;
	enum param_kind kind;
	enum param_scope scope;
	enum param_owner owner;
	uint64_t least;
	uint64_t most;
	size_t offset; /* in struct guest_config, or struct guest_interface */
};

/* A row of either table. */
#define PARAM_ROW(owner_, type, field, key_, kind_, dflt_, least_, most_, scope_, arg, help_)                               \
	{                                                                                                                   \
		.key = key_, .dflt = dflt_, .argument = arg, .help = help_, .kind = PARAM_##kind_, .scope = PARAM_##scope_, \
		.owner = PARAM_OF_##owner_, .least = least_, .most = most_, .offset = offsetof(type, field),                \
	}

/* The table in the order of params.def; NULL past its end. */
const struct param *param_at(size_t index);
/* NULL if there is none of that key. */
const struct param *param_find(const char *key);
bool param_is_number(const struct param *p);
/* Is it a list in the network's sense (PARAM_ADDRESSES and those below)? In guest.conf it may be several lines of its key. */
bool param_is_list(const struct param *p);
/* The n-th word that it takes, for kinds that are one of some words or a list of them; else, and past the last, NULL. */
const char *param_word(const struct param *p, size_t index);

/* What features are called, in the order of enum guest_feature; NULL past the end. */
const char *param_feature_word(size_t index);

/* Every parameter at its default. 0 or -ENOMEM. Free with config_free(), which keeps the struct reusable. */
int config_init(struct guest_config *config, struct err *err) _must_check_;
void config_free(struct guest_config *config);
static inline bool config_has_feature(const struct guest_config *config, enum guest_feature f)
{
	return config->features >> f & 1;
}

/*
 * Sets a parameter of `object`, of the struct that the parameter's owner says, from text; "" goes back to the default. A value
 * that its kind or limits refuse leaves the old one, is EXIT_INVALID, and the message names the key and what was expected. Does
 * not look at the host or at other parameters: that is policy.
 */
int param_set(void *object, const struct param *p, const char *text, struct err *err) _must_check_;

/* The value as text that param_set() reads back; "" for none. The caller frees it; NULL when there is no memory. */
char *param_get(const void *object, const struct param *p) _must_check_;

/* Frees a text and makes it NULL; nothing for a number. */
void param_clear(void *object, const struct param *p);

/* The same for parameters of the guest itself. */
static inline _must_check_ int config_set(struct guest_config *config, const struct param *p, const char *text, struct err *err)
{
	return param_set(config, p, text, err);
}
static inline _must_check_ char *config_get(const struct guest_config *config, const struct param *p)
{
	return param_get(config, p);
}
