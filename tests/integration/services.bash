# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# A Debian guest `s` with the services that most have, and `c`, where its clients are: outside of it. Loaded after world.bash, debian.bash, working.bash and mirror.bash.
# The services are as Debian configures them, but that they listen on the guest's address.

SERVER=198.51.100.10
CLIENT=$BATS_RUN_TMPDIR/client # work/client.c
LOAD=$BATS_RUN_TMPDIR/load     # work/load.c
PROCESSES=500
MEMORY_MIB=512

make_clients() {
	local flags=(-static -Wall -Wextra -O1 -D_GNU_SOURCE)
	make_work
	[ -x "$CLIENT" ] || "${CC:-gcc}" "${flags[@]}" -o "$CLIENT" "$HERE/work/client.c"
	[ -x "$LOAD" ] || "${CC:-gcc}" "${flags[@]}" -o "$LOAD" "$HERE/work/load.c"
}

# services_up TEMPLATE: s with its services, c with their clients' programs, taken from s.
services_up() {
	ct -q create s "$1" --start --ip "$SERVER"
	ct -q create c "$1" --start --ip 198.51.100.11
	come_up s
	use_mirror s
	# What it installs has not to survive this machine.
	in_guest s sh -c 'echo force-unsafe-io >/etc/dpkg/dpkg.cfg.d/quick'
	CT_TIMEOUT=300 in_guest s env DEBIAN_FRONTEND=noninteractive \
		apt-get -q -y --no-install-recommends install nginx redis-server postgresql openssh-server cron >"$BATS_FILE_TMPDIR/install.log" 2>&1 || {
		tail -n 20 "$BATS_FILE_TMPDIR/install.log"
		return 1
	}
	# shellcheck disable=SC2016
	in_guest s sh -c '
		sed -i "s/^bind .*/bind $1/; s/^protected-mode .*/protected-mode no/" /etc/redis/redis.conf
		cd /etc/postgresql/*/main
		echo "listen_addresses = $1" >conf.d/listen.conf
		echo "host all all 198.51.100.11/32 trust" >>pg_hba.conf
		systemctl restart redis-server postgresql
		echo "* * * * * root date +\%s >>/root/minutes" >/etc/cron.d/minutes' - "'$SERVER'"
	in_guest s sh -c 'cd / && tar -c usr/bin/ssh usr/bin/ssh-keygen usr/lib/postgresql usr/lib/*-linux-gnu' | in_guest c tar -C / -x
	in_guest c ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/id_ed25519
	in_guest c cat /root/.ssh/id_ed25519.pub | in_guest s sh -c 'mkdir -p -m 700 /root/.ssh && cat >/root/.ssh/authorized_keys'
	within 20 postgres -c 'select 1'
	pgbench -i -q
}

# In c, as clients of s.
postgres() {
	# shellcheck disable=SC2016
	in_guest c sh -c '/usr/lib/postgresql/*/bin/psql -h "$0" -U postgres -X -A -t "$@"' "$SERVER" "$@"
}

pgbench() {
	# shellcheck disable=SC2016
	in_guest c sh -c '/usr/lib/postgresql/*/bin/pgbench -h "$0" -U postgres "$@" postgres 2>&1' "$SERVER" "$@"
}

# What runs in s and what asks it, from now on.
services_busy() {
	give s "$WORK"
	give s "$LOAD"
	give c "$CLIENT"
	leave s /root/work /run/work
	leave s /root/load memory "$MEMORY_MIB" /run/memory
	leave s /root/load crowd "$PROCESSES" /run/crowd
	behind lan "$CLIENT" http "$SERVER" 80 "$BATS_TEST_TMPDIR/http"
	behind lan "$CLIENT" redis "$SERVER" 6379 "$BATS_TEST_TMPDIR/redis"
	leave c /root/client echo /run/ssh ssh -o StrictHostKeyChecking=no -o LogLevel=ERROR "root@$SERVER" cat
	within 20 note s >/dev/null 2>&1
	all_past 0 2>/dev/null
}

# Each of them: its name and what it says. Those of /run/memory and /run/crowd begin with their process.
said() {
	local name
	for name in http redis; do
		echo "$name $(cat "$BATS_TEST_TMPDIR/$name")"
	done
	echo "ssh $(in_guest c cat /run/ssh)"
	for name in memory crowd; do
		echo "$name $(in_guest s cut -d ' ' -f 2- "/run/$name")"
	done
}

# all_past N: each has done so much since the last look (services_look), and nothing is wrong. A beat takes half a second.
all_past() {
	within 20 are_past "$1" >"$BATS_TEST_TMPDIR/late" && return
	sort -u "$BATS_TEST_TMPDIR/late"
	return 1
}

are_past() {
	said >"$BATS_TEST_TMPDIR/said"
	awk -v n="$1" -v before="$BATS_TEST_TMPDIR/looked" '
		BEGIN { while ((getline line <before) > 0) { split(line, was); done[was[1]] = was[2] } }
		$4 != "ok" || $2 <= done[$1] + ($1 == "crowd" ? n / 50 : n) { print; late = 1 }
		END { exit late || NR != 5 }' "$BATS_TEST_TMPDIR/said"
}

services_look() {
	cp "$BATS_TEST_TMPDIR/said" "$BATS_TEST_TMPDIR/looked"
}

has_looked() {
	[ "$(in_guest s cut -d ' ' -f 3 /run/memory)" -gt "$1" ]
}

# All of the memory is as its owner left it.
memory_is_whole() {
	local pid looks
	read -r pid _ looks _ < <(in_guest s cat /run/memory)
	in_guest s kill -USR2 "$pid"
	within 10 has_looked "$looks"
}

# nginx has noted each request once, in their order.
requests_are_noted() {
	in_guest s cat /var/log/nginx/access.log | awk -v least="$(awk '$1 == "http" { print $2 }' "$BATS_TEST_TMPDIR/looked")" '
		{ sub(/.*\?/, "", $7) }
		$7 != NR { print "request " $7 " in the place of " NR; bad = 1; exit }
		END { exit bad || NR < least }'
}

# Each minute once, since its first; cron has read its table a minute after it was there at the latest.
minutes_are_noted() {
	in_guest s sh -c 'touch /root/minutes && cat /root/minutes' | awk -v now=$(($(date +%s) / 60)) -v begun="$1" '
		NR == 1 { first = int($1 / 60) }
		int($1 / 60) != first + NR - 1 { print "minute " NR ": " $1; bad = 1 }
		END { exit bad || (NR ? first + NR - 1 != now : now > begun + 1) }'
}

# A row for each transaction that pgbench was told of, and their sums are those of all accounts, tellers and branches.
accounts_are_right() {
	local sums rows
	IFS='|' read -r rows sums < <(postgres -c 'select (select count(*) from pgbench_history), (select sum(delta) from pgbench_history),
		(select sum(abalance) from pgbench_accounts), (select sum(tbalance) from pgbench_tellers), (select sum(bbalance) from pgbench_branches)')
	echo "$rows transactions, expected $1; sums $sums"
	[ "$rows" -eq "$1" ]
	[[ $sums =~ ^(-?[0-9]+)\|(-?[0-9]+)\|(-?[0-9]+)\|(-?[0-9]+)$ ]]
	[ "${BASH_REMATCH[1]}" -eq "${BASH_REMATCH[2]}" ]
	[ "${BASH_REMATCH[1]}" -eq "${BASH_REMATCH[3]}" ]
	[ "${BASH_REMATCH[1]}" -eq "${BASH_REMATCH[4]}" ]
}
