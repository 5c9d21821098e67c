/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/parse.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "cmd/help.h"
#include "cmd/suggest.h"
#include "runtime/params.h"

/* What getopt_long(3) returns: letters and its own '?' and ':' are below. */
#define VALUE_OPTION 0x1000
#define VALUE_PARAM  0x2000
/* A word that is no option, in the order of the command line (optstring begins with '-'). */
#define VALUE_WORD 1

/* Before the name of the command, and between the name of a group and its command. */
static const struct command before_command = { .name = "ctctl", .options = OPT_BIT(VERSION) };

/* One stretch of the command line: up to the command, or its own part. */
struct scan {
	const struct command *command;
	struct request *request;
	char **argv;
	int argc;
	struct option *longs;
	char shorts[2 * OPT_COUNT + 3];
	bool is_done; /* the rest is not looked at: --help */
};

static uint64_t all_options(const struct command *command)
{
	return command->options | OPTIONS_GLOBAL;
}

static int make_tables(struct scan *s, struct err *err)
{
	size_t n = 0, n_params = 0;
	char *shorts = s->shorts;

	while (setting_param_at(n_params))
		n_params++;
	s->longs = calloc(OPT_COUNT + n_params + 1, sizeof(*s->longs));
	if (!s->longs)
		return err_oom(err);
	*shorts++ = '-';
	*shorts++ = ':';
	for (int id = 0; id < OPT_COUNT; id++) {
		const struct option_row *row = option_row((enum option_id)id);

		if (!(all_options(s->command) >> id & 1))
			continue;
		s->longs[n++] = (struct option){ row->name, row->argument ? required_argument : no_argument, NULL,
						 VALUE_OPTION + id };
		if (row->letter)
			*shorts++ = row->letter;
		if (row->letter && row->argument)
			*shorts++ = ':';
	}
	*shorts = '\0';
	for (size_t i = 0; i < n_params; i++) {
		if (command_takes_param(s->command, setting_param_at(i)))
			s->longs[n++] = (struct option){ setting_param_at(i)->key, required_argument, NULL,
							 VALUE_PARAM + (int)i };
	}
	return 0;
}

static const struct option *find_long(const struct scan *s, const char *name, size_t len)
{
	for (const struct option *o = s->longs; o->name; o++) {
		if (strncmp(o->name, name, len) == 0 && !o->name[len])
			return o;
	}
	return NULL;
}

static int refuse_long(const struct scan *s, const char *word, struct err *err)
{
	size_t len = strcspn(word + 2, "=");
	_cleanup_free_ char *name = strndup(word + 2, len);

	if (!name)
		return err_oom(err);
	if (find_long(s, name, len))
		return err_exit(err, EXIT_USAGE, EINVAL, "option --%s takes no value", name);

	struct suggestion nearest = SUGGESTION_FOR(name);

	for (const struct option *o = s->longs; o->name; o++)
		suggestion_offer(&nearest, o->name);
	if (nearest.best)
		return err_exit(err, EXIT_USAGE, EINVAL, "unknown option --%s: did you mean --%s?", name, nearest.best);
	return err_exit(err, EXIT_USAGE, EINVAL, "unknown option --%s: see --help", name);
}

static int refuse_option(const struct scan *s, const char *word, struct err *err)
{
	if (str_has_prefix(word, "--"))
		return refuse_long(s, word, err);
	return err_exit(err, EXIT_USAGE, EINVAL, "unknown option -%c: see --help", optopt);
}

static const char *argument_of(int value)
{
	for (int id = 0; id < OPT_COUNT; id++) {
		const struct option_row *row = option_row((enum option_id)id);

		if (value == VALUE_OPTION + id || (row->letter && value == row->letter))
			return row->argument;
	}
	return setting_param_at((size_t)(value - VALUE_PARAM))->argument;
}

static void keep_option(struct scan *s, int id)
{
	struct request *r = s->request;

	r->values[id] = optarg ? optarg : "";
	if (id == OPT_ENV)
		r->env[r->n_env++] = optarg;
	if (id == OPT_RANGE)
		r->ranges[r->n_ranges++] = optarg;
	if (id == OPT_SSH_KEY)
		r->keys[r->n_keys++] = optarg;
	if (id == OPT_HELP || id == OPT_VERSION)
		s->is_done = true;
}

