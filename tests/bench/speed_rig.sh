#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Figures of speed on real Xen, for speed_rig.py: what is counted for a frame of stock glmark2 in a
# guest, and our round trip against libxenvchan's, in turns; then four guests that draw at once.
# Prints a line of JSON for each row; what else it says is for people. An emulated machine's times
# mean nothing, their ratios something.
cd "$(dirname "$0")/../.." || exit 1
. tests/tap.sh
. tests/xen/platform.sh
. tests/scenarios.sh

SHORT=50 LONG=150	# frames
TURNS=5 TRIPS=300
MANY=4 MANY_FRAMES=50

fail() { echo "$*"; plat_down; exit 1; }

glmark() { # glmark FRAMES
	guest 1 sh -c "Xvfb :9 -screen 0 256x256x24 -nolisten tcp >/dev/null 2>&1 & sleep 1
		DISPLAY=:9 xengpu-run glmark2-es2 --off-screen --frame-end finish --size 128x128 \
			-b texture:nframes=$1:duration=600; s=\$?; kill \$!; exit \$s" | grep -q FPS || return 1
	until_true 30 backend_quiet
}

# What is counted, of both ends: read the numbers into the array $1.
counts() {
	local -n to=$1
	local name
	for name in notifications_sent share_ops unshare_ops surface_bytes_copied command_bytes command_bytes_moved; do
		to[guest_$name]=$(vtest_stats 1 | jq -s "map(.$name) | add")
	done
	for name in notifies_out map_ops unmap_ops surface_bytes_copied command_bytes_copied; do
		to[$name]=$(counter $name)
	done
}

# row NAME EXPRESSION: of d, the differences of a long and a short run, and n, the frames between.
row() {
	local args=() key
	for key in "${!long[@]}"; do
		args+=("$key" $((${long[$key]} - 2 * ${short[$key]} + ${zero[$key]})))
	done
	jq -cn --arg name "$1" --argjson n $((LONG - SHORT)) \
		'[$ARGS.positional | range(0; length; 2) as $i | {key: .[$i], value: (.[$i + 1] | tonumber)}]
		| from_entries as $d | {name: $name, value: (('"$2"') * 100 | round / 100)}
		| .runs = [.value] | .detail = "stock glmark2, texture, in a guest of real Xen"' --args "${args[@]}"
}

per_frame() {
	declare -A zero short long
	glmark $SHORT || return 1	# whatever is set up once, is
	counts zero
	glmark $SHORT || return 1
	counts short
	glmark "$LONG" || return 1
	counts long
	row notifications_per_frame.to_backend.xen '$d.guest_notifications_sent / $n'
	row notifications_per_frame.to_frontend.xen '$d.notifies_out / $n'
	row grant_ops_per_frame.xen '($d.guest_share_ops + $d.guest_unshare_ops + $d.map_ops + $d.unmap_ops) / $n'
	row surface_bytes_copied_per_frame.xen '($d.guest_surface_bytes_copied + $d.surface_bytes_copied) / $n'
	row command_copies.xen '($d.command_bytes_copied + $d.guest_command_bytes_moved) / $d.guest_command_bytes'
}

round_trips() {
	local path=/local/domain/0/data/xengpu-bench turn ours vchan domid
	domid=$(guest_domid 1)
	vtest_stop 1
	"$RIG" put guest1 "$B/bench/rtt" $GL/rtt && "$RIG" put guest1 "$B/bench/vchan" $GL/vchan &&
		"$RIG" put dom0 "$B/bench/vchan" $GL/vchan || return 1
	: >"$W/pairs"
	for turn in $(seq $TURNS); do
		ours=$(guest 1 $GL/rtt waiting $TRIPS) || return 1
		daemon dom0 vchan "$GL/vchan serve $domid $path"
		until_true 10 dom0 xenstore-exists $path/ring-ref || return 1
		vchan=$(guest 1 $GL/vchan ping 0 $path $TRIPS) || return 1
		until_true 10 daemon_stop dom0 vchan
		dom0 xenstore-rm $path
		echo "turn $turn: us: ours $(jq .p50 <<<"$ours"), vchan $(jq .p50 <<<"$vchan")"
		jq -cn --argjson o "$ours" --argjson v "$vchan" '[$o.p50, $v.p50]' >>"$W/pairs"
	done
	jq -cs 'def median: sort | .[length / 2 | floor];
		{name: "xen_rtt_vs_vchan", runs: map(.[0] / .[1])} | .value = (.runs | median)' "$W/pairs" |
		jq -c --slurpfile p "$W/pairs" '.detail = "p50 of \($p | length) turns, us: ours "
			+ ($p | map(.[0] | tostring) | join(", ")) + "; libxenvchan "
			+ ($p | map(.[1] | tostring) | join(", "))'
}

many_guests() {
	local value=false begin
	"$RIG" up --guests $MANY --gpu "$GPU" ${SUITE:+--suite "$SUITE"} && plat_sync $MANY &&
		vtest_start 1 && each_of $(seq 2 $MANY) -- guest_connect || return 1
	begin=$SECONDS
	sc_together $MANY_FRAMES $(seq $MANY) && value=true
	jq -cn --argjson v $value --argjson n $MANY \
		--arg d "each drew $MANY_FRAMES frames, every pixel looked at, in $((SECONDS - begin)) s" \
		'{name: "xen_guests_\($n)", value: $v, runs: [$v], detail: (if $v then $d else "a guest drew wrong" end)}'
}

plat_up 1 || fail "the rig does not come up"
per_frame || fail "glmark2 did not run in the guest"
round_trips || fail "round trips could not be timed"
many_guests || fail "more guests could not be had"
plat_down
