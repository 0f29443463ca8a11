#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Real programs, as Debian has them, through a vgpu on the local platform: what they say and what they
# draw. Writes build/programs/: NAME-native.png, NAME-ours.png, NAME-*.log, and table.txt: which worked,
# and precisely why one did not. Each program is started natively first, on the backend's driver, so
# that what does not work there either is not blamed on us.
#
#   run.sh [NAME...]    only these; run.sh --list
cd "$(dirname "$0")/../.." || exit 1
. tests/tap.sh
. tests/e2e/platform.sh
. tests/scenarios.sh
. tests/peer.sh
. tests/programs/programs.sh

pictures=$B/programs
all=$(declare -F | sed -n 's/^declare -f program_//p')
[ "${1:-}" != --list ] || { echo "$all"; exit 0; }

# start WAY COMMAND...: a GL program, in the background; $pid.
start() {
	local way=$1
	shift
	case $way in
	native) env LIBGL_ALWAYS_SOFTWARE=1 GALLIUM_DRIVER=llvmpipe "$@" >>"$log" 2>&1 & ;;
	peer) peer "$@" >>"$log" 2>&1 & ;;
	ours) guest 1 xengpu-run --status-file="$W/vtest1.status" "$@" >>"$log" 2>&1 & ;;
	esac
	pid=$!
}

# once WAY SECONDS COMMAND...: it must end by itself, with 0.
once() {
	local way=$1 limit=$2
	shift 2
	start "$way" timeout -k 5 "$limit" "$@"
	wait "$pid"
	status=$?
	[ $status = 0 ] || why="ended with $status after at most $limit s: $(last_words)"
	return $status
}

last_words() { grep -v '^$' "$log" | tail -n 2 | tr '\n' ' ' | cut -c1-200; }

# watch WAY SECONDS COMMAND...: it draws; a picture of the screen is taken then, or later where there
# is nothing to be seen yet: a program takes long to begin on a machine that is busy.
watch() {
	local way=$1 seconds=$2 alive=1
	shift 2
	start "$way" "$@"
	sleep "$seconds"
	until_true $((seconds * 4)) picture_or_end "$way" || alive=2
	kill -0 "$pid" 2>/dev/null || alive=0
	family_end "$pid"
	wait "$pid" 2>/dev/null
	[ $alive != 0 ] || why="ended by itself: $(last_words)"
	[ $alive = 1 ]
}
picture_or_end() { gone "$pid" || { sleep 0.9 && picture "$1"; }; }

# A program and what it started, none else: children are found by their parents, and all are told at
# once, so that none finds out that another one is missing.
family() {
	local p
	echo "$1"
	for p in $(pgrep -P "$1"); do family "$p"; done
}
family_end() { kill $(family "$1") 2>/dev/null; }

picture() { # picture WAY: the screen as it is
	cp "$W/Xvfb_screen0" "$W/screen.xwd" && "$B/guest/picture" png "$W/screen.xwd" "$pictures/$name-$1.png" || return 1
	colours=$("$B/guest/picture" colours "$pictures/$name-$1.png")
	[ "${colours:-0}" -ge "${min_colours:-8}" ] || { why="the picture has $colours colours"; return 1; }
}

xserver() { # an X server for each way, so that nothing of the one before is on it
	rm -f "$W/display" "$W/Xvfb_screen0"
	Xvfb -displayfd 3 -screen 0 800x600x24 -nolisten tcp -noreset -fbdir "$W" 3>"$W/display" >"$W/xvfb.log" 2>&1 &
	xvfb_pid=$!
	until_true 20 test -s "$W/display" || return 1
	DISPLAY=:$(cat "$W/display")
	export DISPLAY
}

xserver_end() { kill "$xvfb_pid" 2>/dev/null; wait "$xvfb_pid" 2>/dev/null; }

# one NAME: natively, then through us; a line of the table.
one() {
	local way result=yes note= before
	name=$1
	before=$(counter command_bytes 1)
	for way in native ours; do
		log=$pictures/$name-$way.log why=
		: >"$log"
		xserver || { why="no X server"; break; }
		"program_$name" "$way" || {
			xserver_end
			result="no ($way): ${why:-unknown}"
			break
		}
		[ -z "$said" ] || note=$said
		xserver_end
	done
	# That it drew through us is seen where its commands arrive.
	commands=$((($(counter command_bytes 1) - before) / 1024))
	[ "$result" != yes ] || [ $commands -gt 0 ] || result="no (ours): it sent no commands to the backend"
	note="${note:+$note; }$commands KiB of commands"
	[ ! -e "$pictures/table.txt" ] || sed -i "/^$name /d" "$pictures/table.txt"
	printf '%-16s %s%s\n' "$name" "$result" "${note:+; $note}" | tee -a "$pictures/table.txt"
	[ "$result" = yes ]
}

# Of CPUs with F16C llvmpipe makes other use where the program itself talks to it than behind a renderer
# (tests/README.md, "Pictures"): all that draw, natively, in the worker and in the peer, get the same.
export GALLIUM_OVERRIDE_CPU_CAPS=sse4.1
mkdir -p "$pictures"
plat_up 1 || bail "the local platform did not start: $(tail -n 5 "$W"/*.log 2>/dev/null)"
export XDG_RUNTIME_DIR=$W/run HOME=$W/home
mkdir -p -m 700 "$XDG_RUNTIME_DIR" "$HOME"
[ $# -gt 0 ] || : >"$pictures/table.txt"
for p in ${*:-$all}; do
	said=
	ok "$p" one "$p"
done
plat_down
echo "# the table: $pictures/table.txt"
done_testing
