/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/ssh_keys.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"

/* sshd(8), AUTHORIZED_KEYS FILE FORMAT; without ssh-dss, which OpenSSH does not take any more. */
static const char *const types[] = {
	"ssh-ed25519",
	"ssh-rsa",
	"ecdsa-sha2-nistp256",
	"ecdsa-sha2-nistp384",
	"ecdsa-sha2-nistp521",
	"sk-ssh-ed25519@openssh.com",
	"sk-ecdsa-sha2-nistp256@openssh.com",
};

/* The longest key of use, RSA of 16384 bits, has 2800 characters. */
#define KEY_MAX 8192

static const char *type_of(const char *text)
{
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		size_t len = strlen(types[i]);

		if (strncmp(text, types[i], len) == 0 && (text[len] == ' ' || text[len] == '\t'))
			return types[i];
	}
	return NULL;
}

bool ssh_key_is_one(const char *text)
{
	return type_of(text) != NULL;
}

static int base64_value(char c)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *p = c ? strchr(digits, c) : NULL;

	return p ? (int)(p - digits) : -1;
}

/* Decodes `len` characters; the number of bytes, or -1. */
static ssize_t decode(const char *text, size_t len, uint8_t *ret)
{
	size_t padding = len > 0 && text[len - 1] == '=' ? 1 + (len > 1 && text[len - 2] == '=') : 0;
	size_t n = 0;
	uint32_t bits = 0;

	if (len == 0 || len % 4 != 0)
		return -1;
	for (size_t i = 0; i < len; i++) {
		int v = i < len - padding ? base64_value(text[i]) : 0;

		if (v < 0)
			return -1;
		bits = bits << 6 | (uint32_t)v;
		if (i % 4 != 3)
			continue;
		ret[n++] = (uint8_t)(bits >> 16);
		ret[n++] = (uint8_t)(bits >> 8);
		ret[n++] = (uint8_t)bits;
	}
	return (ssize_t)(n - padding);
}

/* The data begins with the type, as a string with its length in four bytes, and has a second one behind it (RFC 4253, 6.6). */
static bool is_of_type(const uint8_t *data, size_t len, const char *type)
{
	size_t name = strlen(type);

	if (len < 4 + name + 4)
		return false;
	for (int i = 0; i < 3; i++) {
		if (data[i] != 0)
			return false;
	}
	if (data[3] != name || memcmp(data + 4, type, name) != 0)
		return false;

	const uint8_t *next = data + 4 + name;
	size_t second = (size_t)next[0] << 24 | (size_t)next[1] << 16 | (size_t)next[2] << 8 | next[3];

	return second > 0 && second <= len - 4 - name - 4;
}

static const char *why_not(const char *line)
{
	const char *type = type_of(line);
	uint8_t data[KEY_MAX] = { 0 };

	if (!type)
		return "expected a type such as ssh-ed25519, a blank and the key";
	if (strlen(line) > KEY_MAX || !str_is_printable(line))
		return "expected one line of at most 8192 printable characters";

	const char *key = line + strlen(type);

	key += strspn(key, " \t");

	ssize_t n = decode(key, strcspn(key, " \t"), data);

	if (n < 0)
		return "its base64 is damaged";
	return is_of_type(data, (size_t)n, type) ? NULL : "it is damaged, or cut short";
}

int ssh_keys_check(const char *what, const char *text, char **ret, struct err *err)
{
	_cleanup_free_ char *copy = strdup(text);
	struct strbuf b = { 0 };
	char *rest = NULL;

	if (!copy)
		return err_oom(err);
	strbuf_add(&b, "");
	for (char *line = strtok_r(copy, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		char *key = str_trim(line);
		const char *why = *key && *key != '#' ? why_not(key) : NULL;

		if (why) {
			strbuf_free(&b);
			return err_exit(err, EXIT_INVALID, EINVAL, "ssh key '%.40s' of %s: %s", key, what, why);
		}
		if (*key && *key != '#')
			strbuf_addf(&b, "%s\n", key);
	}
	*ret = strbuf_take(&b);
	return *ret ? 0 : err_oom(err);
}
