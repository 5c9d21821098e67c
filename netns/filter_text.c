/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/filter_priv.h"

#include <dlfcn.h>
#include <errno.h>
#include <nftables/libnftables.h>
#include <stdlib.h>
#include <string.h>

/*
 * libnftables, which only the first start after the host's own, and guests with rules, have a use for: it is loaded then. Linked,
 * it and what it needs would cost each command about a millisecond.
 */
struct libnftables {
	void *handle;
	struct nft_ctx *ctx;
	__typeof__(nft_ctx_new) *ctx_new;
	__typeof__(nft_ctx_free) *ctx_free;
	__typeof__(nft_ctx_buffer_output) *buffer_output;
	__typeof__(nft_ctx_buffer_error) *buffer_error;
	__typeof__(nft_ctx_get_error_buffer) *get_error;
	__typeof__(nft_run_cmd_from_buffer) *run;
};

static void nftables_close(struct libnftables *lib)
{
	if (lib->ctx)
		lib->ctx_free(lib->ctx);
	if (lib->handle)
		dlclose(lib->handle);
}

static int find_function(const struct libnftables *lib, const char *name, void *ret, struct err *err)
{
	void *symbol = dlsym(lib->handle, name);

	if (!symbol)
		return err_exit(err, EXIT_UNSUPPORTED, ENOSYS, "libnftables.so.1 has no %s(): apt-get install libnftables1",
				name);
	memcpy(ret, &symbol, sizeof(symbol));
	return 0;
}

static int nftables_open(struct libnftables *lib, struct err *err)
{
	const struct {
		const char *name;
		void *ret;
	} functions[] = {
		{ "nft_ctx_new", &lib->ctx_new },
		{ "nft_ctx_free", &lib->ctx_free },
		{ "nft_ctx_buffer_output", &lib->buffer_output },
		{ "nft_ctx_buffer_error", &lib->buffer_error },
		{ "nft_ctx_get_error_buffer", &lib->get_error },
		{ "nft_run_cmd_from_buffer", &lib->run },
	};

	lib->handle = dlopen("libnftables.so.1", RTLD_NOW | RTLD_LOCAL);
	if (!lib->handle)
		return err_exit(err, EXIT_UNSUPPORTED, ENOENT,
				"the library libnftables.so.1 is missing: apt-get install libnftables1");
	for (size_t i = 0; i < ARRAY_SIZE(functions); i++) {
		int r = find_function(lib, functions[i].name, functions[i].ret, err);

		if (r < 0)
			return r;
	}
	lib->ctx = lib->ctx_new(NFT_CTX_DEFAULT);
	if (!lib->ctx || lib->buffer_output(lib->ctx) != 0 || lib->buffer_error(lib->ctx) != 0)
		return err_oom(err);
	return 0;
}

/* The library says why in words only. Its first line says it; the others show the place in the text. */
static int text_err(struct err *err, const char *why)
{
	int len = (int)strcspn(why, "\n");

	if (strstr(why, strerror(EEXIST)))
		return err_exit(err, EXIT_NETWORK, EEXIST, "nftables: %.*s", len, why);
	if (strstr(why, strerror(EPERM)))
		return err_set(err, EPERM, "nftables: expected root's rights in the host's network (CAP_NET_ADMIN)");
	return err_exit(err, EXIT_UNSUPPORTED, EOPNOTSUPP,
			"nftables: %.*s: expected a kernel with nf_tables for inet, bridge and arp: ctctl doctor", len, why);
}

int filter_run_text(const char *text, struct err *err)
{
	_cleanup_(nftables_close) struct libnftables lib = { 0 };
	int r = nftables_open(&lib, err);

	if (r < 0)
		return r;
	if (lib.run(lib.ctx, text) == 0)
		return 0;
	return text_err(err, lib.get_error(lib.ctx));
}
