# SPDX-License-Identifier: GPL-2.0-only
# Real Xen for tests/scenarios.sh (sourced): the rig's dom0 and PV guests. What each function does
# is said in tests/e2e/platform.sh. A rig that is up already is used as it is and left up, so that
# a test can be run again in seconds; one that plat_up booted is ended by plat_down.
TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
B=${B:-$TOP/build}
case $B in /*) ;; *) B=$TOP/$B ;; esac
GL=/opt/xengpu-test
GL_TMP=/tmp/pictures
PLATFORM=xen
GPU=${GPU:-soft}
RIG=$TOP/tests/xen/rig
W=

plat_up() {
	local g
	W=$(mktemp -d)
	trap plat_down EXIT
	rig_was_up=
	"$RIG" status >/dev/null 2>&1 && rig_was_up=1
	"$RIG" up --guests "$1" --gpu "$GPU" ${SUITE:+--suite "$SUITE"} ${GUEST_SUITE:+--guest-suite "$GUEST_SUITE"} \
		${GUEST_ARGS:+--guest-args "$GUEST_ARGS"} ${PACKAGES:+--packages "$PACKAGES"} || return 1
	if [ -n "$rig_was_up" ]; then # an earlier run's
		for g in $(seq "$1"); do
			vtest_stop "$g"
			dom0 xengpu detach --force "guest$g" >/dev/null 2>&1
		done
		backend_stop
	fi
	plat_sync "$1" || return 1
	backend_start && until_true 60 backend_renders || { backend_log; return 1; }
	each_of $(seq "$1") -- guest_connect || { backend_log; return 1; }
}

guest_connect() { attach "$1" && vtest_start "$1" || { vtest_log "$1"; return 1; }; }

# each_of ARG... -- FUNCTION: FUNCTION ARG for each of them, all at once; fails if one does.
each_of() {
	local args=() pids=() pid bad=0
	while [ "$1" != -- ]; do
		args+=("$1")
		shift
	done
	for pid in "${args[@]}"; do
		"$2" "$pid" &
		pids+=($!)
	done
	for pid in "${pids[@]}"; do wait "$pid" || bad=1; done
	return $bad
}

plat_sync() { # programs of ours and those of the tests, everywhere
	"$RIG" sync && each_of dom0 $(seq -f guest%g "$1") -- put_programs
}

put_programs() { "$RIG" exec "$1" "rm -rf $GL" && "$RIG" put "$1" "$B/guest" $GL; }

plat_down() {
	trap - EXIT
	if [ -n "$rig_was_up" ]; then
		backend_stop
	else
		"$RIG" down
	fi
	rm -rf "$W"
}

dom0() { "$RIG" exec dom0 -- "$@"; }
guest() {
	local n=$1
	shift
	"$RIG" exec "guest$n" -- "$@"
}

run() {
	local n=$1
	shift
	guest "$n" env EGL_PLATFORM=surfaceless xengpu-run "$@"
}

# daemon WHERE NAME COMMAND: in the background there, its output and process id kept.
daemon() {
	"$RIG" exec "$1" "mkdir -p /run/xengpu; setsid sh -c 'echo \$\$ >/run/xengpu/$2.pid; exec $3' \
		</dev/null >>/run/xengpu/$2.log 2>&1 &"
}

daemon_stop() { # daemon_stop WHERE NAME
	"$RIG" exec "$1" "p=\$(cat /run/xengpu/$2.pid 2>/dev/null) || exit 0; kill \$p 2>/dev/null
		for i in \$(seq 100); do kill -0 \$p 2>/dev/null || exit 0; sleep 0.1; done; exit 1"
}

# A guest that booted with xengpu installed runs it already; one that is to get other words does not.
vtest_start() {
	local n=$1
	shift
	vtest_stop "$n"
	# 128 MiB of grants is what a guest has by default; leave the disk and the network their part.
	guest "$n" sh -c 'echo 24576 >/sys/module/xen_gntalloc/parameters/limit; rm -f /run/xengpu/vtest.status'
	daemon "guest$n" vtest "env $* xengpu-vtest"
	until_true 30 vtest_connected "$n"
}
vtest_connected() { vtest_status "$1" | grep -q '^state: connected'; }
vtest_stop() { daemon_stop "guest$1" vtest; }
vtest_log() { guest "$1" cat /run/xengpu/vtest.log; }
vtest_stats() { guest "$1" cat /run/xengpu/vtest.stats; }
vtest_status() { guest "$1" cat /run/xengpu/vtest.status 2>/dev/null; }

backend_start() {
	daemon dom0 xengpud "env ${BACKEND_ENV:-} xengpud --gpu $([ "$GPU" = soft ] && echo soft || echo auto) --fence-timeout=120 $*"
	until_true 60 dom0 xengpu stats --json >/dev/null 2>&1
}
backend_harm() { BACKEND_ENV=XENGPU_WORKER_HARM=$1 backend_start --worker="$GL/hostile-worker"; }
# It has tried its GPU, which on a busy host takes longer than `xengpu attach` waits.
backend_renders() { dom0 xengpu stats --json | jq -e '.renderer // "" | . != ""' >/dev/null; }
backend_stop() { daemon_stop dom0 xengpud; }
backend_pid() { dom0 sh -c 'p=$(cat /run/xengpu/xengpud.pid) && kill -0 $p && echo $p'; }
backend_log() { dom0 cat /run/xengpu/xengpud.log; }
backend_fds() { dom0 sh -c 'ls /proc/$(cat /run/xengpu/xengpud.pid)/fd | wc -l'; }
worker_pids() { dom0 pgrep -x xengpu-worker; }
backend_workers() { dom0 sh -c 'pgrep -c xengpu-worker'; }
backend_nodes() { dom0 xenstore-ls -f /local/domain/0/backend/vgpu 2>/dev/null; }

host_conf() { "$RIG" exec dom0 "printf '%s\\n' $(printf "'%s' " "$@")>/etc/xen/xengpu.conf"; }
attach() { dom0 xengpu attach "guest$1"; }
detach() { dom0 xengpu detach "guest$1"; }
guest_kill() { "$RIG" guest destroy "guest$1"; } # xl destroy, and the end of the ssh connections into it
guest_start() { "$RIG" guest create "guest$1" && "$RIG" put "guest$1" "$B/guest" $GL; }
guest_domid() { dom0 xl domid "guest$1"; }
fetch() { "$RIG" get "$([ "$1" = 0 ] && echo dom0 || echo "guest$1")" "$2" "$3"; }
guest_pids() { guest "$1" pgrep -x "$2"; }
guest_pkill() { guest "$1" pkill -9 -x "$2"; }
worker_kill() { dom0 kill -9 "$(dom0 xengpu stats --json | jq '[.devices[].session_list[].pid][0]')"; }
