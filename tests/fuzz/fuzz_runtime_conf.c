/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any bytes as guest.conf: what is read can be written into it key by key, and is read back the same. */
#include "fuzz_place.h"

#include "runtime/guest_priv.h"
#include "runtime/interface.h"

#define CONF "guest.conf"

static int read_conf(const struct place *p, struct guest_config *config, struct err *err)
{
	if (config_init(config, err) < 0)
		abort();
	return guest_conf_read(p->fd, CONF, config, err);
}

/* Writes every value of `config` into the text. */
static char *edit_all(const struct guest_config *config, const char *text)
{
	struct guest_setting all[64 + INTERFACES_MAX];
	size_t n = 0;

	for (; param_at(n); n++)
		all[n] = (struct guest_setting){ .param = param_at(n) };
	for (size_t i = 0; i < config->n_interfaces; i++)
		all[n++] = (struct guest_setting){ .interface = config->interfaces[i].name };
	return guest_conf_edit(text, config, all, n);
}

static void check_value(const void *a, const void *b, const struct param *p)
{
	_cleanup_free_ char *x = param_get(a, p), *y = param_get(b, p);

	if (strcmp(x, y) != 0)
		abort();
}

static void check_same(const struct guest_config *a, const struct guest_config *b)
{
	if (a->n_interfaces != b->n_interfaces)
		abort();
	for (size_t i = 0; param_at(i); i++)
		check_value(a, b, param_at(i));
	for (size_t i = 0; i < a->n_interfaces; i++) {
		const struct guest_interface *same = config_interface(b, a->interfaces[i].name);

		if (!same)
			abort();
		for (size_t k = 0; interface_param_at(k); k++)
			check_value(&a->interfaces[i], same, interface_param_at(k));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct place p;
	struct guest_config config, back;
	struct err err = ERR_INIT;

	place_open(&p, CONF, data, size);
	if (read_conf(&p, &config, &err) < 0) {
		check_err(&err);
	} else {
		_cleanup_free_ char *text = strndup((const char *)data, size);
		_cleanup_free_ char *edited = edit_all(&config, text);

		place_put(&p, CONF, edited, strlen(edited));
		if (read_conf(&p, &back, &err) < 0)
			abort();
		check_same(&config, &back);
		config_free(&back);
	}
	config_free(&config);
	place_close(&p);
	return 0;
}
