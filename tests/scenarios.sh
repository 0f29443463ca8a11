# SPDX-License-Identifier: GPL-2.0-only
# What must work, said once for the local platform and for real Xen (sourced, after tap.sh and a
# platform.sh). Each function is one check, ends with 0 or says what was wrong.

SCENES="texture shading bump buffer:update-method=map buffer:update-method=subdata ideas jellyfish terrain"
# Pictures: at most 1 pixel in 1000 may differ by more than 2 of 255 in a component. The reference
# is drawn with GALLIUM_OVERRIDE_CPU_CAPS=sse4.1, which keeps llvmpipe from computing mediump in
# 16 bits (it does so where the CPU has F16C): a path that goes through desktop GL, as virgl's, has
# no mediump, and terrain's noise shows the difference.
LEVEL=2 PERMILLE=1

# A number out of `xengpu stats --json`, summed over devices: counter NAME [DOMID].
counter() {
	dom0 xengpu stats --json | jq -e --arg n "$1" --argjson d "${2:-null}" \
		'[.devices[] | select($d == null or .domid == $d) | .[$n]] | add // 0'
}

supervisor() { dom0 xengpu stats --json | jq -e ".supervisor.$1"; }

# Nothing of any session is left in the driver domain.
backend_quiet() {
	[ "$(counter sessions)" = 0 ] && [ "$(counter pages_mapped)" = 0 ] && [ "$(supervisor workers_bound)" = 0 ] &&
		[ "$(supervisor workers_warm)" -ge "$(supervisor workers_kept)" ]
}

sc_renderer() { # a guest's GL names virgl on the backend's renderer
	local out
	out=$(run "$1" wflinfo -p surfaceless_egl -a gles2) || { echo "$out"; return 1; }
	echo "$out"
	echo "$out" | grep -q 'OpenGL renderer string: virgl'
}

sc_info() { run "$1" true && guest "$1" xengpu-run --info; }

sc_roundtrip() { run "$1" "$GL/roundtrip"; }

# The features of GL, every case a line of TAP: sc_features NAME COMMAND... [CASE...] keeps what
# `features` says when COMMAND runs it; features_ok NAME says which cases failed, features_same
# NAME OTHER which ones NAME lacks although OTHER has them, but for what cannot be had here.
# Persistent mappings: Mesa's virpipe has none (its winsys says that its memory is not coherent), and
# they would be memory of the driver domain in a guest.
FEATURES_LACKING="buffer/persistent-coherent buffer/persistent-flushed"

sc_features() { # sc_features NAME COMMAND...
	local name=$1 status
	shift
	"$@" >"$W/features-$name" 2>"$W/features-$name.err"
	status=$?
	[ $status -le 1 ] && grep -q '^1\.\.' "$W/features-$name" || {
		echo "it ended with $status"
		tail -n 3 "$W/features-$name" "$W/features-$name.err"
		return 1
	}
}

# What GL says of itself there, for whoever reads the log.
features_said() { run "$1" "$GL/features" --versions | sed 's/^/# /'; }

features_ok() { # features_ok NAME
	grep -A1 '^not ok' "$W/features-$1" && return 1
	[ "$(grep -c '^ok ' "$W/features-$1")" -gt "${2:-100}" ]
}

features_same() { # features_same NAME OTHER
	local case bad=0
	for case in $(sed -n 's/^ok [0-9]* - \([^ ]*\) # SKIP.*/\1/p' "$W/features-$1"); do
		case " $FEATURES_LACKING " in *" ${case#*/} "*) continue ;; esac
		grep -q "^ok [0-9]* - $case\$" "$W/features-$2" || continue
		grep " - $case #" "$W/features-$1"
		bad=1
	done
	return $bad
}

sc_frames() { # sc_frames GUEST FRAMES
	local out
	out=$(run "$1" "$GL/spin" "$2") || { echo "$out" | tail -n 5; return 1; }
	[ "$(echo "$out" | grep -c '^frame ')" = "$2" ]
}

