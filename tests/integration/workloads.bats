# SPDX-License-Identifier: GPL-2.0-or-later
# What guests are used for: stock Debian with nginx, redis, PostgreSQL, sshd and cron, much memory that changes, hundreds of processes, and clients that stay connected.
# They are suspended and resumed again and again, and nobody notices more than a wait.
#
#   CTCTL_TEST_ROUNDS=N   so many times, of both releases
#
# needs template debian-12
# needs template debian-13
load lib
load world
load debian
load counts
load working
load mirror
load services

ROUNDS=${CTCTL_TEST_ROUNDS:-2}

# A host that cannot run it makes nothing for it.
setup() {
	:
}

teardown() {
	[ -e "$BATS_FILE_TMPDIR/host.pid" ] || return 0
	remove_guests
	end_relay
	# What holds the world is in the background, too.
	world_down
	end_background
}

has_begun() {
	[ "$(postgres -c 'select count(*) from pgbench_history')" -gt "$1" ]
}

# Of pgbench that has ended: how many transactions it was told are done.
transactions() {
	cat "$BATS_TEST_TMPDIR/pgbench" >&2
	grep -q '^number of failed transactions: 0 ' "$BATS_TEST_TMPDIR/pgbench"
	sed -n 's/^number of transactions actually processed: //p' "$BATS_TEST_TMPDIR/pgbench"
}

# One round, of which pgbench sees all.
goes_round() {
	local before=$1 bench start took
	pgbench -n -c 4 -T 3 >"$BATS_TEST_TMPDIR/pgbench" 3>&- &
	bench=$!
	within 10 has_begun "$before"
	start=$(now_ms)
	ct suspend s
	ct resume s
	took=$(($(now_ms) - start))
	wait "$bench"
	all_past 100
	services_look
	cat "$BATS_TEST_TMPDIR/looked"
	goes_on s
	memory_is_whole
	within 5 requests_are_noted
	within 5 minutes_are_noted "$minute"
	same_services s "$BATS_TEST_TMPDIR/services"
	is_up s
	echo "# $(uptime | sed 's/.*load/load/'): suspended and resumed in $took ms; longest waits so far: $(awk '$1 !~ /m|c/ { print $1, $3 " ms" }' "$BATS_TEST_TMPDIR/looked" | paste -sd ,)" >&3
}

# rounds_of TEMPLATE
rounds_of() {
	local round rows=0 minute
	services_up "$1"
	minute=$(($(date +%s) / 60))
	: >"$BATS_TEST_TMPDIR/looked"
	services_busy
	services_look
	services s >"$BATS_TEST_TMPDIR/services"
	for ((round = 1; round <= ROUNDS; round++)); do
		echo "$1, round $round"
		goes_round "$rows"
		rows=$((rows + $(transactions)))
		accounts_are_right "$rows"
	done
	remove_guests
}

@test "Debian with five services, 512 MB that change and 500 processes is suspended and resumed: no client loses or gets twice what it asked for" {
	needs criu mirror
	make_clients
	world_up
	rounds_of debian-13
	[ -z "${CTCTL_TEST_ROUNDS:-}" ] || rounds_of debian-12
}
