/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include "runtime/checkpoint/criu_priv.h"

/* images/rpc.proto: criu_req, criu_resp, criu_restore_resp, criu_notify, inherit_fd, cgroup_root. */
enum {
	REQ_TYPE = 1,
	REQ_OPTS = 2,
	REQ_NOTIFY_SUCCESS = 3,
	RESP_TYPE = 1,
	RESP_SUCCESS = 2,
	RESP_RESTORE = 4,
	RESP_NOTIFY = 5,
	RESP_ERRNO = 7,
	RESP_ERRMSG = 9,
	RESTORE_PID = 1,
	NOTIFY_SCRIPT = 1,
	NOTIFY_PID = 2,
	INHERIT_KEY = 1,
	INHERIT_FD = 2,
	CGROUP_ROOT_PATH = 2,
};

/* images/rpc.proto: criu_opts. */
enum {
	OPT_IMAGES_DIR_FD = 1,
	OPT_PID = 2,
	OPT_LEAVE_RUNNING = 3,
	OPT_TCP_ESTABLISHED = 5,
	OPT_FILE_LOCKS = 8,
	OPT_LOG_LEVEL = 9,
	OPT_LOG_FILE = 10,
	OPT_NOTIFY_SCRIPTS = 12,
	OPT_ROOT = 13,
	OPT_LINK_REMAP = 18,
	OPT_MANAGE_CGROUPS = 24,
	OPT_CG_ROOT = 25,
	OPT_RST_SIBLING = 26,
	OPT_INHERIT_FD = 27,
	OPT_ENABLE_FS = 32,
	OPT_MANAGE_CGROUPS_MODE = 34,
	OPT_GHOST_LIMIT = 35,
	OPT_EXTERNAL = 37,
	OPT_FREEZE_CGROUP = 44,
	OPT_TIMEOUT = 45,
	OPT_NETWORK_LOCK = 64,
};

#define LOG_LEVEL_WARNINGS 2
#define CG_MODE_SOFT	   3
#define NETWORK_LOCK_SKIP  3 /* the caller takes the network away */
/* A deleted file that is still open goes into the images up to this size: rotated logs, a database's temporary files. */
#define GHOST_LIMIT_BYTES (2U << 30)

static void put_optional(struct pb_out *out, unsigned int field, const char *text)
{
	if (text)
		pb_put_string(out, field, text);
}

/* A guest's systemd keeps credentials in ramfs, locks files, and holds sockets whose other end goes on. */
static void put_common(struct pb_out *opts, const struct criu_request *request)
{
	/* CRIU opens /proc/PID/fd/N of the process that made the socket pair. */
	pb_put_int(opts, OPT_IMAGES_DIR_FD, request->images_fd);
	pb_put_int(opts, OPT_LOG_LEVEL, LOG_LEVEL_WARNINGS);
	put_optional(opts, OPT_LOG_FILE, request->log);
	pb_put_bool(opts, OPT_NOTIFY_SCRIPTS, request->notify != NULL);
	pb_put_bool(opts, OPT_TCP_ESTABLISHED, true);
	pb_put_bool(opts, OPT_FILE_LOCKS, true);
	pb_put_bool(opts, OPT_LINK_REMAP, true);
	pb_put_varint(opts, OPT_GHOST_LIMIT, GHOST_LIMIT_BYTES);
	pb_put_string(opts, OPT_ENABLE_FS, "ramfs");
	pb_put_bool(opts, OPT_MANAGE_CGROUPS, true);
	pb_put_varint(opts, OPT_MANAGE_CGROUPS_MODE, CG_MODE_SOFT);
	pb_put_varint(opts, OPT_NETWORK_LOCK, NETWORK_LOCK_SKIP);
	for (size_t i = 0; i < request->n_externals; i++)
		pb_put_string(opts, OPT_EXTERNAL, request->externals[i]);
}

static void put_cgroup_root(struct pb_out *opts, const char *path)
{
	struct pb_out root = PB_OUT_INIT;

	if (!path)
		return;
	/* Without a controller it is that of all hierarchies. */
	pb_put_string(&root, CGROUP_ROOT_PATH, path);
	pb_put_message(opts, OPT_CG_ROOT, &root);
	free(root.data);
}

static void put_dump(struct pb_out *opts, const struct criu_request *request)
{
	pb_put_int(opts, OPT_PID, request->pid);
	pb_put_bool(opts, OPT_LEAVE_RUNNING, request->leave_running);
	put_optional(opts, OPT_FREEZE_CGROUP, request->freeze_cgroup);
	if (request->timeout_s > 0)
		pb_put_varint(opts, OPT_TIMEOUT, (uint64_t)request->timeout_s);
}

