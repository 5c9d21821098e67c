# SPDX-License-Identifier: GPL-2.0-or-later
load lib

setup_file() {
	"${CC:-gcc}" -Wall -Wextra -O1 -D_GNU_SOURCE -o "$BATS_FILE_TMPDIR/plug" "$BATS_TEST_DIRNAME/limits/plug.c"
}

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

@test "memory: with a limit there is no swap, without one there is" {
	needs swap_accounting
	new g1 --memory 48M
	local file
	file=$(cgroup_file g1 memory.swap.max memory.memsw.limit_in_bytes)
	# v1 counts memory and swap together.
	[ "$(cat "$file")" = 0 ] || [ "$(cat "$file")" = $((48 << 20)) ]
	ct set g1 --memory none
	[ "$(cat "$file")" = max ] || [ "$(cat "$file")" -gt $((1 << 50)) ]
	ct set g1 --memory 64M
	[ "$(cat "$file")" = 0 ] || [ "$(cat "$file")" = $((64 << 20)) ]
}

@test "memory: a guest that is created without a limit has the host's default" {
	new g1
	[ "$(memory_limit g1)" -gt 0 ]
	[ "$(memory_limit g1)" -le $((1 << 30)) ]
	[ "$(ct show g1 | sed -n 's/^memory = //p')" != none ]
	ct destroy --force g1
	echo 'default-memory = 96M' >>"$CTCTL_PREFIX/etc/ctctl.conf"
	new g1
	sed -i /^default-memory/d "$CTCTL_PREFIX/etc/ctctl.conf"
	[ "$(memory_limit g1)" -eq $((96 << 20)) ]
	ct destroy --force g1
	new g1 --memory none
	touch_memory g1 100
}

high_events() {
	sed -n 's/^high //p' "$(cgroup_file "$1" memory.events none)"
}

is_slowed() {
	[ "$(high_events "$1")" -gt 0 ]
}

@test "memory-high: a guest above it is slowed down and made to give back, and is not killed" {
	needs controllers_v2
	new g1 --memory 200M --memory-high 24M
	[ "$(limit g1 memory.high none)" -eq $((24 << 20)) ]
	# It has nothing to give back, and so waits the longer the further it is above.
	touch_memory g1 60 >/dev/null 2>&1 3>&- &
	within 20 is_slowed g1
	[ "$(state g1)" = running ]
	kill -0 $!
	grep -qx 'oom_kill 0' "$(cgroup_file g1 memory.events none)"
	ct set g1 --memory-high none
	[ "$(limit g1 memory.high none)" = max ]
	wait $!
}

@test "memory-high: pages of files are given back" {
	needs controllers_v2
	# The pages of a pool in memory are those of the guest that wrote them, and cannot be given back.
	needs files_on_disk
	new g1 --memory 200M --memory-high 24M
	ct exec g1 -- dd if=/dev/zero of=/root/file bs=1M count=60 conv=fsync
	is_slowed g1
	[ "$(limit g1 memory.current none)" -lt $((32 << 20)) ]
	ct set g1 --memory-high none
	ct exec g1 -- dd if=/root/file of=/dev/null bs=1M
	[ "$(limit g1 memory.current none)" -gt $((40 << 20)) ]
}

