/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/str.h"
#include "cmd/app.h"

/* Runs a command line, its words separated by blanks, and catches what it prints. */
#define WORDS_MAX 32

struct run {
	char *out;
	char *err;
	int status;
	char *line; /* the words */
	char *words[WORDS_MAX + 1];
	int n;
};

static inline void split_line(struct run *run, const char *line)
{
	char *rest = NULL;

	run->n = 0;
	run->line = strdup(line);
	assert_non_null(run->line);
	for (char *w = strtok_r(run->line, " ", &rest); w; w = strtok_r(NULL, " ", &rest)) {
		assert_true(run->n < WORDS_MAX);
		run->words[run->n++] = w;
	}
	run->words[run->n] = NULL;
}

static inline struct run run_line(const char *line)
{
	struct run run = { 0 };
	size_t out_size, err_size;
	FILE *out = open_memstream(&run.out, &out_size);
	FILE *err = open_memstream(&run.err, &err_size);

	assert_non_null(out);
	assert_non_null(err);
	split_line(&run, line);
	run.status = app_main(run.n, run.words, out, err);
	fclose(out);
	fclose(err);
	return run;
}

static inline void run_free(struct run *run)
{
	free(run->out);
	free(run->err);
	free(run->line);
}
#define _cleanup_run_ __attribute__((cleanup(run_free)))

/* An instance of its own whose guests are nothing but files, and do not run. Root only: a node is root's. */
struct instance {
	char dir[32];
};

static inline int instance_setup(void **state)
{
	struct instance *i;

	if (geteuid() != 0)
		return 0;
	i = calloc(1, sizeof(*i));
	assert_non_null(i);
	strcpy(i->dir, "/tmp/test_cmd.XXXXXX");
	assert_non_null(mkdtemp(i->dir));
	*state = i;
	return 0;
}

static inline int instance_teardown(void **state)
{
	struct instance *i = *state;

	if (!i)
		return 0;
	assert_int_equal(path_remove_tree_at(AT_FDCWD, i->dir), 0);
	free(i);
	return 0;
}

#define INSTANCE_TEST(name) cmocka_unit_test_setup_teardown(name, instance_setup, instance_teardown)

/* Skips the test if there is none. */
static inline const struct instance *instance_of(void **state)
{
	if (!*state)
		skip();
	return *state;
}

/* What the configuration of every guest begins with: three lines. */
#define GUEST_IDENTITY "uuid = 00000000-0000-4000-8000-000000000000\nids = 1073741824\ntemplate = micro@20261121.1\n"

static inline void instance_put(const struct instance *i, const char *guest, const char *file, const char *text)
{
	_cleanup_free_ char *dir = str_printf("%s/lib/guests/%s", i->dir, guest);
	struct err err = ERR_INIT;

	assert_non_null(dir);
	assert_int_equal(path_make_dirs(dir, 0700), 0);

	_cleanup_fd_ int fd = path_open_dir(AT_FDCWD, dir, O_RDONLY);

	assert_true(fd >= 0);
	assert_ok(fd_replace_file_at(fd, file, text, strlen(text), false, &err), &err);
}

static inline struct run run_in(const struct instance *i, const char *line)
{
	_cleanup_free_ char *whole = str_printf("ctctl --prefix %s %s", i->dir, line);

	assert_non_null(whole);
	return run_line(whole);
}
