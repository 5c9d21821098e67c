/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "templates/apt_options.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/proc.h"
#include "base/str.h"

/* apt.conf(5): the proxies, and the two with which a mirror that is a frozen snapshot is used. */
static const char *const apt_keys[] = { "Acquire::http::Proxy", "Acquire::https::Proxy", "Acquire::Check-Valid-Until",
					"Acquire::Check-Date" };
static const char *const env_names[] = { "http_proxy", "https_proxy", "no_proxy" };

struct reading {
	struct apt_options *options;
	bool failed;
};

/* A line of `apt-config dump`: Acquire::http::Proxy "http://..."; with the quotes and the semicolon as --aptopt wants them. */
static void on_line(void *context, const char *line)
{
	struct reading *rd = context;
	size_t key_len = strcspn(line, " ");

	for (size_t i = 0; i < ARRAY_SIZE(apt_keys); i++) {
		if (strlen(apt_keys[i]) != key_len || strncmp(line, apt_keys[i], key_len) != 0 || strstr(line, " \"\""))
			continue;
		if (rd->options->n_args == APT_OPTIONS_MAX)
			return;

		char *arg = str_printf("--aptopt=%s", line);

		if (arg)
			rd->options->args[rd->options->n_args++] = arg;
		else
			rd->failed = true;
	}
}

static int add_env(struct apt_options *o, const char *name)
{
	const char *value = secure_getenv(name);

	if (str_is_empty(value))
		return 0;
	o->env[o->n_env] = str_printf("%s=%s", name, value);
	return o->env[o->n_env] ? (int)++o->n_env : -1;
}

int apt_options_read(struct apt_options *ret, const char *extra_env, struct err *err)
{
	static const char *const argv[] = { "apt-config", "dump", NULL };
	struct reading rd = { .options = ret };
	struct proc_spec run = PROC_SPEC_INIT;

	*ret = (struct apt_options){ 0 };
	ret->env[ret->n_env] = extra_env ? strdup(extra_env) : NULL;
	if (ret->env[0])
		ret->n_env++;
	for (size_t i = 0; i < ARRAY_SIZE(env_names); i++)
		rd.failed |= add_env(ret, env_names[i]) < 0;
	run.argv = argv;
	run.on_line = on_line;
	run.context = &rd;

	int r = proc_run(&run, "apt", err);

	return r == 0 && rd.failed ? err_oom(err) : r;
}

void apt_options_free(struct apt_options *o)
{
	for (size_t i = 0; i < o->n_args; i++)
		free((char *)o->args[i]);
	for (size_t i = 0; i < o->n_env; i++)
		free((char *)o->env[i]);
	*o = (struct apt_options){ 0 };
}
