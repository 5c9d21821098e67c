# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154,SC2034
# What is measured of ctctl alone. Sourced by tests/bench/run.
list_guests=300
cgroup_parent=''

# pid_of init|monitor GUEST
pid_of() {
	"$ctctl" status "$2" --json | awk -F '[:,]' -v key="\"$1_pid\"" 'index($0, key) { print $2 + 0 }'
}

# Runs ctctl; a failure is reported, and the whole run will end with 1.
run_ctctl() {
	"$ctctl" -q "$@" >/dev/null 2>"$work/error" && return
	say "ctctl $*: $(tail -n 1 "$work/error")"
	failed=1
	return 1
}

ctctl_make() {
	[ -x "$ctctl" ] || return
	# More guests than an instance with a prefix has room for, behind the ids of all other instances.
	mkdir -p "$CTCTL_PREFIX/etc"
	printf 'ids-first = %d\nids-slots = 512\n' $((27904 * 65536)) >"$CTCTL_PREFIX/etc/ctctl.conf"
	run_ctctl template build micro
	run_ctctl create bench --template micro --memory 256M
	run_ctctl start bench
	# "/ctctl-1234abcd/bench": the instance's own group, which stays behind its last guest.
	cgroup_parent=$(sed -n 's|^0::/\([^/]*\)/.*|\1|p' "/proc/$(pid_of init bench)/cgroup")
	run_ctctl stop --kill bench
}

# template_of_size NAME MEBIBYTES: the system of busybox and files of random bytes.
template_of_size() {
	local tree=$work/tree-$1
	cp -a "$work/root" "$tree"
	mkdir "$tree/data" "$tree/sbin"
	ln -s /bin/busybox "$tree/sbin/init"
	split --suffix-length=4 --bytes=1M <(head -c "$2M" /dev/urandom) "$tree/data/"
	tar -C "$tree" -cf "$tree.tar" .
	rm -rf "$tree"
	run_ctctl template import "$1" "$tree.tar"
	rm -f "$tree.tar"
}

plan_create() {
	echo "title Create a guest"
	echo "runs $runs"
	echo "subject ctctl create, template of 1 GB"
	row "ctctl create, template micro" time "$ctctl create made --template micro" after "$ctctl destroy made"
	row "ctctl create, template of 200 MB" time "$ctctl create made --template size200m" after "$ctctl destroy made"
	row "ctctl create, template of 1 GB" time "$ctctl create made --template size1g" after "$ctctl destroy made"
	echo "expect 10 ms"
	echo "expect 1.1 ctctl create, template of 200 MB"
}

plan_list() {
	echo "title List $list_guests guests"
	echo "runs $runs"
	echo "subject ctctl list"
	row "ctctl list" time "$ctctl list"
	row "ctctl list --json" time "$ctctl list --json"
	echo "expect 30 ms"
}

count_mounts() {
	wc -l </proc/self/mountinfo
}

count_links() {
	find /sys/class/net -mindepth 1 | wc -l
}

# private_kib PID: memory that this process alone has, in KiB.
private_kib() {
	awk '/^Private_/ { sum += $2 } END { print sum + 0 }' "/proc/$1/smaps_rollup"
}


# footprint_row WHAT NUMBER LIMIT
footprint_row() {
	local verdict=met
	[ "$2" -le "$3" ] || verdict=missed
	echo "| $1 | $2 | $3 | $verdict |"
}

# The first guest may bring what all share (the template's and the pool's mounts); each further one must bring nothing.
footprint() {
	local guests=(foot1 foot2 foot3 foot4 foot5) guest mounts links kib most=0
	run_ctctl start bench
	mounts=$(count_mounts) links=$(count_links)
	for guest in "${guests[@]}"; do
		run_ctctl create "$guest" --template micro && run_ctctl start "$guest"
	done
	printf '\n### What a running guest costs the host\n\n| | measured | at most | target |\n|---|---|---|---|\n'
	for guest in bench "${guests[@]}"; do
		kib=$(private_kib "$(pid_of monitor "$guest")")
		[ "$kib" -le "$most" ] || most=$kib
	done
	footprint_row "private memory of a monitor, the largest of $((${#guests[@]} + 1)), KiB" "$most" 300
	footprint_row "more lines in the mount table for ${#guests[@]} more guests" $(($(count_mounts) - mounts)) 0
	footprint_row "more network interfaces for ${#guests[@]} more guests, without address" $(($(count_links) - links)) 0
	for guest in "${guests[@]}"; do
		run_ctctl destroy --force "$guest"
	done
	run_ctctl stop --kill bench
}

ctctl_tables() {
	local i
	[ -x "$ctctl" ] || return
	say "making templates of 200 MB and of 1 GB"
	template_of_size size200m 200
	template_of_size size1g 1024
	plan_create | table
	footprint
	say "making $list_guests guests"
	for ((i = 1; i < list_guests; i++)); do
		run_ctctl create "many$i" --template micro || break
	done
	plan_list | table
}

# Guests, and the mounts of the instance, which exist in this run's own mount namespace only.
ctctl_remove() {
	local guest group
	[ -x "$ctctl" ] || return
	for guest in $("$ctctl" list -o name 2>/dev/null | sed 1d); do
		"$ctctl" -q destroy --force "$guest" >/dev/null 2>&1 || say "guest $guest could not be removed"
	done
	for group in /sys/fs/cgroup/"${cgroup_parent:-none}" /sys/fs/cgroup/*/"${cgroup_parent:-none}"; do
		! [ -d "$group" ] || find "$group" -depth -type d -exec rmdir {} \;
	done
	awk -v under="$work/" 'index($5, under) == 1 { print $5 }' /proc/self/mountinfo | tac | xargs -r -n 1 umount
}
