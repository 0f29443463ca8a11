#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# make demo: the main job. Boots a real Xen with two PV guests, runs a stock Debian GL program in
# each on the driver domain's GPU, takes a picture in each guest, compares it with the one that the
# same program draws natively in dom0, and prints a table for each guest. Exits 1 when a guest fell
# back to software, a picture is wrong, or a counter breaks a rule. Output: build/demo/.
cd "$(dirname "$0")/.." || exit 1
start=$SECONDS
say() { printf '[%3d s] %s\n' $((SECONDS - start)) "$*"; }
fail() {
	say "FAILED: $*" >&2
	exit 1
}

. tests/tap.sh
. tests/xen/platform.sh
. tests/scenarios.sh
export SIZE=${SIZE:-192x192} HOLD=${HOLD:-25} LIMIT=120
OUT=$B/demo
FRAMES=${FRAMES:-15}
BENCH="texture shading:shading=phong buffer:update-method=map"
scene_of() { [ "$1" = 1 ] && echo jellyfish || echo texture; }

say "what is missing is installed"
tests/deps.sh || fail "packages"
say "compiling"
mkdir -p "$OUT"
make --no-print-directory -s all gl >"$OUT/build.log" 2>&1 || { cat "$OUT/build.log"; fail "it does not compile"; }
mkdir -p "$OUT"
say "booting Xen, dom0 and two guests, GPU of dom0: $GPU"
plat_up 2 || fail "the rig did not come up"

# both FUNCTION: FUNCTION 1 and FUNCTION 2, at once.
both() {
	local p1 p2 bad=0
	"$1" 1 & p1=$!
	"$1" 2 & p2=$!
	wait $p1 || bad=1
	wait $p2 || bad=1
	return $bad
}

# frames GUEST: the benchmark, off-screen, each frame's end waited for.
frames() {
	local args= s
	for s in $BENCH; do args="$args -b $s:nframes=$FRAMES"; done
	guest "$1" sh -c "Xvfb :9$1 -screen 0 640x480x24 -nolisten tcp -noreset >/dev/null 2>&1 & x=\$!
		until [ -e /tmp/.X11-unix/X9$1 ]; do sleep 0.1; done
		DISPLAY=:9$1 xengpu-run glmark2-es2 --off-screen --size 128x128 --frame-end finish $args
		s=\$?; kill \$x; exit \$s" >"$OUT/guest$1.txt" 2>&1
}

# row NAME VALUE
row() { printf '  %-34s %s\n' "$1" "$2"; }

table() {
	local g=$1 dom frames renderer
	dom=$(guest_domid "$g")
	renderer=$(sed -n 's/.*GL_RENDERER: *//p' "$OUT/guest$g.txt" | head -n 1)
	frames=$((FRAMES * $(echo $BENCH | wc -w)))
	echo "guest$g, domain $dom"
	row "GL_RENDERER" "$renderer"
	row "frames asked for, and drawn" "$frames ($FRAMES of each scene, 128x128, off-screen, finished)"
	sed -n 's/^\[\([a-z]*\)\].*FPS: \([0-9]*\).*/\1 \2/p' "$OUT/guest$g.txt" |
		while read -r name fps; do row "frames per second, $name" "$fps (emulated CPU)"; done
	row "submits" "$(counter submits "$dom")"
	row "notifications to the backend" "$(counter events_in "$dom")"
	row "notifications to the frontend" "$(counter notifies_out "$dom")"
	row "grant map operations" "$(counter map_ops "$dom")"
	row "grant operations per steady frame" "$(cat "$W/steady$g")"
	row "pages mapped, at most" "$(counter pages_mapped_max "$dom")"
	row "command bytes" "$(counter command_bytes "$dom")"
	row "command bytes copied" "$(counter command_bytes_copied "$dom")"
	row "surface bytes copied" "$(counter surface_bytes_copied "$dom")"
	row "picture" "$OUT/guest$g.png ($(scene_of "$g")): $(cat "$W/diff$g")"
	case $renderer in virgl*) ;; *) fail "guest$g did not draw on the vgpu: ${renderer:-no renderer}" ;; esac
	[ "$(counter command_bytes "$dom")" = "$(counter command_bytes_copied "$dom")" ] ||
		fail "guest$g: a command byte was not copied exactly once"
	[ "$(counter surface_bytes_copied "$dom")" = 0 ] || fail "guest$g: surface bytes were copied"
	[ "$(cat "$W/steady$g")" = 0 ] || fail "guest$g: grant operations in steady state"
}

# steady GUEST: how many grant operations 15 frames cost more than 5.
steady() {
	local a b
	sc_frames "$1" 5 >"$W/wrong$1" && a=$(stat "$1" share_ops) &&
		sc_frames "$1" 15 >"$W/wrong$1" && b=$(stat "$1" share_ops) || return 1
	echo $((b - a)) >"$W/steady$1"
}

# picture GUEST: in the guest and natively, converted and compared.
picture() {
	local g=$1 SCENES
	SCENES=$(scene_of "$g")
	NATIVE_DISPLAY=8$g pictures_native "$W/native$g" && pictures_guest "$g" "$W/guest$g" || return 1
	cp "$W/native$g/$SCENES.png" "$OUT/native$g.png"
	cp "$W/guest$g/$SCENES.png" "$OUT/guest$g.png"
	picture_equal "$SCENES" "$W/native$g" "$W/guest$g" >"$W/diff$g"
}

say "glmark2-es2 in both guests at once: $BENCH"
both frames || fail "a guest's program did not run to its end: $(tail -qn 3 "$OUT"/guest[12].txt)"
say "steady state: a frame more must cost no grant operation"
both steady || fail "the checked frames of a guest are wrong: $(cat "$W"/wrong* 2>/dev/null)"
say "a picture in each guest, and the same natively in dom0"
both picture || fail "a guest's picture: $(cat "$W"/diff[12] 2>/dev/null)"
say "done; the counters are the backend's own"
dom0 xengpu stats --json >"$W/stats.json" || fail "xengpud does not answer"
counter() { jq -e --arg n "$1" --argjson d "$2" '[.devices[] | select(.domid == $d) | .[$n]] | add // 0' "$W/stats.json"; }
for g in 1 2; do echo; table $g; done
echo
say "pictures: $OUT/guest1.png $OUT/guest2.png"
