# SPDX-License-Identifier: GPL-2.0-or-later
load lib

SHARED=1 # the hosts' units are found as the test before has left them, but for the first test

@test "many first starts at once make one unit, and all guests run" {
	shared_host micro
	on "$a" '
		for i in 1 2 3 4; do ctctl -q create g$i micro; done
		for i in 1 2 3 4; do ctctl start g$i & pids="$pids $!"; done
		for p in $pids; do wait $p; done
		for i in 1 2 3 4; do [ -d /sys/fs/cgroup/ctctl.slice/ctctl-guests.service/g$i ]; done
		[ "$(systemctl list-units --no-legend "ctctl-guests*" | wc -l)" = 1 ]'
}

@test "guests live in a delegated unit, and go on when systemd reads its units anew or itself" {
	shared_host micro
	on "$a" '
		ctctl create web micro --memory 64M --pids 100 --start
		systemctl is-active ctctl-guests
		[ "$(systemctl show -P Delegate ctctl-guests)" = yes ]
		cd /sys/fs/cgroup/ctctl.slice/ctctl-guests.service/web
		inode=$(stat -c %i .)
		for what in daemon-reload daemon-reexec "set-property ctctl.slice CPUWeight=200" "start systemd-tmpfiles-clean.service" daemon-reload; do
			systemctl $what
			[ "$(cat memory.max)" = $((64 << 20)) ]
			[ "$(cat pids.max)" = 100 ]
			[ "$(stat -c %i /sys/fs/cgroup/ctctl.slice/ctctl-guests.service/web)" = "$inode" ]
			ctctl exec web -- true
		done
		ctctl set web --memory 80M
		[ "$(cat memory.max)" = $((80 << 20)) ]'
}

@test "stopping the unit stops the guests in order, and the next start makes it again" {
	shared_host micro
	on "$a" '
		ctctl create web micro --start
		systemctl stop ctctl-guests
		ctctl status web | grep -q "state.*stopped"
		[ ! -e /sys/fs/cgroup/ctctl.slice/ctctl-guests.service/web ]
		ctctl start web
		systemctl is-active ctctl-guests
		ctctl status web | grep -q "state.*running"'
}

@test "systemctl stop ctctl stops the guests, systemctl start ctctl starts those set to autostart" {
	shared_host micro
	on "$a" '
		ctctl create web micro --autostart yes
		systemctl start ctctl
		ctctl status web | grep -q "state.*running"
		systemctl stop ctctl
		ctctl status web | grep -q "state.*stopped"
		systemctl start ctctl
		ctctl status web | grep -q "state.*running"'
}

@test "the session of who started a guest may end: the guest goes on" {
	shared_host micro
	# logind leaves what root has started alone, unless only somebody else is left out.
	on "$a" '
		ctctl create web micro
		mkdir -p /etc/systemd/logind.conf.d
		printf "[Login]\nKillUserProcesses=yes\nKillExcludeUsers=nobody\n" >/etc/systemd/logind.conf.d/kill.conf
		systemctl restart systemd-logind'
	host_hang_up "$a"
	on "$a" '
		grep "/session-" /proc/self/cgroup
		ctctl start web
		nohup sleep 4804 </dev/null >/dev/null 2>&1 &
		echo $! >/run/left-behind
		kill -0 $(cat /run/left-behind)'
	host_hang_up "$a"
	# The proof that the session was ended: what was left behind in it is gone.
	wait_for "$a" 60 '! kill -0 $(cat /run/left-behind) 2>/dev/null'
	on "$a" 'ctctl status web | grep -q "state.*running"; ctctl exec web -- true'
}

@test "doctor says that this host can do everything" {
	shared_host micro
	on "$a" 'ctctl doctor; ! ctctl doctor | grep -E "^ +(missing|fatal)"'
}
