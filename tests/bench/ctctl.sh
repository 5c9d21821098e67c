# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154
# What is measured of ctctl alone. Sourced by tests/bench/run.
ctctl_make() {
	[ -x "$ctctl" ] || return 0
	"$ctctl" template build micro >/dev/null && "$ctctl" create bench --template micro --memory 256M >/dev/null || failed=1
}

ctctl_tables() {
	:
}
