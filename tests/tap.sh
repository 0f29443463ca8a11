# SPDX-License-Identifier: GPL-2.0-only
# For the test scripts (sourced): TAP. ok NAME COMMAND... runs a command and says whether it
# succeeded; what it printed is shown when it did not. done_testing prints the plan.
tap_n=0 tap_bad=0

ok() {
	local name=$1 out
	shift
	tap_n=$((tap_n + 1))
	if out=$("$@" 2>&1); then
		echo "ok $tap_n - $name"
	else
		echo "not ok $tap_n - $name"
		printf '%s\n' "$out" | tail -n 30 | sed 's/^/# /'
		tap_bad=$((tap_bad + 1))
	fi
}

skip() { # skip NAME REASON
	tap_n=$((tap_n + 1))
	echo "ok $tap_n - $1 # SKIP $2"
}

bail() { # the set-up failed: nothing further can be tried
	tap_n=$((tap_n + 1))
	tap_bad=$((tap_bad + 1))
	echo "not ok $tap_n - $1"
	done_testing
}

done_testing() {
	echo "1..$tap_n"
	exit $((tap_bad > 0))
}

# until_true SECONDS COMMAND...: try every tenth of a second. What the command takes does not count, up
# to four times the seconds: on an emulated machine one try can take some.
until_true() {
	local left=$(($1 * 10)) end=$((SECONDS + $1 * 5 + 1))
	shift
	until "$@"; do
		left=$((left - 1))
		[ "$left" -gt 0 ] && [ $SECONDS -lt $end ] || return 1
		sleep 0.1
	done
}

gone() { ! kill -0 "$1" 2>/dev/null; }
