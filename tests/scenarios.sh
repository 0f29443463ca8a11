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
	[ "$(counter sessions)" = 0 ] && [ "$(counter pages_mapped)" = 0 ] && [ "$(supervisor workers_bound)" = 0 ]
}

sc_renderer() { # a guest's GL names virgl on the backend's renderer
	local out
	out=$(run "$1" wflinfo -p surfaceless_egl -a gles2) || { echo "$out"; return 1; }
	echo "$out"
	echo "$out" | grep -q 'OpenGL renderer string: virgl'
}

sc_info() { run "$1" true && guest "$1" xengpu-run --info; }

sc_roundtrip() { run "$1" "$GL/roundtrip"; }

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
pictures_native() {
	dom0 env GALLIUM_OVERRIDE_CPU_CAPS=sse4.1 DISPLAY_NR=90 GLDIR="$GL" LIMIT="${LIMIT:-60}" \
		"$GL/capture.sh" "$GL_TMP/native" $SCENES || return 1
	pictures_fetch 0 "$GL_TMP/native" "$1"
}

pictures_guest() {
	guest "$1" env RUN=xengpu-run XENGPU_VTEST_STATUS="${VTEST_STATUS:-}" DISPLAY_NR=$((90 + $1)) \
		GLDIR="$GL" LIMIT="${LIMIT:-60}" "$GL/capture.sh" "$GL_TMP/guest$1" $SCENES || return 1
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
	[ "$("$B/guest/picture" colours "$2/$name.png")" -ge 16 ] || { echo "the reference is empty"; return 1; }
	"$B/guest/picture" diff "$2/$name.png" "$3/$name.png" $LEVEL $PERMILLE
}

# The last session's counters as the frontend wrote them: stat GUEST NAME.
stat() { vtest_stats "$1" | tail -n 1 | jq -e ".$2"; }

sc_steady() { # sc_steady GUEST: no grant operation, no copied surface, every command copied once
	local shares a b commands copied
	for frames in 30 90; do
		sc_frames "$1" $frames || return 1
		until_true 5 backend_quiet || { echo "the session did not end"; return 1; }
		shares[frames]=$(stat "$1" share_ops)
		maps[frames]=$(counter map_ops "$1")
	done
	a=$((shares[90] - shares[30]))
	echo "share operations: ${shares[30]} for 30 frames, ${shares[90]} for 90"
	commands=$(counter command_bytes "$1") copied=$(counter command_bytes_copied "$1")
	echo "command bytes $commands, copied $copied; surface bytes copied:" \
		"$(counter surface_bytes_copied "$1") backend, $(stat "$1" surface_bytes_copied) frontend"
	[ "$a" = 0 ] && [ "$commands" -gt 0 ] && [ "$commands" = "$copied" ] &&
		[ "$(counter surface_bytes_copied "$1")" = 0 ] && [ "$(stat "$1" surface_bytes_copied)" = 0 ]
}
