/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/filter_priv.h"

#include <errno.h>
#include <nftables/libnftables.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/library.h"

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
	library_close(lib->handle);
}

static int nftables_open(struct libnftables *lib, struct err *err)
{
	const struct library_symbol functions[] = {
		{ "nft_ctx_new", &lib->ctx_new },
		{ "nft_ctx_free", &lib->ctx_free },
		{ "nft_ctx_buffer_output", &lib->buffer_output },
		{ "nft_ctx_buffer_error", &lib->buffer_error },
		{ "nft_ctx_get_error_buffer", &lib->get_error },
		{ "nft_run_cmd_from_buffer", &lib->run },
	};
	int r = library_open("libnftables.so.1", "libnftables1", functions, ARRAY_SIZE(functions), &lib->handle, err);

	if (r < 0)
		return r;
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
