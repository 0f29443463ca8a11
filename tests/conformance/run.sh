#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Piglit three ways: on the driver itself (native), through the open path's own server (peer:
# virgl_test_server), and through a vgpu (ours). That is one of the local platform or, with ON=xen, of a
# guest in the rig; native and peer still are this machine's, with the same packages and not emulated.
# Writes build/conformance/SET/ and the summary, build/conformance/summary.{txt,json,html}; ends with 1
# when a test is worse through us than through the peer.
#
#   run.sh [quick|recommended|large|xen]; in the environment: ON=xen; JOBS (1; 3 in a guest), RETRIES (2),
#   WAYS ("native peer ours"): run these, and keep what an earlier run found by the others.
#
# A test that is worse through us is run again through both, RETRIES times, and counts as worse when
# it was so every time; otherwise it is listed as unsteady.
cd "$(dirname "$0")/../.." || exit 1
. tests/tap.sh
if [ "${ON:-}" = xen ]; then
	. tests/xen/platform.sh
else
	. tests/e2e/platform.sh
fi
. tests/peer.sh
. tests/conformance/sets.sh

set=${1:-recommended}
WAYS=${WAYS:-native peer ours}
out=$B/conformance/$set
[ "$PLATFORM" = local ] && JOBS=${JOBS:-1} || JOBS=${JOBS:-3}
declare -F "set_$set" >/dev/null || { echo "no set is called $set" >&2; exit 2; }

# The three ways: each runs a command that starts GL programs.
way_native() { env LIBGL_ALWAYS_SOFTWARE=1 GALLIUM_DRIVER=llvmpipe "$@"; }
way_ours() {
	case $PLATFORM in
	local) guest 1 xengpu-run --status-file="$W/vtest1.status" "$@" ;;
	xen) in_guest "$@" ;;
	esac
}
way_peer() { peer "$@"; }

# A command of piglit's in the guest; its results, the last argument, come here.
in_guest() {
	local status
	guest 1 env -C /tmp xengpu-run "$@"
	status=$?
	"$RIG" get guest1 "${@: -1}" "${@: -1}" || return 1
	guest 1 rm -rf "${@: -1}"
	return $status
}

# The guest runs what this machine runs, or the comparison is none.
up_xen() {
	local here there
	PACKAGES="piglit virgl-server" plat_up 1 || return 1
	for p in piglit libgl1-mesa-dri libvirglrenderer1; do
		here=$(dpkg-query -W -f '${Version}' $p) there=$(guest 1 dpkg-query -W -f '${Version}' $p)
		[ "$here" = "$there" ] || { echo "$p is $here here and $there in the rig" >&2; return 1; }
	done
}

up() {
	case $PLATFORM in
	local) plat_up 1 || return 1 ;;
	xen) if [[ $WAYS = *ours* ]]; then up_xen || return 1; else W=$(mktemp -d); fi ;;
	esac
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
	[ "$PLATFORM" = xen ] || cp "$W"/{xengpud,vtest1}.log "$out/" 2>/dev/null
	if [ "$PLATFORM" = local ] || [[ $WAYS = *ours* ]]; then plat_down; fi
	rm -rf "$W"
}

# part NAME PROFILE PLATFORM OPTION...: one part of a set, each way that is asked for.
part() {
	local name=$1 profile=$2 platform=$3 way start
	shift 3
	echo "$profile $platform" >"$out/$name.profile"
	for way in $WAYS; do
		start=$SECONDS
		rm -rf "$out/$way-$name"
		"way_$way" piglit run -p "$platform" -o -c -j "$JOBS" "$@" "$profile" \
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
			[ "$PLATFORM$way" != xenours ] || "$RIG" put guest1 "$list" "$list"
			"way_$way" piglit run -p "$platform" -o -c -j 1 --timeout 600 --test-list "$list" "$profile" \
				"$out/$way-$name-again$1" >"$out/$way-$name-again$1.log" 2>&1
		done
	done
}

mkdir -p "$out"
rm -rf "$out"/*-again* "$out"/worse-*
up || { echo "the platform, the peer or the X server did not start" >&2; tail -n 5 "$W"/*.log >&2; exit 1; }
"set_$set"
for n in $(seq "${RETRIES:-2}"); do
	PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 tests/conformance/summary.py --worse "$out" || break
	again "$n"
done
PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 tests/conformance/summary.py "$out" "$B/conformance"
