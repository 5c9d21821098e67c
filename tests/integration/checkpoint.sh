#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# tests/integration/checkpoint.sh GUEST FOLDER CRIU ROOTAT
#
# Is a guest made to be checkpointed? Saves the running guest GUEST (systemd, with perl, without a network interface) with CRIU into the new folder
# FOLDER, which ends it, restores it from there with the same ids, root and control groups, and looks whether its services go on: without the
# commands of ctctl for it, which come later. Run by checkpoint.bats. CTCTL and CTCTL_PREFIX name the program and its instance. The restored processes, which no
# monitor knows, are ended and their control groups removed. Exit status 0 if all is well.
set -u
guest=$1 images=$2 criu=$3 rootat=$4
ctctl=${CTCTL:-build/ctctl}
patience=${CTCTL_TEST_PATIENCE:-1}
devices=(null zero full random urandom tty)
restored=''

die() {
	echo "checkpoint: $*" >&2
	grep -hE 'Error|Warn' "$images"/*.log 2>/dev/null | tail -n 20 >&2
	exit 1
}

# One number of `ctctl status --json`.
status_number() {
	"$ctctl" status "$guest" --json | awk -F '[:,]' -v key="\"$1\"" 'index($0, key) { print $2 + 0 }'
}

# What stands behind KEY in guest.conf.
configured() {
	awk -F ' *= *' -v key="$1" '$1 == key { print $2; exit }' "$CTCTL_PREFIX/lib/guests/$guest/guest.conf"
}

# The guest's groups from the top down: path, owner, and the controllers that it gave to those below (version 2).
list_groups() {
	local group
	find "$group_dir" -type d | while read -r group; do
		echo "$group $(stat -c %u:%g "$group") $(sed 's/[a-z][a-z]*/+&/g' "$group/cgroup.subtree_control")"
	done
}

# CRIU would write the controllers of those that it makes itself, but without the signs that the kernel wants.
make_groups() {
	local group owner
	while read -r group owner _; do
		mkdir -p "$group" && chown "$owner" "$group" || die "cannot make the group $group"
	done <"$images/groups"
}

# CRIU gives the folders of control groups back their owner, not the files in them, nor controllers to groups in groups, whose files a systemd watches. Owners
# at setup-namespaces, post-restore is too late. Controllers when init has been in the guest's own group, which takes no process any more then.
action_script() {
	cat <<-ACTION
	#!/bin/sh
	if [ "\$CRTOOLS_SCRIPT_ACTION" = post-setup-namespaces ]; then
		while read -r group owner controllers; do
			[ -z "\$controllers" ] || echo "\$controllers" >"\$group/cgroup.subtree_control"
		done <"$images/groups"
	fi
	[ "\$CRTOOLS_SCRIPT_ACTION" = setup-namespaces ] || exit 0
	chown $ids_first:$ids_first "$group_dir"
	find "$group_dir" -type d -uid $ids_first | while read -r group; do
		for file in cgroup.procs cgroup.threads cgroup.subtree_control; do
			chown $ids_first:$ids_first "\$group/\$file"
		done
	done
	ACTION
}

# Each external thing has one name at dump and at restore: the host's devices that are bound into /dev, and the console's terminal.
options_of() {
	local name
	for name in "${devices[@]}"; do
		[ "$1" = dump ] && printf '%s\n' --external "mnt[/dev/$name]:dev-$name"
		[ "$1" = restore ] && printf '%s\n' --external "mnt[dev-$name]:/dev/$name"
	done
	[ "$1" = dump ] && printf '%s\n' --external "tty[$console]" --external 'mnt[/dev/console]:console'
	[ "$1" = restore ] && printf '%s\n' --inherit-fd "fd[9]:tty[$console]" --external "mnt[console]:$terminal"
	printf '%s\n' -D "$images" -v4 --manage-cgroups=soft --action-script "$images/action" --file-locks
}

in_guest() {
	timeout $((30 * patience)) nsenter --all -t "$restored" -- env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"
}

examine() {
	init=$(status_number init_pid) monitor=$(status_number monitor_pid)
	[ "$init" -gt 0 ] || die "$guest is not running"
	ids_first=$(awk '{ print $2; exit }' "/proc/$init/uid_map")
	group=$(sed -n 's|^0::||p' "/proc/$init/cgroup")
	group=${group%/init.scope}
	group_dir=/sys/fs/cgroup$group
	[ -e /sys/fs/cgroup/cgroup.controllers ] || group_dir=/sys/fs/cgroup/unified$group
	console=$(stat -L -c '%r:%d' "/proc/$init/root/dev/console" | awk -F : '{ printf "%x:%x", $1, $2 }')
	layer=$CTCTL_PREFIX/run/_images/$(configured template)
	area=$POOL_DATA/$(configured uuid)
}

dump() {
	local options
	mapfile -t options < <(options_of dump)
	list_groups >"$images/groups"
	"$criu" dump -t "$init" -o dump.log "${options[@]}" --cgroup-root "$group" --tcp-established --network-lock skip --link-remap \
		--ghost-limit 16M --enable-fs ramfs --timeout $((30 * patience)) >/dev/null 2>&1 || die 'dump failed'
	# The monitor sees its init end, and puts away what a stopped guest does not need.
	timeout $((10 * patience)) tail -s 0.05 --pid="$monitor" -f /dev/null || die 'the monitor did not end'
}

