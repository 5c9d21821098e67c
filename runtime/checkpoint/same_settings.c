/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/checkpoint/same_settings.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "runtime/guest_priv.h"
#include "runtime/interface.h"
#include "runtime/params.h"

DEFINE_CLEANUP(struct guest_config, cleanup_config, config_free(p))

static int add_if_other(struct strbuf *names, const char *interface, const struct param *p, const void *a, const void *b)
{
	_cleanup_free_ char *x = p->scope == PARAM_LIVE ? NULL : param_get(a, p);
	_cleanup_free_ char *y = p->scope == PARAM_LIVE ? NULL : param_get(b, p);

	if (p->scope == PARAM_LIVE)
		return 0;
	if (!x || !y)
		return -ENOMEM;
	if (strcmp(x, y) != 0)
		strbuf_addf(names, "%s%s%s%s", names->len > 0 ? ", " : "", p->key, interface ? " of " : "",
			    interface ? interface : "");
	return 0;
}

/* Those of `a`; only whether they are there, if `other` is told by the other way round. */
static int add_interfaces(struct strbuf *names, const struct guest_config *a, const struct guest_config *b, bool only_missing)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < a->n_interfaces; i++) {
		const struct guest_interface *x = &a->interfaces[i], *y = config_interface(b, x->name);
		const struct param *p;

		if (!y)
			strbuf_addf(names, "%sinterface %s", names->len > 0 ? ", " : "", x->name);
		for (size_t k = 0; y && !only_missing && r == 0 && (p = interface_param_at(k)); k++)
			r = add_if_other(names, x->name, p, x, y);
	}
	return r;
}

static int name_others(struct strbuf *names, const struct guest_config *a, const struct guest_config *b)
{
	const struct param *p;
	int r = 0;

	for (size_t i = 0; r == 0 && (p = param_at(i)); i++)
		r = add_if_other(names, NULL, p, a, b);
	if (r == 0)
		r = add_interfaces(names, a, b, false);
	if (r == 0)
		r = add_interfaces(names, b, a, true);
	return r < 0 || names->failed ? -ENOMEM : 0;
}

int same_settings(const struct guest *guest, const char *label, int images_fd, const struct checkpoint_manifest *manifest,
		  struct err *err)
{
	_cleanup_(cleanup_config) struct guest_config then = { 0 };
	_cleanup_(strbuf_free) struct strbuf names = { 0 };
	struct err why = ERR_INIT;
	int r = config_init(&then, err);

	if (strcmp(manifest->uuid, guest->config.uuid) != 0)
		return err_exit(err, EXIT_RECOVERY, EBADMSG, "the checkpoint '%s' of guest '%s' is one of another guest, '%s'",
				label, guest->name, manifest->uuid);
	if (r < 0)
		return r;
	if (guest_conf_read(images_fd, CONF_FILE, &then, &why) < 0)
		return err_exit(err, EXIT_RECOVERY, EBADMSG, "the checkpoint '%s' of guest '%s' is damaged: %s", label,
				guest->name, why.msg);
	if (name_others(&names, &guest->config, &then) < 0)
		return err_oom(err);
	if (names.len == 0)
		return 0;
	return err_exit(err, EXIT_INVALID, EINVAL,
			"guest '%s' has other settings now than in its checkpoint '%s', which holds them: set them as they were, "
			"or remove it: %s",
			guest->name, label, names.data);
}
