/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "cmd/command.h"
#include "runtime/guest.h"

/* A command line, taken apart. Its strings are those of argv. */
struct request {
	const struct command *command;
	const char *group;	       /* set without `command`: the help of a group is asked for */
	const char *values[OPT_COUNT]; /* NULL: not given; of a flag "" */
	const char **arguments;	       /* NULL-terminated */
	size_t n_arguments;
	const char **env; /* of every --env; NULL-terminated */
	size_t n_env;
	const char **ranges; /* of every --range */
	size_t n_ranges;
	const char **keys; /* of every --ssh-key */
	size_t n_keys;
	struct guest_setting *settings; /* parameters given as options, then as KEY=VALUE */
	size_t n_settings;
};

/*
 * Takes argv apart with getopt_long(3), by the tables. Names of options are not abbreviated. Any error has the exit status USAGE;
 * what was read up to there, --quiet and --prefix among it, is kept. With --help or --version neither the rest nor the number of
 * arguments is looked at. argv[0] is skipped.
 */
int request_parse(int argc, char **argv, struct request *ret, struct err *err) _must_check_;
void request_free(struct request *request);
static inline void cleanup_request(struct request *r)
{
	request_free(r);
}
#define _cleanup_request_ __attribute__((cleanup(cleanup_request)))

static inline bool request_has(const struct request *request, enum option_id id)
{
	return request->values[id];
}

/*
 * The value of an option as a number of at most `max` / as a size in bytes; *ret is left alone if it was not given. Exit status
 * USAGE.
 */
int request_number(const struct request *request, enum option_id id, uint64_t max, uint64_t *ret, struct err *err) _must_check_;
int request_size(const struct request *request, enum option_id id, uint64_t *ret, struct err *err) _must_check_;

/* The n-th argument; NULL if it was not given. */
static inline const char *request_argument(const struct request *request, size_t index)
{
	return index < request->n_arguments ? request->arguments[index] : NULL;
}
