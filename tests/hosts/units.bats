# SPDX-License-Identifier: GPL-2.0-or-later
load lib

@test "the unit test of real groups, where the hierarchy is the unified one" {
	host_start "$a" "$IMAGE"
	run -0 on "$a" 'CMOCKA_MESSAGE_OUTPUT=tap /root/ctctl/build/tests/unit/runtime/test_cgroup_life'
	echo "$output"
	# Nothing of it is skipped but what is for version 1.
	[ "$(grep -c '# SKIP' <<<"$output")" -eq 1 ]
	grep '# SKIP' <<<"$output" | grep -w test_v1_values
}
