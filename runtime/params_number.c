/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "runtime/interface.h"
#include "runtime/params_priv.h"

static const char *const feature_words[] = {
#define X(name, word, help) word,
	GUEST_FEATURES(X)
#undef X
};

/* Kinds that are one of some words are stored as the word's number, which is `first` for the first. */
struct words {
	enum param_kind kind;
	uint64_t first;
	const char *const *list;
	size_t n;
};

static const char *const mode_words[] = {
#define X(name, word, help) word,
	NET_MODES(X)
#undef X
};

static const char *const filter_words[] = {
#define X(name, word) [NET_FILTER_##name] = word,
	NET_FILTER_WORDS(X)
#undef X
};

static const char *const action_words[] = {
#define X(name, word) word,
	QUOTA_ACTIONS(X)
#undef X
};

static const char *const shutdown_words[] = {
#define X(name, word) word,
	SHUTDOWN_ACTIONS(X)
#undef X
};

static const char *const bool_words[] = { "no", "yes" };

static const struct words choices[] = {
	{ PARAM_NETMODE, NET_MODE_UNSET + 1, mode_words, ARRAY_SIZE(mode_words) },
	{ PARAM_FILTER, NET_FILTER_FULL, filter_words, ARRAY_SIZE(filter_words) },
	{ PARAM_QUOTA_ACTION, QUOTA_THROTTLE, action_words, ARRAY_SIZE(action_words) },
	{ PARAM_SHUTDOWN, SHUTDOWN_UNSET + 1, shutdown_words, ARRAY_SIZE(shutdown_words) },
	{ PARAM_BOOL, 0, bool_words, ARRAY_SIZE(bool_words) },
	{ PARAM_FEATURES, 0, feature_words, ARRAY_SIZE(feature_words) },
};

static const struct words *words_of(const struct param *p)
{
	for (size_t i = 0; i < ARRAY_SIZE(choices); i++) {
		if (choices[i].kind == p->kind)
			return &choices[i];
	}
	return NULL;
}

const char *param_word(const struct param *p, size_t index)
{
	const struct words *w = words_of(p);

	return w && index < w->n ? w->list[index] : NULL;
}

const char *param_feature_word(size_t index)
{
	return index < ARRAY_SIZE(feature_words) ? feature_words[index] : NULL;
}

bool param_can_be_none(const struct param *p)
{
	return p->kind == PARAM_SIZE || p->kind == PARAM_MILLI ||
	       ((p->kind == PARAM_NUMBER || p->kind == PARAM_RATE) && !*p->dflt);
}

/* The number of a word in the list, which is ARRAY_SIZE() for none. */
static size_t find_word(const struct words *w, const char *text)
{
	size_t i = 0;

	while (i < w->n && strcmp(w->list[i], text) != 0)
		i++;
	return i;
}

static char *join_words(const struct words *w, uint64_t set, const char *separator)
{
	struct strbuf b = { 0 };

	strbuf_add(&b, "");
	for (size_t i = 0; i < w->n; i++) {
		if (set >> i & 1)
			strbuf_addf(&b, "%s%s", b.len > 0 ? separator : "", w->list[i]);
	}
	return strbuf_take(&b);
}

static int refuse_word(const struct param *p, const char *word, struct err *err)
{
	const char *which = p->kind == PARAM_FEATURES ? "a list of" : "one of";
	_cleanup_free_ char *all = join_words(words_of(p), UINT64_MAX, ", ");

	if (p->kind == PARAM_BOOL)
		return err_exit(err, EXIT_INVALID, EINVAL, "%s '%.40s': expected yes or no", p->key, word);
	return err_exit(err, EXIT_INVALID, EINVAL, "%s '%.40s': expected %s %s", p->key, word, which, all ? all : "words");
}

