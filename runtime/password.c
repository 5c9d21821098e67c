/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/password.h"

#include <crypt.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/library.h"
#include "base/str.h"

/* Loaded when it is needed, so that no other command pays for it; with the types of the library's own header. */
struct libcrypt {
	void *handle;
	__typeof__(crypt_gensalt_ra) *gensalt;
	__typeof__(crypt_rn) *crypt;
};

static void libcrypt_close(struct libcrypt *lib)
{
	library_close(lib->handle);
}

static int libcrypt_open(struct libcrypt *lib, struct err *err)
{
	const struct library_symbol functions[] = { { "crypt_gensalt_ra", &lib->gensalt }, { "crypt_rn", &lib->crypt } };

	return library_open("libcrypt.so.1", "libcrypt1", functions, ARRAY_SIZE(functions), &lib->handle, err);
}

/* The default cost of the method, a salt of the kernel's random bytes (crypt_gensalt(3)). */
static char *hash_by(const struct libcrypt *lib, const char *method, const char *password)
{
	_cleanup_free_ char *salt = lib->gensalt(method, 0, NULL, 0);
	_cleanup_free_ struct crypt_data *data = salt ? calloc(1, sizeof(*data)) : NULL;
	const char *hash = data ? lib->crypt(password, salt, data, sizeof(*data)) : NULL;
	char *copy = hash && str_has_prefix(hash, method) ? strdup(hash) : NULL;

	if (data)
		explicit_bzero(data, sizeof(*data));
	return copy;
}

int password_hash(const char *password, struct password_hashes *ret, struct err *err)
{
	_cleanup_(libcrypt_close) struct libcrypt lib = { 0 };
	int r;

	*ret = (struct password_hashes){ 0 };
	if (!*password)
		return err_exit(err, EXIT_INVALID, EINVAL, "the password is empty");
	if (strlen(password) > PASSWORD_MAX || strchr(password, '\n'))
		return err_exit(err, EXIT_INVALID, EINVAL, "the password: expected one line of at most %d bytes", PASSWORD_MAX);
	r = libcrypt_open(&lib, err);
	if (r < 0)
		return r;
	ret->yescrypt = hash_by(&lib, "$y$", password);
	ret->sha512 = hash_by(&lib, "$6$", password);
	if (ret->yescrypt && ret->sha512)
		return 0;
	password_hashes_free(ret);
	return err_exit(err, EXIT_UNSUPPORTED, ENOTSUP, "the host's libcrypt.so.1 hashes neither by yescrypt nor by SHA-512");
}

void password_hashes_free(struct password_hashes *hashes)
{
	free(hashes->yescrypt);
	free(hashes->sha512);
	*hashes = (struct password_hashes){ 0 };
}
