/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/ini.h"
#include "base/str.h"
#include "storage/pool_priv.h"

static const char *const kind_names[] = {
#define X(name, word) [POOL_##name] = #word,
	POOL_KINDS(X)
#undef X
};

const char *pool_kind_name(enum pool_kind kind)
{
	return (size_t)kind < ARRAY_SIZE(kind_names) ? kind_names[kind] : NULL;
}

int pool_kind_from_name(const char *name, enum pool_kind *ret)
{
	for (size_t i = 0; i < ARRAY_SIZE(kind_names); i++) {
		if (strcmp(name, kind_names[i]) == 0) {
			*ret = (enum pool_kind)i;
			return 0;
		}
	}
	return -EINVAL;
}

void pool_conf_free(struct pool_conf *conf)
{
	free(conf->path);
	conf->path = NULL;
}

struct reader {
	struct pool_conf *conf;
	bool has_kind;
};

static int read_kind(struct reader *rd, const char *value, struct err *err)
{
	if (pool_kind_from_name(value, &rd->conf->kind) < 0)
		return err_exit(err, EXIT_BAD_CONFIG, EINVAL, "kind '%s': " POOL_KINDS_EXPECTED, value);
	rd->has_kind = true;
	return 0;
}

static int read_path(struct reader *rd, const char *value, struct err *err)
{
	if (value[0] != '/')
		return err_exit(err, EXIT_BAD_CONFIG, EINVAL, "path '%s': expected an absolute path", value);
	free(rd->conf->path);
	rd->conf->path = strdup(value);
	return rd->conf->path ? 0 : err_oom(err);
}

/* Keys that this version does not know are a newer one's, and stay. */
static int read_key(void *context, const char *section, const char *key, const char *value, struct err *err)
{
	struct reader *rd = context;

	if (*section)
		return 0;
	if (strcmp(key, "kind") == 0)
		return read_kind(rd, value, err);
	if (strcmp(key, "path") == 0)
		return read_path(rd, value, err);
	if (strcmp(key, "size") == 0 && str_to_size(value, &rd->conf->size_bytes) < 0)
		return err_exit(err, EXIT_BAD_CONFIG, EINVAL, "size '%s': expected a size such as 100G", value);
	return 0;
}

int pool_conf_read(int dir_fd, const char *name, struct pool_conf *ret, struct err *err)
{
	_cleanup_(pool_conf_free) struct pool_conf conf = { 0 };
	struct reader rd = { .conf = &conf };
	_cleanup_free_ char *shown = str_printf("%s/" POOL_CONF, name);

	if (!shown)
		return err_oom(err);

	int r = ini_read_at(dir_fd, POOL_CONF, shown, read_key, &rd, err);

	if (r < 0)
		return r;
	if (!rd.has_kind)
		return err_exit(err, EXIT_BAD_CONFIG, EINVAL, "%s: no 'kind': expected a line 'kind = btrfs' or 'kind = dir'",
				shown);
	*ret = conf;
	conf.path = NULL;
	return 0;
}

int pool_conf_write(int dir_fd, const struct pool_conf *conf, struct err *err)
{
	struct strbuf text = { 0 };
	char size[STR_NUMBER_ROOM];

	strbuf_addf(&text, "# A pool of ctctl: what the private areas of guests live in.\nkind = %s\n",
		    pool_kind_name(conf->kind));
	if (conf->path)
		strbuf_addf(&text, "path = %s\n", conf->path);
	if (conf->size_bytes > 0) {
		str_from_size(conf->size_bytes, size);
		strbuf_addf(&text, "size = %s\n", size);
	}

	size_t len = text.len;
	_cleanup_free_ char *data = strbuf_take(&text);

	return data ? fd_replace_file_at(dir_fd, POOL_CONF, data, len, true, err) : err_oom(err);
}
