/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Limits on disks: what to write where. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"
#include "runtime/container/cgroup_priv.h"

/* cgroup-v2.rst, "io.weight"; of bfq, whose range is the smaller one: bfq-iosched.rst. */
#define IO_WEIGHT_MAX 1000

#define COST_FILE     "io.cost.qos"
#define COST_FILE_MAX (64 << 10)

/* v2 has one controller "io", v1 calls it "blkio". */
static int need_io(struct cgroup_planner *p, const char *what, bool is_wanted, const struct cgroup_hierarchy **ret_h)
{
	const char *name = cgroup_map_find(p->map, "blkio") ? "blkio" : "io";

	return cgroup_plan_need(p, name, what, is_wanted, ret_h);
}

/* io.cost weighs the disks that an administrator has switched it on for: "254:0 enable=1 ctrl=auto ...", in the root group. */
static bool has_cost(const struct cgroup_hierarchy *h, const struct cgroup_disk *disk)
{
	_cleanup_fd_ int root = cgroup_open_group(h, ".");
	_cleanup_free_ char *text = NULL, *wanted = str_printf("%u:%u enable=1", disk->major, disk->minor);
	char *save = NULL;

	if (!wanted || root < 0 || fd_read_file_at(root, COST_FILE, COST_FILE_MAX, &text) < 0)
		return false;
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (str_has_prefix(line, wanted))
			return true;
	}
	return false;
}

static bool is_weighed(const struct cgroup_hierarchy *h, const struct cgroup_disks *disks)
{
	for (int i = 0; i < disks->n; i++) {
		if (disks->list[i].uses_bfq || (h->is_v2 && has_cost(h, &disks->list[i])))
			return true;
	}
	return false;
}

static int refuse_weight(struct cgroup_planner *p, const struct cgroup_hierarchy *h, const struct cgroup_disks *disks)
{
	const char *name = disks->n > 0 ? disks->list[0].name : "DISK";

	return err_exit(p->err, EXIT_UNSUPPORTED, EOPNOTSUPP,
			"io-weight: nothing weighs the use of the disk '%s': modprobe bfq, then write bfq to "
			"/sys/block/%s/queue/scheduler%s",
			name, name, h->is_v2 ? "; or switch on io.cost for it" : "");
}

/* Both files, as far as they are there: which of the two counts is decided disk by disk, and may change while the guest runs. */
static int plan_weight(struct cgroup_planner *p, const struct cgroup_limits *limits, uint64_t weight)
{
	static const char what[] = "io-weight";
	const struct cgroup_hierarchy *h;
	bool is_wanted = weight != CGROUP_WEIGHT_DEFAULT;
	int r = need_io(p, what, is_wanted, &h);

	if (r <= 0)
		return r;
	if (weight > IO_WEIGHT_MAX)
		return err_set(p->err, EINVAL, "io weight %" PRIu64 ": expected 1 to %d", weight, IO_WEIGHT_MAX);
	if (is_wanted && !is_weighed(h, &limits->weight_disks))
		return refuse_weight(p, h, &limits->weight_disks);
	if (!h->is_v2) {
		cgroup_plan_add(p, h, "blkio", what, "blkio.bfq.weight", "%" PRIu64, weight)->is_optional = true;
		return 0;
	}
	cgroup_plan_add(p, h, "io", what, "io.bfq.weight", "%" PRIu64, weight)->is_optional = true;
	cgroup_plan_add(p, h, "io", what, "io.weight", "default %" PRIu64, weight)->is_optional = true;
	return 0;
}

static bool has_rate(const struct cgroup_io_rates *io)
{
	return io->read_bytes || io->write_bytes || io->read_ops || io->write_ops;
}

static const char *rate_text(uint64_t rate, char room[24])
{
	if (rate == CGROUP_UNLIMITED)
		return "max";
	snprintf(room, 24, "%" PRIu64, rate);
	return room;
}

static void plan_disk_v2(struct cgroup_planner *p, const struct cgroup_hierarchy *h, const struct cgroup_disk *disk,
			 const struct cgroup_io_rates *io)
{
	char room[4][24];
	struct cgroup_setting *s;

	s = cgroup_plan_add(p, h, "io", "disk rate", "io.max", "%u:%u rbps=%s wbps=%s riops=%s wiops=%s", disk->major,
			    disk->minor, rate_text(io->read_bytes, room[0]), rate_text(io->write_bytes, room[1]),
			    rate_text(io->read_ops, room[2]), rate_text(io->write_ops, room[3]));
	s->is_optional = !has_rate(io);
}

/* v1: 0 is none. */
static void plan_disk_v1(struct cgroup_planner *p, const struct cgroup_hierarchy *h, const struct cgroup_disk *disk,
			 const struct cgroup_io_rates *io)
{
	const struct {
		const char *file;
		uint64_t rate;
	} files[] = {
		{ "blkio.throttle.read_bps_device", io->read_bytes },
		{ "blkio.throttle.write_bps_device", io->write_bytes },
		{ "blkio.throttle.read_iops_device", io->read_ops },
		{ "blkio.throttle.write_iops_device", io->write_ops },
	};

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		struct cgroup_setting *s;

		s = cgroup_plan_add(p, h, "blkio", "disk rate", files[i].file, "%u:%u %" PRIu64, disk->major, disk->minor,
				    files[i].rate);
		s->is_optional = files[i].rate == CGROUP_UNLIMITED;
	}
}

static int plan_rates(struct cgroup_planner *p, const struct cgroup_disks *disks, const struct cgroup_io_rates *io)
{
	const struct cgroup_hierarchy *h;
	int r = need_io(p, "disk rate", has_rate(io), &h);

	for (int i = 0; r > 0 && i < disks->n; i++) {
		if (h->is_v2)
			plan_disk_v2(p, h, &disks->list[i], io);
		else
			plan_disk_v1(p, h, &disks->list[i], io);
	}
	return r;
}

static bool is_same_rate(const struct cgroup_io_rates *a, const struct cgroup_io_rates *b)
{
	return a->read_bytes == b->read_bytes && a->write_bytes == b->write_bytes && a->read_ops == b->read_ops &&
	       a->write_ops == b->write_ops;
}

static uint64_t weight_of(const struct cgroup_limits *l)
{
	return l->io_weight ? l->io_weight : CGROUP_WEIGHT_DEFAULT;
}

int cgroup_plan_io(struct cgroup_planner *p, const struct cgroup_limits *old, const struct cgroup_limits *limits)
{
	/* Who wants no rate any more need not know the disks. */
	const struct cgroup_disks *disks = limits->rate_disks.n == 0 && old ? &old->rate_disks : &limits->rate_disks;
	int r = 0;

	if (!old || weight_of(old) != weight_of(limits))
		r = plan_weight(p, limits, weight_of(limits));
	if (r >= 0 && (!old || !is_same_rate(&old->io, &limits->io)))
		r = plan_rates(p, disks, &limits->io);
	return r;
}
