/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/ini.h"
#include "base/str.h"
#include "runtime/interface.h"
#include "runtime/guest_priv.h"

#define CONF_SIZE_MAX (1024 * 1024)

/* Of a line that ini.h reads. */
#define LINE_LEN_MAX 190

static const char header[] = "# A guest of ctctl. Edit it by hand or with `ctctl set`; what a key means: `ctctl set --help`.\n"
			     "# uuid, ids, template and init are ctctl's own.\n";

/* A list may take several lines of its key: a line has room for some 190 characters. An empty one begins it anew. */
static int set_value(void *object, const struct param *p, const char *value, struct err *err)
{
	_cleanup_free_ char *before = param_is_list(p) && *value ? param_get(object, p) : strdup("");
	_cleanup_free_ char *whole = before && *before ? str_printf("%s, %s", before, value) : NULL;

	if (!before || (*before && !whole))
		return err_oom(err);
	return param_set(object, p, whole ? whole : value, err);
}

static int on_guest_key(struct guest_config *config, const char *key, const char *value, struct err *err)
{
	const struct param *p = param_find(key);

	if (p)
		return set_value(config, p, value, err);
	if (interface_param_find(key))
		return err_exit(err, EXIT_INVALID, EINVAL,
				"%s is a parameter of an interface: expected it behind the line [" INTERFACE_FIRST "]", key);
	/* Unknown keys survive: a newer version, or a later part of this one, may know them. */
	return 0;
}

/*
 * A section is an interface once it has a key of one. What has none is somebody else's and survives, whatever it is called.
 */
static int on_interface_key(struct guest_config *config, const char *section, const char *key, const char *value, struct err *err)
{
	const struct param *p = interface_param_find(key);
	struct guest_interface *iface = config_interface(config, section);
	int r = 0;

	if (!p)
		return 0;
	if (!iface) {
		r = config_add_interface(config, section, &iface, err);
		if (r == 0)
			iface->slot = UINT64_MAX;
	}
	return r < 0 ? r : set_value(iface, p, value, err);
}

static int on_key(void *context, const char *section, const char *key, const char *value, struct err *err)
{
	int r = *section ? on_interface_key(context, section, key, value, err) : on_guest_key(context, key, value, err);

	return r < 0 && *section ? err_wrap(err, "[%.40s]", section) : r;
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
	config_free(&guest->config);

	int r = config_init(&guest->config, err);

	if (r == 0)
		r = guest_conf_read(guest->dir_fd, shown, &guest->config, err);
	return r < 0 ? r : check_identity(&guest->config, shown, err);
}

int guest_conf_read(int dir_fd, const char *shown, struct guest_config *config, struct err *err)
{
	int r = ini_read_at(dir_fd, CONF_FILE, shown, on_key, config, err);

	if (r < 0)
		return r;
	r = config_settle_slots(config, err);
	return r < 0 ? err_wrap(err, "%s", shown) : r;
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

/* One line as long as there is room in it, or a line for each entry. */
static char *text_of_value(const void *object, const struct param *p)
{
	char *text = param_get(object, p);

	if (!text || !param_is_list(p) || strlen(p->key) + strlen(" = ") + strlen(text) <= LINE_LEN_MAX)
		return text;
	for (char *comma = strstr(text, ", "); comma; comma = strstr(comma, ", ")) {
		*comma = '\n';
		memmove(comma + 1, comma + 2, strlen(comma + 2) + 1);
	}
	return text;
}

static void edit_key(char **text, const char *section, const void *object, const struct param *p)
{
	_cleanup_free_ char *value = text_of_value(object, p);
	char *edited = value && *text ? ini_edit(*text, section, p->key, *value ? value : NULL) : NULL;

	free(*text);
	*text = edited;
}

/* All of an interface: each of its keys, or nothing if there is no such interface any more. */
static void edit_interface(char **text, const struct guest_config *config, const char *name)
{
	const struct guest_interface *iface = config_interface(config, name);
	const struct param *p;

	if (!iface) {
		char *edited = ini_remove_section(*text, name);

		free(*text);
		*text = edited;
		return;
	}
	for (size_t i = 0; *text && (p = interface_param_at(i)); i++)
		edit_key(text, name, iface, p);
}

static void edit_setting(char **text, const struct guest_config *config, const struct guest_setting *s)
{
	const char *name = s->interface ? s->interface : INTERFACE_FIRST;
	const struct guest_interface *iface = config_interface(config, name);

	if (!s->param || (s->param->owner == PARAM_OF_INTERFACE && !iface))
		edit_interface(text, config, name);
	else if (s->param->owner == PARAM_OF_INTERFACE)
		edit_key(text, name, iface, s->param);
	else
		edit_key(text, "", config, s->param);
}

char *guest_conf_edit(const char *text, const struct guest_config *config, const struct guest_setting *changed, size_t n)
{
	char *edited = strdup(text);

	for (size_t i = 0; edited && i < n; i++)
		edit_setting(&edited, config, &changed[i]);
	return edited;
}

int guest_save(struct guest *guest, const struct guest_setting *changed, size_t n_changed, struct err *err)
{
	_cleanup_free_ char *text = NULL;
	ssize_t n = fd_read_file_at(guest->dir_fd, CONF_FILE, CONF_SIZE_MAX, &text);

	if (n < 0 && n != -ENOENT)
		return err_sys(err, (int)-n, "read '" CONF_FILE "'");

	_cleanup_free_ char *edited = guest_conf_edit(n < 0 ? header : text, &guest->config, changed, n_changed);

	if (!edited)
		return err_oom(err);
	return fd_replace_file_at(guest->dir_fd, CONF_FILE, edited, strlen(edited), true, err);
}