# The slice above a unit, if it is one, has what its units have. It is there for all instances.
slice_protects_all() {
	local slice sum=0 file
	slice=$(dirname "$1")
	[[ $slice == *.slice ]] || return 0
	for file in "$slice"/*/memory.low; do
		sum=$((sum + $(cat "$file")))
	done
	[ "$(cat "$slice/memory.low")" -eq "$sum" ]
}

@test "memory-low: what a guest is given is its, also in the groups above, which protect nothing otherwise" {
	needs controllers_v2
	local file above
	new g1 --memory 100M --memory-low 20M
	new g2
	file=$(cgroup_file g1 memory.low none)
	[ "$(cat "$file")" -eq $((20 << 20)) ]
	above=$(dirname "$(dirname "$file")")
	[ "$(cat "$above/memory.low")" -eq $((20 << 20)) ]
	ct set g2 --memory-low 30M
	[ "$(cat "$above/memory.low")" -eq $((50 << 20)) ]
	slice_protects_all "$above"
	# systemd has its own idea of the groups of its units, and comes back to it.
	if [ -d /run/systemd/system ]; then
		systemctl daemon-reload
		systemctl set-property --runtime ctctl.slice CPUWeight=200
		systemctl set-property --runtime ctctl.slice CPUWeight=
	fi
	[ "$(cat "$above/memory.low")" -eq $((50 << 20)) ]
	slice_protects_all "$above"
	# A guest that is stopped has nothing any more.
	ct kill g1
	[ "$(cat "$above/memory.low")" -eq $((30 << 20)) ]
	slice_protects_all "$above"
	ct start g1
	[ "$(cat "$above/memory.low")" -eq $((50 << 20)) ]
	ct set g1 --memory-low none
	[ "$(cat "$file")" -eq 0 ]
	[ "$(cat "$above/memory.low")" -eq $((30 << 20)) ]
	ct set g2 --memory-low none
	[ "$(cat "$above/memory.low")" -eq 0 ]
	slice_protects_all "$above"
}

@test "memory-high and memory-low are refused where they cannot be, and against each other" {
	new g1 --memory 64M
	refuse 21 ct set g1 --memory-high 65M says memory-high 64M
	refuse 21 ct set g1 --memory-low 65M says memory-low 64M
	refuse 21 ct create g2 micro --memory 16M --memory-high 8M --memory-low 9M says memory-low 8M
	refuse 13 ct status g2 says g2
	if [ -n "$(lacks_controllers_v2)" ]; then
		refuse 4 ct set g1 --memory-high 32M says memory-high 'version 1'
		refuse 4 ct create g2 micro --memory-low 32M says memory-low 'version 1'
		refuse 13 ct status g2 says g2
	fi
	ct show g1 | grep '^memory-high =  *#'
}

@test "pids: a fork bomb ends at the limit, and neither the host nor another guest notices" {
	new g1 --pids 40
	new g2
	[ "$(pids_limit g1)" -eq 40 ]
	timeout $((20 * PATIENCE)) "$CTCTL" exec g1 -- sh -c 'b() { b | b & }; b; sleep 1' </dev/null >/dev/null 2>&1 || true
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
	local start before after
	ct exec g1 -- sh -c 'while :; do :; done & while :; do :; done &' </dev/null >/dev/null 2>&1
	start=$(now_ms)
	before=$(status_of g1 cpu_usec)
	sleep 2
	after=$(status_of g1 cpu_usec)
	start=$(($(now_ms) - start))
	echo "used $((after - before)) us of $start ms"
	[ $((after - before)) -lt $((start * 750)) ]
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

# The processors that a process in it may use, as the kernel has it.
affinity() {
	ct exec "$1" -- sed -n 's/^Cpus_allowed_list:[[:space:]]*//p' /proc/self/status
}

