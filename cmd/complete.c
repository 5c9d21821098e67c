/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/complete.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "cmd/verbs.h"
#include "runtime/guest.h"
#include "runtime/lifecycle.h"
#include "runtime/net_pool.h"
#include "runtime/params.h"
#include "storage/pool.h"
#include "templates/template.h"

/*
 * `ctctl __complete -- WORDS...` prints what may stand for the last word, a candidate per line. The words before it are walked
 * through as the parser would, but a line that is being typed may be incomplete or wrong: that only means fewer candidates.
 * Nothing here is an error.
 */
struct walk {
	FILE *out;
	const char *last; /* the word to complete */
	const struct command *command;
	const char *group;
	const char *prefix;		   /* of --prefix */
	const char *first;		   /* argument */
	const struct node *node;	   /* while its guests are offered */
	const struct option_row *expected; /* option whose value comes next */
	const struct param *param;	   /* parameter whose value comes next */
	size_t n_arguments;
	bool options_ended;
	bool is_lost;			  /* a word was no command */
	char offered[TEMPLATE_NAME_ROOM]; /* the last template's name */
};

static void offer(const struct walk *w, const char *candidate)
{
	if (str_has_prefix(candidate, w->last))
		fprintf(w->out, "%s\n", candidate);
}

static uint64_t options_here(const struct walk *w)
{
	return OPTIONS_GLOBAL | (w->command ? w->command->options : w->group ? 0 : OPT_BIT(VERSION));
}

static bool is_letter_option(const struct option_row *row, const char *word)
{
	return row->letter && word[0] == '-' && word[1] == row->letter && !word[2];
}

/* Notes what the next word must be the value of. */
static void step_option(struct walk *w, const char *word)
{
	for (int id = 0; id < OPT_COUNT; id++) {
		const struct option_row *row = option_row((enum option_id)id);
		bool is_it = (str_has_prefix(word, "--") && strcmp(word + 2, row->name) == 0) || is_letter_option(row, word);

		if (is_it && row->argument && options_here(w) >> id & 1)
			w->expected = row;
	}

	const struct param *p = str_has_prefix(word, "--") ? setting_param_find(word + 2) : NULL;

	if (p && w->command && command_takes_param(w->command, p))
		w->param = p;
	if (str_has_prefix(word, "--prefix="))
		w->prefix = word + strlen("--prefix=");
}

static void step_word(struct walk *w, const char *word)
{
	const char *group = w->command ? NULL : command_find_group(w->group, word);

	if (w->command && w->n_arguments == 0)
		w->first = word;
	if (w->command)
		w->n_arguments++;
	else if (group)
		w->group = group;
	else
		w->command = command_find(w->group, word);
	w->is_lost |= !w->command && !group;
	if (w->command && w->command->stops_at_command && w->n_arguments > 1)
		w->options_ended = true;
}

static void step(struct walk *w, const char *word)
{
	if (w->expected == option_row(OPT_PREFIX))
		w->prefix = word;
	if (w->expected || w->param) {
		w->expected = NULL;
		w->param = NULL;
	} else if (!w->options_ended && strcmp(word, "--") == 0) {
		w->options_ended = true;
	} else if (!w->options_ended && word[0] == '-' && word[1]) {
		step_option(w, word);
	} else {
		step_word(w, word);
	}
}

static void offer_options(const struct walk *w)
{
	for (int id = 0; id < OPT_COUNT; id++) {
		_cleanup_free_ char *word = str_printf("--%s", option_row((enum option_id)id)->name);

		if (word && options_here(w) >> id & 1)
			offer(w, word);
	}
	for (size_t i = 0; w->command && setting_param_at(i); i++) {
		_cleanup_free_ char *word = str_printf("--%s", setting_param_at(i)->key);

		if (word && command_takes_param(w->command, setting_param_at(i)))
			offer(w, word);
	}
}

/* Words of the same group follow each other in the table. */
static void offer_commands(const struct walk *w)
{
	const struct command *c;
	const char *last = "";
	size_t last_len = 0, len;

	for (size_t i = 0; (c = command_at(i)); i++) {
		const char *word = c->section == SECTION_HIDDEN ? NULL : command_next_word(c, w->group, &len);
		bool is_same = word && len == last_len && strncmp(word, last, len) == 0;
		_cleanup_free_ char *candidate = word && !is_same ? strndup(word, len) : NULL;

		if (!candidate)
			continue;
		offer(w, candidate);
		last = word;
		last_len = len;
	}
}

static int offer_name(void *context, const char *name)
{
	offer(context, name);
	return 0;
}

static void offer_in_state(const struct walk *w, const char *name, bool suspended)
{
	_cleanup_guest_ struct guest *guest = NULL;
	struct guest_status status = { 0 };
	struct err ignored = ERR_INIT;

	if (!str_has_prefix(name, w->last) || guest_open(w->node, name, &guest, &ignored) < 0 ||
	    guest_get_state(guest, &status, &ignored) < 0)
		return;
	if (suspended ? status.state == GUEST_SUSPENDED : status.init_pid > 0)
		offer(w, name);
}

static int offer_running(void *context, const char *name)
{
	offer_in_state(context, name, false);
	return 0;
}

static int offer_suspended(void *context, const char *name)
{
	offer_in_state(context, name, true);
	return 0;
}

