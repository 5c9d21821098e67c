# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# The machine that a test host sees: what is changed here makes new images (tests/hosts/image), because a saved host goes on only in the machine that it was saved in.
# Part of host.bash.

HOST_PORT=2222
HOST_MEMORY=${HOST_MEMORY:-3072}
# The second one is for whoever needs two (SPARE_CPU): two emulated processors wait for each other in the kernel, and the longer the fewer real ones there are.
HOST_CPUS=2
SPARE_CPU=1
HOST_INPUT_SIZE=3G
# With nested SVM, so that the host can have VMs of its own. MONITOR is left out because an emulated processor cannot wait in it; misaligned SSE is
# not emulated. Where the machine itself has hardware assistance, its own processor is passed on.
HOST_CPU_EMULATED=EPYC-v1,+svm,-monitor,-misalignsse

# host_tool PROGRAM ARGUMENT...: a program of that QEMU.
host_tool() {
	local lib=$HOSTS_CACHE/qemu/usr/lib/x86_64-linux-gnu program=$HOSTS_CACHE/qemu/usr/bin/$1
	shift
	QEMU_MODULE_DIR=$lib/qemu "$lib/ld-linux-x86-64.so.2" --library-path "$lib" "$program" "$@"
}

# /dev/kvm alone proves nothing: there are machines on which it opens and no stock kernel runs.
has_kvm() {
	grep -qE '^flags.* (vmx|svm)( |$)' /proc/cpuinfo && [ -w /dev/kvm ]
}

accelerator() {
	if has_kvm; then
		echo -accel kvm -cpu host
	else
		echo -accel tcg,thread=multi,tb-size=512 -cpu "$HOST_CPU_EMULATED"
	fi
}

# The kernel does not trust an emulated TSC by itself, and each look at another clock would leave the emulated processor.
# qemu_start NAME IMAGE [ARGUMENT...]: returns when QEMU has opened its sockets; the host itself may be anywhere then.
qemu_start() {
	local dir=$HOSTS_RUN/$1 image=$2 tree=$HOSTS_CACHE/qemu accelerate pair='server=on'
	shift 2
	read -ra accelerate <<<"$(accelerator)"
	mkfifo "$dir"/{monitor,ready}.{in,out}
	[ ! -s "$dir/pair-of" ] || pair="server=off"
	host_tool qemu-system-x86_64 -L "$tree/usr/share/qemu" -L "$tree/usr/share/seabios" -nodefaults -no-user-config -display none \
		-machine q35,hpet=off "${accelerate[@]}" -smp "$HOST_CPUS" -m "$HOST_MEMORY" -kernel "$image/vmlinuz" -initrd "$image/initrd" \
		-append 'console=ttyS0 root=/dev/vda rw quiet mitigations=off no_timer_check tsc=reliable random.trust_cpu=on systemd.show_status=0' \
		-chardev "file,id=console,path=$dir/console.log,append=on" -serial chardev:console \
		-chardev "pipe,id=ready,path=$dir/ready" -serial chardev:ready \
		-chardev "pipe,id=monitor,path=$dir/monitor" -mon chardev=monitor,mode=control \
		-drive "if=none,id=root,file=$dir/root.qcow2,format=qcow2,cache=unsafe,discard=unmap" -device virtio-blk-pci,drive=root \
		-drive "if=none,id=disk,file=$dir/disk.qcow2,format=qcow2,cache=unsafe,discard=unmap" -device virtio-blk-pci,drive=disk,serial=disk \
		-drive "if=none,id=input,file=$(readlink -f "$image/input.img"),format=raw,readonly=on" -device virtio-blk-pci,drive=input,serial=input \
		-netdev "user,id=control,restrict=on,hostfwd=tcp:$(cat "$dir/address"):$HOST_PORT-:22" \
		-device virtio-net-pci,netdev=control,mac=52:54:00:00:00:01,romfile= \
		-netdev "stream,id=pair,$pair,addr.type=unix,addr.path=$(readlink -f "$dir/pair.sock")" \
		-device virtio-net-pci,netdev=pair,mac=52:54:00:00:00:02,romfile= \
		-device virtio-rng-pci -pidfile "$dir/pid" -daemonize "$@" 2>"$dir/qemu.log" || {
		cat "$dir/qemu.log" >&2
		return 1
	}
}
