/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any bytes as the stream of an area: it is received or refused in words, what is refused leaves nothing, and beside the pool
 * lies a canary that nobody touches. What a stream begins with is put before each input, so that the fuzzer need not find it.
 */
#include "fuzz_place.h"

#include "base/str.h"
#include "storage/area_stream_priv.h"
#include "storage/pool.h"

#define ID "0f0f0f0f-1111-4222-8333-444444444444"

struct input {
	struct strbuf bytes;
	size_t at;
};

static int take(void *context, void *data, size_t n, struct err *err)
{
	struct input *in = context;

	if (n > in->bytes.len - in->at)
		return err_set(err, ENODATA, "the stream has ended");
	memcpy(data, in->bytes.data + in->at, n);
	in->at += n;
	return 0;
}

static struct pool *open_pool(const char *pools_dir)
{
	const struct pool_spec spec = { .name = "one", .kind = POOL_DIR };
	struct err err = ERR_INIT;
	struct pool *pool = NULL;

	if (pool_create(pools_dir, &spec, NULL, &err) < 0 || pool_open(pools_dir, "one", &pool, &err) < 0)
		abort();
	return pool;
}

static int fail_on_area(void *context, const char *id)
{
	(void)context;
	(void)id;
	abort();
}

static void check_canary(const struct place *p)
{
	_cleanup_free_ char *text = NULL;

	if (fd_read_file_at(p->fd, "canary", 100, &text) != 5 || strcmp(text, "sings") != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct stream_head head = { .magic = STREAM_MAGIC, .version = STREAM_VERSION };
	static const struct stream_record_head first = { .type = STREAM_BEGIN, .len = 5 };
	struct err err = ERR_INIT;
	struct input in = { 0 };
	const struct area_source source = { .read = take, .context = &in };
	struct place p;

	place_open(&p, "canary", "sings", 5);

	_cleanup_free_ char *pools_dir = str_printf("%s/pools", p.path);
	struct pool *pool = open_pool(pools_dir);

	strbuf_add_bytes(&in.bytes, (const char *)&head, sizeof(head));
	strbuf_add_bytes(&in.bytes, (const char *)&first, sizeof(first));
	strbuf_add(&in.bytes, "upper");
	strbuf_add_bytes(&in.bytes, (const char *)data, size);
	if (area_receive(pool, ID, 0, &source, &err) < 0) {
		check_err(&err);
		if (area_each(pool, fail_on_area, NULL, &err) < 0)
			abort();
	}
	check_canary(&p);
	pool_close(pool);
	strbuf_free(&in.bytes);
	place_close(&p);
	return 0;
}
