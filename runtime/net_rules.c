/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/net_rules.h"

#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "runtime/lifecycle.h"
#include "runtime/operations.h"
#include "runtime/policy.h"

int guest_pick_interface(const struct guest *guest, const char *name, const struct guest_interface **ret, struct err *err)
{
	const struct guest_config *config = &guest->config;
	struct strbuf b = { 0 };

	*ret = name ? config_interface(config, name) : config->n_interfaces == 1 ? &config->interfaces[0] : NULL;
	if (*ret)
		return 0;
	for (size_t i = 0; i < config->n_interfaces; i++)
		strbuf_addf(&b, "%s%s", i ? ", " : "", config->interfaces[i].name);

	_cleanup_free_ char *all = strbuf_take(&b);

	if (config->n_interfaces == 0)
		return err_exit(err, EXIT_INVALID, ENODEV, "guest '%s' has no interface: ctctl net add %s eth0", guest->name,
				guest->name);
	if (!all)
		return err_oom(err);
	if (name)
		return err_exit(err, EXIT_INVALID, ENODEV, "guest '%s' has no interface '%s': expected one of %s", guest->name,
				name, all);
	return err_exit(err, EXIT_USAGE, EINVAL, "guest '%s' has several interfaces: say --interface and one of %s", guest->name,
			all);
}

/* The rules as they are to be; NULL: no memory. */
static char *append_rule(const struct net_rule *list, size_t n, const struct net_rule *more)
{
	struct strbuf b = { 0 };

	strbuf_add(&b, "");
	for (size_t i = 0; i < n + (more != NULL); i++) {
		_cleanup_free_ char *text = interface_format_rule(i < n ? &list[i] : more);

		if (!text) {
			strbuf_free(&b);
			return NULL;
		}
		strbuf_addf(&b, "%s%s", i ? ", " : "", text);
	}
	return strbuf_take(&b);
}

struct change {
	const struct net_rule *more; /* NULL: one is forgotten */
	size_t number;
};

static char *edit_rules(struct net_rule *list, size_t n, const struct change *c)
{
	if (c->more)
		return append_rule(list, n, c->more);
	if (c->number == 0)
		return append_rule(list, 0, NULL);
	for (size_t i = c->number; i < n; i++)
		list[i - 1] = list[i];
	return append_rule(list, n - 1, NULL);
}

static int change_rules(struct guest *guest, const struct guest_interface *iface, const struct change *c, struct err *err)
{
	_cleanup_free_ struct net_rule *list = NULL;
	size_t n = 0;
	int r = interface_parse_rules(iface->rules, &list, &n, err);

	if (r < 0)
		return r;
	if (!c->more && c->number > n)
		return err_exit(err, EXIT_INVALID, EINVAL, "interface '%s' of guest '%s' has %zu rules: see ctctl net rules %s",
				iface->name, guest->name, n, guest->name);

	_cleanup_free_ char *text = edit_rules(list, n, c);

	return text ? config_set_on(&guest->config, iface->name, interface_param_find("rules"), text, err) : err_oom(err);
}

static int change(const struct node *node, const char *name, const char *interface, const struct change *c, struct err *err)
{
	_cleanup_guest_ struct guest *guest = NULL, *before = NULL;
	const struct guest_interface *iface = NULL;
	int r = guest_open_locked(node, name, "set", false, &guest, err);

	/* A second handle keeps the old values. */
	if (r == 0)
		r = guest_open(node, name, &before, err);
	if (r == 0)
		r = guest_pick_interface(guest, interface, &iface, err);
	if (r == 0)
		r = change_rules(guest, iface, c, err);
	if (r == 0)
		r = policy_check(node, &guest->config, err);
	if (r < 0)
		return r;

	struct guest_setting changed = { .param = interface_param_find("rules"), .interface = iface->name };

	return guest_commit(guest, &before->config, &changed, 1, err);
}

int guest_net_add_rule(const struct node *node, const char *name, const char *interface, const char *rule, struct err *err)
{
	struct net_rule parsed;
	int r = interface_parse_rule(rule, &parsed, err);

	return r < 0 ? r : change(node, name, interface, &(struct change){ .more = &parsed }, err);
}

int guest_net_forget_rule(const struct node *node, const char *name, const char *interface, size_t number, struct err *err)
{
	return change(node, name, interface, &(struct change){ .number = number }, err);
}
