/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/interface.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"

_Static_assert((int)QUOTA_THROTTLE == (int)NET_QUOTA_THROTTLE && (int)QUOTA_BLOCK == (int)NET_QUOTA_BLOCK,
	       "actions of the filter keep their numbers");

static const struct param params[] = {
#define PARAM(...) PARAM_ROW(INTERFACE, struct guest_interface, __VA_ARGS__),
#include "runtime/interface.def"
#undef PARAM
};

const char *net_mode_word(enum net_mode mode)
{
	static const char *const words[] = {
#define X(name, word, help) [NET_MODE_##name] = word,
		NET_MODES(X)
#undef X
	};

	return mode < ARRAY_SIZE(words) ? words[mode] : NULL;
}

const struct param *interface_param_at(size_t index)
{
	return index < ARRAY_SIZE(params) ? &params[index] : NULL;
}

const struct param *interface_param_find(const char *key)
{
	for (size_t i = 0; i < ARRAY_SIZE(params); i++) {
		if (strcmp(params[i].key, key) == 0)
			return &params[i];
	}
	return NULL;
}

int interface_check_name(const char *name, struct err *err)
{
	static const char *const taken[] = { "lo", "all", "default" };
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
	size_t len = strlen(name);
	/* It goes into the names of files and into files of the guest's own network tools. */
	bool good = len > 0 && len < IFNAMSIZ && strchr(letters, name[0]);

	for (size_t i = 0; good && i < len; i++)
		good = strchr(letters, name[i]) || strchr("0123456789_-", name[i]);
	for (size_t i = 0; i < ARRAY_SIZE(taken); i++)
		good = good && strcmp(name, taken[i]) != 0;
	if (good)
		return 0;
	return err_exit(
		err, EXIT_INVALID, EINVAL,
		"interface '%.40s': expected a name such as eth1, of at most %d letters, digits, '_' and '-', the first a "
		"letter, and not lo, all or default",
		name, IFNAMSIZ - 1);
}

int interface_init(struct guest_interface *iface, const char *name, struct err *err)
{
	int r = interface_check_name(name, err);

	*iface = (struct guest_interface){ 0 };
	if (r == 0)
		r = str_copy(iface->name, sizeof(iface->name), name);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(params); i++)
		r = param_set(iface, &params[i], "", err);
	if (r < 0)
		interface_free(iface);
	return r;
}

void interface_free(struct guest_interface *iface)
{
	for (size_t i = 0; i < ARRAY_SIZE(params); i++)
		param_clear(iface, &params[i]);
}

struct guest_interface *config_interface(const struct guest_config *config, const char *name)
{
	for (size_t i = 0; i < config->n_interfaces; i++) {
		if (strcmp(config->interfaces[i].name, name) == 0)
			return &config->interfaces[i];
	}
	return NULL;
}

static bool same_text(const struct guest_interface *a, const struct guest_interface *b, const struct param *p)
{
	_cleanup_free_ char *x = param_get(a, p);
	_cleanup_free_ char *y = param_get(b, p);

	return x && y && strcmp(x, y) == 0;
}

static bool same_interface(const struct guest_interface *a, const struct guest_interface *b)
{
	const struct param *p;

	if (strcmp(a->name, b->name) != 0)
		return false;
	for (size_t i = 0; (p = interface_param_at(i)); i++) {
		if (!same_text(a, b, p))
			return false;
	}
	return true;
}

bool config_same_interfaces(const struct guest_config *a, const struct guest_config *b)
{
	if (a->n_interfaces != b->n_interfaces)
		return false;
	for (size_t i = 0; i < a->n_interfaces; i++) {
		if (!same_interface(&a->interfaces[i], &b->interfaces[i]))
			return false;
	}
	return true;
}

static bool has_slot(const struct guest_config *config, uint64_t slot)
{
	for (size_t i = 0; i < config->n_interfaces; i++) {
		if (config->interfaces[i].slot == slot)
			return true;
	}
	return false;
}

/* There are as many as there may be interfaces, so that one is free. */
static uint64_t free_slot(const struct guest_config *config)
{
	uint64_t slot = 0;

	while (has_slot(config, slot))
		slot++;
	return slot;
}

int config_add_interface(struct guest_config *config, const char *name, struct guest_interface **ret, struct err *err)
{
	struct guest_interface added;

	if (config_interface(config, name))
		return err_exit(err, EXIT_EXISTS, EEXIST, "the guest has an interface '%s' already", name);
	if (config->n_interfaces >= INTERFACES_MAX)
		return err_exit(err, EXIT_INVALID, ENOSPC, "interface '%.40s': a guest has at most %d", name, INTERFACES_MAX);

	int r = interface_init(&added, name, err);

	if (r < 0)
		return r;

	struct guest_interface *all = reallocarray(config->interfaces, config->n_interfaces + 1, sizeof(*all));

	if (!all) {
		interface_free(&added);
		return err_oom(err);
	}
	config->interfaces = all;
	added.slot = free_slot(config);
	all[config->n_interfaces] = added;
	*ret = &all[config->n_interfaces++];
	return 0;
}

void config_remove_interface(struct guest_config *config, const char *name)
{
	struct guest_interface *found = config_interface(config, name);

	if (!found)
		return;

	size_t behind = config->n_interfaces - (size_t)(found - config->interfaces) - 1;

	interface_free(found);
	memmove(found, found + 1, behind * sizeof(*found));
	config->n_interfaces--;
}

int config_set_on(struct guest_config *config, const char *interface, const struct param *p, const char *text, struct err *err)
{
	if (p->owner == PARAM_OF_GUEST)
		return param_set(config, p, text, err);

	struct guest_interface *iface = config_interface(config, interface ? interface : INTERFACE_FIRST);

	if (!iface)
		return err_exit(err, EXIT_INVALID, ENOENT, "%s: the guest has no interface '%.40s': see ctctl net list", p->key,
				interface ? interface : INTERFACE_FIRST);
	return param_set(iface, p, text, err);
}

int config_settle_slots(struct guest_config *config, struct err *err)
{
	for (size_t i = 0; i < config->n_interfaces; i++) {
		const struct guest_interface *a = &config->interfaces[i];

		for (size_t k = 0; k < i; k++) {
			const struct guest_interface *b = &config->interfaces[k];

			if (a->slot != UINT64_MAX && a->slot == b->slot)
				return err_exit(
					err, EXIT_BAD_CONFIG, EBADMSG,
					"slot %u is that of [%s] and of [%s]: expected the ones that ctctl wrote, or none",
					(unsigned int)a->slot, b->name, a->name);
		}
	}
	for (size_t i = 0; i < config->n_interfaces; i++) {
		if (config->interfaces[i].slot == UINT64_MAX)
			config->interfaces[i].slot = free_slot(config);
	}
	return 0;
}
