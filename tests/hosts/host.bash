# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Test hosts: whole Debian machines under QEMU, each of which a test gets fresh. Used by run, image, shell and the tests in *.bats; all of it as root.
#
# An image is a folder from which hosts are started:
#
#   vmlinuz, initrd     the kernel          root.qcow2, disk.qcow2   its disks; hosts write into overlays of theirs
#   memory              of a host that runs: it is as it was then half a second after its start. An image without it is booted.
#   input.img           the third disk, to read only
#
# A host that runs has a folder $HOSTS_RUN/NAME:
#
#   pid                 of its QEMU         address                  on loopback, where its ssh listens (port $HOST_PORT)
#   console.log         what its kernel says                         ready.out   fifo: a line "ready" each time that it has booted
#   monitor.in, .out    fifos of QEMU's monitor                      pair.sock   its second link, where another host can plug in
#   root.qcow2, disk.qcow2                                           what it has written
#
#   HOSTS_CACHE  images (tests/hosts/image), QEMU; /var/cache/ctctl-hosts unless set
#   HOSTS_RUN    hosts that run; made and removed by who uses them
HOSTS_CACHE=${HOSTS_CACHE:-/var/cache/ctctl-hosts}
HOSTS_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/hosts/machine.bash
. "$HOSTS_DIR/machine.bash"

# Seconds; a host boots in 10 to 20 on an idle machine.
HOST_BOOT_LIMIT=${HOST_BOOT_LIMIT:-300}

host_names() {
	sed -n 's/^\([a-z][^ ]*\) .*/\1/p' "$HOSTS_DIR/hosts.list"
}

# host_field HOST N: its N-th column in hosts.list.
host_field() {
	awk -v host="$1" -v n="$2" '$1 == host { print $n; found = 1 } END { exit !found }' "$HOSTS_DIR/hosts.list" || {
		echo "hosts: no host '$1': expected one of $(host_names | paste -sd' ')" >&2
		return 1
	}
}

# The mirror from which this machine gets Debian.
debian_mirror() {
	local uri
	uri=$(apt-get indextargets 'Created-By: Packages' 'Origin: Debian' 'Label: Debian' --format '$(REPO_URI)' 2>/dev/null | head -n 1)
	uri=${uri%/}
	echo "${uri:-http://deb.debian.org/debian}"
}

# in_tree TREE FOLDER COMMAND...: runs it natively with TREE as its root and FOLDER as its /srv, in mount and process namespaces of its own. Not by chroot: who
# lives in one may make no user namespace.
in_tree() {
	# shellcheck disable=SC2016
	unshare --mount --propagation private --pid --fork --kill-child sh -ec '
		tree=$1 folder=$2; shift 2
		mount --bind "$tree" "$tree"
		mount --bind "$folder" "$tree/srv"
		cd "$tree"
		mount -t proc proc proc
		mount --rbind /dev dev
		mount --rbind /sys sys
		mount -t tmpfs tmpfs run
		pivot_root . mnt
		umount -l /mnt
		exec "$@"' sh "$@"
}

# One QEMU for all hosts, Debian 13's, run out of its own folder by its own loader: that of Debian 12 (7.2) panics the kernel of Debian 13 in half of the
# boots when it has to emulate.
host_make_qemu() {
	local tree=$HOSTS_CACHE/qemu
	[ ! -d "$tree" ] || return 0
	echo 'hosts: fetching QEMU' >&2
	[ ! -e "$tree.new" ] || rm -rf --one-file-system "$tree.new"
	mmdebstrap --quiet --mode=root --variant=extract --include=qemu-system-x86,qemu-utils --aptopt='APT::Install-Recommends "false"' \
		--aptopt='Acquire::Languages "none"' trixie "$tree.new" "$(debian_mirror)" >&2
	mv "$tree.new" "$tree"
}

# A number that no other host here has, and the folder's name for those of others.
new_address() {
	local n=1 hash
	until mkdir "$HOSTS_RUN/.address-$n" 2>/dev/null; do
		n=$((n + 1))
	done
	hash=$(cksum <<<"$HOSTS_RUN")
	hash=${hash%% *}
	echo "127.$((64 + n % 128)).$((hash >> 8 & 255)).$((1 + hash % 254))"
}

overlay() {
	host_tool qemu-img create -q -f qcow2 -b "$(readlink -f "$1")" -F qcow2 "$2"
}

# The disks and links of a host that is about to start.
prepare() {
	local name=$1 image=$2 peer=${3:-}
	local dir=$HOSTS_RUN/$name
	mkdir "$dir"
	new_address >"$dir/address"
	overlay "$image/root.qcow2" "$dir/root.qcow2"
	overlay "$image/disk.qcow2" "$dir/disk.qcow2"
	if [ -n "$peer" ]; then
		echo "$peer" >"$dir/pair-of"
		ln -s "$HOSTS_RUN/$peer/pair.sock" "$dir/pair.sock"
	fi
}