static int offer_checkpoint(void *context, const struct guest_checkpoint *checkpoint)
{
	return offer_name(context, checkpoint->label);
}

static int offer_net_pool(void *context, const struct net_pool *pool)
{
	return offer_name(context, pool->name);
}

static int offer_recipe(void *context, const char *name, const char *description _unused_)
{
	return offer_name(context, name);
}

static int offer_template(void *context, const struct template_manifest *manifest)
{
	struct walk *w = context;
	_cleanup_free_ char *full = str_printf("%s@%s", manifest->name, manifest->version);

	/* Versions are sorted behind each other: the name once, with the first; with an '@' typed, all of them. */
	if (strchr(w->last, '@')) {
		if (full)
			offer(w, full);
	} else if (strcmp(w->offered, manifest->name) != 0) {
		offer(w, manifest->name);
		snprintf(w->offered, sizeof(w->offered), "%s", manifest->name);
	}
	return 0;
}

static void offer_pool_kinds(const struct walk *w)
{
	const char *name;

	for (unsigned int i = 0; (name = pool_kind_name((enum pool_kind)i)); i++)
		offer(w, name);
}

static void offer_settings(const struct walk *w)
{
	for (size_t i = 0; setting_param_at(i); i++) {
		_cleanup_free_ char *word = str_printf("%s=", setting_param_at(i)->key);

		if (word && command_takes_param(w->command, setting_param_at(i)))
			offer(w, word);
	}
}

/* The names that exist on this node. Opening one makes its folders, so that a prefix which is not there is left alone. */
static void offer_existing(struct walk *w, enum complete_kind kind)
{
	const char *prefix = w->prefix ? w->prefix : secure_getenv(NODE_PREFIX_ENV);
	_cleanup_node_ struct node *node = NULL;
	struct err ignored = ERR_INIT;
	int r = prefix && *prefix && access(prefix, F_OK) < 0 ? -ENOENT : node_open(prefix, NULL, &node, &ignored);

	if (r < 0)
		return;
	w->node = node;
	if (kind == COMPLETE_GUEST)
		r = guest_each(node, offer_name, w, &ignored);
	else if (kind == COMPLETE_RUNNING)
		r = guest_each(node, offer_running, w, &ignored);
	else if (kind == COMPLETE_SUSPENDED)
		r = guest_each(node, offer_suspended, w, &ignored);
	else if (kind == COMPLETE_CHECKPOINT)
		r = w->first ? guest_checkpoint_each(node, w->first, offer_checkpoint, w, &ignored) : 0;
	else if (kind == COMPLETE_POOL)
		r = pool_each(node->pools_dir, offer_name, w, &ignored);
	else if (kind == COMPLETE_NET_POOL)
		r = net_pool_each(node, offer_net_pool, w, &ignored);
	else if (kind == COMPLETE_RECIPE)
		r = template_each_recipe(node->recipes_dir, offer_recipe, w, &ignored);
	else
		r = template_each(node->templates_dir, offer_template, w, NULL, &ignored);
	(void)r;
	w->node = NULL;
}

static void offer_kind(struct walk *w, enum complete_kind kind)
{
	switch (kind) {
	case COMPLETE_NONE:
		break;
	case COMPLETE_GUEST:
	case COMPLETE_RUNNING:
	case COMPLETE_SUSPENDED:
	case COMPLETE_TEMPLATE:
	case COMPLETE_RECIPE:
	case COMPLETE_POOL:
	case COMPLETE_NET_POOL:
	case COMPLETE_CHECKPOINT:
		offer_existing(w, kind);
		break;
	case COMPLETE_FILE:
		fputs(COMPLETE_FILES "\n", w->out);
		break;
	case COMPLETE_COMMAND:
		offer_commands(w);
		break;
	case COMPLETE_POOL_KIND:
		offer_pool_kinds(w);
		break;
	case COMPLETE_SETTING:
		offer_settings(w);
		break;
	}
}

static void offer_param(struct walk *w, const struct param *p)
{
	for (size_t i = 0; param_word(p, i); i++)
		offer(w, param_word(p, i));
	if (strcmp(p->key, "pool") == 0)
		offer_kind(w, COMPLETE_POOL);
	if (strcmp(p->key, "net-pool") == 0)
		offer_kind(w, COMPLETE_NET_POOL);
}

static void offer_argument(struct walk *w)
{
	const struct argument *arguments = w->command->arguments;
	size_t n = 0;

	while (n < ARGUMENTS_MAX && arguments[n].name)
		n++;
	if (w->n_arguments < n)
		offer_kind(w, arguments[w->n_arguments].complete);
	else if (n > 0 && arguments[n - 1].is_many)
		offer_kind(w, arguments[n - 1].complete);
}

int verb_complete(struct app *app, const struct request *request, struct err *err _unused_)
{
	struct walk w = { .out = app->out, .last = "" };

	for (size_t i = 0; i + 1 < request->n_arguments; i++)
		step(&w, request->arguments[i]);
	if (request->n_arguments > 0)
		w.last = request->arguments[request->n_arguments - 1];
	if (w.expected)
		offer_kind(&w, w.expected->complete);
	else if (w.param)
		offer_param(&w, w.param);
	else if (!w.options_ended && w.last[0] == '-')
		offer_options(&w);
	else if (w.command)
		offer_argument(&w);
	else if (!w.is_lost)
		offer_commands(&w);
	return 0;
}
