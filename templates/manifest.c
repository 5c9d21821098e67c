/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "templates/manifest.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/str.h"

#define MANIFEST_BYTES_MAX 65536

/* The one list of what is in the file; reading and writing follow it. */
#define TEXT(name)                                                                                                \
	{                                                                                                         \
#name, offsetof(struct template_manifest, name), sizeof(((struct template_manifest *)NULL)->name) \
	}
#define NUMBER(name)                                               \
	{                                                          \
#name, offsetof(struct template_manifest, name), 0 \
	}
static const struct field {
	const char *key;
	size_t offset;
	size_t room; /* of a text; 0: a uint64_t */
} fields[] = {
	TEXT(name),  TEXT(version), TEXT(distribution), TEXT(release), TEXT(arch),	    TEXT(init),		TEXT(init_path),
	TEXT(built), TEXT(source),  TEXT(uuid),		TEXT(sha256),  NUMBER(image_bytes), NUMBER(tree_bytes), NUMBER(n_files),
};

static int read_field(const struct json *doc, const struct field *f, struct template_manifest *m)
{
	char *at = (char *)m + f->offset;
	const char *text;
	uint64_t number;
	int r;

	if (f->room == 0) {
		r = json_get_u64(doc, f->key, &number);
		if (r == 0)
			memcpy(at, &number, sizeof(number));
		return r;
	}
	r = json_get_string(doc, f->key, &text);
	return r < 0 ? r : str_copy(at, f->room, text);
}

int manifest_read(int version_fd, const char *shown, struct template_manifest *ret, struct err *err)
{
	_cleanup_free_ char *text = NULL;
	_cleanup_json_ struct json *doc = NULL;
	struct template_manifest m = { 0 };
	ssize_t n = fd_read_file_at(version_fd, MANIFEST_FILE, MANIFEST_BYTES_MAX, &text);

	if (n < 0)
		return err_exit(err, EXIT_BAD_TEMPLATE, (int)-n, "template '%s': its %s cannot be read (%s); build it again",
				shown, MANIFEST_FILE, strerror((int)-n));
	if (json_parse(text, MANIFEST_FILE, &doc, err) < 0) {
		err->exit = EXIT_BAD_TEMPLATE;
		return err_wrap(err, "template '%s'", shown);
	}
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		if (read_field(doc, &fields[i], &m) < 0)
			return err_exit(err, EXIT_BAD_TEMPLATE, EBADMSG,
					"template '%s': '%s' in its %s is missing or not valid; build it again", shown,
					fields[i].key, MANIFEST_FILE);
	}
	*ret = m;
	return 0;
}

int manifest_write(int version_fd, const struct template_manifest *m, struct err *err)
{
	_cleanup_json_ struct json *doc = json_object_new_doc();

	if (!doc)
		return err_oom(err);
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		const char *at = (const char *)m + fields[i].offset;
		uint64_t number;

		if (fields[i].room > 0) {
			json_add_string(doc, fields[i].key, at);
			continue;
		}
		memcpy(&number, at, sizeof(number));
		json_add_u64(doc, fields[i].key, number);
	}

	_cleanup_free_ char *text = json_render(doc, true);

	if (!text)
		return err_oom(err);
	return fd_replace_file_at(version_fd, MANIFEST_FILE, text, strlen(text), true, err);
}