static int keep(struct scan *s, int value, struct err *err)
{
	struct request *r = s->request;

	if (value >= VALUE_PARAM) {
		r->settings[r->n_settings++] = (struct guest_setting){ .param = setting_param_at((size_t)(value - VALUE_PARAM)),
								       .value = optarg };
		return 0;
	}
	if (value >= VALUE_OPTION) {
		keep_option(s, value - VALUE_OPTION);
		return 0;
	}
	for (int id = 0; id < OPT_COUNT; id++) {
		if (option_row((enum option_id)id)->letter != value)
			continue;
		keep_option(s, id);
		return 0;
	}
	return err_exit(err, EXIT_USAGE, EINVAL, "unknown option -%c: see --help", value);
}

/* Does the word that was just read end this stretch? */
static bool ends_here(const struct scan *s)
{
	return s->command == &before_command || (s->command->stops_at_command && s->request->n_arguments == 1);
}

/*
 * Reads options and words until the stretch ends; returns the index of the first word after it, which is argc where nothing is
 * left. In getopt's in-order mode nothing is moved, so that argv[at] is the word at hand.
 */
static int scan_words(struct scan *s, struct err *err)
{
	optind = 0;
	opterr = 0;
	while (!s->is_done) {
		int at = optind ? optind : 1, index = -1;
		int value = getopt_long(s->argc, s->argv, s->shorts, s->longs, &index);

		if (value < 0)
			return optind;
		if (value == VALUE_WORD && ends_here(s))
			return optind - 1;
		if (value == VALUE_WORD) {
			s->request->arguments[s->request->n_arguments++] = optarg;
			continue;
		}
		if (value == ':')
			return err_exit(err, EXIT_USAGE, EINVAL, "option %s needs a value: %s %s", s->argv[at], s->argv[at],
					argument_of(optopt));
		if (value == '?')
			return refuse_option(s, s->argv[at], err);
		/* getopt_long() accepts any beginning of a name; we would break scripts by adding an option. */
		if (index >= 0 && strcspn(s->argv[at] + 2, "=") != strlen(s->longs[index].name))
			return refuse_long(s, s->argv[at], err);

		int r = keep(s, value, err);

		if (r < 0)
			return r;
	}
	return s->argc;
}

static int scan(struct request *request, const struct command *command, int argc, char **argv, struct err *err)
{
	struct scan s = { .command = command, .request = request, .argc = argc, .argv = argv };
	int r = make_tables(&s, err);

	if (r == 0)
		r = scan_words(&s, err);
	free(s.longs);
	return r;
}

static int unknown_command(const char *group, const char *word, struct err *err)
{
	const char *nearest = suggest_command(group, word);
	const char *sep = group ? " " : "";

	group = group ? group : "";
	if (nearest)
		return err_exit(err, EXIT_USAGE, EINVAL, "'%s%s%s' is no command: did you mean 'ctctl %s%s%s'?", group, sep, word,
				group, sep, nearest);
	return err_exit(err, EXIT_USAGE, EINVAL, "'%s%s%s' is no command: see ctctl %s%s--help", group, sep, word, group, sep);
}

/* Finds the command that argv[1] on names; returns the index of its last word, or 0 if the line ends before. */
static int find_command(struct request *request, int argc, char **argv, struct err *err)
{
	int at = scan(request, &before_command, argc, argv, err);

	if (at < 0 || at >= argc)
		return at < 0 ? at : 0;
	for (const char *group; (group = command_find_group(request->group, argv[at]));) {
		request->group = group;

		int more = scan(request, &before_command, argc - at, argv + at, err);

		if (more < 0 || at + more >= argc)
			return more < 0 ? more : 0;
		at += more;
	}
	request->command = command_find(request->group, argv[at]);
	return request->command ? at : unknown_command(request->group, argv[at], err);
}

static int check_count(const struct request *request, struct err *err)
{
	const struct command *c = request->command;
	_cleanup_free_ char *usage = help_usage(c);

	if (!usage)
		return err_oom(err);
	if (request->n_arguments > command_max_arguments(c))
		return err_exit(err, EXIT_USAGE, EINVAL, "'%s' is one argument too many; expected: %s",
				request->arguments[command_max_arguments(c)], usage);
	if (request->n_arguments < command_min_arguments(c))
		return err_exit(err, EXIT_USAGE, EINVAL, "%s is missing; expected: %s", c->arguments[request->n_arguments].name,
				usage);
	return 0;
}

