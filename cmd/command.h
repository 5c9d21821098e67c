/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/*
 * The command line as data: what can be typed (commands.c), with which options (options.def, and runtime/params.def and
 * runtime/interface.def for `create`, `set` and `net`). Parsing, help, the manual page and completion all read these tables, so
 * that none of them can disagree.
 */
struct app;
struct request;

/* What may stand for a word, as completion offers it. */
enum complete_kind {
	COMPLETE_NONE,
	COMPLETE_GUEST,
	COMPLETE_RUNNING,   /* a guest that runs */
	COMPLETE_SUSPENDED, /* one that is suspended */
	COMPLETE_TEMPLATE,
	COMPLETE_RECIPE,
	COMPLETE_POOL,
	COMPLETE_NET_POOL,
	COMPLETE_FILE,
	COMPLETE_CHECKPOINT, /* a label of the guest that is the first argument */
	COMPLETE_COMMAND,
	COMPLETE_POOL_KIND,
	COMPLETE_SETTING, /* KEY=VALUE */
};

enum option_id {
#define OPTION(id, name, letter, argument, complete, help) OPT_##id,
#include "cmd/options.def"
#undef OPTION
	OPT_COUNT,
};

struct option_row {
	const char *name;
	const char *argument; /* NULL: a flag */
	const char *help;
	enum complete_kind complete;
	char letter; /* 0: none */
};

#define OPT_BIT(id) (UINT64_C(1) << OPT_##id)

/* Understood by every command, before and after its name. */
#define OPTIONS_GLOBAL (OPT_BIT(PREFIX) | OPT_BIT(QUIET) | OPT_BIT(VERBOSE) | OPT_BIT(HELP))

/* X(NAME, "heading"): how --help and the manual page group the commands. */
#define COMMAND_SECTIONS(X)                                       \
	X(LIFE, "Life of a guest")                                \
	X(CHECKPOINT, "Checkpoints, which guests can go back to") \
	X(INSIDE, "Inside a guest")                               \
	X(LOOK, "Looking at guests and changing them")            \
	X(NETWORK, "Network")                                     \
	X(TEMPLATE, "Templates, which guests are created from")   \
	X(POOL, "Pools, where guests keep what they write")       \
	X(HOST, "This host")

enum command_section {
#define X(name, heading) SECTION_##name,
	COMMAND_SECTIONS(X)
#undef X
		SECTION_COUNT,
	SECTION_HIDDEN = SECTION_COUNT, /* for ctctl's own use */
};

/* Which parameters of a guest are options of the command, and KEY=VALUE if such an argument is among its own. */
enum command_params {
	PARAMS_NONE,
	PARAMS_CREATE,	  /* all but those that only ctctl sets; those of an interface are eth0's */
	PARAMS_SET,	  /* and of these not what is fixed when the guest is created */
	PARAMS_INTERFACE, /* those of an interface alone: the verb says of which, in the settings */
};

#define ARGUMENTS_MAX 3
struct argument {
	const char *name; /* "NAME"; NULL ends the list */
	enum complete_kind complete;
	bool is_optional;
	bool is_many; /* one or more, or with `is_optional` any number; the last one */
};

#define EXAMPLES_MAX 4
struct command {
	const char *group; /* NULL, or the words before `name`: "template", "net pool" */
	const char *name;
	const char *summary;	 /* one line, without a full stop */
	const char *description; /* sentences; "" if the summary says it all */
	const char *examples[EXAMPLES_MAX];
	struct argument arguments[ARGUMENTS_MAX];
	uint64_t options; /* OPT_BIT()s, the global ones aside */
	enum command_section section;
	enum command_params params;
	bool stops_at_command; /* options end where the second argument begins: it is a command line of its own */
	bool needs_no_node;    /* works without root and without a configuration */
	int (*run)(struct app *app, const struct request *request, struct err *err);
};

/* In the order in which help shows them; NULL past the end. */
const struct command *command_at(size_t index);
/* `group` may be NULL. NULL if there is none. */
const struct command *command_find(const char *group, const char *name);

/*
 * The word that follows `group` (NULL: nothing) on the way to a command: the next of its group's, or its name; *ret_len is its
 * length. NULL if the command is not below that group.
 */
const char *command_next_word(const struct command *command, const char *group, size_t *ret_len);

/* The group below `parent` (NULL: the top) that `word` leads to, as the table calls it: "net pool"; NULL if there is none. */
const char *command_find_group(const char *parent, const char *word);
const char *section_heading(enum command_section section);

size_t command_min_arguments(const struct command *command);
size_t command_max_arguments(const struct command *command); /* SIZE_MAX: no limit */

const struct option_row *option_row(enum option_id id);

/* The parameters that may be options: those of a guest, then those of an interface. NULL past the last / of no such key. */
struct param;
const struct param *setting_param_at(size_t index);
const struct param *setting_param_find(const char *key);

/* Is the parameter an option of the command? */
bool command_takes_param(const struct command *command, const struct param *param);
