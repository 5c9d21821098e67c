/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "runtime/checkpoint/criu_priv.h"

/* images/rpc.proto: criu_req_type, criu_resp, criu_version. */
enum {
	REQ_TYPE = 1,
	TYPE_VERSION = 10,
	RESP_VERSION = 10,
	VERSION_MAJOR = 1,
	VERSION_MINOR = 2,
};

static int read_version(const struct pb_field *part, struct criu_version *ret)
{
	struct pb_in in = { .data = part->data, .len = part->len };
	struct pb_field field;
	int r;

	while ((r = pb_next(&in, &field)) > 0) {
		if (field.number == VERSION_MAJOR)
			ret->major = (unsigned int)field.value;
		else if (field.number == VERSION_MINOR)
			ret->minor = (unsigned int)field.value;
	}
	return r;
}

static int ask(struct criu_worker *worker, struct criu_version *ret)
{
	_cleanup_free_ unsigned char *answer = NULL;
	struct pb_out out = PB_OUT_INIT;
	struct pb_field field;

	pb_put_varint(&out, REQ_TYPE, TYPE_VERSION);

	int r = out.failed ? -ENOMEM : fd_send(worker->sock, out.data, out.len, NULL, 0);
	ssize_t len = r < 0 ? r : criu_worker_receive(worker, &answer);
	struct pb_in in = { .data = answer, .len = len > 0 ? (size_t)len : 0 };

	free(out.data);
	while (pb_next(&in, &field) > 0) {
		if (field.number == RESP_VERSION && field.wire == PB_BYTES)
			return read_version(&field, ret);
	}
	return len < 0 ? (int)len : -EPROTO;
}

int criu_get_version(struct criu_version *ret, struct err *err)
{
	struct criu_worker worker = CRIU_WORKER_INIT;
	struct criu_request none = { .images_fd = -EBADF };
	int r = criu_worker_start(&worker, &none, err);

	*ret = (struct criu_version){ .major = 0 };
	if (r == 0) {
		r = ask(&worker, ret);
		criu_worker_free(&worker);
		if (r < 0)
			r = err_exit(err, EXIT_UNSUPPORTED, -r, "CRIU does not say its version: %s", strerror(-r));
	}
	return r;
}

bool criu_version_does(const struct criu_version *version)
{
	return version->major > CRIU_MAJOR_MIN || (version->major == CRIU_MAJOR_MIN && version->minor >= CRIU_MINOR_MIN);
}

int criu_check_program(struct err *err)
{
	struct criu_version version = { 0 };
	const char *path;
	int r = criu_find_program(&path, err);

	if (r == 0)
		r = criu_get_version(&version, err);
	if (r < 0 || criu_version_does(&version))
		return r;
	return err_exit(err, EXIT_UNSUPPORTED, ENOTSUP,
			"'%s' is CRIU %u.%u: expected %d.%d or later: make deps-criu, in ctctl's sources", path, version.major,
			version.minor, CRIU_MAJOR_MIN, CRIU_MINOR_MIN);
}
