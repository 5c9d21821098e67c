# SPDX-License-Identifier: GPL-2.0-or-later
load lib

# The second link of the host as a port of the guests' bridge.
plug_bridge() {
	on "$1" "
		link=\$(grep -l '^52:54:00:00:00:02' /sys/class/net/*/address | cut -d/ -f5)
		ip link set \$link address 52:54:00:00:01:0$2
		ctctl create g$2 micro --bridge ctctl0 --ip 10.200.0.1$2/24 --start
		ip link set \$link master ctctl0 up"
}

@test "two hosts on a network of their own: the guest of one reaches the guest of the other" {
	host_start "$a" "$IMAGE"
	host_start "$b" "$IMAGE" "$a"
	for n in 1 2; do
		host=$a
		[ "$n" = 1 ] || host=$b
		with_template "$host" micro
		on "$host" 'mkdir -p /etc/ctctl; echo "bridge-address = 10.200.0.'"$n"'/24" >/etc/ctctl/ctctl.conf'
		plug_bridge "$host" "$n"
	done
	on "$a" 'ctctl exec g1 -- ping -c 3 -w 60 10.200.0.12'
	on "$b" 'ctctl exec g2 -- ping -c 3 -w 60 10.200.0.11'
	# Through the wire: without it, nothing is there.
	on "$b" 'ctctl stop g2 --kill'
	run ! on "$a" 'ctctl exec g1 -- ping -c 1 -w 3 10.200.0.12'
}
