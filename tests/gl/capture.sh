#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# capture.sh OUTDIR SCENE... : take a picture of each glmark2-es2 scene, the same picture on every
# machine, as an XWD file in OUTDIR. The program is stock; its clock steps (steptime.c) and stops
# at a given call. In the environment: RUN, a command put before it (xengpu-run); GLDIR, where
# libsteptime.so is; SIZE (256x256); HOLD (40), the clock call at which to stop; DISPLAY_NR (99).
# Exits 1 when a scene did not get there within LIMIT seconds (60).
set -u
out=$1
shift
GLDIR=${GLDIR:-$(dirname "$0")}
SIZE=${SIZE:-256x256} HOLD=${HOLD:-40} LIMIT=${LIMIT:-60} DISPLAY_NR=${DISPLAY_NR:-99}
mkdir -p "$out"
work=$(mktemp -d)
Xvfb ":$DISPLAY_NR" -screen 0 "${SIZE}x24" -nolisten tcp -noreset -fbdir "$work" >"$work/xvfb.log" 2>&1 &
xvfb=$!
trap 'kill $xvfb; wait $xvfb 2>/dev/null; rm -rf "$work"' EXIT
n=0
until [ -e "/tmp/.X11-unix/X$DISPLAY_NR" ]; do
	n=$((n + 1))
	[ $n -lt 200 ] || { echo "Xvfb did not start: $(cat "$work/xvfb.log")" >&2; exit 1; }
	sleep 0.1
done

status=0
for scene in "$@"; do
	name=$(echo "$scene" | tr ':=/' '---')
	rm -f "$work/hold"
	LD_PRELOAD=$GLDIR/libsteptime.so STEPTIME_US=10000 STEPTIME_HOLD=$HOLD STEPTIME_FILE=$work/hold \
		DISPLAY=:$DISPLAY_NR ${RUN:-} glmark2-es2 --size "$SIZE" -b "$scene:nframes=100000" \
		>"$out/$name.log" 2>&1 &
	program=$!
	n=0
	while [ ! -e "$work/hold" ] && kill -0 $program 2>/dev/null && [ $n -lt $((LIMIT * 10)) ]; do
		n=$((n + 1))
		sleep 0.1
	done
	if [ -e "$work/hold" ]; then
		# What was sent to the X server before the hold may still be on its way.
		sleep 0.5
		cp "$work/Xvfb_screen0" "$out/$name.xwd"
	else
		echo "$scene: no picture after $((n / 10)) s; the program's last words:" >&2
		tail -n 3 "$out/$name.log" >&2
		status=1
	fi
	kill -9 $program 2>/dev/null
	wait $program 2>/dev/null
done
exit $status
