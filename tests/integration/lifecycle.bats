# SPDX-License-Identifier: GPL-2.0-or-later
load lib

@test "a guest is created, started, used, stopped and destroyed, and nothing of it is left" {
	ct create g1 micro
	[ "$(state g1)" = stopped ]
	ct start g1
	[ "$(state g1)" = running ]
	[ "$(ct exec g1 -- pwd)" = /root ]
	ct stop g1
	[ "$(state g1)" = stopped ]
	ct destroy g1
	refuse 13 ct status g1 says g1
}

@test "a stopped guest has no control group, process, link, mount or console" {
	ct -q create g1 micro --bridge "$BRIDGE" --ip "$NETWORK.11/24"
	instance_state | sort | grep -v ' .*/run/' >"$BATS_TEST_TMPDIR/stopped"
	ct start g1
	[ -n "$(cgroup_dirs g1)" ]
	[ -S "$RUNS/g1/console.sock" ]
	[ "$(links | wc -l)" -eq 1 ]
	ct kill g1
	instance_state | sort | grep -v ' .*/run/\| .*/console.log$' >"$BATS_TEST_TMPDIR/killed"
	same_state "$BATS_TEST_TMPDIR/stopped" "$BATS_TEST_TMPDIR/killed"
	[ "$(ls "$RUNS/g1")" = lock ]
}

@test "a guest that runs is found in its control group when the node is configured to have another" {
	local conf=$CTCTL_PREFIX/etc/ctctl.conf
	new g1 --memory 64M
	sed -i.was "s/^cgroup-parent = .*/&-later/" "$conf"
	run ct exec g1 -- pwd
	[ "$status" -eq 0 ] && run ct set g1 --memory 96M
	[ "$status" -eq 0 ] && [ "$(cat "$(cgroup_file g1 memory.max memory.limit_in_bytes)")" -eq $((96 << 20)) ] || status=1
	[ "$status" -eq 0 ] && run ct stop g1
	mv "$conf.was" "$conf"
	[ "$status" -eq 0 ]
	[ -z "$(cgroup_dirs g1)" ]
}

@test "a running guest adds nothing to the host's mounts and links but its veth" {
	new g0 # the template is mounted with the first guest
	local mounts links
	mounts=$(cat /proc/self/mountinfo)
	links=$(ip -o link show | awk -F': ' '{ print $2 }')
	new g1
	new g2 --bridge "$BRIDGE" --ip "$NETWORK.12/24"
	diff <(echo "$mounts") /proc/self/mountinfo
	[ "$(links | wc -l)" -eq 1 ]
	[ "$(ip -o link show | awk -F': ' '{ print $2 }' | grep -vxF -e "$links" | grep -cv "^$BRIDGE$")" -eq 1 ]
}

@test "status, list, show and their JSON say the same of a guest" {
	new g1 --memory 64M --description 'the first'
	ct -q create g2 micro
	run -0 ct list
	[ "${#lines[@]}" -eq 3 ]
	[[ ${lines[1]} =~ ^g1\ +running ]]
	[[ ${lines[2]} =~ ^g2\ +stopped ]]
	ct show g1 | grep -x 'memory = 64M'
	ct show g1 | grep -x 'description = the first'
	ct show g1 --json | tr -d ' \n' | grep '"memory_bytes":67108864'
	ct list --json | tr -d ' \n' | grep '"name":"g1".*"name":"g2"'
	[ "$(status_of g1 state)" = running ]
	kill -0 "$(status_of g1 init_pid)"
	[ "$(awk '{ print $4 }' "/proc/$(status_of g1 init_pid)/stat")" = "$(status_of g1 monitor_pid)" ]
}

@test "stop asks the init, which has the time to end its services" {
	new g1
	ct exec g1 -- sh -c 'cat >/root/service && chmod +x /root/service' <<-'END'
		#!/bin/sh
		trap 'echo ended >/root/farewell; exit' TERM
		echo ready >/root/ready
		while :; do sleep 0.1; done
	END
	ct exec g1 -- sh -c 'setsid /root/service >/dev/null 2>&1 &'
	within 5 ct exec g1 -- test -s /root/ready
	ct stop g1
	ct start g1
	[ "$(ct exec g1 -- cat /root/farewell)" = ended ]
}