static void put_restore(struct pb_out *opts, const struct criu_request *request)
{
	pb_put_bool(opts, OPT_RST_SIBLING, true);
	put_optional(opts, OPT_ROOT, request->root);
	for (size_t i = 0; i < request->n_inherits; i++) {
		struct pb_out inherit = PB_OUT_INIT;

		pb_put_string(&inherit, INHERIT_KEY, request->inherits[i].key);
		pb_put_int(&inherit, INHERIT_FD, CRIU_FIRST_INHERITED + (int)i);
		pb_put_message(opts, OPT_INHERIT_FD, &inherit);
		free(inherit.data);
	}
}

void criu_put_request(struct pb_out *out, enum criu_type type, const struct criu_request *request)
{
	struct pb_out opts = PB_OUT_INIT;

	put_common(&opts, request);
	put_cgroup_root(&opts, request->cgroup_root);
	if (type == CRIU_DUMP)
		put_dump(&opts, request);
	else
		put_restore(&opts, request);
	pb_put_varint(out, REQ_TYPE, type);
	pb_put_message(out, REQ_OPTS, &opts);
	free(opts.data);
}

void criu_put_notified(struct pb_out *out, bool success)
{
	pb_put_varint(out, REQ_TYPE, CRIU_NOTIFY);
	pb_put_bool(out, REQ_NOTIFY_SUCCESS, success);
}

/* Of a criu_restore_resp or a criu_notify. */
static int read_part(const struct pb_field *part, unsigned int pid_field, struct criu_answer *answer)
{
	struct pb_in in = { .data = part->data, .len = part->len };
	struct pb_field field;
	int r;

	while ((r = pb_next(&in, &field)) > 0) {
		if (field.number == pid_field && field.wire == PB_VARINT) {
			answer->pid = (pid_t)field.value;
		} else if (part->number == RESP_NOTIFY && field.number == NOTIFY_SCRIPT && field.wire == PB_BYTES) {
			answer->script = field.data;
			answer->script_len = field.len;
		}
	}
	return r;
}

static int read_field(const struct pb_field *field, struct criu_answer *answer)
{
	bool is_number = field->wire == PB_VARINT;

	switch (field->number) {
	case RESP_TYPE:
		answer->type = (unsigned int)field->value;
		return is_number ? 0 : -EBADMSG;
	case RESP_SUCCESS:
		answer->success = field->value != 0;
		return is_number ? 0 : -EBADMSG;
	case RESP_ERRNO:
		answer->code = (int)field->value;
		return is_number ? 0 : -EBADMSG;
	case RESP_ERRMSG:
		answer->reason = field->data;
		answer->reason_len = field->len;
		return is_number ? -EBADMSG : 0;
	case RESP_RESTORE:
		return is_number ? -EBADMSG : read_part(field, RESTORE_PID, answer);
	case RESP_NOTIFY:
		return is_number ? -EBADMSG : read_part(field, NOTIFY_PID, answer);
	default:
		return 0;
	}
}

int criu_read_answer(const unsigned char *data, size_t len, struct criu_answer *ret)
{
	struct pb_in in = { .data = data, .len = len };
	struct pb_field field;
	int r;

	*ret = (struct criu_answer){ .type = 0 };
	while ((r = pb_next(&in, &field)) > 0) {
		r = read_field(&field, ret);
		if (r < 0)
			return r;
	}
	return r;
}

enum criu_stage criu_stage_of(const struct criu_answer *answer)
{
	static const char *const names[] = {
		[CRIU_NETWORK_LOCK] = "network-lock",	      [CRIU_NETWORK_UNLOCK] = "network-unlock",
		[CRIU_SETUP_NAMESPACES] = "setup-namespaces", [CRIU_POST_SETUP_NAMESPACES] = "post-setup-namespaces",
		[CRIU_POST_RESTORE] = "post-restore",	      [CRIU_PRE_RESUME] = "pre-resume",
		[CRIU_POST_RESUME] = "post-resume",	      [CRIU_POST_DUMP] = "post-dump",
	};

	for (size_t i = 0; i < ARRAY_SIZE(names) && answer->script; i++) {
		if (strlen(names[i]) == answer->script_len && memcmp(names[i], answer->script, answer->script_len) == 0)
			return (enum criu_stage)i;
	}
	return CRIU_OTHER_STAGE;
}
