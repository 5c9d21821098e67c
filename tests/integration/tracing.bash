# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Before each single command of a test, bats notes the whole stack of calls, for the message of a failure. That takes 0.4 ms, and 11 ms on an emulated processor: most of
# what tests do there. These take the places of bats's own: only the line is noted, and the stack when something has failed. Loaded by lib.bash.

# shellcheck disable=SC2034 # bats reads BATS_DEBUG_LAST_STACK_TRACE_IS_VALID
if declare -F bats_debug_trap bats_error_trap bats_capture_stack_trace bats_check_status_from_trap >/dev/null; then
	bats_debug_trap() {
		[[ $1 == "$BATS_ROOT"/lib* || ${FUNCNAME[1]} == bats_error_trap ]] || TRACE_LINE=${BASH_LINENO[0]}
	}

	bats_error_trap() {
		bats_check_status_from_trap
		[ -z "$BATS_DEBUG_LAST_STACK_TRACE_IS_VALID" ] || return 0
		bats_capture_stack_trace
		# When the test itself returns, the stack is that of its call in bats.
		[[ ${BATS_DEBUG_LAST_STACK_TRACE[0]:-bats_perform_test} != *bats_perform_test* ]] ||
			BATS_DEBUG_LAST_STACK_TRACE=("$TRACE_LINE $BATS_TEST_NAME $BATS_TEST_FILENAME")
		BATS_DEBUG_LAST_STACK_TRACE_IS_VALID=1
	}
fi
