# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# This project on a test host: built for its release, put on a disk that the host reads, installed there as a user would. Used by run and shell.

HOSTS_TEMPLATES=(micro debian-12 debian-13 debian-12-sysv)

# project_templates: a host has no network to make them. $CTCTL_TEMPLATES, or what was built here once.
project_templates() {
	local name
	templates=${CTCTL_TEMPLATES:-$HOSTS_CACHE/templates/lib/templates}
	[ -z "${CTCTL_TEMPLATES:-}" ] || return 0
	"${MAKE:-make}" -C "$HOSTS_DIR/../.." --no-print-directory all >/dev/null || return
	for name in "${HOSTS_TEMPLATES[@]}"; do
		[ -d "$templates/$name" ] || "$HOSTS_DIR/../../build/ctctl" -q --prefix "$HOSTS_CACHE/templates" template build "$name" || return
	done
}

# project_input IMAGE FILE: the disk with this tree, built in the image's own (and what units.bats runs), and the templates.
project_input() {
	local image=$1 file=$2 stage=$2.d
	mkdir -p "$stage/ctctl"
	tar -C "$HOSTS_DIR/../.." --exclude=./build --exclude=./.git -c . | tar -C "$stage/ctctl" -x
	in_tree "$image/tree" "$stage/ctctl" make -C /srv -j"$(nproc)" all build/tests/unit/runtime/test_cgroup_life >"$stage/log" 2>&1 || {
		tail -n 30 "$stage/log"
		return 1
	}
	cp -a "$templates" "$stage/templates"
	mke2fs -q -t ext4 -m 0 -O ^has_journal -d "$stage" "$file" "$HOST_INPUT_SIZE" >/dev/null && rm -rf "$stage"
}

# project_image HOST IMAGE DIR: an image of the host on which ctctl is installed. As the README says it, but that the packages are there already.
project_image() {
	local host=$1 image=$2 dir=$3
	mkdir -p "$dir"
	project_input "$image" "$dir/input.img" || return
	ln -s "$image/vmlinuz" "$image/initrd" "$dir"
	# The host with the new disk, then what it has become.
	ln -s "$image"/{root.qcow2,disk.qcow2,memory} "$dir"
	host_start "$host.install" "$dir" || return
	host_run "$host.install" "
		set -e
		blockdev --flushbufs /dev/disk/by-id/virtio-input
		mount -o ro /dev/disk/by-id/virtio-input /mnt
		cp -a /mnt/ctctl /root/ctctl
		cd /root/ctctl
		make deps install
		if [ $(host_field "$host" 3) = disk ]; then
			mkfs.btrfs -q /dev/disk/by-id/virtio-disk
			mount /dev/disk/by-id/virtio-disk /srv/disk
		fi
		echo 0 >/sys/devices/system/cpu/cpu$SPARE_CPU/online" || return
	host_save "$host.install" "$dir/saved" || return
	mv -f "$dir"/saved/* "$dir"
}