sc_together() { # sc_together FRAMES GUEST...: a program in each at once; a guest may be named twice
	local frames=$1 g n=0 bad=0
	shift
	for g in "$@"; do
		n=$((n + 1))
		sc_frames "$g" "$frames" >"$W/together$n" 2>&1 &
		pids[n]=$!
	done
	for n in $(seq $#); do
		wait "${pids[n]}" || { cat "$W/together$n"; bad=1; }
	done
	return $bad
}

# pictures_native OUTDIR, pictures_guest GUEST OUTDIR: every scene, converted to PNG here.
# NATIVE_DISPLAY: the X server's number, where two are drawn natively at once.
pictures_native() {
	dom0 env GALLIUM_OVERRIDE_CPU_CAPS=sse4.1 DISPLAY_NR="${NATIVE_DISPLAY:-90}" GLDIR="$GL" SIZE="${SIZE:-256x256}" \
		HOLD="${HOLD:-40}" LIMIT="${LIMIT:-60}" \
		"$GL/capture.sh" "$GL_TMP/native${NATIVE_DISPLAY:-}" $SCENES || return 1
	pictures_fetch 0 "$GL_TMP/native${NATIVE_DISPLAY:-}" "$1"
}

pictures_guest() {
	guest "$1" env RUN=xengpu-run DISPLAY_NR=$((90 + $1)) \
		GLDIR="$GL" SIZE="${SIZE:-256x256}" HOLD="${HOLD:-40}" LIMIT="${LIMIT:-60}" "$GL/capture.sh" "$GL_TMP/guest$1" $SCENES || return 1
	pictures_fetch "$1" "$GL_TMP/guest$1" "$2"
}

pictures_fetch() { # pictures_fetch GUEST|0 DIR OUTDIR
	local scene name
	mkdir -p "$3"
	for scene in $SCENES; do
		name=$(echo "$scene" | tr ':=/' '---')
		fetch "$1" "$2/$name.xwd" "$W/$name.xwd" && "$B/guest/picture" png "$W/$name.xwd" "$3/$name.png" ||
			return 1
	done
}

picture_equal() { # picture_equal SCENE NATIVEDIR GUESTDIR
	local name
	name=$(echo "$1" | tr ':=/' '---')
	[ "$("$B/guest/picture" colours "$2/$name.png")" -ge 8 ] || { echo "the reference is empty"; return 1; }
	"$B/guest/picture" diff "$2/$name.png" "$3/$name.png" $LEVEL $PERMILLE
}

# The last session's counters as the frontend wrote them: stat GUEST NAME.
stat() { vtest_stats "$1" | tail -n 1 | jq -e ".$2"; }

sc_steady() { # sc_steady GUEST: no grant operation, no copied surface, every command copied once
	local shares maps a b commands copied
	until_true 5 backend_quiet
	maps[0]=$(counter map_ops "$1")
	for frames in 30 90; do
		sc_frames "$1" $frames || return 1
		until_true 5 backend_quiet || { echo "the session did not end"; return 1; }
		shares[frames]=$(stat "$1" share_ops)
		maps[frames]=$(counter map_ops "$1")
	done
	a=$((shares[90] - shares[30]))
	b=$((maps[90] - maps[30] - (maps[30] - maps[0])))
	echo "map operations: $((maps[30] - maps[0])) for 30 frames, $((maps[90] - maps[30])) for 90"
	echo "share operations: ${shares[30]} for 30 frames, ${shares[90]} for 90"
	commands=$(counter command_bytes "$1") copied=$(counter command_bytes_copied "$1")
	echo "command bytes $commands, copied $copied; surface bytes copied:" \
		"$(counter surface_bytes_copied "$1") backend, $(stat "$1" surface_bytes_copied) frontend"
	[ "$a" = 0 ] && [ "$b" = 0 ] && [ "$commands" -gt 0 ] && [ "$commands" = "$copied" ] &&
		[ "$(counter surface_bytes_copied "$1")" = 0 ] && [ "$(stat "$1" surface_bytes_copied)" = 0 ]
}

# --- losing things in the middle of a frame ------------------------------------------------------

# backend_back_to FDS WORKERS: as many descriptors and workers as before, no session left.
backend_back_to() {
	backend_quiet && [ "$(backend_fds)" -le "$1" ] && [ "$(backend_workers)" -le "$2" ]
}

sc_nothing_left() { # sc_nothing_left FDS WORKERS
	until_true "${PATIENCE:-10}" backend_back_to "$1" "$2" || {
		dom0 xengpu stats
		echo "descriptors $(backend_fds), were $1; workers $(backend_workers), were $2"
		return 1
	}
	until_true 10 no_session_nodes || { backend_nodes; echo "session nodes are left"; return 1; }
}

no_session_nodes() { ! backend_nodes | grep -q session-; }

spinning() { # spinning GUEST: a program there is drawing, in the background; $spin_pid
	: >"$W/spin"
	run "$1" "$GL/spin" >"$W/spin" 2>&1 &
	spin_pid=$!
	until_true 60 grep -qs '^frame 5$' "$W/spin" || { cat "$W/spin"; return 1; }
}

sc_kill_program() { # sc_kill_program GUEST
	spinning "$1" || return 1
	backend_nodes | grep -q session- || { echo "no session node while a program draws"; return 1; }
	guest_pkill "$1" spin
	! wait "$spin_pid"
}

sc_kill_vtest() { # SIGKILL to every process of xengpu-vtest; a new one serves again
	spinning "$1" || return 1
	guest_pkill "$1" xengpu-vtest
	! wait "$spin_pid" || { echo "the program did not notice"; return 1; }
	vtest_start "$1" && sc_frames "$1" 3
}

sc_kill_worker() { # the guest's program gets an error within a second, the next one draws
	spinning "$1" || return 1
	worker_kill
	until_true 3 gone "$spin_pid" || { echo "the program still runs"; kill "$spin_pid"; return 1; }
	wait "$spin_pid" && { echo "the program saw no error"; return 1; }
	sc_frames "$1" 3
}

sc_kill_guest() { # sc_kill_guest GUEST DOMID
	spinning "$1" || return 1
	guest_kill "$1"
	wait "$spin_pid"
	until_true 10 backend_quiet || return 1
	! backend_nodes | grep "/vgpu/$2/" || { echo "backend nodes of a dead guest are left"; return 1; }
}

# --- a guest that hangs the GPU: named, contained, banned, allowed again -----------------------------
# The platform's backend gets a short time for it: backend_start --fence-timeout=$HANG_S.

sc_hang() { # sc_hang GUEST: its program sees an error, the log and the session say why
	local limit=$((${HANG_S:?} * 3 + ${PATIENCE:-10})) before told
	local words='the GPU hangs\|banned: ' # the last one is told that it is banned
	before=$(backend_log | grep -c "the GPU hangs.*number") told=$(vtest_log "$1" | grep -c "$words")
	: >"$W/hang"
	run "$1" "$GL/hang" >"$W/hang" 2>&1 &
	spin_pid=$!
	until_true $limit gone "$spin_pid" || { cat "$W/hang"; echo "it hangs on"; kill "$spin_pid"; return 1; }
	! wait "$spin_pid" && grep -q '^drawing' "$W/hang" || { cat "$W/hang"; return 1; }
	[ "$(backend_log | grep -c "the GPU hangs.*number")" = $((before + 1)) ] || { backend_log | tail -n 5; return 1; }
	[ "$(vtest_log "$1" | grep -c "$words")" -gt "$told" ] || { vtest_log "$1" | tail -n 5; return 1; }
}

sc_banned() { # sc_banned GUEST NAME [LOSSES]: nothing of it is served, and it can read why
	until_true 20 status_says "$1" "^reason: .*banned: ${3:-3} workers crashed or hung" || {
		vtest_status "$1"
		backend_log | tail -n 5
		return 1
	}
	says "xengpu allow $2" run "$1" true && dom0 xengpu info "$2" | grep "until .xengpu allow $2"
}

sc_allow() { # sc_allow GUEST NAME: it draws again, and nobody touched the guest
	dom0 xengpu allow "$2" && until_true 30 status_says "$1" '^state: connected' && sc_frames "$1" 3
}

# --- the workers' cage ----------------------------------------------------------------------------

sc_escape() { # a worker that was taken over tries to get out; on the machine where workers run
	local out
	out=$(dom0 "$GL/escape") || { echo "$out" | grep -A1 '^not ok\|^Bail'; return 1; }
	[ "$(echo "$out" | grep -c '^ok ')" -gt 90 ]
}

cage_is() { # cage_is GUEST TEXT: what the host's statistics and the guest's info say
	[ "$(dom0 xengpu stats --json | jq -r .cage)" = "$2" ] && dom0 xengpu info "$1" | grep -q "^cage  *: $2$" || {
		dom0 xengpu stats --json | jq '{cage, cage_reason, error}'
		return 1
	}
}

sc_caged() { # sc_caged GUEST: in full, as seen by the kernel, too; every thread
	local pid t
	cage_is "$1" full || return 1
	for pid in $(worker_pids); do
		for t in $(dom0 sh -c "ls -d /proc/$pid/task/*"); do
			dom0 cat "$t/status" >"$W/task" || return 1
			if [ "$(awk '/^(CapInh|CapPrm|CapEff|CapAmb|CapBnd):/ {print $2 + 0}' "$W/task" | sort -u)" != 0 ] ||
				! grep -q '^NoNewPrivs:.1' "$W/task" || ! grep -q '^Seccomp:.2' "$W/task" ||
				[ -n "$(dom0 ls -A "$t/root/")" ] || dom0 grep -qv ' / / ro' "$t/mountinfo"; then
				cat "$W/task"
				return 1
			fi
		done
	done
	[ -n "$pid" ]
}

# --- bad input, and the words it is answered with --------------------------------------------------

says() { # says TEXT COMMAND...: fails, and says so
	local text=$1 out
	shift
	out=$("$@" 2>&1) && { echo "it did not fail: $out"; return 1; }
	echo "$out"
	echo "$out" | grep -qi -- "$text"
}

sc_bad_requests() { # what is wrong is answered, an impossible index ends the session, with words
	guest "$1" "$GL/hostile" answers && guest "$1" "$GL/hostile" producer || return 1
	backend_log | tail -n 20 | grep -i 'index\|more requests' || { echo "the backend's log does not say"; return 1; }
}

sc_bad_nodes() { guest "$1" "$GL/hostile" session-nodes; }

# The guest may not grant enough pages: the program sees an error, the log names both limits.
sc_grant_limit() {
	local bad=0
	guest "$1" sh -c 'echo 64 >/sys/module/xen_gntalloc/parameters/limit'
	run "$1" "$GL/roundtrip" >/dev/null 2>&1 && { echo "it drew"; bad=1; }
	guest "$1" sh -c 'echo 24576 >/sys/module/xen_gntalloc/parameters/limit'
	vtest_log "$1" | tail -n 5
	vtest_log "$1" | grep -q 'xen_gntalloc.*limit' && vtest_log "$1" | grep -q max_grant_frames || bad=1
	return $bad
}

sc_no_zombie() { ! dom0 xl list | grep -E 'null|---s-d|----d'; }

sc_frames_eventually() { until_true 60 sc_frames "$1" "$2"; }

sc_fresh_guest() { vtest_start "$1" && sc_frames "$1" 3; }

sc_no_backend() {
	backend_stop
	says "xengpud" run "$1" true
}

sc_no_gpu() { # the driver domain has no GPU: its words reach who runs a program in the guest
	backend_stop
	GPU=/dev/dri/renderD199 backend_start
	until_true 30 status_says "$1" renderD199 || { vtest_status "$1"; backend_log | tail -n 5; return 1; }
	says renderD199 run "$1" true
}
status_says() { vtest_status "$1" | grep -q "$2"; }

sc_backend_returns() { # a working backend, and the guest draws again without doing anything
	backend_stop
	backend_start && until_true 30 status_says "$1" '^state: connected' && sc_frames "$1" 3
}

# --- a guest that means harm: tests/hostile in guest 1, while guest 2 draws ------------------------
# The backend is to ban nobody for it: ban_after=0.

# An expression of jq on `xengpu stats --json`, of one moment: hostile_stats, then hostile_stat EXPR.
hostile_stats() { dom0 xengpu stats --json >"$W/stats"; }
hostile_stat() { jq -c --argjson a "$hostile_dom" --argjson b "$victim_dom" "$1" "$W/stats"; }
frames_drawn() { sed -n 's/^frame //p' "$W/spin" | tail -n 1; }

# By this supervisor: what the guest itself says may be of the one before.
victim_served() {
	hostile_stats && [ "$(hostile_stat '[.devices[] | select(.domid == $b) | .state]')" = '["connected"]' ] &&
		status_says 2 '^state: connected'
}

hostile_ids() { hostile_dom=$(guest_domid 1) victim_dom=$(guest_domid 2); }

hostile_begin() { # hostile_begin: from here on guest 2 draws, and nothing may move
	until_true 60 victim_served && spinning 2 || return 1
	# Counted when every renderer that is kept ready is: on a slow machine that takes a minute.
	until_true "${PATIENCE:-20}" hostile_all_warm && until_true 20 hostile_at_rest 1000000 1000000 ||
		{ hostile_trouble; return 1; }
	hostile_stats
	victim_was=$(hostile_stat "$VICTIM") hostile_pid=$(backend_pid)
	hostile_fds=$(backend_fds) hostile_workers=$(backend_workers)
}
# The other guest's sessions, now and ever, and who serves them.
VICTIM='[.devices[] | select(.domid == $b) | [.state, .sessions_total, .workers_died, [.session_list[] | [.session, .pid]]]]'
# Of the hostile one nothing is left, and the supervisor has what it serves the other with.
AT_REST='([.devices[] | select(.domid == $a) | .sessions, .pages_mapped, .memory_allowed_bytes] | add // 0) == 0
	and .supervisor.workers_bound == 1'

hostile_all_warm() { hostile_stats && [ "$(hostile_stat '.supervisor.workers_warm >= .supervisor.workers_kept')" = true ]; }

hostile_at_rest() { # hostile_at_rest FDS WORKERS
	hostile_stats && [ "$(hostile_stat "$AT_REST")" = true ] &&
		[ "$(backend_fds)" -le "$1" ] && [ "$(backend_workers)" -le "$2" ] &&
		! backend_nodes | grep -q "/vgpu/$hostile_dom/[0-9]*/session-"
}

hostile_trouble() {
	hostile_stat '.supervisor, .devices[]'
	echo "descriptors $(backend_fds), were ${hostile_fds:-?}; workers $(backend_workers), were ${hostile_workers:-?}"
	backend_nodes | grep session-
	backend_log | tail -n 5
}

draws_on() { [ "$(frames_drawn)" -gt "$1" ]; }

sc_hostile() { # sc_hostile CASE... [OPTION...]: what it sees, and what nobody else may see
	local died bad=0 frame
	died=$(backend_log | grep -c 'the worker died\|the GPU hangs')
	guest 1 timeout "${HOSTILE_LIMIT:-120}" "$GL/hostile" "$@" >"$W/hostile" 2>&1 || {
		echo "it ended with $?"
		tail -n 20 "$W/hostile"
		bad=1
	}
	if grep -q 'workers died of it' "$W/hostile" &&
		[ "$(backend_log | grep -c 'the worker died\|the GPU hangs')" -le "$died" ]; then
		echo "workers died, and the backend's log does not say"
		bad=1
	fi
	# Whoever it was that was served: the same supervisor, the same worker, the next frames.
	[ "$(backend_pid)" = "$hostile_pid" ] || { echo "another supervisor"; bad=1; }
	frame=$(frames_drawn)
	until_true 20 draws_on $((frame + 5)) || { echo "guest 2 stands still"; tail -n 3 "$W/spin"; bad=1; }
	kill -0 "$spin_pid" || { echo "guest 2 does not draw any more"; tail -n 3 "$W/spin"; bad=1; }
	until_true "${PATIENCE:-10}" hostile_at_rest "$hostile_fds" "$hostile_workers" || { hostile_trouble; bad=1; }
	[ "$(hostile_stat "$VICTIM")" = "$victim_was" ] || {
		echo "guest 2 was $victim_was, is $(hostile_stat "$VICTIM")"
		bad=1
	}
	return $bad
}

# After one that failed there is a new beginning, so that the next is judged by itself.
hostile_ok() { # hostile_ok NAME CASE... [OPTION...]
	local bad=$tap_bad name=$1
	shift
	ok "$name" sc_hostile "$@"
	hostile_notes | sed 's/^#* */# /'
	case " $* " in *" device-removed "*) hostile_attach ;; esac
	[ "$tap_bad" = "$bad" ] || { guest_pkill 2 spin; hostile_begin || bail "guest 2 does not draw"; }
}

