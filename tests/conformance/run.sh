#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Piglit three ways on the local platform: on the driver itself (native), through the open path's own
# server (peer: virgl_test_server), and through a vgpu (ours). Writes build/conformance/SET/ and the
# summary, build/conformance/summary.{txt,json,html}; ends with 1 when a test is worse through us than
# through the peer.
#
#   run.sh [quick|recommended|large]; in the environment: JOBS (1), RETRIES (2), WAYS ("native peer
#   ours"): run these, and keep what an earlier run found by the others.
#
# A test that is worse through us is run again through both, RETRIES times, and counts as worse when
# it was so every time; otherwise it is listed as unsteady.
cd "$(dirname "$0")/../.." || exit 1
. tests/tap.sh
. tests/e2e/platform.sh
. tests/peer.sh
. tests/conformance/sets.sh

set=${1:-recommended}
WAYS=${WAYS:-native peer ours}
out=$B/conformance/$set
declare -F "set_$set" >/dev/null || { echo "no set is called $set" >&2; exit 2; }

# The three ways: each runs a command that starts GL programs.
way_native() { env LIBGL_ALWAYS_SOFTWARE=1 GALLIUM_DRIVER=llvmpipe "$@"; }
way_ours() { guest 1 xengpu-run --status-file="$W/vtest1.status" "$@"; }
way_peer() { peer "$@"; }

up() {
	local n=0
	plat_up 1 || return 1
	peer_start || return 1
	# Without -noreset the server starts anew after each test, and some find none.
	Xvfb -displayfd 3 -screen 0 1280x1024x24 -nolisten tcp -noreset 3>"$W/display" >"$W/xvfb.log" 2>&1 &
	xvfb_pid=$!
	until_true 20 test -s "$W/display" || return 1
	DISPLAY=:$(cat "$W/display")
	export DISPLAY
	trap down EXIT
}

down() {
	kill "$xvfb_pid" 2>/dev/null
	wait "$xvfb_pid" 2>/dev/null
	peer_stop
	plat_down
}

# part NAME PROFILE PLATFORM OPTION...: one part of a set, each way that is asked for.
part() {
	local name=$1 profile=$2 platform=$3 way start
	shift 3
	echo "$profile $platform" >"$out/$name.profile"
	for way in $WAYS; do
		start=$SECONDS
		rm -rf "$out/$way-$name"
		"way_$way" piglit run -p "$platform" -o -c -j "${JOBS:-1}" "$@" "$profile" \
			"$out/$way-$name" >"$out/$way-$name.log" 2>&1 || {
			echo "piglit failed:" >&2
			tail -n 5 "$out/$way-$name.log" >&2
			exit 1
		}
		echo "$way, $name: $((SECONDS - start)) s"
	done
}

# Those that are worse, once more, through both.
again() { # again NUMBER
	local list name profile platform way
	for list in "$out"/worse-*; do
		[ -s "$list" ] || continue
		name=${list##*/worse-}
		read -r profile platform <"$out/$name.profile"
		for way in peer ours; do
			rm -rf "$out/$way-$name-again$1"
			"way_$way" piglit run -p "$platform" -o -c -j 1 --test-list "$list" "$profile" \
				"$out/$way-$name-again$1" >"$out/$way-$name-again$1.log" 2>&1
		done
	done
}

mkdir -p "$out"
rm -rf "$out"/*-again* "$out"/worse-*
up || { echo "the local platform, the peer or the X server did not start" >&2; tail -n 5 "$W"/*.log >&2; exit 1; }
"set_$set"
for n in $(seq "${RETRIES:-2}"); do
	PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 tests/conformance/summary.py --worse "$out" || break
	again "$n"
done
PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 tests/conformance/summary.py "$out" "$B/conformance"
