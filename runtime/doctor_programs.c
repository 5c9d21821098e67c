/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/timex.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/proc.h"
#include "base/str.h"
#include "runtime/checkpoint/criu.h"
#include "runtime/doctor_priv.h"
#include "templates/template.h"

/* What `make install` puts there. */
#define BOOT_UNIT "ctctl.service"

void doctor_helpers(const struct node *node, struct doctor_finding *f)
{
	static const char *const programs[] = { "ctctl-monitor", "ctctl-unpack" };

	doctor_found(f, DOCTOR_OK, "in %.120s", node->helper_dir);
	for (size_t i = 0; i < ARRAY_SIZE(programs); i++) {
		_cleanup_free_ char *path = str_printf("%s/%s", node->helper_dir, programs[i]);

		if (path && access(path, X_OK) == 0)
			continue;
		doctor_found(f, DOCTOR_FATAL, "%s is missing in %.100s", programs[i], node->helper_dir);
		doctor_advise(f, "Install ctctl again: make install.");
	}
}

static int count_template(void *context, const struct template_manifest *manifest _unused_)
{
	++*(unsigned *)context;
	return 0;
}

void doctor_templates(const struct node *node, struct doctor_finding *f)
{
	struct err err = ERR_INIT;
	unsigned n = 0;

	if (template_each(node->templates_dir, count_template, &n, NULL, &err) < 0) {
		doctor_found(f, DOCTOR_LACKING, "%.150s", err.msg);
		return;
	}
	doctor_found(f, n > 0 ? DOCTOR_OK : DOCTOR_NOTE, "%u version%s", n, n == 1 ? "" : "s");
	if (n == 0)
		doctor_advise(f, "ctctl template build debian-12");
}

static void look_for_program(struct doctor_finding *f, const char *program, const char *package)
{
	bool has_it = doctor_has_program(program);

	doctor_found(f, has_it ? DOCTOR_OK : DOCTOR_LACKING, has_it ? "installed" : "missing");
	if (!has_it)
		doctor_advise(f, "apt-get install %s", package);
}

void doctor_image_maker(const struct node *node _unused_, struct doctor_finding *f)
{
	look_for_program(f, "mkfs.erofs", "erofs-utils");
}

void doctor_mmdebstrap(const struct node *node _unused_, struct doctor_finding *f)
{
	look_for_program(f, "mmdebstrap", "mmdebstrap");
}

void doctor_criu(const struct node *node _unused_, struct doctor_finding *f)
{
	struct criu_version version;
	struct err err = ERR_INIT;
	const char *path;

	if (criu_find_program(&path, &err) < 0 || criu_get_version(&version, &err) < 0) {
		doctor_found(f, DOCTOR_LACKING, "%.150s", err.msg);
		doctor_advise(f, "Suspending and live migration need it: make deps-criu, in ctctl's sources.");
		return;
	}
	doctor_found(f, criu_version_does(&version) ? DOCTOR_OK : DOCTOR_LACKING, "%s %u.%u", path, version.major, version.minor);
	if (f->verdict != DOCTOR_OK)
		doctor_advise(f, "Version 4.2 or later is needed: make deps-criu, in ctctl's sources.");
}

/* Whether it works is tried by the backend of virtual machines; this only looks. */
void doctor_kvm(const struct node *node _unused_, struct doctor_finding *f)
{
	_cleanup_free_ char *cpu = doctor_read("/proc/cpuinfo");
	bool has_flag = cpu && (strstr(cpu, " vmx") || strstr(cpu, " svm"));
	bool has_device = access("/dev/kvm", R_OK | W_OK) == 0;

	doctor_found(f, has_flag && has_device ? DOCTOR_OK : DOCTOR_NOTE, "processor: %s, /dev/kvm: %s", has_flag ? "yes" : "no",
		     has_device ? "yes" : "no");
	if (!has_flag)
		doctor_advise(
			f,
			"Containers do not need it. Switch it on in the firmware, or in the host if this is a virtual machine.");
	else if (!has_device)
		doctor_advise(f, "Containers do not need it. modprobe kvm_intel or kvm_amd.");
}

/* adjtimex(2): the state TIME_ERROR is "the clock is not synchronised". */
void doctor_clock(const struct node *node _unused_, struct doctor_finding *f)
{
	struct timex t = { .modes = 0 };
	int state = adjtimex(&t);

	if (state != TIME_ERROR) {
		doctor_found(f, DOCTOR_OK, "synchronised");
		return;
	}
	doctor_found(f, DOCTOR_NOTE, "not synchronised");
	doctor_advise(f, "Guests have the host's clock, and certificates are checked by it: apt-get install systemd-timesyncd, "
			 "or chrony.");
}

void doctor_boot(const struct node *node, struct doctor_finding *f)
{
	if (access("/run/systemd/system", F_OK) < 0) {
		doctor_found(f, DOCTOR_NOTE, "systemd is not running");
		doctor_advise(f, "Run \"ctctl autostart\" when this host boots, \"ctctl autostart --stop\" before it goes down.");
	} else if (access("/etc/systemd/system/multi-user.target.wants/" BOOT_UNIT, F_OK) == 0) {
		doctor_found(f, DOCTOR_OK, BOOT_UNIT " is enabled");
	} else {
		doctor_found(f, DOCTOR_NOTE, BOOT_UNIT " is not enabled%s",
			     *node->prefix ? ", and is not for an instance with a prefix" : "");
		doctor_advise(f, "systemctl enable " BOOT_UNIT);
	}
}