@test "an init that ignores the request is killed when the stated time is over, and ctctl says so" {
	new g1 --stop-timeout 3600
	# Frozen by its own kind of signal handling: one that is stopped reads no signal.
	stubborn g1
	local start
	start=$(now_ms)
	run -0 --separate-stderr ct stop g1 --timeout 1
	local took=$(($(now_ms) - start))
	[[ $stderr == *g1*killed* ]]
	echo "took $took ms"
	[ "$took" -ge 1000 ]
	[ "$took" -lt $((5000 * PATIENCE)) ]
	[ "$(state g1)" = stopped ]
}

@test "the guest's own stop-timeout counts where none is given" {
	new g1 --stop-timeout 1
	stubborn g1
	CT_TIMEOUT=10 ct stop g1
	[ "$(state g1)" = stopped ]
}

# An init that does not react: the group of the guest's first process is frozen by a stop signal from the host.
stubborn() {
	kill -STOP "$(status_of "$1" init_pid)"
}

@test "kill ends a guest at once, also one with many processes" {
	new g1
	ct exec g1 -- sh -c 'i=0; while [ $i -lt 200 ]; do sleep 1000 & i=$((i + 1)); done'
	local start
	start=$(now_ms)
	ct kill g1
	[ $(($(now_ms) - start)) -lt $((3000 * PATIENCE)) ]
	[ "$(state g1)" = stopped ]
}

@test "restart stops and starts: another init, and files stay" {
	new g1
	local first
	first=$(status_of g1 init_pid)
	ct exec g1 -- sh -c 'echo kept >/root/file'
	ct restart g1
	[ "$(status_of g1 init_pid)" != "$first" ]
	[ "$(ct exec g1 -- cat /root/file)" = kept ]
}

@test "what ends a guest returns when its monitor is gone, too, so that the next command does not find it busy" {
	local monitor verb
	for verb in kill 'restart --kill' 'destroy --force'; do
		[ -e "$GUESTS/g1" ] || ct -q create g1 micro
		[ "$(state g1)" = running ] || ct start g1
		monitor=$(status_of g1 monitor_pid)
		kill -STOP "$monitor"
		(sleep 0.3 && kill -CONT "$monitor") &
		# shellcheck disable=SC2086
		ct $verb g1
		wait
		has_ended "$monitor"
	done
}

@test "restart starts a guest that is stopped" {
	ct -q create g1 micro
	ct restart g1
	[ "$(state g1)" = running ]
}

@test "poweroff inside stops the guest and leaves it stopped" {
	new g1 --bridge "$BRIDGE" --ip "$NETWORK.11/24"
	local monitor
	monitor=$(status_of g1 monitor_pid)
	inside g1 poweroff
	within 10 is_state g1 stopped
	within 5 has_ended "$monitor"
	[ -z "$(cgroup_dirs g1)" ]
	[ -z "$(links)" ]
	[ "$(state g1)" = stopped ]
}

@test "halt inside stops the guest" {
	new g1
	inside g1 halt
	within 10 is_state g1 stopped
}

@test "reboot inside restarts the guest, with its limits and its network" {
	new g1 --memory 64M --bridge "$BRIDGE" --ip "$NETWORK.11/24"
	local first
	first=$(status_of g1 init_pid)
	inside g1 reboot
	within 10 rebooted g1 "$first"
	[ "$(cat "$(cgroup_file g1 memory.max memory.limit_in_bytes)")" -eq $((64 << 20)) ]
	ct exec g1 -- ip addr show dev eth0 | grep -F "$NETWORK.11/24"
	[ "$(links | wc -l)" -eq 1 ]
	first=$(status_of g1 init_pid)
	inside g1 reboot
	within 10 rebooted g1 "$first"
	ct stop g1
}