static int unknown_param(const struct command *command, const char *key, struct err *err)
{
	const char *group = command->group ? command->group : "", *sep = command->group ? " " : "";
	struct suggestion nearest = SUGGESTION_FOR(key);
	const struct param *p;

	for (size_t i = 0; (p = setting_param_at(i)); i++) {
		if (command_takes_param(command, p))
			suggestion_offer(&nearest, p->key);
	}
	if (nearest.best)
		return err_exit(err, EXIT_USAGE, EINVAL, "unknown parameter '%s': did you mean '%s'?", key, nearest.best);
	return err_exit(err, EXIT_USAGE, EINVAL, "unknown parameter '%s': see ctctl %s%s%s --help", key, group, sep,
			command->name);
}

static int refuse_param(const struct command *command, const struct param *p, struct err *err)
{
	if (command->params == PARAMS_INTERFACE && p->owner == PARAM_OF_GUEST)
		return err_exit(err, EXIT_USAGE, EINVAL,
				"%s is a parameter of the guest, not of an interface: see ctctl set --help", p->key);
	if (p->scope == PARAM_FIXED)
		return err_exit(err, EXIT_USAGE, EINVAL, "%s is ctctl's own and cannot be set", p->key);
	return err_exit(err, EXIT_USAGE, EINVAL, "%s is fixed when a guest is created and cannot be set", p->key);
}

static int take_setting(struct request *request, const char *word, struct err *err)
{
	_cleanup_free_ char *key = strndup(word, strcspn(word, "="));

	if (!key)
		return err_oom(err);

	const struct param *param = setting_param_find(key);

	if (!word[strlen(key)])
		return err_exit(err, EXIT_USAGE, EINVAL, "'%s': expected KEY=VALUE, such as memory=1G", word);
	if (param && command_takes_param(request->command, param)) {
		request->settings[request->n_settings++] = (struct guest_setting){ .param = param,
										   .value = word + strlen(key) + 1 };
		return 0;
	}
	return param ? refuse_param(request->command, param, err) : unknown_param(request->command, key, err);
}

/* Words are settings from the argument on that the command's row says so of. */
static int take_settings(struct request *request, struct err *err)
{
	const struct argument *arguments = request->command->arguments;
	size_t first = 0;

	while (first < ARGUMENTS_MAX && arguments[first].name && arguments[first].complete != COMPLETE_SETTING)
		first++;
	if (first == ARGUMENTS_MAX || !arguments[first].name)
		return 0;
	for (size_t i = first; i < request->n_arguments; i++) {
		int r = take_setting(request, request->arguments[i], err);

		if (r < 0)
			return r;
	}
	return 0;
}

static int make_room(struct request *request, int argc, struct err *err)
{
	size_t n = (size_t)argc + 1;

	request->arguments = calloc(n, sizeof(*request->arguments));
	request->env = calloc(n, sizeof(*request->env));
	request->ranges = calloc(n, sizeof(*request->ranges));
	request->keys = calloc(n, sizeof(*request->keys));
	request->settings = calloc(n, sizeof(*request->settings));
	return request->arguments && request->env && request->ranges && request->keys && request->settings ? 0 : err_oom(err);
}

int request_parse(int argc, char **argv, struct request *ret, struct err *err)
{
	*ret = (struct request){ 0 };

	int r = make_room(ret, argc, err);

	if (r < 0)
		return r;

	int at = find_command(ret, argc, argv, err);

	if (at <= 0)
		return at;

	int rest = scan(ret, ret->command, argc - at, argv + at, err);

	if (rest < 0)
		return rest;
	if (request_has(ret, OPT_HELP))
		return 0;
	for (at += rest; at < argc; at++)
		ret->arguments[ret->n_arguments++] = argv[at];
	r = check_count(ret, err);
	return r < 0 ? r : take_settings(ret, err);
}

void request_free(struct request *request)
{
	free(request->arguments);
	free(request->env);
	free(request->ranges);
	free(request->keys);
	free(request->settings);
	*request = (struct request){ 0 };
}

int request_number(const struct request *request, enum option_id id, uint64_t max, uint64_t *ret, struct err *err)
{
	const char *text = request->values[id];

	if (!text || str_to_u64(text, max, ret) == 0)
		return 0;
	return err_exit(err, EXIT_USAGE, EINVAL, "--%s '%s': expected a number from 0 to %" PRIu64, option_row(id)->name, text,
			max);
}

int request_size(const struct request *request, enum option_id id, uint64_t *ret, struct err *err)
{
	const char *text = request->values[id];

	if (!text || str_to_size(text, ret) == 0)
		return 0;
	return err_exit(err, EXIT_USAGE, EINVAL, "--%s '%s': expected a size such as 512M or 2G", option_row(id)->name, text);
}
