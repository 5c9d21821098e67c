/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/checkpoint/criu.h"

#include <errno.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"
#include "runtime/checkpoint/criu_priv.h"

/* Of a dump that failed for a reason that passes. Each takes some tenths of a second, in which the guest stands. */
#define DUMP_TRIES 6

/* One request on its way. */
struct call {
	const struct criu_request *request;
	enum criu_type type;
	struct criu_worker worker;
	pid_t root;		    /* of the tree on the host, 0 as long as CRIU has not said it */
	bool is_refused;	    /* a notify returned an error, which is in the caller's err */
	bool is_let_go;		    /* what was restored runs as soon as CRIU detaches from it, which its end does, too */
	struct criu_answer answer;  /* the last one */
	unsigned char *answer_data; /* what it is in */
};

DEFINE_CLEANUP(struct pb_out, cleanup_pb_out, free(p->data));

static void call_free(struct call *call)
{
	criu_worker_free(&call->worker);
	free(call->answer_data);
}

static const char *verb_of(const struct call *call)
{
	return call->type == CRIU_DUMP ? "save" : "restore";
}

static int fail(const struct call *call, int code, const char *reason, struct err *err)
{
	enum exit_code exit = call->type == CRIU_DUMP ? EXIT_CHECKPOINT : EXIT_RESTORE;

	return err_exit(err, exit, code, "CRIU could not %s the processes: %s", verb_of(call), reason);
}

static int send_message(struct call *call, const struct pb_out *out, struct err *err)
{
	if (out->failed)
		return err_oom(err);

	int r = fd_send(call->worker.sock, out->data, out->len, NULL, 0);

	/* One that has ended says more by how it did, which receiving finds out. */
	return r < 0 && r != -EPIPE && r != -ECONNRESET ? err_sys(err, -r, "send CRIU a request") : 0;
}

/* It ended without an answer. */
static int explain_end(struct call *call, struct err *err)
{
	_cleanup_free_ char *reason = criu_log_reason(call->request->images_fd, call->request->log);
	int status, r = criu_worker_reap(&call->worker, &status);

	if (r < 0)
		return err_sys(err, -r, "wait for CRIU");

	_cleanup_free_ char *how = WIFSIGNALED(status) ? str_printf("it was killed by signal %d", WTERMSIG(status))
						       : str_printf("it ended with status %d", WEXITSTATUS(status));
	_cleanup_free_ char *whole = how ? str_printf("%s%s%s", how, reason ? ": " : "", reason ? reason : "") : NULL;

	return whole ? fail(call, ECHILD, whole, err) : err_oom(err);
}

static int receive(struct call *call, struct err *err)
{
	free(call->answer_data);
	call->answer_data = NULL;

	ssize_t len = criu_worker_receive(&call->worker, &call->answer_data);

	if (len == 0)
		return explain_end(call, err);
	if (len < 0)
		return err_sys(err, (int)-len, "read CRIU's answer");
	return criu_read_answer(call->answer_data, (size_t)len, &call->answer) < 0
		       ? fail(call, EBADMSG, "its answer is no message of its protocol", err)
		       : 0;
}

/* What CRIU would not hear of: it goes on whatever it is answered (restore_root_task() and network_unlock() in its sources). */
static bool is_too_late(const struct call *call, enum criu_stage stage)
{
	return call->type == CRIU_RESTORE &&
	       (stage == CRIU_NETWORK_UNLOCK || stage == CRIU_PRE_RESUME || stage == CRIU_POST_RESUME);
}

static int notify(struct call *call, struct err *err)
{
	const struct criu_request *request = call->request;
	enum criu_stage stage = criu_stage_of(&call->answer);
	_cleanup_(cleanup_pb_out) struct pb_out out = PB_OUT_INIT;
	int r = 0;

	if (call->answer.pid > 0)
		call->root = call->answer.pid;
	/* After a refusal CRIU still tells of what it undoes. */
	if (request->notify && !call->is_refused)
		r = request->notify(request->context, stage, call->root, err);
	if (r < 0) {
		call->is_refused = true;
		if (is_too_late(call, stage))
			return r;
	}

	struct err later = ERR_INIT;

	call->is_let_go = call->is_let_go || (r == 0 && call->type == CRIU_RESTORE && stage == CRIU_PRE_RESUME);
	criu_put_notified(&out, r == 0);
	return send_message(call, &out, call->is_refused ? &later : err);
}

/* Until CRIU has done or refused it. */
static int converse(struct call *call, struct err *err)
{
	_cleanup_(cleanup_pb_out) struct pb_out out = PB_OUT_INIT;
	struct err later = ERR_INIT;
	int r;

	criu_put_request(&out, call->type, call->request);
	r = send_message(call, &out, err);
	while (r == 0) {
		r = receive(call, call->is_refused ? &later : err);
		if (r < 0 || call->answer.type != CRIU_NOTIFY)
			break;
		r = notify(call, err);
	}
	if (call->is_refused)
		return -err->code;
	return r;
}

/* The answer to the request itself. */
static int judge(struct call *call, struct err *err)
{
	const struct criu_answer *answer = &call->answer;

	if (answer->success && answer->type == call->type && (call->type == CRIU_DUMP || answer->pid > 0)) {
		call->root = answer->pid;
		return 0;
	}

	/* Not the answer's own reason at first: it is the first error of all, which may be one that CRIU lived with. */
	_cleanup_free_ char *reason = criu_log_reason(call->request->images_fd, call->request->log);

	if (!reason && answer->reason)
		reason = criu_line_reason((const char *)answer->reason, answer->reason_len);
	return fail(call, answer->code > 0 ? answer->code : EIO, reason ? reason : "it does not say why", err);
}

static int run(struct call *call, struct err *err)
{
	const char *log = call->request->log;
	int r;

	/* An earlier one's is not to explain what happens now. */
	if (log && unlinkat(call->request->images_fd, log, 0) < 0 && errno != ENOENT)
		return err_sys(err, errno, "remove CRIU's old log '%s'", log);
	r = criu_worker_start(&call->worker, call->request, err);
	if (r < 0)
		return r;
	r = converse(call, err);
	if (r == 0)
		r = judge(call, err);
	/* Its stage PRE_RESUME is the last before it detaches: one that was killed there has done all. */
	if (r < 0 && call->is_let_go && !call->is_refused && call->root > 0)
		return 0;
	/* CRIU is left alone amidst a dump: it has the guest's processes in its hands. */
	if (r < 0 && call->type == CRIU_RESTORE)
		criu_worker_undo(&call->worker);
	return r;
}

static int dump(const struct criu_request *request, struct err *err)
{
	_cleanup_(call_free) struct call call = { .request = request, .type = CRIU_DUMP, .worker = CRIU_WORKER_INIT };

	return run(&call, err);
}

/* Not if its log is somebody else's, or the processes may have gone on in between. */
static bool may_try_again(const struct criu_request *request)
{
	return request->log && request->freeze_cgroup && criu_log_is_passing(request->images_fd, request->log);
}

int criu_dump(const struct criu_request *request, struct err *err)
{
	struct err first = *err;
	int r = dump(request, err);

	for (int i = 1; r < 0 && i < DUMP_TRIES && may_try_again(request); i++) {
		*err = first;
		r = dump(request, err);
	}
	return r;
}

pid_t criu_restore(const struct criu_request *request, struct err *err)
{
	_cleanup_(call_free) struct call call = { .request = request, .type = CRIU_RESTORE, .worker = CRIU_WORKER_INIT };
	int r = run(&call, err);

	return r < 0 ? r : call.root;
}