# Of a command that ends the guest, the status is that of the signal with which it is ended itself, if it is not quick enough.
inside() {
	run ct exec "$1" -- "$2"
	[ "$status" -eq 0 ] || [ "$status" -eq 143 ] || [ "$status" -eq 137 ]
}

# It runs, its init is another than the one of pid $2, has come so far that it listens to signals, and nobody is at work on it.
rebooted() {
	local json
	json=$(ct status "$1" --json | tr -d ' \n')
	[[ $json == *'"state":"running"'*'"busy":null'*'"processes":2,'* && $json != *"\"init_pid\":$2,"* ]]
}

# At most as long as it takes from before the command until now.
is_younger_than() {
	local start up
	start=$(now_ms)
	"$@"
	up=$(ct exec g1 -- cut -d' ' -f1 /proc/uptime)
	echo "uptime $up s, $(($(now_ms) - start)) ms after the beginning of: $*"
	[ $((10#${up/./} * 10)) -le $(($(now_ms) - start)) ]
}

@test "uptime inside begins at nothing, and begins anew with each start" {
	is_younger_than new g1
	is_younger_than ct restart g1 --kill
	ct kill g1
	is_younger_than ct start g1
}

@test "the host name inside is the guest's name, or what hostname says from the next start" {
	new g1
	[ "$(ct exec g1 -- hostname)" = g1 ]
	ct set g1 --hostname www.example.org
	[ "$(ct exec g1 -- hostname)" = g1 ]
	ct kill g1
	ct start g1
	[ "$(ct exec g1 -- hostname)" = www.example.org ]
}

@test "every guest has a range of ids that no other has, and its processes run with them" {
	local name first all=()
	for name in g1 g2 g3; do
		new "$name"
		first=$(ct show "$name" | awk '$1 == "ids" { print $3 }')
		[ $((first % 65536)) -eq 0 ]
		[ "$first" -ge "$IDS_FIRST" ]
		[ "$first" -lt "$IDS_END" ]
		[ "$(stat -c %u "/proc/$(status_of "$name" init_pid)")" -eq "$first" ]
		[ "$(ct exec "$name" -- cat /proc/self/uid_map | tr -s ' ')" = " 0 $first 65536" ]
		[ "$(ct exec "$name" -- cat /proc/self/gid_map | tr -s ' ')" = " 0 $first 65536" ]
		all+=("$first")
	done
	[ "$(printf '%s\n' "${all[@]}" | sort -u | wc -l)" -eq 3 ]
}

@test "a range of ids is free again after destroy, and a guest's name does not matter for it" {
	ct -q create g1 micro
	[ "$(find "$IDS" -name '[0-9]*' | wc -l)" -eq 1 ]
	ct -q rename g1 g2
	ct -q destroy g2
	[ "$(find "$IDS" -name '[0-9]*' | wc -l)" -eq 0 ]
}

@test "rename keeps the guest, its files and its identity, and wants it stopped" {
	new g1 --memory 64M
	ct exec g1 -- sh -c 'echo kept >/root/file'
	local uuid
	uuid=$(ct show g1 | grep '^uuid')
	refuse 32 ct rename g1 g2 says g1 running
	ct kill g1
	ct rename g1 g2
	refuse 13 ct status g1 says g1
	[ ! -e "$RUNS/g1" ]
	[ "$(ct show g2 | grep '^uuid')" = "$uuid" ]
	ct start g2
	[ "$(ct exec g2 -- cat /root/file)" = kept ]
	[ "$(ct exec g2 -- hostname)" = g2 ]
}

@test "rename to a name that is taken is refused and changes nothing" {
	ct -q create g1 micro
	ct -q create g2 micro
	refuse 111 ct rename g1 g2 says g2
	[ "$(state g1)" = stopped ]
	[ "$(state g2)" = stopped ]
}

@test "a new guest sees the template's files, and two guests of it do not see each other's" {
	new g1
	new g2
	ct exec g1 -- sh -c 'echo mine >/root/file; rm /etc/os-release'
	ct exec g2 -- sh -c '! [ -e /root/file ] && [ -e /etc/os-release ]'
	ct restart g1 --kill
	ct exec g1 -- sh -c '[ -e /root/file ] && ! [ -e /etc/os-release ]'
}

@test "destroy leaves a running guest alone unless forced" {
	new g1
	refuse 32 ct destroy g1 says g1 --force
	[ "$(state g1)" = running ]
	ct destroy --force g1
	refuse 13 ct status g1 says g1
}

@test "several guests are started and stopped by one command, and one that fails does not stop the others" {
	ct -q create g1 micro
	ct -q create g2 micro
	run --separate-stderr ct start g1 nobody g2
	[ "$status" -eq 13 ]
	[[ $stderr == *nobody* ]]
	[ "$(state g1) $(state g2)" = 'running running' ]
	ct kill g1 g2
	[ "$(state g1) $(state g2)" = 'stopped stopped' ]
}

@test "autostart starts what is marked, in its order, and autostart --stop ends everything in reverse" {
	ct -q create a-late micro --autostart yes --autostart-order 20
	ct -q create z-early micro --autostart yes --autostart-order 10
	ct -q create manual micro
	ct autostart --parallel 4
	[ "$(state z-early) $(state a-late) $(state manual)" = 'running running stopped' ]
	[ "$(status_of z-early init_pid)" -lt "$(status_of a-late init_pid)" ]
	ct autostart # nothing to do is a success
	ct start manual
	ct autostart --stop
	[ "$(state z-early) $(state a-late) $(state manual)" = 'stopped stopped stopped' ]
}

@test "one that cannot be started does not keep autostart from the others" {
	ct -q create bad micro --autostart yes --autostart-order 1
	ct -q create good micro --autostart yes --autostart-order 2
	local conf=$GUESTS/bad/guest.conf
	cp "$conf" "$BATS_TEST_TMPDIR/good.conf"
	sed -i '1i memory = 12x' "$conf"
	run ct autostart
	[[ $output == *bad* ]]
	[ "$(state good)" = running ]
	cp "$BATS_TEST_TMPDIR/good.conf" "$conf"
}

@test "a second instance has its own guests, groups and bridge" {
	new g1 --bridge "$BRIDGE" --ip "$NETWORK.11/24"
	mkdir -p "$BATS_TEST_TMPDIR/other/etc"
	local other=(--prefix "$BATS_TEST_TMPDIR/other")
	printf '%s\n' "bridge-address = $NETWORK.129/25" 'default-net = none' 'forwarding = no' >"$BATS_TEST_TMPDIR/other/etc/ctctl.conf"
	ct "${other[@]}" pool create default --kind dir
	ct "${other[@]}" -q template build micro
	run -0 ct "${other[@]}" list
	[[ $output != *g1* ]]
	ct "${other[@]}" -q create g1 micro --start
	[ "$(ct "${other[@]}" exec g1 -- cat /proc/self/uid_map)" != "$(ct exec g1 -- cat /proc/self/uid_map)" ]
	ct kill g1
	[ "$(ct "${other[@]}" list -o name,state | tail -n 1)" = 'g1   running' ]
	ct "${other[@]}" destroy --force g1
	ct "${other[@]}" template remove micro
	ct "${other[@]}" pool remove default
	forget_instance "$BATS_TEST_TMPDIR/other"
}

# The groups of an instance that is no more; its parent is named after the prefix (runtime/node.c).
forget_instance() {
	local h=2166136261 i path
	path=$(realpath "$1")
	for ((i = 0; i < ${#path}; i++)); do
		h=$(((h ^ $(printf '%d' "'${path:i:1}")) * 16777619 & 0xffffffff))
	done
	path=$(printf 'ctctl-%08x' "$h")
	PARENT=$(parent_of "$path")
	[ -n "$(cgroup_dirs)" ]
	remove_groups "$PARENT"
}
