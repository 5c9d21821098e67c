# SPDX-License-Identifier: GPL-2.0-or-later
load lib

# Its services have come up; before its message bus has, the question fails.
is_up() {
	echo "[ \"\$(ctctl exec $1 -- systemctl is-system-running --wait 2>/dev/null)\" = running ]"
}

reboot_host() {
	on "$1" 'systemd-run --quiet --on-active=1 systemctl reboot'
	host_wait_ready "$1"
	host_hang_up "$1"
}

# A service of the guest writes down when it ends, in seconds: only who is shut down in order comes to that.
with_witness() {
	on "$1" "ctctl exec $2 -- sh -c '
		printf \"[Service]\\nType=oneshot\\nRemainAfterExit=yes\\nExecStart=/bin/true\\nExecStop=/bin/sh -c \\\"date +%%%%s >>/root/ended\\\"\\n[Install]\\nWantedBy=multi-user.target\\n\" \
			>/etc/systemd/system/witness.service
		systemctl enable --now witness'"
}

# The same of a guest with busybox, whose init takes two seconds to its end after that.
with_small_witness() {
	on "$1" "ctctl exec $2 -- sh -c 'echo \"::shutdown:date +%s >>/root/ended\" >>/etc/inittab; kill -HUP 1'"
}

# It counts in its memory only.
with_counter() {
	on "$1" "ctctl exec $2 -- sh -c '
		setsid sh -c \"i=0; while :; do i=\\\$((i + 1)); echo \\\$\\\$ \\\$i >/run/new; mv /run/new /run/count; sleep 1; done\" >/dev/null 2>&1 </dev/null &'"
	wait_for "$1" 60 "ctctl exec $2 -- test -e /run/count"
}

@test "a host that is rebooted ends its guests in order, and brings those set to autostart back in order, with their data; who is to be suspended goes on" {
	host_start "$a" "$IMAGE"
	with_template "$a" micro
	with_template "$a" debian-12
	on "$a" '
		systemctl enable ctctl
		ctctl create third micro --autostart yes --autostart-order 30
		ctctl create first debian-12 --memory 512M --autostart yes --autostart-order 10
		ctctl create second micro --autostart yes --autostart-order 20
		ctctl create asleep micro --autostart yes --autostart-order 5
		ctctl create other micro
		ctctl create saved micro --on-shutdown suspend --start
		systemctl start ctctl
		ctctl stop asleep
		ctctl start other'
	wait_for "$a" 120 "$(is_up first)"
	with_witness "$a" first
	with_small_witness "$a" second
	with_small_witness "$a" third
	on "$a" 'for g in first second third other; do ctctl exec $g -- sh -c "echo kept >/root/note"; done'
	with_counter "$a" saved
	on "$a" 'ctctl exec saved -- cat /run/count' >"$BATS_TEST_TMPDIR/count"
	reboot_host "$a"
	wait_for "$a" 120 'systemctl is-active -q ctctl'
	run -0 on "$a" 'ctctl list -o name,state | sort | tr -s " "'
	echo "$output"
	[ "$(grep -cE '^(asleep|first|second|third) running' <<<"$output")" -eq 4 ]
	[[ $output == *"other stopped"* ]]
	# It was not set to autostart, but it ran. It is the same process, which has counted on.
	[[ $output == *"saved running"* ]]
	read -r pid n <"$BATS_TEST_TMPDIR/count"
	wait_for "$a" 60 "ctctl exec saved -- cat /run/count | { read -r pid n; [ \$pid = $pid ] && [ \$n -gt $((n + 2)) ]; }"
	on "$a" 'for g in first second third; do [ "$(ctctl exec $g -- cat /root/note)" = kept ]; done'
	# Who comes later in the order was started later: their inits, in clock ticks since the boot.
	run -0 on "$a" 'for g in asleep first second third; do
		sed -n "s/^init [0-9]* //p" /run/ctctl/$g/state; done'
	echo "$output"
	[ "$(wc -l <<<"$output")" -eq 4 ]
	[ "$output" = "$(sort -n <<<"$output")" ]
	# And ended in the reverse order, each once and all at different times.
	run -0 on "$a" 'for g in third second first; do ctctl exec $g -- cat /root/ended; done'
	echo "$output"
	[ "$(wc -l <<<"$output")" -eq 3 ]
	[ "$output" = "$(sort -nu <<<"$output")" ]
	# Before the file systems below them went.
	run -0 on "$a" 'journalctl -b -1 --no-pager -o cat | grep -nE "Stopped 4, suspended 1, failed 0|Unmounted .*ctctl|Stopped target local-fs.target"'
	echo "$output"
	[[ $output == *'Stopped 4, suspended 1, failed 0'*'local-fs.target'* ]]
}

@test "a guest that was started by hand is shut down with the host, too, without the unit being enabled, after a daemon-reload" {
	host_start "$a" "$IMAGE"
	with_template "$a" micro
	on "$a" 'ctctl create web micro --start'
	with_small_witness "$a" web
	on "$a" 'systemctl daemon-reload'
	reboot_host "$a"
	on "$a" '[ "$(ctctl list -o name,state | awk "\$1 == \"web\" { print \$2 }")" = stopped ]
		journalctl -b -1 --no-pager -o cat | grep "Stopped 1, failed 0"
		ctctl start web
		ctctl exec web -- grep -qx "[0-9][0-9]*" /root/ended'
}
