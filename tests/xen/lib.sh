# SPDX-License-Identifier: GPL-2.0-only
#
# lib.sh - what the rig's parts share: progress lines, processes that are still
# ours, and where Debian packages of a suite come from on this host. Sourced by bash.

RIG_SRC=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
RIG_TOP=$(readlink -f "$RIG_SRC/../..")
export LC_ALL=C

# --- progress ------------------------------------------------------------------

now_ms() { local t=${EPOCHREALTIME/./}; echo $((t / 1000)); }
RIG_T0=${RIG_T0:-$(now_ms)}
export RIG_T0

# note TEXT... - a line with the seconds since this command began
note() {
	local ms=$(($(now_ms) - RIG_T0))
	printf '[%4d.%d] %s\n' $((ms / 1000)) $((ms % 1000 / 100)) "$*" >&2
}
die() { note "error: $*"; exit 1; }

# step TEXT CMD... - run CMD, say what for and how long it took
step() {
	local what=$1 t rc
	shift
	note "$what ..."
	t=$(now_ms)
	"$@"	# no "||" here: it would switch off set -e inside CMD
	rc=$?
	t=$(($(now_ms) - t))
	[ $rc -ne 0 ] || note "$what: done in $((t / 1000)).$((t % 1000 / 100)) s"
	return $rc
}

# --- processes -------------------------------------------------------------------
# A process is remembered as "pid start-time": a recycled pid has another start time.

proc_start() { # PID; the start time in clock ticks since boot, field 22 of stat
	local s
	s=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
	s=${s##*) }
	set -- $s
	[ "$1" != Z ] && echo "${20}"
}

pid_save() { # FILE PID
	echo "$2 $(proc_start "$2")" > "$1"
}

pid_ours() { # FILE; prints the pid if it is alive and the process we started
	local pid start
	[ -s "$1" ] && read -r pid start < "$1" || return 1
	[ -n "$start" ] && [ "$(proc_start "$pid")" = "$start" ] && echo "$pid"
}

pid_end() { # FILE; ends the process, politely, then not; the file goes, too
	local pid i
	if pid=$(pid_ours "$1"); then
		kill "$pid" 2>/dev/null; kill -CONT "$pid" 2>/dev/null	# one that is stopped, too
		for i in $(seq 50); do
			pid_ours "$1" > /dev/null || break
			sleep 0.1
		done
		pid=$(pid_ours "$1") && kill -9 "$pid" 2>/dev/null && sleep 0.2
	fi
	rm -f "$1"
}

# --- Debian ----------------------------------------------------------------------

host_suite() { (. /etc/os-release; echo "${VERSION_CODENAME:-}"); }

# The host's own apt sources of Debian's main archive, re-written for the suite
# asked for: same mirror, same transport, whatever file format they are kept in.
sources_for() { # SUITE
	local suite=$1 host key=/usr/share/keyrings/debian-archive-keyring.gpg opt=
	host=$(host_suite)
	[ -e "$key" ] && opt="[signed-by=$key] "
	apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
	sort -u | while read -r uri release component; do
		[ "$component" = main ] || continue
		case $release in
		"$host" | "$host-updates" | "$host-security")
			echo "deb $opt$uri $suite${release#"$host"} main" ;;
		esac
	done
}

# The host's apt settings that decide how an archive is reached.
apt_options() {
	apt-config dump --no-empty | grep -iE \
		'^(Acquire::(http|https|Check-|Retries|AllowInsecure|ForceIP|ProxyAuto)|APT::Sandbox)' || true
}

as_root() {
	if [ "$(id -u)" = 0 ]; then "$@"; else sudo -E "$@"; fi
}

# need COMMAND-or-FILE=PACKAGE... - installs the packages of what is missing
need() {
	local want pkgs=
	for want; do
		case $want in
		/*) ls ${want%%=*} > /dev/null 2>&1 || pkgs="$pkgs ${want#*=}" ;;
		*) PATH=$PATH:/usr/sbin:/sbin command -v "${want%%=*}" > /dev/null || pkgs="$pkgs ${want#*=}" ;;
		esac
	done
	[ -n "$pkgs" ] || return 0
	step "installing on this host:$pkgs" apt_install $pkgs
}

apt_install() {
	local log
	log=$(mktemp)
	if ! { [ -n "$(find /var/lib/apt/lists -maxdepth 1 -name '*_Packages*' -mmin -1440 -print -quit)" ] ||
		as_root apt-get -q update; } > "$log" 2>&1 ||
	   ! as_root env DEBIAN_FRONTEND=noninteractive apt-get -qy -o Dpkg::Use-Pty=0 \
		install --no-install-recommends "$@" >> "$log" 2>&1; then
		as_root apt-get -q update >> "$log" 2>&1
		as_root env DEBIAN_FRONTEND=noninteractive apt-get -qy -o Dpkg::Use-Pty=0 \
			install --no-install-recommends "$@" >> "$log" 2>&1 ||
			{ tail -n 20 "$log" >&2; rm -f "$log"; return 1; }
	fi
	rm -f "$log"
}