# Waits for the line that ready.service writes.
host_wait_ready() {
	local line fd
	exec {fd}<>"$HOSTS_RUN/$1/ready.out"
	until [[ ${line:-} == ready* ]]; do
		read -r -t "$HOST_BOOT_LIMIT" -u "$fd" line || {
			echo "hosts: '$1' has not booted within $HOST_BOOT_LIMIT s; the end of its console:" >&2
			tail -n 20 "$HOSTS_RUN/$1/console.log" >&2
			return 1
		}
	done
	exec {fd}<&-
}

# qmp NAME PATTERN COMMAND...: says commands to QEMU (the QEMU Machine Protocol: a JSON object in a line), and returns when it says a line with PATTERN.
qmp() {
	local dir=$HOSTS_RUN/$1 pattern=$2 in out line
	shift 2
	exec {out}<>"$dir/monitor.out" {in}>"$dir/monitor.in"
	printf '%s\n' '{"execute": "qmp_capabilities"}' "$@" >&"$in"
	until [[ ${line:-} =~ $pattern ]]; do
		IFS= read -r -t 120 -u "$out" line || {
			echo 'hosts: QEMU does not answer' >&2
			return 1
		}
	done
	exec {in}>&- {out}<&-
	[[ $line != *'"failed"'* && $line != *'"error"'* ]] || {
		echo "hosts: QEMU says: $line" >&2
		return 1
	}
}

# host_save NAME DIR: ends the host and leaves an image of it as it was, from which host_start() goes on. vmlinuz, initrd and input.img are the caller's.
host_save() {
	local dir=$HOSTS_RUN/$1
	mkdir -p "$2"
	host_run "$1" sync || return
	host_hang_up "$1"
	qmp "$1" '"status": "(completed|failed)"|"error"' \
		'{"execute": "migrate-set-capabilities", "arguments": {"capabilities": [{"capability": "events", "state": true}]}}' \
		'{"execute": "migrate-set-parameters", "arguments": {"max-bandwidth": 10000000000}}' \
		'{"execute": "migrate", "arguments": {"uri": "file:'"$(readlink -f "$2")"'/memory"}}' &&
		qmp "$1" '"SHUTDOWN"' '{"execute": "quit"}' || return
	wait_gone "$1"
	mv "$dir/root.qcow2" "$dir/disk.qcow2" "$2"
	host_stop "$1"
}

wait_gone() {
	local pid
	pid=$(cat "$HOSTS_RUN/$1/pid" 2>/dev/null) || return 0
	tail --pid="$pid" -f /dev/null
}

# host_boot NAME IMAGE: from its disk.
host_boot() {
	prepare "$1" "$2"
	qemu_start "$1" "$2" && host_wait_ready "$1"
}

# host_start NAME IMAGE [PEER]: a host as it was when it was saved, but for the time, its name, the random numbers that it will see (RNDRESEEDCRNG: hosts out of
# one image would give the same addresses and ids to what they make) and its second link, which is plugged into that of PEER.
host_start() {
	local random
	prepare "$@"
	random=$(head -c 32 /dev/urandom | base64)
	# Not "file:": QEMU 10.0 falls over when it reads what it wrote that way.
	qemu_start "$1" "$2" -incoming "exec:cat $2/memory" || return
	host_run "$1" "date -s @$(date +%s) >/dev/null; hostname $1
		perl -e 'open my \$pool, q(>), q(/dev/urandom) or die; syswrite \$pool, q($random) or die; ioctl(\$pool, 0x5207, 0) or die qq(reseed: \$!\n)'"
}

# host_run NAME COMMAND: by a shell of the host's root. Its output and its status.
host_run() {
	local ssh_command
	host_ssh "$1"
	shift
	"${ssh_command[@]}" "$@"
}

# host_ssh HOST [OPTION...]: sets ssh_command to what a command is appended to.
host_ssh() {
	local dir=$HOSTS_RUN/$1
	shift
	ssh_command=(ssh -q -i "$HOSTS_CACHE/key" -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o IdentitiesOnly=yes
		-o ControlMaster=auto -o ControlPersist=yes -o ConnectTimeout=60 -o ServerAliveInterval=60 -o ServerAliveCountMax=10
		-o ControlPath="$dir/ssh" -p "$HOST_PORT" "$@" -- "root@$(cat "$dir/address")")
}

# A terminal in it.
host_terminal() {
	local ssh_command
	host_ssh "$1" -t
	shift
	"${ssh_command[@]}" "$@"
}

host_hang_up() {
	ssh -q -o ControlPath="$HOSTS_RUN/$1/ssh" -O exit host 2>/dev/null || :
}

# Its QEMU, and no other process that has got its number since.
host_is_running() {
	local dir=$HOSTS_RUN/$1 pid
	pid=$(cat "$dir/pid" 2>/dev/null) && grep -qzF "$dir/" "/proc/$pid/cmdline" 2>/dev/null
}

# Ends it, and removes what it was.
host_stop() {
	local dir=$HOSTS_RUN/$1
	[ -d "$dir" ] || return 0
	host_hang_up "$1"
	if host_is_running "$1"; then
		kill -KILL "$(cat "$dir/pid")"
		wait_gone "$1"
	fi
	[ ! -s "$dir/address" ] || rmdir "$HOSTS_RUN/.address-$(($(cut -d. -f2 "$dir/address") - 64))"
	rm -rf --one-file-system "$dir"
}
