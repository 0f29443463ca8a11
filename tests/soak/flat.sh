# SPDX-License-Identifier: GPL-2.0-only
# Whether anything grows in a soak (sourced by soak.test). At rest, with no program in any guest,
# descriptors, processes, nodes and files have to be as many as they were in the beginning. Memory
# is what a process has to itself (Anonymous of smaps_rollup): it may grow while a heap finds its size,
# so what counts is by how much in all, and the trend over all rounds.
MEMORY_MOST_KIB=${MEMORY_MOST_KIB:-4096} # of one process, since its second rest
MEMORY_TREND_KIB=${MEMORY_TREND_KIB:-8}  # a round, over all processes of a kind
MEMORY_WARM=12                           # before that, a process's heap finds its size
MEMORY_ROUNDS=20                         # so many after that are needed to tell a trend

# of_processes WHERE PID...: "processes descriptors KiB", one line, the sums.
of_processes() {
	local where=$1
	shift
	$where sh -c 'n=0 fds=0 kib=0
		for p; do
			f=$(ls /proc/$p/fd 2>/dev/null | wc -l)
			k=$(awk "/^Anonymous:/ { print \$2 }" /proc/$p/smaps_rollup 2>/dev/null) || continue
			n=$((n + 1)) fds=$((fds + f)) kib=$((kib + ${k:-0}))
		done
		echo $n $fds $kib' sh "$@"
}

# Lines "NAME NUMBER" of what may not be more than in the beginning.
facts() {
	local g n fds kib
	backend_quiet || echo "sessions.left 1"
	echo "supervisor.descriptors $(backend_fds)"
	echo "workers $(all_workers)"
	for g in $(seq "$GUESTS"); do
		read -r n fds kib < <(of_processes "guest $g" $(guest_pids "$g" xengpu-vtest))
		echo "vtest$g.processes $n"
		echo "vtest$g.descriptors $fds"
		echo "programs$g $(guest_pids "$g" spin | wc -l)"
	done
	[ -z "${hub_pid:-}" ] || echo "hub.descriptors $(ls "/proc/$hub_pid/fd" | wc -l)"
	# Numbers of domains and sessions are no growth; more nodes of a name are.
	all_nodes >"$W/nodes" || return 1
	sed -E 's/ = .*//; s/ //g; s#/[0-9]+#/N#g; s#session-[0-9]+#session-N#; s#[0-9a-f]{8}-[0-9a-f-]{27}#UUID#g' \
		"$W/nodes" | sort | uniq -c | awk '{ print "node:" $2, $1 }'
	all_files | sed -E 's#[0-9a-f]{8}-[0-9a-f-]{27}#UUID#g' | sort | uniq -c | awk '{ print "file:" $2, $1 }'
}
if [ "$PLATFORM" = local ]; then
	all_workers() { # of any supervisor of ours
		local p n=0
		for p in $(pgrep -x xengpu-worker); do
			[ "$(readlink "/proc/$p/exe")" != "$W/xengpu-worker" ] || n=$((n + 1))
		done
		echo $n
	}
	all_nodes() { dom0 xengpu-localhub --socket "$W/hub.sock" --list /local; }
	all_files() { find "$W/state" "$W/root" -type f 2>/dev/null; }
	no_reports() { ! grep -h 'Sanitizer\|runtime error:' "$W"/*.log; }
else
	all_workers() { backend_workers; }
	all_nodes() { dom0 xenstore-ls -f / | grep '/vgpu'; }
	all_files() { dom0 find /var/lib/xengpu /run/xengpu -type f 2>/dev/null; }
	no_reports() { true; }
fi

# What of $W/facts is more than in $W/facts0, as words.
grown() {
	awk 'NR == FNR { had[$1] = $2; next }
		$2 > had[$1] + 0 { printf "%s: %s, was %s\n", $1, $2, had[$1] + 0; n++ }
		END { exit n == 0 }' "$W/facts0" "$W/facts"
}
as_before() { facts >"$W/facts" && ! grown >"$W/grown"; }

soak_begin() {
	local g
	backend_stop
	host_conf 'ban_after = 0' 'warm = 2'
	backend_start --fence-timeout=60 || return 1
	for g in $(seq "$GUESTS"); do
		until_served "$g" && dom0 xengpu detach "$(guest_domid "$g")" && attach_as "$g" 1 && until_served "$g" &&
			sc_frames "$g" 3 || return 1
	done
	act_slice host 1000 100 >/dev/null && act_policy host 0 0 >/dev/null || return 1
	mkdir -p "$W/memory"
	until_true "$PATIENCE" backend_quiet || return 1
	# A guest keeps a session ready for a while, a supervisor a worker too many.
	sleep 6
	until_true "$PATIENCE" backend_quiet && warm_again && facts >"$W/facts0"
}

# As many warm workers as in the beginning, whatever was set meanwhile.
warm_again() { [ "$(backend_workers)" -ge 2 ]; }

memory() { # memory NAME PID...: notes how much they have, by the process they began with
	local where=$1 name=$2 n fds kib
	shift 2
	[ $# -gt 0 ] || return 0
	read -r n fds kib < <(of_processes "$where" "$@")
	echo "$kib" >>"$W/memory/$name.$1"
	awk -v most="$MEMORY_MOST_KIB" -v name="$name" 'NR == 2 { first = $1 } { last = $1 }
		END { if (NR > 2 && last > first + most) print name " has " last " KiB to itself, " first " at its second rest" }' \
		"$W/memory/$name.$1" >>"$W/trouble"
	told="$told $name $kib"
}

flat() {
	local g
	host_conf 'ban_after = 0' 'warm = 2'
	dom0 kill -HUP "$(backend_pid)"
	until_true "$PATIENCE" as_before || cat "$W/grown" >>"$W/trouble"
	told=
	memory dom0 supervisor "$(backend_pid)"
	for g in $(seq "$GUESTS"); do memory "guest $g" vtest $(guest_pids "$g" xengpu-vtest); done
	[ -z "${hub_pid:-}" ] || memory dom0 hub "$hub_pid"
}
flat_told() { echo "KiB:$told"; }

# Growth a round, over all processes of a kind that were there for long enough.
flat_trend() {
	local kind
	for kind in supervisor vtest hub; do
		awk -v kind=$kind -v most="$MEMORY_TREND_KIB" -v warm=$MEMORY_WARM -v rounds=$MEMORY_ROUNDS '
			FNR > warm { n++; grown += $1 - before }
			{ before = $1 }
			END {
				if (!n) exit
				printf "# %s: %+.1f KiB a round, over %d rounds\n", kind, grown / n, n
				exit n >= rounds && grown / n > most
			}' "$W/memory/$kind".* || say "$kind grows"
	done
}
