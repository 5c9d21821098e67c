/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include <sched.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "runtime/doctor_priv.h"

static void test_versions(void **state _unused_)
{
	assert_true(doctor_version_is("6.12.9+deb13-amd64", 6, 12));
	assert_true(doctor_version_is("6.12", 6, 1));
	assert_true(doctor_version_is("7.0", 6, 12));
	assert_false(doctor_version_is("6.1.0-44-amd64", 6, 12));
	assert_false(doctor_version_is("5.19", 6, 0));
	assert_false(doctor_version_is("3.17.1", 4, 0));
	assert_true(doctor_version_is("4.2.1", 4, 0));
	assert_false(doctor_version_is("", 1, 0));
	assert_false(doctor_version_is("unknown", 1, 0));
}

static void test_lookups(void **state _unused_)
{
	uint64_t number = 0;

	assert_true(doctor_has_filesystem("tmpfs"));
	assert_false(doctor_has_filesystem("tmpf"));
	assert_false(doctor_has_filesystem("no-such-file-system"));
	assert_true(doctor_has_program("sh"));
	assert_false(doctor_has_program("no-such-program"));
	assert_true(doctor_read_number("/proc/sys/kernel/pid_max", &number));
	assert_true(number > 0);
	assert_false(doctor_read_number("/proc/sys/kernel/ostype", &number));
	assert_false(doctor_read_number("/nonexistent", &number));
}

struct seen {
	unsigned n;
	const char *feature;
	char features[1024]; /* those that are over */
};

/* Every finding says something, advises where something is amiss, and stands beside the others of its feature. */
static void check_finding(void *context, const struct doctor_finding *f)
{
	struct seen *seen = context;

	seen->n++;
	assert_true(*f->feature && *f->check);
	if (!*f->found)
		fail_msg("%s: %s: nothing was found", f->feature, f->check);
	if ((f->verdict == DOCTOR_OK) != !*f->advice)
		fail_msg("%s: %s: verdict %d with the advice '%s'", f->feature, f->check, f->verdict, f->advice);
	if (seen->feature && strcmp(seen->feature, f->feature) == 0)
		return;
	if (strstr(seen->features, f->feature))
		fail_msg("%s comes twice", f->feature);
	seen->feature = f->feature;
	strncat(seen->features, f->feature, sizeof(seen->features) - strlen(seen->features) - 1);
}

static char *read_host(void)
{
	_cleanup_free_ char *mounts = doctor_read("/proc/self/mounts");
	_cleanup_free_ char *links = doctor_read("/proc/self/net/dev_mcast");
	char *both = mounts ? str_printf("%s%s", mounts, links ? links : "") : NULL;

	assert_non_null(both);
	return both;
}

/* What others do on this machine meanwhile must not be taken for doctor's doing. */
static void stand_apart(void)
{
	if (geteuid() != 0)
		skip();
	assert_int_equal(unshare(CLONE_NEWNS | CLONE_NEWNET), 0);
	assert_int_equal(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
}

static void test_run(void **state _unused_)
{
	stand_apart();

	char dir[] = "/tmp/test_doctor.XXXXXX";

	assert_non_null(mkdtemp(dir));

	struct node node = {
		.conf_dir = dir,
		.state_dir = dir,
		.pools_dir = dir,
		.templates_dir = dir,
		.helper_dir = dir,
		.bridge = (char *)"ctctl0",
		.nft_table = (char *)"ctctl",
		.prefix = (char *)"",
		.ids_first = 1 << 30,
		.ids_slots = 16,
	};
	struct seen seen = { 0 };
	struct err err = ERR_INIT;
	_cleanup_free_ char *before = read_host();

	assert_ok(doctor_run(&node, check_finding, &seen, &err), &err);
	assert_true(seen.n > 20);

	_cleanup_free_ char *after = read_host();

	/* Nothing mounted, no link made; and the folder is as empty as it was. */
	assert_string_equal(before, after);
	assert_int_equal(rmdir(dir), 0);
}

static void test_missing_helper(void **state _unused_)
{
	struct node node = { .helper_dir = (char *)"/nonexistent" };
	struct doctor_finding f = { 0 };

	doctor_helpers(&node, &f);
	assert_int_equal(f.verdict, DOCTOR_FATAL);
	assert_non_null(strstr(f.found, "is missing in /nonexistent"));
	assert_true(*f.advice);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_versions),
		cmocka_unit_test(test_lookups),
		cmocka_unit_test(test_run),
		cmocka_unit_test(test_missing_helper),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