@test "cpuset: a guest uses the processors that it is given, and no others, at once" {
	needs two_processors
	local online last all
	online=$(cat /sys/devices/system/cpu/online)
	last=${online##*[-,]}
	new g1
	all=$(affinity g1)
	ct set g1 --cpuset "$last"
	[ "$(affinity g1)" = "$last" ]
	[ "$(ct exec g1 -- nproc)" -eq 1 ]
	[ "$(grep '^Cpus_allowed_list' "/proc/$(status_of g1 init_pid)/status" | tr -cd '0-9,-')" = "$last" ]
	refuse 21 ct set g1 --cpuset "0-$((last + 1))" says cpuset "$online"
	refuse 21 ct set g1 --cpuset 3-1 says cpuset 3-1
	[ "$(affinity g1)" = "$last" ]
	ct set g1 --cpuset none
	[ "$(affinity g1)" = "$all" ]
	ct set g1 --cpuset 0
	ct restart g1 --kill
	[ "$(affinity g1)" = 0 ]
}

@test "a guest starts, with a warning, without the shares that the host does not give any more" {
	ct -q create g1 micro
	sed -i '1i cpuset = 0-8191\nio-weight = 300' "$CTCTL_PREFIX/lib/guests/g1/guest.conf"
	run -0 --separate-stderr ct start g1
	[[ $stderr == *warning*g1*"cpuset '0-8191'"* ]]
	refuse 21 ct set g1 --cpuset 0-8191 says cpuset
	[ "$(affinity g1)" = "$(cat /sys/devices/system/cpu/online)" ]
	run -0 --separate-stderr ct restart g1 --kill
	[[ $stderr == *warning*g1*"cpuset '0-8191'"* ]]
}

# timed COMMAND...: prints the milliseconds that it took.
timed() {
	local start
	start=$(now_ms)
	"$@" >/dev/null
	echo $(($(now_ms) - start))
}

@test "io-write: what a guest writes, past the page cache or through it, takes its time" {
	local without took
	new g1
	without=$(timed ct exec g1 -- dd if=/dev/zero of=/root/file bs=1M count=6 oflag=direct)
	ct set g1 --io-write 2M
	took=$(timed ct exec g1 -- dd if=/dev/zero of=/root/file bs=1M count=6 oflag=direct)
	echo "direct: $took ms, without: $without ms"
	[ "$took" -ge 2000 ]
	[ "$without" -lt "$took" ]
	took=$(timed ct exec g1 -- dd if=/dev/zero of=/root/file bs=1M count=6 conv=fsync)
	echo "fsync: $took ms"
	[ "$took" -ge 2000 ]
	# At once, while it writes.
	ct exec g1 -- dd if=/dev/zero of=/root/file bs=1M count=200 oflag=direct >/dev/null 2>&1 3>&- &
	ct set g1 --io-write none
	wait $!
}

@test "io-write: what the kernel writes for a guest later is its, too" {
	needs controllers_v2
	local without took file
	new g1
	ct exec g1 -- dd if=/dev/zero of=/root/late bs=1M count=6
	file=$(find "$POOL_DATA" -name late)
	without=$(timed sync -f "$file")
	ct set g1 --io-write 2M
	ct exec g1 -- dd if=/dev/zero of=/root/late bs=1M count=6
	took=$(timed sync -f "$file")
	echo "late: $took ms, without: $without ms"
	[ "$took" -ge 1000 ]
	[ "$without" -lt "$took" ]
}

@test "io-read: what a guest reads from its disk takes its time" {
	local without took
	new g1
	ct exec g1 -- dd if=/dev/zero of=/root/file bs=1M count=6 conv=fsync
	without=$(timed ct exec g1 -- dd if=/root/file of=/dev/null bs=1M iflag=direct)
	ct set g1 --io-read 2M
	took=$(timed ct exec g1 -- dd if=/root/file of=/dev/null bs=1M iflag=direct)
	echo "with: $took ms, without: $without ms"
	[ "$took" -ge 2000 ]
	[ "$without" -lt "$took" ]
}

@test "io-read-ops and io-write-ops: so many a second" {
	local without took
	new g1
	ct exec g1 -- dd if=/dev/zero of=/root/file bs=4k count=100 conv=fsync
	without=$(timed ct exec g1 -- dd if=/root/file of=/dev/null bs=4k iflag=direct)
	ct set g1 --io-read-ops 30 --io-write-ops 30
	took=$(timed ct exec g1 -- dd if=/root/file of=/dev/null bs=4k iflag=direct)
	echo "100 reads: $took ms, without: $without ms"
	[ "$took" -ge 2000 ]
	[ "$without" -lt "$took" ]
	took=$(timed ct exec g1 -- dd if=/dev/zero of=/root/file bs=4k count=100 oflag=direct conv=notrunc)
	echo "100 writes: $took ms"
	[ "$took" -ge 2000 ]
	refuse 21 ct set g1 --io-read-ops 0 says io-read-ops 0
}

# has_written GUEST MEGABYTES
has_written() {
	[ "$(ct exec "$1" -- stat -c %s /root/file)" -ge $(($2 << 20)) ]
}

@test "io: a guest that is held back does not hold its neighbour back" {
	local took writer
	new g1 --io-write 1M
	new g2
	ct exec g1 -- dd if=/dev/zero of=/root/file bs=1M count=60 conv=fsync >/dev/null 2>&1 3>&- &
	writer=$!
	within 20 has_written g1 4
	took=$(timed ct exec g2 -- dd if=/dev/zero of=/root/file bs=1M count=2 conv=fsync)
	echo "$took ms"
	# g1 needs a minute, and has not ended when as much time has gone by again.
	sleep $((took / 1000 + 2))
	kill -0 "$writer"
	ct set g1 --io-write none
	wait "$writer"
}

@test "io: on a pool whose file system has no disk, limits are refused" {
	needs tmpfs
	local dir
	dir=$(mktemp -d /dev/shm/ctctl-limits-XXXXXX)
	ct -q pool create plain --kind dir
	mount --bind "$dir" "$CTCTL_PREFIX/lib/pools/plain/data"
	run --separate-stderr ct create g1 micro --pool plain --io-write 2M
	umount "$CTCTL_PREFIX/lib/pools/plain/data"
	rm -r "$dir"
	ct pool remove plain
	[ "$status" -eq 4 ]
	[[ $stderr == *plain*tmpfs* ]]
}

@test "io-weight: in force where the disk's scheduler weighs, refused where none does" {
	new g1
	run --separate-stderr ct set g1 --io-weight 300
	echo "$status $stderr"
	if [ "$status" -eq 0 ]; then
		limit g1 io.bfq.weight blkio.bfq.weight | grep -x '\(default \)\?300'
	else
		[ "$status" -eq 4 ]
		[[ $stderr == *io-weight*scheduler* || $stderr == *default*tmpfs* ]]
		ct show g1 | grep '^io-weight = 100'
	fi
	refuse 21 ct set g1 --io-weight 1001 says io-weight 1000
}

# A folder where device nodes count: the tests' own may be on a file system that is mounted without.
device_folder() {
	local dir
	for dir in "$BATS_TEST_TMPDIR" /var/tmp; do
		dir=$(mktemp -d "$dir/ctctl-devices-XXXXXX")
		mknod -m 666 "$dir/null" c 1 3
		(: <"$dir/null") 2>/dev/null && echo "$dir" && return
		rm -r "$dir"
	done
}

# plug GUEST DEVICE: puts a device of the host's into the guest's /root/device.
plug() {
	ct exec "$1" -- touch /root/device
	"$BATS_FILE_TMPDIR/plug" "$(status_of "$1" init_pid)" "$2" /root/device
}

@test "devices: one that comes into a guest on another way than by its features cannot be opened there" {
	needs fuse_or_tun
	local dir device=
	dir=$(device_folder)
	new g1
	new g2 --features fuse,tun
	new g3
	# Of a feature that g2 has, and for everybody; whichever of the two this host's kernel has.
	mknod -m 666 "$dir/fuse" c 10 229
	mknod -m 666 "$dir/tun" c 10 200
	device=fuse
	(: <"$dir/fuse") 2>/dev/null || device=tun
	plug g1 "$dir/$device"
	plug g2 "$dir/$device"
	plug g3 "$dir/null"
	rm -r "$dir"
	run ct exec g1 -- sh -c ': </root/device'
	[ "$status" -ne 0 ]
	[[ $output == *'peration not permitted'* ]]
	# The proof: it is for want of the feature, and what every guest has can be opened the same way.
	ct exec g2 -- sh -c ': </root/device'
	ct exec g3 -- sh -c ': </root/device'
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
	[ "$status" -ne 0 ]
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
