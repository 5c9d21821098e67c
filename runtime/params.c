/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/params.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "netns/link.h"
#include "runtime/container/cgroup.h"
#include "runtime/cpuset.h"

/* RFC 1123: labels of at most 63 characters, 253 in all; Linux keeps 64 (__NEW_UTS_LEN). */
#define HOSTNAME_LEN_MAX 64
#define LABEL_LEN_MAX	 63

#define TEXT_LEN_MAX 150

/* A number that has a name, as a user would write it. */
#define TEXT_OF(number)	 TEXT_OF_(number)
#define TEXT_OF_(number) #number

static const struct param params[] = {
#define PARAM(field, key_, kind_, dflt_, least_, most_, scope_, arg, help_) \
	{                                                                   \
		.key = key_,                                                \
		.dflt = dflt_,                                              \
		.argument = arg,                                            \
		.help = help_,                                              \
		.kind = PARAM_##kind_,                                      \
		.scope = PARAM_##scope_,                                    \
		.least = least_,                                            \
		.most = most_,                                              \
		.offset = offsetof(struct guest_config, field),             \
	},
#include "runtime/params.def"
#undef PARAM
};

static const char *const feature_words[] = {
#define X(name, word, help) word,
	GUEST_FEATURES(X)
#undef X
};

const struct param *param_at(size_t index)
{
	return index < ARRAY_SIZE(params) ? &params[index] : NULL;
}

const struct param *param_find(const char *key)
{
	for (size_t i = 0; i < ARRAY_SIZE(params); i++) {
		if (strcmp(params[i].key, key) == 0)
			return &params[i];
	}
	return NULL;
}

bool param_is_number(const struct param *p)
{
	switch (p->kind) {
	case PARAM_SIZE:
	case PARAM_MILLI:
	case PARAM_NUMBER:
	case PARAM_BOOL:
	case PARAM_FEATURES:
		return true;
	case PARAM_TEXT:
	case PARAM_NAME:
	case PARAM_HOSTNAME:
	case PARAM_CIDR:
	case PARAM_ADDRESS:
	case PARAM_CPUSET:
	case PARAM_INTERNAL:
		return false;
	}
	return false;
}

const char *param_feature_word(size_t index)
{
	return index < ARRAY_SIZE(feature_words) ? feature_words[index] : NULL;
}

static uint64_t *number_of(const struct guest_config *config, const struct param *p)
{
	return (uint64_t *)((char *)config + p->offset);
}

static char **text_of(const struct guest_config *config, const struct param *p)
{
	return (char **)((char *)config + p->offset);
}

/* At most 63 of letters, digits and '-', which is not at its ends. */
static bool is_label(const char *s, size_t len)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-";

	return len > 0 && len <= LABEL_LEN_MAX && strspn(s, allowed) >= len && s[0] != '-' && s[len - 1] != '-';
}

static int check_hostname(const struct param *p, const char *text, struct err *err)
{
	bool good = strlen(text) <= HOSTNAME_LEN_MAX;

	for (const char *label = text, *end; good; label = end + 1) {
		end = strchrnul(label, '.');
		good = is_label(label, (size_t)(end - label));
		if (!*end)
			break;
	}
	if (good)
		return 0;
	return err_exit(err, EXIT_INVALID, EINVAL,
			"%s '%.80s': expected a host name of at most %d letters, digits and '-', with '.' between its labels of "
			"at most %d",
			p->key, text, HOSTNAME_LEN_MAX, LABEL_LEN_MAX);
}

static int check_text(const struct param *p, const char *text, struct err *err)
{
	size_t len = strlen(text);

	if (len > TEXT_LEN_MAX)
		return err_exit(err, EXIT_INVALID, EINVAL, "%s: expected at most %d bytes", p->key, TEXT_LEN_MAX);
	/* It is shown on terminals and in JSON. */
	if (!str_is_printable(text))
		return err_exit(err, EXIT_INVALID, EINVAL, "%s: expected one line of UTF-8 without control characters", p->key);
	/* The parser of guest.conf takes " ;" for the beginning of a comment. */
	if (strstr(text, " ;") || text[0] == ';' || text[0] == '#' || text[0] == ' ' || (len > 0 && text[len - 1] == ' '))
		return err_exit(err, EXIT_INVALID, EINVAL, "%s: expected no ' ;' and no blank, ';' or '#' at its ends", p->key);
	return 0;
}

static int check_string(const struct param *p, const char *text, struct err *err)
{
	switch (p->kind) {
	case PARAM_NAME:
		return str_check_name(p->key, text, err);
	case PARAM_HOSTNAME:
		return check_hostname(p, text, err);
	case PARAM_CIDR:
		return net_check_cidr(p->key, text, err);
	case PARAM_ADDRESS:
		return net_check_address(p->key, text, err);
	case PARAM_CPUSET:
		return cpuset_check(p->key, text, err);
	case PARAM_TEXT:
	case PARAM_INTERNAL:
	case PARAM_SIZE:
	case PARAM_MILLI:
	case PARAM_NUMBER:
	case PARAM_BOOL:
	case PARAM_FEATURES:
		return check_text(p, text, err);
	}
	return 0;
}

static char *features_to_text(uint64_t v)
{
	struct strbuf b = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(feature_words); i++) {
		if (v >> i & 1)
			strbuf_addf(&b, "%s%s", b.len > 0 ? "," : "", feature_words[i]);
	}
	return strbuf_take(&b);
}

static int refuse_feature(const struct param *p, const char *word, struct err *err)
{
	_cleanup_free_ char *all = features_to_text(UINT64_MAX);

	return err_exit(err, EXIT_INVALID, EINVAL, "%s '%.40s': expected a list of %s", p->key, word, all ? all : "features");
}

