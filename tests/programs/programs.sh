# SPDX-License-Identifier: GPL-2.0-only
# The programs (sourced by run.sh): program_NAME WAY starts one, and fails with $why. $said is what
# the table has to say of one that worked.

scenes_said() { # scenes that ran, and what the validation says of them
	said="$(grep -c 'Success' "$log") scenes right, $(grep -c 'Unknown' "$log") not judged, $(grep -c 'Failure' "$log") wrong"
	! grep 'Failure' "$log" >"$W/wrong" || { why="$said: $(head -n 1 "$W/wrong")"; return 1; }
	[ "$(grep -c 'Success' "$log")" -ge 20 ] || { why=$said; return 1; }
}

program_glmark2_es2() {
	once "$1" 600 glmark2-es2 --validate --size 200x200 && scenes_said
}

program_glmark2() {
	once "$1" 600 glmark2 --validate --size 200x200 && scenes_said
}

program_es2gears() { watch "$1" 4 es2gears_x11; }

program_glxgears() { watch "$1" 4 glxgears; }

# Both draw with GL: the compositor, in a window of the X server, and its client.
program_weston() {
	local way=$1
	cat >"$W/weston.sh" <<-'END'
		weston --backend=x11-backend.so --width=640 --height=480 --socket=wayland-test --idle-time=0 &
		weston=$!
		n=0
		until [ -S "$XDG_RUNTIME_DIR/wayland-test" ]; do
			n=$((n + 1))
			[ $n -lt 100 ] || exit 1
			sleep 0.1
		done
		sleep 2
		WAYLAND_DISPLAY=wayland-test weston-simple-egl
		kill $weston
	END
	watch "$way" 8 sh "$W/weston.sh" || return 1
	grep -q 'GL renderer' "$log" || { why="the compositor does not draw with GL: $(last_words)"; return 1; }
	said=$(sed -n 's/.*GL renderer: /compositor on /p' "$log" | head -n 1)
}

# Recorded natively, with a fixed number of frames; replayed, each frame is a picture. A renderer that goes
# through another shader language rounds differently now and then: that it is the renderer's doing and
# not the path's is seen in the peer's replay, which has to have the very same pictures as ours.
program_apitrace() {
	local way=$1 trace=$W/glmark2.trace
	if [ "$way" = native ]; then
		once native 200 apitrace trace --api egl -o "$trace" glmark2-es2 --size 256x256 \
			-b build:nframes=30 -b texture:nframes=30 -b shading:nframes=30 -b bump:nframes=30 || return 1
	fi
	apitrace_replay "$way" "$trace" || return 1
	[ "$way" = ours ] || return 0
	peer_start || { why="the peer did not start"; return 1; }
	apitrace_replay peer "$trace"
	local replayed=$?
	peer_stop
	[ $replayed = 0 ] && apitrace_compare "$pictures/apitrace"
}

apitrace_replay() { # apitrace_replay WAY TRACE
	rm -rf "$pictures/apitrace-$1"
	mkdir -p "$pictures/apitrace-$1"
	once "$1" 200 eglretrace -s "$pictures/apitrace-$1/" "$2"
}

apitrace_compare() { # apitrace_compare FOLDER: FOLDER-native, -peer and -ours
	local f name n=0 native=0 peer=0 same=0
	for f in "$1"-native/*.png; do
		name=${f##*/} n=$((n + 1))
		! cmp -s "$f" "$1-peer/$name" || peer=$((peer + 1))
		if cmp -s "$1-peer/$name" "$1-ours/$name"; then
			same=$((same + 1))
		else
			echo "frame $name is not as through the peer: $("$B/guest/picture" diff "$1-peer/$name" "$1-ours/$name" 0 0)" >>"$log"
		fi
		if cmp -s "$f" "$1-ours/$name"; then
			native=$((native + 1))
		else
			"$B/guest/picture" diff "$f" "$1-ours/$name" 1 0 >>"$log" ||
				why="frame ${f##*/} differs: $(tail -n 1 "$log")"
		fi
	done
	said="$native of $n frames with the checksum of the native replay (through the peer $peer), the"
	said="$said others within 1 of 255 in every pixel; $same of $n are the peer's, octet by octet"
	[ -n "$why" ] || [ $same = $n ] || why="$((n - same)) of $n frames are not as through the peer; $said"
	[ -z "$why" ] && [ $n -ge 120 ]
}

program_gtk4() { watch "$1" 8 env GDK_BACKEND=x11 GSK_RENDERER=gl GTK_A11Y=none gtk4-widget-factory; }

# A page that draws with WebGL and says what it draws on.
program_chromium() {
	local way=$1
	cat >"$W/webgl.html" <<-'END'
		<!doctype html><body style="margin:0"><canvas id=c width=600 height=400></canvas><script>
		const gl = document.getElementById('c').getContext('webgl2');
		if (!gl) console.log('WEBGL none');
		else {
		const info = gl.getExtension('WEBGL_debug_renderer_info');
		console.log('WEBGL ' + gl.getParameter(info ? info.UNMASKED_RENDERER_WEBGL : gl.RENDERER));
		const sh = (t, s) => { const x = gl.createShader(t); gl.shaderSource(x, s); gl.compileShader(x); return x; };
		const p = gl.createProgram();
		gl.attachShader(p, sh(gl.VERTEX_SHADER, `#version 300 es
		out vec2 at; void main() { at = vec2(gl_VertexID & 1, gl_VertexID >> 1); gl_Position = vec4(at * 2.0 - 1.0, 0, 1); }`));
		gl.attachShader(p, sh(gl.FRAGMENT_SHADER, `#version 300 es
		precision highp float; in vec2 at; uniform float t; out vec4 c;
		void main() { c = vec4(at, 0.5 + 0.5 * sin(10.0 * length(at - 0.5) - t), 1); }`));
		gl.linkProgram(p); gl.useProgram(p);
		let n = 0;
		const frame = () => {
			gl.uniform1f(gl.getUniformLocation(p, 't'), n++ / 10);
			gl.drawArrays(gl.TRIANGLE_STRIP, 0, 4);
			if (n == 60) { const px = new Uint8Array(4); gl.readPixels(300, 200, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, px);
				console.log('WEBGL frames 60, pixel ' + px + ', error ' + gl.getError()); }
			requestAnimationFrame(frame); };
		frame(); }
		</script>
	END
	watch "$way" 25 chromium --no-sandbox --user-data-dir="$W/chromium-$way" --no-first-run --disable-sync \
		--window-size=640,480 --window-position=0,0 --ignore-gpu-blocklist --use-gl=angle --use-angle=gl-egl \
		--enable-logging=stderr "file://$W/webgl.html" || return 1
	said=$(sed -n 's/.*"WEBGL \(.*\)", source.*/\1/p' "$log" | tr '\n' ' ')
	grep -q 'WEBGL frames' "$log" || { why="the page did not draw: ${said:-it did not say anything}"; return 1; }
	[ "$way" = native ] || grep -qi 'WEBGL.*virgl' "$log" || { why="it draws on another renderer: $said"; return 1; }
}

program_extremetuxracer() { watch "$1" 15 env SDL_AUDIODRIVER=dummy /usr/games/etr; }
