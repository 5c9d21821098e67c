/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/path.h"
#include "runtime/checkpoint/criu_priv.h"

static void reasons_lose_their_noise(void **state _unused_)
{
	static const struct {
		const char *line, *reason;
	} cases[] = {
		{ "Error (criu/mount.c:1088): mnt: Mount 5 is unreachable\n", "mnt: Mount 5 is unreachable" },
		{ "(00.012345)   1234: Error (criu/files.c:1): Can't open: x (y): z", "Can't open: x (y): z" },
		{ "Warn  (criu/mount.c:1088): mnt: nothing", NULL },
		{ "Error (criu/mount.c:1088): \n", NULL },
		{ "", NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_free_ char *reason = criu_line_reason(cases[i].line, strlen(cases[i].line));

		if (!cases[i].reason)
			assert_null(reason);
		else
			assert_string_equal(reason ? reason : "none", cases[i].reason);
	}
}

static void a_log_has_a_last_reason(void **state _unused_)
{
	static const char log[] = "Warn  (criu/a.c:1): w\nError (criu/a.c:2): first\nError (criu/b.c:3): second\n"
				  "Error (criu/cr-dump.c:4): Dumping FAILED.\nrubbish";
	char path[] = "/tmp/ctctl-criu-log-XXXXXX";
	struct err err = ERR_INIT;

	assert_non_null(mkdtemp(path));

	_cleanup_fd_ int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_ok(fd_replace_file_at(folder, "dump.log", log, sizeof(log) - 1, false, &err), &err);

	_cleanup_free_ char *reason = criu_log_reason(folder, "dump.log");

	assert_string_equal(reason ? reason : "none", "second");
	assert_null(criu_log_reason(folder, "none.log"));
	assert_int_equal(path_remove_tree_at(AT_FDCWD, path), 0);
}

static void a_watch_without_its_handle_passes(void **state _unused_)
{
	static const struct {
		const char *log;
		bool is_passing;
	} cases[] = {
		{ "(00.3) Error (criu/proc_parse.c:2272): parse_fdinfo_pid_s: error parsing [inotify wd:1d ino:661d60 sdev:26 "
		  "mask:2 "
		  "ignored_mask:0 ] for 8: Success\nError (criu/cr-dump.c:1545): Dump files (pid: 24340) failed with -1\n",
		  true },
		{ "Error (criu/proc_parse.c:2272): parse_fdinfo_pid_s: error parsing [inotify wd:1d ino:661d60 sdev:26 mask:2 "
		  "ignored_mask:0 fhandle-bytes:8 fhandle-type:fe f_handle:zz] for 8: Success\n",
		  false },
		{ "Error (criu/cr-dump.c:1545): Dump files (pid: 24340) failed with -1\n", false },
	};
	char path[] = "/tmp/ctctl-criu-log-XXXXXX";
	struct err err = ERR_INIT;

	assert_non_null(mkdtemp(path));

	_cleanup_fd_ int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_ok(fd_replace_file_at(folder, "dump.log", cases[i].log, strlen(cases[i].log), false, &err), &err);
		assert_int_equal(criu_log_is_passing(folder, "dump.log"), cases[i].is_passing);
	}
	assert_false(criu_log_is_passing(folder, "none.log"));
	assert_int_equal(path_remove_tree_at(AT_FDCWD, path), 0);
}

static void answers_are_read(void **state _unused_)
{
	static const unsigned char notify[] = "\x08\x06\x10\x01\x2a\x10\x0a\x0c"
					      "post-restore"
					      "\x10\x07";
	static const unsigned char wrong[] = "\x0a\x01\x06";
	struct criu_answer answer;

	assert_int_equal(criu_read_answer(notify, sizeof(notify) - 1, &answer), 0);
	assert_int_equal(answer.type, CRIU_NOTIFY);
	assert_true(answer.success);
	assert_int_equal(answer.pid, 7);
	assert_int_equal(criu_stage_of(&answer), CRIU_POST_RESTORE);
	for (size_t len = 1; len < sizeof(notify) - 1; len++) {
		if (len != 2 && len != 4)
			assert_int_equal(criu_read_answer(notify, len, &answer), -EBADMSG);
	}
	assert_int_equal(criu_read_answer(wrong, sizeof(wrong) - 1, &answer), -EBADMSG);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(reasons_lose_their_noise),
		cmocka_unit_test(a_log_has_a_last_reason),
		cmocka_unit_test(a_watch_without_its_handle_passes),
		cmocka_unit_test(answers_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
