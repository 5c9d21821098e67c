# SPDX-License-Identifier: GPL-2.0-or-later
load lib

limit() {
	cat "$(cgroup_file "$@")"
}

memory_limit() {
	limit "$1" memory.max memory.limit_in_bytes
}

pids_limit() {
	limit "$1" pids.max pids.max
}

# Thousandths of a core.
cpu_limit() {
	local file quota period
	if file=$(find /sys/fs/cgroup -maxdepth 4 -path "*/$PARENT/$1/cpu.max" | grep .); then
		read -r quota period <"$file"
	else
		quota=$(limit "$1" none cpu.cfs_quota_us)
		period=$(limit "$1" none cpu.cfs_period_us)
	fi
	if [ "$quota" = max ] || [ "$quota" = -1 ]; then echo none; else echo $((quota * 1000 / period)); fi
}

# A process that touches that many megabytes.
touch_memory() {
	ct exec "$1" -- dd if=/dev/zero of=/dev/null bs="$2M" count=1
}

@test "memory: a process that exceeds the limit is killed, the guest lives" {
	new g1 --memory 48M
	[ "$(memory_limit g1)" -eq $((48 << 20)) ]
	touch_memory g1 16
	run -137 touch_memory g1 200
	[ "$(state g1)" = running ]
	touch_memory g1 16
}

@test "memory: what is put into the guest's tmpfs counts" {
	new g1 --memory 48M
	run -137 ct exec g1 -- dd if=/dev/zero of=/dev/shm/file bs=1M count=200
	[ "$(ct exec g1 -- stat -c %s /dev/shm/file)" -lt $((48 << 20)) ]
	[ "$(state g1)" = running ]
}

@test "memory: a running guest gets more, and less, at once" {
	new g1 --memory 48M
	ct set g1 --memory 300M
	[ "$(memory_limit g1)" -eq $((300 << 20)) ]
	touch_memory g1 200
	ct set g1 --memory 64M
	[ "$(memory_limit g1)" -eq $((64 << 20)) ]
	run -137 touch_memory g1 200
}

@test "memory: none takes the limit off" {
	new g1 --memory 48M
	ct set g1 --memory none
	touch_memory g1 200
	ct restart g1 --kill
	touch_memory g1 200
}

@test "pids: a fork bomb ends at the limit, and neither the host nor another guest notices" {
	new g1 --pids 40
	new g2
	[ "$(pids_limit g1)" -eq 40 ]
	timeout 20 "$CTCTL" exec g1 -- sh -c 'b() { b | b & }; b; sleep 1' </dev/null >/dev/null 2>&1 || true
	[ "$(status_of g1 processes)" -le 40 ]
	ct exec g2 -- true
	[ "$(state g1)" = running ]
	ct kill g1
}

@test "pids: raised at once; a command that does not fit is refused with a reason" {
	new g1 --pids 8
	ct exec g1 -- sh -c 'for i in 1 2 3 4 5 6; do sleep 4800 & done' || true
	within 3 fits_no_more g1
	ct set g1 --pids 100
	[ "$(pids_limit g1)" -eq 100 ]
	ct exec g1 -- sh -c 'for i in 1 2 3 4 5 6 7 8; do sleep 0.1 & done; wait'
}

fits_no_more() {
	run --separate-stderr ct exec "$1" -- sh -c 'sleep 4801 & sleep 4801 & wait'
	[ "$status" -ne 0 ]
}

@test "cpu: the limit is a share of a core, changed at once, and it is kept to" {
	new g1 --cpus 0.5
	[ "$(cpu_limit g1)" -eq 500 ]
	local before after
	ct exec g1 -- sh -c 'while :; do :; done & while :; do :; done &' </dev/null >/dev/null 2>&1
	before=$(status_of g1 cpu_usec)
	sleep 2
	after=$(status_of g1 cpu_usec)
	echo "used $((after - before)) us of 2 s"
	[ $((after - before)) -lt 1500000 ]
	ct set g1 --cpus 2
	[ "$(cpu_limit g1)" -eq 2000 ]
	ct set g1 --cpus 0.01
	[ "$(cpu_limit g1)" -eq 10 ]
	ct set g1 cpus=
	[ "$(cpu_limit g1)" = none ]
}

@test "cpu: the weight is the kernel's, in its own measure" {
	new g1 --cpu-weight 200
	local weight
	weight=$(limit g1 cpu.weight cpu.shares)
	[ "$weight" -eq 200 ] || [ "$weight" -eq 2048 ]
	ct set g1 --cpu-weight 1
	weight=$(limit g1 cpu.weight cpu.shares)
	[ "$weight" -eq 1 ] || [ "$weight" -eq 10 ]
}

