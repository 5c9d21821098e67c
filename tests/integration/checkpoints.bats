# SPDX-License-Identifier: GPL-2.0-or-later
# A guest keeps what it is, goes on, and goes back to it, with memory and files of one instant. What runs in them is work/ (working.bash), and a program that counts in its
# memory and in a file.
#
# needs template debian-13
load lib
load world
load debian
load counts
load working

setup_file() {
	make_work
	world_up
	world_bridge
}

teardown_file() {
	world_down
}

# It counts in its memory and in a file. Asked by SIGUSR1, it writes both to /run/both. Descriptor 7 is of a file that has lost its name, but has another: CRIU's link_remap.
count_in() {
	ct exec "$1" -- sh -c 'cat >/root/counter' <<-'END'
		echo $$ >/run/counter
		n=0
		trap 'echo $n $(cat /root/count) >/run/both.new; mv /run/both.new /run/both' USR1
		while :; do n=$((n + 1)); echo $n >/root/count.new; mv /root/count.new /root/count; sleep 0.02; done
	END
	ct exec "$1" -- sh -c 'cd /root; echo kept >one; ln one other; exec 7<one; rm one; setsid sh counter >/dev/null 2>&1 </dev/null &'
	within 5 counts_past "$1" 5
}

# counted NAME: sets in_memory and in_file.
counted() {
	# shellcheck disable=SC2016
	ct exec "$1" -- sh -c 'rm -f /run/both; kill -USR1 $(cat /run/counter); while [ ! -e /run/both ]; do sleep 0.01; done'
	read -r in_memory in_file < <(ct exec "$1" -- cat /run/both) && [ -n "$in_file" ]
}

# It is asked between two of its steps at any moment.
agrees() {
	counted "$1"
	echo "in memory $in_memory, in its file $in_file"
	((in_file == in_memory || in_file + 1 == in_memory))
}

counts_past() {
	agrees "$1" && ((in_memory > $2))
}

files_of() {
	ct exec "$1" -- ls /root | grep -vx count.new
}

# is_back NAME: it is what it was when c1 was made, which was before it counted to $late, and has open what it had.
is_back() {
	ct checkpoint restore "$1" c1
	agrees "$1"
	((in_memory < late))
	pid=$was_pid rounds=$was_rounds
	goes_on "$1"
	[ "$(files_of "$1")" = "$files" ]
	# shellcheck disable=SC2016
	[ "$(ct exec "$1" -- sh -c 'cat /proc/$(cat /run/counter)/fd/7')" = kept ]
	[ "$(ls "$GUESTS/$1/checkpoints")" = c1 ]
}

areas() {
	find "$POOL_DATA" -mindepth 1 -maxdepth 1 | wc -l
}

listens() {
	grep -q listens "$1" 2>/dev/null
}

# talks FILE N: so many lines have come.
talks() {
	read -r _ received verdict <"$1" && [ "$verdict" = ok ] && [ "$received" -ge "$2" ]
}

@test "a guest goes on with its connection while a checkpoint is made, and goes back to it, running, suspended, stopped or renamed" {
	needs criu
	local was_pid was_rounds late files in_memory in_file received verdict
	new_at_work g1 --memory 256M
	count_in g1
	give g1 "$TALK"
	behind host "$TALK" listen 192.0.2.1 7080 "$BATS_TEST_TMPDIR/talk"
	within 5 listens "$BATS_TEST_TMPDIR/talk"
	leave g1 /root/lines connect 192.0.2.1 7080 /run/lines
	within 5 talks "$BATS_TEST_TMPDIR/talk" 10
	files=$(files_of g1)
	note g1
	was_pid=$pid was_rounds=$rounds
	[ "$(ct -q checkpoint create g1 c1)" = c1 ]
	goes_on g1
	within 10 talks "$BATS_TEST_TMPDIR/talk" $((received + 50))
	[ "$(ct exec g1 -- find /root -name 'link_remap*' | wc -l)" -eq 0 ]
	agrees g1
	late=$in_memory
	ct exec g1 -- sh -c 'rm /root/other; echo later >/root/later'
	ct set g1 --memory 200M
	is_back g1
	[ "$(cat "$(cgroup_file g1 memory.max memory.limit_in_bytes)")" -eq $((200 << 20)) ]
	pings in_host -- 192.0.2.10
	ct exec g1 -- sh -c 'rm /root/other'
	ct suspend g1
	is_back g1
	ct kill g1
	ct rename g1 g2
	is_back g2
	[ "$(areas)" -eq 2 ]
	ct -q checkpoint create g2
	[ "$(ct checkpoint list g2 -o label | sed 1d | wc -l)" -eq 2 ]
	[[ $(ct checkpoint list g2 --json | tr -d ' \n') == '[{"label":"c1","taken_at":'*',"memory_bytes":'[1-9]*',"disk_bytes":'*'},{"label":"20'* ]]
	ct checkpoint remove g2 c1
	[ "$(areas)" -eq 2 ]
	ct destroy --force g2
	[ "$(areas)" -eq 0 ]
}

# As before, whatever was refused or has failed.
as_before() {
	[ "$(state g1)" = running ]
	[ "$(ls -A "$GUESTS/g1" "$GUESTS/g1/checkpoints")" = "$kept" ]
	[ ! -e "$RUNS/g1/journal" ]
	[ "$(areas)" -eq 2 ]
	goes_on g1
}

