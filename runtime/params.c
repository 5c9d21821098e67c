/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/params.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "runtime/container/cgroup.h"
#include "runtime/interface.h"
#include "runtime/params_priv.h"

/* A number that has a name, as a user would write it. */
#define TEXT_OF(number)	 TEXT_OF_(number)
#define TEXT_OF_(number) #number

static const struct param params[] = {
#define PARAM(...) PARAM_ROW(GUEST, struct guest_config, __VA_ARGS__),
#include "runtime/params.def"
#undef PARAM
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
	case PARAM_SHUTDOWN:
	case PARAM_NETMODE:
	case PARAM_FILTER:
	case PARAM_QUOTA_ACTION:
	case PARAM_RATE:
		return true;
	case PARAM_TEXT:
	case PARAM_NAME:
	case PARAM_HOSTNAME:
	case PARAM_CPUSET:
	case PARAM_INTERNAL:
	case PARAM_LINK:
	case PARAM_MAC:
	case PARAM_ADDRESSES:
	case PARAM_HOSTS:
	case PARAM_PREFIXES:
	case PARAM_PUBLISH:
	case PARAM_RULES:
		return false;
	}
	return false;
}

bool param_is_list(const struct param *p)
{
	return p->kind == PARAM_ADDRESSES || p->kind == PARAM_HOSTS || p->kind == PARAM_PREFIXES || p->kind == PARAM_PUBLISH ||
	       p->kind == PARAM_RULES;
}

static uint64_t *number_of(const void *object, const struct param *p)
{
	return (uint64_t *)((char *)object + p->offset);
}

static char **text_of(const void *object, const struct param *p)
{
	return (char **)((char *)object + p->offset);
}

static int set_number(void *object, const struct param *p, const char *text, struct err *err)
{
	/* "none" says that a limit is wanted off, also where the default is one. */
	if ((strcmp(text, "none") == 0 && param_can_be_none(p)) || (!*text && !*p->dflt)) {
		*number_of(object, p) = 0;
		return 0;
	}
	return param_parse_number(p, *text ? text : p->dflt, number_of(object, p), err);
}

static int set_text(void *object, const struct param *p, const char *text, struct err *err)
{
	_cleanup_free_ char *copy = NULL;

	if (!*text || (strcmp(text, "none") == 0 && p->kind == PARAM_CPUSET))
		text = p->dflt;
	if (*text) {
		int r = param_parse_text(p, text, &copy, err);

		if (r < 0)
			return r;
	}
	free(*text_of(object, p));
	/* A list of blanks is none. */
	*text_of(object, p) = copy && *copy ? TAKE_PTR(copy) : NULL;
	return 0;
}

int param_set(void *object, const struct param *p, const char *text, struct err *err)
{
	return param_is_number(p) ? set_number(object, p, text, err) : set_text(object, p, text, err);
}

char *param_get(const void *object, const struct param *p)
{
	if (param_is_number(p))
		return param_format_number(p, *number_of(object, p));
	return strdup(*text_of(object, p) ? *text_of(object, p) : "");
}

void param_clear(void *object, const struct param *p)
{
	if (param_is_number(p))
		return;
	free(*text_of(object, p));
	*text_of(object, p) = NULL;
}

int config_init(struct guest_config *config, struct err *err)
{
	*config = (struct guest_config){ 0 };
	for (size_t i = 0; i < ARRAY_SIZE(params); i++) {
		int r = param_set(config, &params[i], "", err);

		if (r < 0) {
			config_free(config);
			return r;
		}
	}
	return 0;
}

void config_free(struct guest_config *config)
{
	for (size_t i = 0; i < ARRAY_SIZE(params); i++)
		param_clear(config, &params[i]);
	for (size_t i = 0; i < config->n_interfaces; i++)
		interface_free(&config->interfaces[i]);
	free(config->interfaces);
	config->interfaces = NULL;
	config->n_interfaces = 0;
}