@test "disk: a guest cannot write more than its limit; raised at once, it goes on; deleting frees" {
	new g1 --disk 64M
	run ct exec g1 -- dd if=/dev/urandom of=/root/file bs=1M count=100 conv=fsync
	[ "$status" -ne 0 ]
	[[ $output == *'uota exceeded'* || $output == *'No space left'* ]]
	local size
	size=$(ct exec g1 -- stat -c %s /root/file)
	echo "$size bytes fit"
	[ "$size" -le $((64 << 20)) ]
	[ "$size" -ge $((48 << 20)) ]
	ct set g1 --disk 160M
	ct exec g1 -- dd if=/dev/urandom of=/root/more bs=1M count=60 conv=fsync
	ct exec g1 -- sync
	[ "$(status_of g1 disk_used_bytes)" -ge $((100 << 20)) ]
	ct exec g1 -- rm /root/file /root/more
	ct exec g1 -- dd if=/dev/urandom of=/root/again bs=1M count=100 conv=fsync
}

@test "disk: a full guest can be stopped, started, entered, emptied and destroyed" {
	new g1 --disk 32M
	run ct exec g1 -- dd if=/dev/urandom of=/root/file bs=1M count=100
	run ct exec g1 -- sh -c 'i=0; while echo x >/root/small.$i; do i=$((i + 1)); [ $i -lt 5000 ] || exit 0; done'
	ct restart g1 --kill
	ct exec g1 -- true
	ct exec g1 -- sh -c 'rm -f /root/file /root/small.*'
	ct exec g1 -- dd if=/dev/urandom of=/root/file bs=1M count=8 conv=fsync
}

@test "disk: one guest's limit does not touch another's" {
	new g1 --disk 32M
	new g2 --disk 128M
	run ct exec g1 -- dd if=/dev/urandom of=/root/file bs=1M count=100
	[ "$status" -ne 0 ]
	ct exec g2 -- dd if=/dev/urandom of=/root/file bs=1M count=80 conv=fsync
}

@test "disk: a pool of kind dir has no limits, and says so where one is asked for" {
	ct -q pool create plain --kind dir
	ct -q create g1 micro --pool plain --start
	ct exec g1 -- dd if=/dev/zero of=/root/file bs=1M count=4
	run --separate-stderr ct set g1 --disk 64M
	echo "$status $stderr"
	[ "$status" -eq 4 ]
	[[ $stderr == *plain* ]]
	refuse 4 ct create g2 micro --pool plain --disk 64M says plain
	refuse 13 ct status g2 says g2
	ct destroy --force g1
	ct pool remove plain
}

@test "all limits are there again after a restart, a reboot and a loss of the monitor" {
	new g1 --memory 64M --cpus 0.5 --pids 50 --cpu-weight 50 --disk 64M
	ct set g1 memory=80M cpus=0.75 pids=60 cpu-weight=75 disk=80M
	ct restart g1 --kill
	[ "$(memory_limit g1) $(cpu_limit g1) $(pids_limit g1)" = "$((80 << 20)) 750 60" ]
	kill -KILL "$(status_of g1 monitor_pid)"
	within 5 is_state g1 unmonitored
	ct set g1 pids=61
	ct restart g1 --kill
	[ "$(memory_limit g1) $(cpu_limit g1) $(pids_limit g1)" = "$((80 << 20)) 750 61" ]
	ct show g1 | grep -x 'disk = 80M'
}

# What the guest has now, in the kernel and in its file.
all_limits() {
	echo "$(memory_limit g1) $(cpu_limit g1) $(pids_limit g1) $(limit g1 cpu.weight cpu.shares)"
	cat "$GUESTS/g1/guest.conf"
}

@test "a set with one value that is refused changes nothing" {
	new g1 --memory 64M --cpus 0.5 --pids 50
	local before
	before=$(all_limits)
	refuse 21 ct set g1 --memory 80M --pids 12x says pids 12x
	refuse 21 ct set g1 --pids 60 --memory 12x says memory 12x
	refuse 21 ct set g1 --pids 60 --memory 100000G says memory
	refuse 21 ct set g1 --pids 60 --cpus 100000 says cpus
	refuse 20 ct set g1 --pids 60 ids=4711 says ids
	refuse 20 ct set g1 --pids 60 pool=other says pool
	refuse 20 ct set g1 --pids 60 --no-such-thing 5 says no-such-thing
	refuse 20 ct set g1 says nothing
	[ "$(all_limits)" = "$before" ]
}

@test "a set that the kernel refuses changes nothing" {
	new g1 --memory 300M --pids 50 --disk 64M
	ct exec g1 -- dd if=/dev/zero of=/dev/shm/file bs=1M count=100
	local before
	before=$(all_limits)
	run --separate-stderr ct set g1 --disk 300M --pids 60 --memory 8M
	if [ "$status" -eq 0 ]; then
		skip 'this kernel takes a limit below what is used, and kills'
	fi
	[[ $stderr == *memory* ]]
	[ "$(all_limits)" = "$before" ]
	# The disk's limit, which was changed first, is back.
	run ct exec g1 -- dd if=/dev/urandom of=/root/file bs=1M count=100 conv=fsync
	[ "$status" -ne 0 ]
}

@test "what counts only from the next start is said so" {
	new g1
	run -0 --separate-stderr ct set g1 --hostname other
	[[ $stderr == *restart* ]]
	run -0 --separate-stderr ct set g1 --pids 100
	[ -z "$stderr" ]
}