restore() {
	local options
	# A terminal for the console: this test holds its master, so that the guest does not see it hang up. Nobody's controlling terminal.
	exec 8<>/dev/ptmx
	terminal=/dev/pts/$(awk '$1 == "tty-index:" { print $2 }' "/proc/$BASHPID/fdinfo/8")
	chown "$ids_first:$((ids_first + 5))" "$terminal"
	make_groups
	mapfile -t options < <(options_of restore)
	unshare --mount --propagation private "$rootat" "$layer" "$area" "$ids_first" "$images/root" \
		"$criu" restore -d --root "$images/root" -o restore.log "${options[@]}" --pidfile "$images/pid" --tcp-established \
		>"$images/restore.out" 2>&1 || die "restore failed: $(tail -n 1 "$images/restore.out")"
	restored=$(cat "$images/pid")
}

# A service whose state is in memory and in an established TCP connection with itself: one half sends numbers, the other writes them down.
counter() {
	cat <<-'PERL'
	use IO::Socket::INET;
	my $listener = IO::Socket::INET->new(Listen => 1, ReuseAddr => 1, LocalAddr => '127.0.0.1', LocalPort => 7777) or die;
	if (fork() == 0) {
		my $out = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => 7777) or die;
		$out->autoflush(1);
		for (my $n = 1; ; $n++) { print $out "$n\n" or die; select undef, undef, undef, 0.02 }
	}
	my $in = $listener->accept() or die;
	while (<$in>) {
		open my $file, '>', '/run/counter.new' or die;
		print $file $_;
		close $file;
		rename '/run/counter.new', '/run/counter' or die;
	}
	die 'the connection has ended';
	PERL
}

count() {
	"$@" cat /run/counter
}

# What verify() compares with.
prepare() {
	"$ctctl" exec "$guest" -- systemd-run -q --unit counter perl -e "$(counter)" || die 'no service can be run'
	# shellcheck disable=SC2016
	timeout $((10 * patience)) "$ctctl" exec "$guest" -- sh -c 'until [ "$(cat /run/counter 2>/dev/null || echo 0)" -gt 20 ]; do sleep 0.05; done' ||
		die 'the counter does not count'
	"$ctctl" exec "$guest" -- systemd-cat -t checkpoint echo before
	"$ctctl" exec "$guest" -- journalctl --sync
	services "$ctctl" exec "$guest" -- >"$images/services-before" || die 'systemd does not answer'
	counted=$(count "$ctctl" exec "$guest" --)
	uptime_before=$("$ctctl" exec "$guest" -- cut -d. -f1 /proc/uptime)
	saved_at=$SECONDS
}

services() {
	"$@" systemctl show -p MainPID,Id,NRestarts --value '*.service'
}

# The counter goes on from where it was, and the clock too.
verify_memory() {
	local now up
	now=$(count in_guest)
	[ "$now" -ge "$counted" ] || die "the counter was at $counted and is at $now"
	sleep 0.3
	[ "$(count in_guest)" -gt "$now" ] || die "the counter stands still at $now"
	up=$(in_guest cut -d. -f1 /proc/uptime)
	((up >= uptime_before && up <= uptime_before + SECONDS - saved_at + 2)) || die "it was up $uptime_before s, and $((SECONDS - saved_at)) s later $up s"
}

is_running() {
	in_guest systemctl is-system-running && return
	in_guest systemctl --failed --no-legend --no-pager
	in_guest journalctl -b -p err --no-pager -o cat
	die "the restored system is not 'running' $1"
}

verify_journal() {
	in_guest systemd-cat -t checkpoint echo after || die 'the journal takes nothing'
	in_guest journalctl --sync
	[ "$(in_guest journalctl -b -t checkpoint -o cat | tr '\n' ' ')" = 'before after ' ] || die 'the journal does not go on'
}

# Services alive before are alive after, with the same processes; and systemd still does its work.
verify() {
	is_running 'at first'
	services in_guest >"$images/services-after" || die 'systemd does not answer'
	cmp "$images/services-before" "$images/services-after" || die 'services have other processes than before'
	verify_memory
	verify_journal
	in_guest systemctl restart systemd-journald systemd-logind counter || die 'a service cannot be restarted'
	[ "$(in_guest systemd-run --wait --pipe -q echo alive)" = alive ] || die 'a new service does not run'
	is_running 'any more'
}

end_restored() {
	local dir
	[ -n "$restored" ] || return
	echo 1 >"$group_dir/cgroup.kill"
	timeout $((10 * patience)) tail -s 0.05 --pid="$restored" -f /dev/null
	for dir in "/sys/fs/cgroup$group" /sys/fs/cgroup/*"$group"; do
		! [ -d "$dir" ] || find "$dir" -depth -type d -exec rmdir {} \;
	done
}

mkdir "$images" "$images/root" || die "cannot make the folder $images"
examine
action_script >"$images/action"
chmod 755 "$images/action"
prepare
trap end_restored EXIT
dump
restore
verify
echo "checkpoint: $guest was saved ($(du -sm "$images" | cut -f 1) MB), restored and goes on"
