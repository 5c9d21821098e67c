/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/ini.h"
#include "base/str.h"
#include "runtime/guest_priv.h"

#define CONF_SIZE_MAX (1024 * 1024)

static const char header[] = "# A guest of ctctl. Edit it by hand or with `ctctl set`; what a key means: `ctctl set --help`.\n"
			     "# uuid, ids, template and init are ctctl's own.\n";

static int on_key(void *context, const char *section, const char *key, const char *value, struct err *err)
{
	struct guest_config *config = context;
	const struct param *p = *section ? NULL : param_find(key);

	/* Unknown keys survive: a newer version, or a later part of this one, may know them. */
	return p ? config_set(config, p, value, err) : 0;
}

/* It names areas and links: as ctctl writes it, 36 characters of lower case. */
static bool is_uuid(const char *s)
{
	static const char form[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
	size_t i = 0;

	for (; s && s[i] && form[i]; i++) {
		if (form[i] == '-' ? s[i] != '-' : !strchr("0123456789abcdef", s[i]))
			return false;
	}
	return s && !s[i] && !form[i];
}

static bool is_range(const char *s)
{
	uint64_t first;

	return s && str_to_u64(s, UINT32_MAX - NODE_IDS_PER_GUEST, &first) == 0 && first > 0 && first % NODE_IDS_PER_GUEST == 0;
}

static int check_identity(const struct guest_config *config, const char *shown, struct err *err)
{
	if (!config->uuid || !config->ids || !config->template_ref)
		return err_exit(err, EXIT_BAD_CONFIG, EBADMSG, "%s: the key 'uuid', 'ids' or 'template' is missing", shown);
	if (!is_uuid(config->uuid))
		return err_exit(err, EXIT_BAD_CONFIG, EBADMSG, "%s: uuid '%s': expected the one that ctctl wrote", shown,
				config->uuid);
	if (!is_range(config->ids))
		return err_exit(err, EXIT_BAD_CONFIG, EBADMSG, "%s: ids '%s': expected the multiple of %u that ctctl wrote",
				shown, config->ids, NODE_IDS_PER_GUEST);
	return 0;
}

int guest_load(struct guest *guest, struct err *err)
{
	_cleanup_free_ char *shown = str_printf("%s/%s/" CONF_FILE, guest->node->guests_dir, guest->name);

	if (!shown)
		return err_oom(err);

	int r = ini_read_at(guest->dir_fd, CONF_FILE, shown, on_key, &guest->config, err);

	return r < 0 ? r : check_identity(&guest->config, shown, err);
}

static int on_identity(void *context, const char *section, const char *key, const char *value, struct err *err)
{
	struct guest_config *config = context;
	struct err ignored = ERR_INIT;
	bool is_identity = !*section && (strcmp(key, "uuid") == 0 || strcmp(key, "pool") == 0);

	(void)err;
	/* A bad one stays unset, which the caller sees. */
	if (is_identity)
		(void)!config_set(config, param_find(key), value, &ignored);
	return 0;
}

int guest_load_identity(struct guest *guest, struct err *err)
{
	struct err ignored = ERR_INIT;

	config_free(&guest->config);

	int r = config_init(&guest->config, err);

	if (r < 0)
		return r;
	/* A line that is none ends the reading; what came before it counts. */
	r = ini_read_at(guest->dir_fd, CONF_FILE, CONF_FILE, on_identity, &guest->config, &ignored);
	if (r < 0 && ignored.exit != EXIT_BAD_CONFIG)
		return err_set(err, -r, "%s", ignored.msg);
	if (!is_uuid(guest->config.uuid))
		return err_exit(err, EXIT_BAD_CONFIG, EBADMSG,
				"guest '%s': its damaged guest.conf has no uuid: write it there, then destroy it", guest->name);
	return 0;
}

int guest_save(struct guest *guest, const struct param *const *changed, size_t n_changed, struct err *err)
{
	_cleanup_free_ char *text = NULL;
	ssize_t n = fd_read_file_at(guest->dir_fd, CONF_FILE, CONF_SIZE_MAX, &text);

	if (n == -ENOENT) {
		text = strdup(header);
		n = 0;
	}
	if (n < 0)
		return err_sys(err, (int)-n, "read '" CONF_FILE "'");
	for (size_t i = 0; text && i < n_changed; i++) {
		_cleanup_free_ char *value = config_get(&guest->config, changed[i]);
		char *edited = value ? ini_edit(text, "", changed[i]->key, *value ? value : NULL) : NULL;

		free(text);
		text = edited;
	}
	if (!text)
		return err_oom(err);
	return fd_replace_file_at(guest->dir_fd, CONF_FILE, text, strlen(text), true, err);
}
