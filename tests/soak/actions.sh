# SPDX-License-Identifier: GPL-2.0-only
# What happens in a soak (sourced by soak.test): act_NAME WHOM A B, A and B random below 32768. One
# that may cost its guest programs says how many: may_end GUEST N.
GUEST_ACTIONS="start start finish finish kill_program pause_program kill_vtest restart_vtest pause_vtest
	kill_worker kill_worker crash_worker detach destroy limits limits hostile"
HOST_ACTIONS="policy policy slice reload look"
SUPERVISOR_ACTIONS="supervisor_kill supervisor_restart"
# Frontends that mean harm, but for what takes long, and what takes the vgpu away.
HARM="answers fields headers producer consumer directories guesses race-slots race-directory lifetimes
	killed session-nodes ring-refs hidden device-states flood-events flood-requests flapping"

pause_ms() { local ms=$(($1 % $2)); sleep $((ms / 1000)).$(printf %03d $((ms % 1000))); }
may_end() { echo "$2" >>"$W/round/$1.may_end"; }
nth() { # nth N WORD...
	local n=$1
	shift
	[ $# -eq 0 ] || echo "${*:n % $# + 1:1}"
}

# Served by the supervisor that runs now, and the guest knows it.
served() {
	dom0 xengpu stats --json 2>/dev/null | jq -e --argjson d "$(guest_domid "$1")" \
		'[.devices[] | select(.domid == $d) | .state] == ["connected"]' >/dev/null 2>&1 &&
		status_says "$1" '^state: connected'
}
until_served() { until_true 60 served "$1" || { vtest_status "$1"; return 1; }; }
serve_again() {
	[ -n "$(guest_pids "$1" xengpu-vtest)" ] || vtest_start "$1"
	served "$1" || attach_as "$1" 0 || true
}

# Every key that makes a node is given each time, so that nodes can be counted. What is asked for is
# enough for the programs.
attach_as() { # attach_as GUEST A
	dom0 xengpu attach "$(guest_domid "$1")" "weight=$((1 + $2 % 2000)),cap=$((20 + $2 % 81)),memory=$((96 + $2 % 500)),contexts=$((8 +
		$2 % 50)),sessions=$((16 + $2 % 40)),inflight=$((1 + $2 % 60)),max_fps=$((30 + $2 % 900)),fps=$(($2 % 60))"
}

act_start() { program_start "$1" "new$2"; pause_ms "$3" 400; }
act_finish() { sc_frames "$1" $((1 + $2 % 20)); }
act_kill_program() {
	local pid
	pid=$(nth "$2" $(guest_pids "$1" spin))
	may_end "$1" 1
	[ -z "$pid" ] || guest "$1" kill -9 "$pid" || true
}
act_pause_program() { pause_processes "$1" "$(nth "$2" $(guest_pids "$1" spin))" "$3" 700; }
act_pause_vtest() { pause_processes "$1" "$(guest_pids "$1" xengpu-vtest)" "$3" 1000; }
pause_processes() { # they may end meanwhile
	[ -n "$2" ] || return 0
	guest "$1" kill -STOP $2 2>/dev/null
	pause_ms "$3" "$4"
	guest "$1" kill -CONT $2 2>/dev/null || true
}
act_kill_vtest() {
	may_end "$1" 1000
	guest_pkill "$1" xengpu-vtest
	pause_ms "$2" 500
	vtest_start "$1"
}
act_restart_vtest() {
	may_end "$1" 1000
	vtest_stop "$1" && vtest_start "$1"
}
worker_signal() { # worker_signal GUEST SIGNAL A: to that of one of its sessions, if there is any
	local pid
	pid=$(nth "$3" $(dom0 xengpu stats --json | jq --argjson d "$(guest_domid "$1")" \
		'.devices[] | select(.domid == $d) | .session_list[].pid | select(. > 0)'))
	may_end "$1" 1
	[ -z "$pid" ] || dom0 kill -"$2" "$pid" || true
}
act_kill_worker() { worker_signal "$1" KILL "$2"; }
# Not SIGSEGV, on which a sanitizer has something to say.
act_crash_worker() { worker_signal "$1" ABRT "$2"; }
act_detach() {
	may_end "$1" 1000
	dom0 xengpu detach $([ $(($3 % 3)) != 0 ] || echo --force) "$(guest_domid "$1")" || return 1
	pause_ms "$2" 700
	attach_as "$1" "$3" && until_served "$1"
}
act_destroy() { # what was attached is kept: it has its vgpu when it appears again
	may_end "$1" 1000
	guest_kill "$1"
	pause_ms "$2" 500
	guest_start "$1" && vtest_start "$1" && until_served "$1"
}
act_limits() {
	dom0 xengpu sched -d "$(guest_domid "$1")" --no-save -w $((1 + $2 % 2000)) -c $((20 + $3 % 81)) \
		-f $(($2 % 60)) -m $((30 + $3 % 900))
}
act_hostile() {
	local bad=0
	may_end "$1" 1000
	vtest_stop "$1"
	guest "$1" timeout 120 "$GL/hostile" "$(nth "$2" $HARM)" --seconds 1 --seed "$3" || bad=1
	vtest_start "$1" && until_served "$1" && [ $bad = 0 ]
}

act_policy() {
	dom0 xengpu sched -s -p "$(nth "$2" credit equal-share fixed-share deadline auto off)"
	pause_ms "$3" 1000
}
act_slice() { dom0 xengpu sched -s -t $((100 + $2 % 5000)) -r $(($3 % 500)); }
act_reload() {
	host_conf 'ban_after = 0' "warm = $((1 + $2 % 3))" "fence_timeout = $((40 + $3 % 20))"
	dom0 kill -HUP "$(backend_pid)"
}
act_look() {
	dom0 xengpu info "$(guest_domid 1)" || true # it may not be there
	dom0 xengpu list && dom0 xengpu stats && dom0 xengpu top -b -n -d 0.2 -i 2 && dom0 xengpu sched
}
act_supervisor_kill() { # at any moment
	pause_ms "$2" 1500
	dom0 kill -9 "$(backend_pid)"
	pause_ms "$3" 800
	backend_start --fence-timeout=60
}
act_supervisor_restart() {
	pause_ms "$2" 1500
	backend_stop
	pause_ms "$3" 800
	backend_start --fence-timeout=60
}
