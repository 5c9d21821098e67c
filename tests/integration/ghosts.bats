# SPDX-License-Identifier: GPL-2.0-or-later
# What a killed resume has left in a guest's area does not hinder the next one.
load lib

# The folder /root of the guest as the host sees it.
home_of() {
	local dir
	dir=$(find "$POOL_DATA" -name is-here -printf '%h\n')
	[ -d "$dir" ] && echo "$dir"
}

ghosts_in() {
	find "$1" -name '*.ghost' | wc -l
}

@test "deleted files and folders that are open outlive a resume that was killed while it restored them" {
	needs criu
	local home id
	new g1
	# shellcheck disable=SC2016
	ct exec g1 -- sh -c 'mkdir /root/gone; cd /root/gone; touch ../is-here
		exec 7<>/root/open 8<>/root/gone/inner; echo kept >&7; rm /root/open /root/gone/inner; rmdir /root/gone
		setsid sh -c "while sleep 1; do :; done" >/dev/null 2>&1 </dev/null & echo $! >/root/pid'
	ct suspend g1
	home=$(home_of)
	# Two files and a folder have one id each, and which one is CRIU's affair.
	for id in 1 2 3; do
		[ -e "$GUESTS/g1/checkpoint/ghost-file-$id.img" ]
		touch "$home/open.cr.$id.ghost" "$home/inner.cr.$id.ghost"
	done
	mkdir "$home/gone"
	ct resume g1
	# shellcheck disable=SC2016
	[ "$(ct exec g1 -- sh -c 'head -n 1 /proc/$(cat /root/pid)/fd/7')" = kept ]
	# shellcheck disable=SC2016
	[ "$(ct exec g1 -- sh -c 'readlink /proc/$(cat /root/pid)/cwd')" = '/root/gone (deleted)' ]
	[ "$(ghosts_in "$home")" -eq 4 ]
	[ ! -e "$home/gone" ]
}

@test "an open file that has lost its name, but has another, is still open after a resume, and nothing is left beside it" {
	needs criu
	local home
	new g1
	# shellcheck disable=SC2016
	ct exec g1 -- sh -c 'cd /root; echo kept >is-here; ln is-here other
		exec 7<>is-here; rm is-here; echo more >>other
		setsid sh -c "while sleep 1; do :; done" >/dev/null 2>&1 </dev/null & echo $! >/root/pid; touch is-here'
	home=$(home_of)
	# shellcheck disable=SC2016
	CTCTL_FAULT_FAIL=suspend.dumped refuse 3 ct suspend g1 says g1 'goes on'
	[ "$(ls "$home" "$home/../..")" = "$(printf '%s:\nis-here\nother\npid\n\n%s:\nupper\nwork' "$home" "$home/../..")" ]
	ct suspend g1
	[ "$(ls "$home/../..")" = "$(printf 'upper\nwork')" ]
	ct resume g1
	# shellcheck disable=SC2016
	[ "$(ct exec g1 -- sh -c 'cat /proc/$(cat /root/pid)/fd/7; stat -c %h /root/other')" = "$(printf 'kept\nmore\n1')" ]
	[ "$(ls "$home")" = "$(printf 'is-here\nother\npid')" ]
}