hostile_gone() { hostile_stats && [ "$(hostile_stat '[.devices[] | select(.domid == $a)] | length')" = 0 ]; }
hostile_found() { ! hostile_gone; }
hostile_attach() { # the hostile guest's vgpu anew, with little memory
	dom0 xengpu detach --force "$hostile_dom" >/dev/null && until_true 20 hostile_gone &&
		dom0 xengpu attach "$hostile_dom" memory=64 >/dev/null
}

# What a case killed its workers with, for whoever reads the log: the renderer's mistakes.
hostile_notes() { grep -E 'the worker died|GPU hangs' "$W/hostile" | cut -c1-150 | head -n "${1:-6}"; }

# --- a backend that means harm ------------------------------------------------------------------------
HARM="answers disorder indices scribble silence storm keeps capsets"

# Three programs (HARM_PROGRAMS) draw, by way of COMMAND. What becomes of their pictures is the backend's
# to say; but each ends or can be ended, within HARM_S seconds and some.
sc_harm() { # sc_harm WAY COMMAND...
	local way=$1 program pid before
	shift
	[ -n "${HARM_PROGRAMS:-}" ] || HARM_PROGRAMS=("$GL/spin 40" "$GL/spin 40" "$GL/spin 40")
	backend_stop
	before=$(harms "$way")
	backend_harm "$way" || return 1
	for program in "${HARM_PROGRAMS[@]}"; do
		"$@" timeout -s KILL "$HARM_S" $program >"$W/harm" 2>&1 &
		pid=$!
		until_true $((HARM_S + 30)) gone "$pid" || { echo "a program cannot be ended"; return 1; }
		wait "$pid"
	done
	[ "$(harms "$way")" -gt "$before" ] || { echo "no harm was done"; backend_log | tail -n 5; return 1; }
}
harms() { backend_log | grep -c "harm: $1 begins"; }

# xengpu-vtest is the process that it was, with as many as it had.
vtest_was() { # vtest_was GUEST PIDS
	[ "$(guest_pids "$1" xengpu-vtest | xargs)" = "$2" ] || { echo "xengpu-vtest: $(guest_pids "$1" xengpu-vtest | xargs), was $2"; return 1; }
}
vtest_said() { vtest_log "$1" | grep "$2"; }
