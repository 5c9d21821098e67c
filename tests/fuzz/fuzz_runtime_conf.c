/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any bytes as guest.conf: what is read can be written into it key by key, and is read back the same. */
#include "fuzz_place.h"

#include "base/ini.h"
#include "runtime/params.h"

#define CONF "guest.conf"

static int on_key(void *context, const char *section, const char *key, const char *value, struct err *err)
{
	const struct param *p = *section ? NULL : param_find(key);

	return p ? config_set(context, p, value, err) : 0;
}

static int read_conf(const struct place *p, struct guest_config *config, struct err *err)
{
	if (config_init(config, err) < 0)
		abort();
	return ini_read_at(p->fd, CONF, CONF, on_key, config, err);
}

/* Writes every value of `config` into the text. */
static char *edit_all(const struct guest_config *config, const char *text)
{
	char *edited = strdup(text);

	for (size_t i = 0; param_at(i); i++) {
		_cleanup_free_ char *value = config_get(config, param_at(i));
		char *next = ini_edit(edited, "", param_at(i)->key, *value ? value : NULL);

		free(edited);
		edited = next;
	}
	return edited;
}

static void check_same(const struct guest_config *a, const struct guest_config *b)
{
	for (size_t i = 0; param_at(i); i++) {
		_cleanup_free_ char *x = config_get(a, param_at(i)), *y = config_get(b, param_at(i));

		if (strcmp(x, y) != 0)
			abort();
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
