# SPDX-License-Identifier: GPL-2.0-only
# The local platform for tests/scenarios.sh (sourced): processes of this machine play dom0 and the
# guests. What it defines, and tests/xen/platform.sh defines the same for real Xen:
#   plat_up N, plat_down        start and stop everything, N guests
#   dom0 CMD..., guest N CMD... run a command there; its output and status come through
#   run N CMD...                the same as a GL program: xengpu-run, EGL surfaceless
#   vtest_start N [ENV=...], vtest_stop N, vtest_log N
#   backend_start [ARGS...], backend_stop, backend_log
#   backend_harm WAY            start one whose workers mean harm
#   backend_pid, host_conf L... the supervisor's process; the host's config, in lines
#   attach N, detach N          give the guest its vgpu
#   guest_kill N, guest_start N end it without asking, and bring it back
#   guest_pids N NAME           its processes of that name; guest_pkill N NAME kills them
#   fetch N SRC DST             copy a file out of a guest (N is 0 for dom0)
#   GL                          where the GL programs are, there
#   W                           scratch folder on this machine
TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
B=${B:-$TOP/build}
case $B in /*) ;; *) B=$TOP/$B ;; esac
GL=$B/guest
PLATFORM=local
W=

spec() { echo "local:$W/hub.sock:$1"; }

plat_up() {
	local g
	W=$(mktemp -d)
	trap plat_down EXIT
	# Workers have user ids of their own: their program is where these may get at it, which
	# a tree in root's home is not.
	chmod 755 "$W" && cp "$B/bin/xengpu-worker" "$W/" || return 1
	# Mesa before 23.3 knows one socket path; each guest gets its own by a bind mount.
	[ -e /tmp/.virgl_test ] || : >/tmp/.virgl_test
	unshare -m true 2>/dev/null || { echo "this machine does not allow mount namespaces" >&2; return 1; }
	local domains=0
	for g in $(seq "$1"); do domains=$domains,$g; done
	"$B/bin/xengpu-localhub" --socket "$W/hub.sock" --domains "$domains" >"$W/hub.log" 2>&1 &
	hub_pid=$!
	until_true 5 test -S "$W/hub.sock" || { cat "$W/hub.log" >&2; return 1; }
	backend_start || return 1
	for g in $(seq "$1"); do
		attach "$g" && vtest_start "$g" || return 1
	done
}

plat_down() {
	local g
	trap - EXIT
	for g in 1 2 3 4; do vtest_stop "$g"; done
	backend_stop
	[ -n "${hub_pid:-}" ] && kill "$hub_pid" 2>/dev/null && wait "$hub_pid" 2>/dev/null
	[ -n "${KEEP:-}" ] && echo "# kept: $W" || rm -rf "$W"
}

dom0() { XENGPU_PLATFORM=$(spec 0) XENGPU_CONTROL=$W/control XENGPU_ROOT=$W/root PATH=$B/bin:$PATH "$@"; }

# A mount namespace in which the guest's socket is where Mesa looks for it.
guest() {
	local n=$1
	shift
	XENGPU_PLATFORM=$(spec "$n") PATH=$B/bin:$PATH unshare -m sh -c '
		sock=$0
		[ ! -S "$sock" ] || mount --bind "$sock" /tmp/.virgl_test || exit 125
		exec "$@"' "$W/vtest$n.sock" "$@"
}

run() {
	local n=$1
	shift
	guest "$n" env EGL_PLATFORM=surfaceless xengpu-run --status-file="$W/vtest$n.status" "$@"
}

vtest_start() {
	local n=$1
	shift
	rm -f "$W/vtest$n.status"
	env "$@" XENGPU_PLATFORM="$(spec "$n")" "$B/bin/xengpu-vtest" --socket="$W/vtest$n.sock" \
		--status-file="$W/vtest$n.status" --stats-file="$W/vtest$n.stats" >>"$W/vtest$n.log" 2>&1 &
	echo $! >"$W/vtest$n.pid"
	until_true 10 grep -qs '^state: connected' "$W/vtest$n.status"
}

vtest_stop() {
	local pid
	pid=$(cat "$W/vtest$1.pid" 2>/dev/null) || return 0
	rm -f "$W/vtest$1.pid"
	kill "$pid" 2>/dev/null
	until_true 5 gone "$pid"
}

vtest_log() { cat "$W/vtest$1.log"; }
vtest_stats() { cat "$W/vtest$1.stats" 2>/dev/null; }
vtest_status() { cat "$W/vtest$1.status" 2>/dev/null; }

backend_start() {
	env XENGPU_ROOT="$W/root" XENGPU_PLATFORM="$(spec 0)" ${WRAP:-} "$B/bin/xengpud" --worker "$W/xengpu-worker" \
		--control "$W/control" --state-dir "$W/state" --gpu "${GPU:-soft}" "$@" >>"$W/xengpud.log" 2>&1 &
	echo $! >"$W/xengpud.pid"
	until_true 10 test -S "$W/control"
}

backend_harm() { # backend_harm WAY[:SEED]: with the workers of tests/hostile/worker.c
	cp "$B/guest/hostile-worker" "$W/" && XENGPU_WORKER_HARM=$1 backend_start --worker "$W/hostile-worker"
}

backend_stop() {
	local pid
	pid=$(cat "$W/xengpud.pid" 2>/dev/null) || return 0
	rm -f "$W/xengpud.pid"
	kill "$pid" 2>/dev/null
	until_true 5 gone "$pid"
}

backend_pid() { # of the one that runs; fails where none does
	local pid
	pid=$(cat "$W/xengpud.pid") && kill -0 "$pid" && echo "$pid"
}
backend_log() { cat "$W/xengpud.log"; }
backend_fds() { ls "/proc/$(cat "$W/xengpud.pid")/fd" | wc -l; }
worker_pids() { pgrep -P "$(cat "$W/xengpud.pid")"; }
backend_workers() { pgrep -c -P "$(cat "$W/xengpud.pid")"; }
backend_nodes() { dom0 xengpu-localhub --socket "$W/hub.sock" --list "/local/domain/0/backend/vgpu" 2>/dev/null; }

host_conf() { # host_conf LINE...: /etc/xen/xengpu.conf; for the next backend_start
	mkdir -p "$W/root/etc/xen" && printf '%s\n' "$@" >"$W/root/etc/xen/xengpu.conf"
}
attach() { dom0 xengpu attach "$1"; }
detach() { dom0 xengpu detach "$1"; }
guest_kill() { # the domain goes, and with it everything that ran in it
	"$B/bin/xengpu-localhub" --socket "$W/hub.sock" --destroy "$1"
	guest_pkill "$1" '.*'
	rm -f "$W/vtest$1.pid"
}
guest_start() { "$B/bin/xengpu-localhub" --socket "$W/hub.sock" --create "$1"; }
fetch() { cp "$2" "$3"; }
guest_domid() { echo "$1"; }
guest_pids() { # only processes of that guest: they carry its platform in their environment
	local p
	for p in $(pgrep -x "$2"); do
		! grep -qzsx "XENGPU_PLATFORM=$(spec "$1")" "/proc/$p/environ" || echo "$p"
	done
}
guest_pkill() {
	local p
	for p in $(guest_pids "$1" "$2"); do kill -9 "$p"; done
}
worker_kill() { # the one that serves a session
	kill -9 "$(dom0 xengpu stats --json | jq '[.devices[].session_list[].pid][0]')"
}
