# SPDX-License-Identifier: GPL-2.0-only
# The peer (sourced, after tap.sh and e2e/platform.sh): the open path's own server, virgl_test_server, on
# the backend's driver. What is asked of us is to be no worse than it.

peer_start() {
	[ -e /tmp/.virgl_test ] || : >/tmp/.virgl_test
	LIBGL_ALWAYS_SOFTWARE=1 EGL_PLATFORM=surfaceless virgl_test_server --use-egl-surfaceless \
		--socket-path="$W/peer.sock" >"$W/peer.log" 2>&1 &
	peer_pid=$!
	until_true 20 test -S "$W/peer.sock"
}

peer_stop() {
	kill "$peer_pid" 2>/dev/null
	wait "$peer_pid" 2>/dev/null
}

# peer CMD...: a command that starts GL programs. Mesa before 23.3 knows one path of the socket.
peer() {
	unshare -m sh -c 'mount --bind "$0" /tmp/.virgl_test && exec "$@"' "$W/peer.sock" \
		env LIBGL_ALWAYS_SOFTWARE=1 GALLIUM_DRIVER=virpipe "$@"
}