@test "what is refused or fails says what to do, and leaves the guest and its checkpoints as they were" {
	needs criu
	local kept file fault was_rounds
	new_at_work g1
	was_rounds=$rounds
	refuse 37 ct checkpoint restore g1 c1 says g1 c1 'checkpoint list g1'
	[ -z "$(ct -q checkpoint list g1 -o label | sed 1d)" ]
	ct -q checkpoint create g1 c1 >/dev/null
	kept=$(ls -A "$GUESTS/g1" "$GUESTS/g1/checkpoints")
	refuse 111 ct checkpoint create g1 c1 says g1 c1 'remove g1 c1'
	refuse 21 ct checkpoint create g1 C1 says C1
	refuse 21 ct checkpoint create g1 123456789012345678901234567 says 26
	refuse 21 ct checkpoint restore g1 ../c1 says ../c1
	refuse 37 ct checkpoint remove g1 c2 says c2
	refuse 13 ct checkpoint create g2 says g2
	CTCTL_CRIU=/nonexistent refuse 4 ct checkpoint create g1 c2 says /nonexistent
	CTCTL_CRIU=/nonexistent refuse 4 ct checkpoint restore g1 c1 says /nonexistent
	as_before
	for fault in suspend.frozen copy.made checkpoint.copied checkpoint.thawed; do
		# Slow hosts have the points in faults.bats.
		[ "$PATIENCE" -eq 1 ] || [ "$fault" = copy.made ] || continue
		CTCTL_FAULT_FAIL=$fault refuse 3 ct checkpoint create g1 c2 says g1 'goes on'
		as_before
	done
	ct -q set g1 --hostname other --memory 300M
	refuse 21 ct checkpoint restore g1 c1 says c1 ': hostname'
	ct -q set g1 --hostname ''
	for file in manifest guest.conf; do
		mv "$GUESTS/g1/checkpoints/c1/$file" "$BATS_TEST_TMPDIR/file"
		refuse 92 ct checkpoint restore g1 c1 says c1
		mv "$BATS_TEST_TMPDIR/file" "$GUESTS/g1/checkpoints/c1/$file"
		as_before
	done
	ct suspend g1
	refuse 35 ct checkpoint create g1 c2 says 'resume g1'
	ct resume g1
	# The images are damaged in a way that only CRIU sees: it is suspended, as it was then.
	mv "$GUESTS/g1/checkpoints/c1/inventory.img" "$BATS_TEST_TMPDIR/file"
	refuse 17 ct checkpoint restore g1 c1 says g1 suspended
	[ "$(state g1)" = suspended ]
	mv "$BATS_TEST_TMPDIR/file" "$GUESTS/g1/checkpoints/c1/inventory.img"
	ct checkpoint restore g1 c1
	rounds=$was_rounds
	goes_on g1
	ct kill g1
	refuse 31 ct checkpoint create g1 c2 says 'start g1'
}

@test "on a pool of kind dir the files are copied, and one that is full leaves the guest as it was" {
	needs criu idmapped_tmpfs
	local in_memory in_file late data=$CTCTL_PREFIX/lib/pools/p1/data
	ct -q pool create p1 --kind dir
	mount -t tmpfs -o size=8M,mode=0700 ctctl-test "$data"
	new g1 --pool p1
	count_in g1
	ct -q checkpoint create g1 c1 >/dev/null
	counts_past g1 1
	late=$in_memory
	within 5 counts_past g1 $((late + 20))
	ct checkpoint restore g1 c1
	agrees g1
	((in_memory <= late))
	ct exec g1 -- dd if=/dev/zero of=/root/large bs=1M count=5
	refuse 46 ct checkpoint create g1 c2 says p1
	agrees g1
	[ "$(ct checkpoint list g1 -o label | sed 1d)" = c1 ]
	# A restore that cannot be finished is no reason to keep a guest.
	ct exec g1 -- rm /root/large
	CTCTL_FAULT_KILL=restore.noted run -137 ct checkpoint restore g1 c1
	rm -r "$data"/*--restore
	refuse 1 ct set g1 --description next says g1 restore
	refuse 1 ct destroy g1 says g1 restore
	ct destroy --force g1
	[ -z "$(ls "$data")" ]
	umount "$data"
	ct pool remove p1
}

@test "Debian 13 goes on from a checkpoint: none of its services is restarted, and its systemd does its work" {
	needs criu
	ct -q create g1 debian-13 --start --ip 198.51.100.10,2001:db8:1::10
	come_up g1
	services g1 >"$BATS_TEST_TMPDIR/services"
	ct -q checkpoint create g1 c1 >/dev/null
	same_services g1 "$BATS_TEST_TMPDIR/services"
	ct exec g1 -- sh -c 'systemctl stop systemd-journald.socket systemd-journald; rm -r /etc/systemd'
	ct checkpoint restore g1 c1
	same_services g1 "$BATS_TEST_TMPDIR/services"
	ct exec g1 -- systemctl restart systemd-journald systemd-logind
	[ "$(ct exec g1 -- systemd-run --wait --pipe -q echo alive)" = alive ]
	is_up g1
	stops g1
}
