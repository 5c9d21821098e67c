# SPDX-License-Identifier: GPL-2.0-or-later
load lib

reboot_host() {
	on "$1" 'systemd-run --quiet --on-active=1 systemctl reboot'
	host_wait_ready "$1"
	host_hang_up "$1"
}

@test "a host that is rebooted ends its guests in order, and brings those set to autostart back in order, with their data" {
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
		systemctl start ctctl
		ctctl stop asleep
		ctctl start other
		ctctl exec first -- systemctl is-system-running --wait
		for g in first second third other; do ctctl exec $g -- sh -c "echo kept >/root/note"; done'
	reboot_host "$a"
	wait_for "$a" 120 'systemctl is-active -q ctctl'
	on "$a" 'ctctl list -o name,state'
	run -0 on "$a" 'ctctl list -o name,state | sort'
	[[ $output == *"first "*running*"other "*stopped*"second "*running*"third "*running* ]]
	on "$a" 'for g in first second third; do [ "$(ctctl exec $g -- cat /root/note)" = kept ]; done'
	# In their order: who is later was started later.
	on "$a" 'set -- $(for g in asleep first second third; do ctctl status $g --json | tr -d "\n" | sed -nE "s/.*\"started_at\": *\"?([^\",}]*).*/\1/p"; done)
		echo "$*"; [ $# -eq 4 ]; [ "$1" \< "$3" ] || [ "$1" = "$3" ]'
	# The guest's own journal: its init was asked, and ended its services in the boot before this one.
	on "$a" 'ctctl exec first -- journalctl -b -1 --no-pager | grep -E "Reached target (.*Power.?Off|.*Shutdown)|systemd-shutdown|Journal stopped"'
	# They were down before their file systems were taken away.
	on "$a" '! journalctl -b -1 --no-pager | grep -E "ctctl.*(cannot|failed [1-9])"'
}

@test "a guest that was started by hand is shut down with the host, too, without the unit being enabled" {
	host_start "$a" "$IMAGE"
	with_template "$a" debian-12
	on "$a" '
		ctctl create web debian-12 --memory 512M --start
		ctctl exec web -- systemctl is-system-running --wait'
	reboot_host "$a"
	on "$a" '[ "$(ctctl list -o name,state | awk "\$1 == \"web\" { print \$2 }")" = stopped ]
		ctctl start web
		ctctl exec web -- journalctl -b -1 --no-pager | grep -E "Reached target (.*Power.?Off|.*Shutdown)|Journal stopped"'
}