static int parse_features(const struct param *p, const char *text, uint64_t *ret, struct err *err)
{
	_cleanup_free_ char *copy = strdup(text);
	char *rest = NULL;
	uint64_t v = 0;

	if (!copy)
		return err_oom(err);
	for (char *word = strtok_r(copy, ", ", &rest); word; word = strtok_r(NULL, ", ", &rest)) {
		size_t i = 0;

		while (i < ARRAY_SIZE(feature_words) && strcmp(feature_words[i], word) != 0)
			i++;
		if (i == ARRAY_SIZE(feature_words))
			return refuse_feature(p, word, err);
		v |= UINT64_C(1) << i;
	}
	*ret = v;
	return 0;
}

/* What a refused number should have been. */
static int refuse_number(const struct param *p, const char *text, struct err *err)
{
	char least[STR_NUMBER_ROOM], most[STR_NUMBER_ROOM];

	switch (p->kind) {
	case PARAM_SIZE:
		str_from_size(p->least, least);
		return err_exit(err, EXIT_INVALID, EINVAL, "%s limit '%.40s': expected a size such as 512M or 2G, at least %s",
				p->key, text, least);
	case PARAM_MILLI:
		str_from_milli(p->least, least);
		return err_exit(err, EXIT_INVALID, EINVAL, "%s '%.40s': expected a number of cores such as 0.5 or 2, at least %s",
				p->key, text, least);
	case PARAM_BOOL:
		return err_exit(err, EXIT_INVALID, EINVAL, "%s '%.40s': expected yes or no", p->key, text);
	case PARAM_NUMBER:
	case PARAM_FEATURES:
	case PARAM_TEXT:
	case PARAM_NAME:
	case PARAM_HOSTNAME:
	case PARAM_CIDR:
	case PARAM_ADDRESS:
	case PARAM_CPUSET:
	case PARAM_INTERNAL:
		break;
	}
	snprintf(least, sizeof(least), "%" PRIu64, p->least);
	snprintf(most, sizeof(most), "%" PRIu64, p->most);
	return err_exit(err, EXIT_INVALID, EINVAL, "%s '%.40s': expected a whole number from %s to %s", p->key, text, least,
			most);
}

static int parse_number(const struct param *p, const char *text, uint64_t *ret, struct err *err)
{
	uint64_t v = 0;
	bool b = false;
	int r;

	if (p->kind == PARAM_FEATURES)
		return parse_features(p, text, ret, err);
	if (p->kind == PARAM_SIZE) {
		r = str_to_size(text, &v);
	} else if (p->kind == PARAM_MILLI) {
		r = str_to_milli(text, &v);
	} else if (p->kind == PARAM_BOOL) {
		r = str_to_bool(text, &b);
		v = b;
	} else {
		r = str_to_u64(text, p->most ? p->most : UINT64_MAX, &v);
	}
	if (r < 0 || v < p->least || (p->most && v > p->most))
		return refuse_number(p, text, err);
	*ret = v;
	return 0;
}

/* Limits that there can be none of, which is 0 in the configuration. */
static bool can_be_none(const struct param *p)
{
	return p->kind == PARAM_SIZE || p->kind == PARAM_MILLI || (p->kind == PARAM_NUMBER && !*p->dflt);
}

int config_set(struct guest_config *config, const struct param *p, const char *text, struct err *err)
{
	/* "none" says that a limit is wanted off, also where the default is one. */
	bool is_none = strcmp(text, "none") == 0;

	if (param_is_number(p)) {
		if ((is_none && can_be_none(p)) || (!*text && !*p->dflt)) {
			*number_of(config, p) = 0;
			return 0;
		}
		return parse_number(p, *text ? text : p->dflt, number_of(config, p), err);
	}

	char *copy = NULL;

	if (!*text || (is_none && p->kind == PARAM_CPUSET))
		text = p->dflt;
	if (*text) {
		int r = check_string(p, text, err);

		if (r < 0)
			return r;
		copy = strdup(text);
		if (!copy)
			return err_oom(err);
	}
	free(*text_of(config, p));
	*text_of(config, p) = copy;
	return 0;
}

char *config_get(const struct guest_config *config, const struct param *p)
{
	char room[STR_NUMBER_ROOM];

	if (!param_is_number(p))
		return strdup(*text_of(config, p) ? *text_of(config, p) : "");

	uint64_t v = *number_of(config, p);

	if (p->kind == PARAM_FEATURES)
		return features_to_text(v);
	if (p->kind == PARAM_BOOL)
		return strdup(v ? "yes" : "no");
	if (v == 0 && can_be_none(p))
		return strdup(*p->dflt ? "none" : "");
	if (p->kind == PARAM_SIZE)
		str_from_size(v, room);
	else if (p->kind == PARAM_MILLI)
		str_from_milli(v, room);
	else
		snprintf(room, sizeof(room), "%" PRIu64, v);
	return strdup(room);
}

int config_init(struct guest_config *config, struct err *err)
{
	*config = (struct guest_config){ 0 };
	for (size_t i = 0; i < ARRAY_SIZE(params); i++) {
		int r = config_set(config, &params[i], "", err);

		if (r < 0) {
			config_free(config);
			return r;
		}
	}
	return 0;
}

void config_free(struct guest_config *config)
{
	for (size_t i = 0; i < ARRAY_SIZE(params); i++) {
		if (!param_is_number(&params[i])) {
			free(*text_of(config, &params[i]));
			*text_of(config, &params[i]) = NULL;
		}
	}
}