static int parse_features(const struct param *p, const char *text, uint64_t *ret, struct err *err)
{
	_cleanup_free_ char *copy = strdup(text);
	const struct words *w = words_of(p);
	char *rest = NULL;
	uint64_t v = 0;

	if (!copy)
		return err_oom(err);
	for (char *word = strtok_r(copy, ", ", &rest); word; word = strtok_r(NULL, ", ", &rest)) {
		size_t i = find_word(w, word);

		if (i == w->n)
			return refuse_word(p, word, err);
		v |= UINT64_C(1) << i;
	}
	*ret = v;
	return 0;
}

static int parse_choice(const struct param *p, const char *text, uint64_t *ret, struct err *err)
{
	const struct words *w = words_of(p);
	bool b = false;

	if (p->kind == PARAM_BOOL) {
		if (str_to_bool(text, &b) < 0)
			return refuse_word(p, text, err);
		*ret = b;
		return 0;
	}

	size_t i = find_word(w, text);

	if (i == w->n)
		return refuse_word(p, text, err);
	*ret = w->first + i;
	return 0;
}

/* What a refused number should have been. */
static int refuse_number(const struct param *p, const char *text, struct err *err)
{
	char least[STR_NUMBER_ROOM], most[STR_NUMBER_ROOM];

	if (p->kind == PARAM_SIZE) {
		str_from_size(p->least, least);
		return err_exit(err, EXIT_INVALID, EINVAL, "%s limit '%.40s': expected a size such as 512M or 2G, at least %s",
				p->key, text, least);
	}
	if (p->kind == PARAM_RATE) {
		str_from_rate(p->least, least);
		return err_exit(err, EXIT_INVALID, EINVAL,
				"%s '%.40s': expected bits per second such as 100M or 1G (powers of 1000), at least %s", p->key,
				text, least);
	}
	if (p->kind == PARAM_MILLI) {
		str_from_milli(p->least, least);
		return err_exit(err, EXIT_INVALID, EINVAL, "%s '%.40s': expected a number of cores such as 0.5 or 2, at least %s",
				p->key, text, least);
	}
	snprintf(least, sizeof(least), "%" PRIu64, p->least);
	snprintf(most, sizeof(most), "%" PRIu64, p->most);
	return err_exit(err, EXIT_INVALID, EINVAL, "%s '%.40s': expected a whole number from %s to %s", p->key, text, least,
			most);
}

int param_parse_number(const struct param *p, const char *text, uint64_t *ret, struct err *err)
{
	uint64_t v = 0;
	int r;

	if (p->kind == PARAM_FEATURES)
		return parse_features(p, text, ret, err);
	if (words_of(p))
		return parse_choice(p, text, ret, err);
	if (p->kind == PARAM_SIZE)
		r = str_to_size(text, &v);
	else if (p->kind == PARAM_RATE)
		r = str_to_rate(text, &v);
	else if (p->kind == PARAM_MILLI)
		r = str_to_milli(text, &v);
	else
		r = str_to_u64(text, p->most ? p->most : UINT64_MAX, &v);
	if (r < 0 || v < p->least || (p->most && v > p->most))
		return refuse_number(p, text, err);
	*ret = v;
	return 0;
}

char *param_format_number(const struct param *p, uint64_t v)
{
	const struct words *w = words_of(p);
	char room[STR_NUMBER_ROOM];

	if (p->kind == PARAM_FEATURES)
		return join_words(w, v, ",");
	if (w)
		return strdup(v >= w->first && v - w->first < w->n ? w->list[v - w->first] : "");
	if (v == 0 && param_can_be_none(p))
		return strdup(*p->dflt ? "none" : "");
	if (p->kind == PARAM_SIZE)
		str_from_size(v, room);
	else if (p->kind == PARAM_RATE)
		str_from_rate(v, room);
	else if (p->kind == PARAM_MILLI)
		str_from_milli(v, room);
	else
		snprintf(room, sizeof(room), "%" PRIu64, v);
	return strdup(room);
}
