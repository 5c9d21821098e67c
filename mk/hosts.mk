# SPDX-License-Identifier: GPL-2.0-or-later
# The suites on whole Debian hosts under QEMU: tests/hosts/run says how.
#
#   make check-hosts                                      all hosts of tests/hosts/hosts.list
#   make check-hosts HOST=debian-13 TEST='limits pair'    one host, some files of tests/integration or tests/hosts
#   make check-hosts KEEP=1                               leaves each host's last state running
#   make host-shell HOST=debian-12                        a root shell on that, or on a fresh host with this tree installed
#   make host-end HOST=debian-12                          ends it
HOST ?=
TEST ?=
KEEP ?=

check-hosts: deps-hosts
	+@MAKE='$(MAKE)' TEST='$(TEST)' KEEP='$(KEEP)' tests/hosts/run $(HOST)
host-shell: deps-hosts
	+@MAKE='$(MAKE)' tests/hosts/shell $(HOST)
host-end:
	@tests/hosts/shell $(HOST) --end
deps-hosts:
	@tools/deps build run hosts

.PHONY: check-hosts host-shell host-end deps-hosts
