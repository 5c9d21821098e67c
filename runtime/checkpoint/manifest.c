/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/checkpoint/manifest.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"

/* 4097 groups, with paths of 2048 characters and properties of 4000 (two of 1024, and numbers). */
#define MANIFEST_MAX (32u << 20)
#define GROUPS_KEY   "groups"
#define FILE_NAME    CHECKPOINT_DIR "/" CHECKPOINT_MANIFEST

/* Each once, in any order, before the groups. */
struct field {
	const char *key;
	size_t offset;
	size_t room; /* of a text; 0: a uint64_t */
	bool may_be_empty;
	bool may_be_missing; /* of a key that an earlier ctctl did not write: 0 */
};

#define TEXT(key_, name, may_be_empty_)                                                                     \
	{                                                                                                   \
		.key = (key_), .offset = offsetof(struct checkpoint_manifest, name),                        \
		.room = sizeof(((struct checkpoint_manifest *)NULL)->name), .may_be_empty = (may_be_empty_) \
	}
#define NUMBER(key_, name)                                                          \
	{                                                                           \
		.key = (key_), .offset = offsetof(struct checkpoint_manifest, name) \
	}

#define LATER_NUMBER(key_, name)                                                                            \
	{                                                                                                   \
		.key = (key_), .offset = offsetof(struct checkpoint_manifest, name), .may_be_missing = true \
	}

static const struct field fields[] = {
	NUMBER("taken-at", taken_at),	  TEXT("boot", boot, false),
	TEXT("uuid", uuid, false),	  TEXT("template", template_ref, true),
	TEXT("console", console, true), /* lost with the guest's first monitor */
	TEXT("cgroup", cgroup, false),	  TEXT("kernel", kernel, false),
	NUMBER("features", features),	  NUMBER("ids", ids_first),
	NUMBER("started-at", started_at), LATER_NUMBER("for-shutdown", for_shutdown),
};

void checkpoint_manifest_free(struct checkpoint_manifest *manifest)
{
	cgroup_tree_free(&manifest->groups);
}

static bool is_value(const struct field *f, const char *value)
{
	return str_is_printable(value) && (value[0] || f->may_be_empty);
}

static int print_field(struct strbuf *text, const struct checkpoint_manifest *manifest, const struct field *f, struct err *err)
{
	const char *at = (const char *)manifest + f->offset;
	uint64_t number;

	if (f->room == 0) {
		memcpy(&number, at, sizeof(number));
		strbuf_addf(text, "%s %" PRIu64 "\n", f->key, number);
		return 0;
	}
	if (!is_value(f, at))
		return err_set(err, EINVAL, "checkpoint: '%s' is '%s': expected a printable line", f->key, at);
	strbuf_addf(text, "%s %s\n", f->key, at);
	return 0;
}

int checkpoint_write_manifest(int images_fd, const struct checkpoint_manifest *manifest, struct err *err)
{
	_cleanup_(strbuf_free) struct strbuf text = { 0 };
	_cleanup_free_ char *groups = NULL;
	int r = cgroup_tree_print(&manifest->groups, &groups);

	if (r < 0)
		return err_sys(err, -r, "checkpoint: write down the groups of the guest");
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(fields); i++)
		r = print_field(&text, manifest, &fields[i], err);
	if (r < 0)
		return r;
	strbuf_addf(&text, GROUPS_KEY " %zu\n%s", manifest->groups.n, groups);
	if (text.failed)
		return err_oom(err);
	return fd_replace_file_at(images_fd, CHECKPOINT_MANIFEST, text.data, text.len, false, err);
}

static int err_damaged(struct err *err, const char *key, const char *what)
{
	return err_exit(err, EXIT_RECOVERY, EBADMSG, "the file '" FILE_NAME "' of the guest is damaged: its '%s' %s", key, what);
}

static int read_value(const struct field *f, const char *value, struct checkpoint_manifest *ret, struct err *err)
{
	char *at = (char *)ret + f->offset;
	uint64_t number;

	if (f->room > 0) {
		if (!is_value(f, value) || str_copy(at, f->room, value) < 0)
			return err_damaged(err, f->key, "is no line of an expected length");
		return 0;
	}
	if (str_to_u64(value, UINT64_MAX, &number) < 0)
		return err_damaged(err, f->key, "is no number");
	memcpy(at, &number, sizeof(number));
	return 0;
}

static int read_field(const char *key, const char *value, uint64_t *seen, struct checkpoint_manifest *ret, struct err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		if (strcmp(fields[i].key, key) != 0)
			continue;
		if (*seen >> i & 1)
			return err_damaged(err, key, "is there twice");
		*seen |= (uint64_t)1 << i;
		return read_value(&fields[i], value, ret, err);
	}
	return 0;
}

/* The last of it: how many there are says whether the file is whole. */
static int read_groups(const char *count, const char *text, struct checkpoint_manifest *ret, struct err *err)
{
	uint64_t n;
	int r;

	if (str_to_u64(count, UINT32_MAX, &n) < 0)
		return err_damaged(err, GROUPS_KEY, "is no number");
	r = cgroup_tree_parse(text, &ret->groups);
	if (r == -ENOMEM)
		return err_oom(err);
	if (r < 0)
		return err_damaged(err, GROUPS_KEY, "have a line that is no group");
	return n == ret->groups.n ? 0 : err_damaged(err, GROUPS_KEY, "are not as many as it says");
}

/* Cuts the next "key value" line out of the text. False: there is none, or it is cut. */
static bool next_line(char **text, char **ret_key, char **ret_value)
{
	char *end = strchr(*text, '\n');

	if (!end)
		return false;
	*end = '\0';
	*ret_key = *text;
	*text = end + 1;
	*ret_value = strchr(*ret_key, ' ');
	if (*ret_value)
		*(*ret_value)++ = '\0';
	return *ret_value != NULL;
}

static int parse(char *text, struct checkpoint_manifest *ret, struct err *err)
{
	char *key, *value;
	uint64_t seen = 0;

	for (;;) {
		if (!next_line(&text, &key, &value))
			return err_damaged(err, GROUPS_KEY, "are missing");
		if (strcmp(key, GROUPS_KEY) == 0)
			break;

		int r = read_field(key, value, &seen, ret, err);

		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		if (!(seen >> i & 1) && !fields[i].may_be_missing)
			return err_damaged(err, fields[i].key, "is missing");
	}
	return read_groups(value, text, ret, err);
}

int checkpoint_read_manifest(int images_fd, struct checkpoint_manifest *ret, struct err *err)
{
	struct checkpoint_manifest manifest = { 0 };
	_cleanup_free_ char *text = NULL;
	ssize_t n = fd_read_file_at(images_fd, CHECKPOINT_MANIFEST, MANIFEST_MAX, &text);
	int r;

	if (n == -ENOENT)
		return err_exit(err, EXIT_RECOVERY, EBADMSG, "the file '" FILE_NAME "' of the guest is missing");
	if (n < 0)
		return err_sys(err, (int)-n, "read '" FILE_NAME "'");
	r = strlen(text) == (size_t)n ? parse(text, &manifest, err) : err_damaged(err, "text", "has a zero byte");
	if (r < 0)
		checkpoint_manifest_free(&manifest);
	else
		*ret = manifest;
	return r;
}
