#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# check.sh - the patches apply to Debian's Xen, compile, and xl does with a vgpu what it should.
#
# Fetches the Xen source package through apt, applies the series, builds tools/libs and tools/xl and
# runs the xl that comes out. Neither Xen nor xenstored is needed for that: standin.c takes their
# place. Debian 12 or 13, as root where packages are missing. Takes some minutes; prints TAP.
#
#   SUITE=bookworm|trixie  whose Xen; the host's own if not given
#   XEN_SRC=DIR            an unpacked Xen source tree instead, which is copied
#   XENGPU_CACHE=DIR       where sources and the build are kept; ~/.cache/xengpu if not given
#   J=N                    how many compilers at the same time
#   KEEP=1                 do not build again what was built: for work on the tests below
here=$(dirname "$(readlink -f "$0")")
top=$(readlink -f "$here/../..")
. "$top/tests/xen/lib.sh"
. "$top/tests/tap.sh"

suite=${SUITE:-$(host_suite)}
cache=${XENGPU_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/xengpu}/libxl
J=${J:-$(nproc)}

# --- sources -----------------------------------------------------------------------------------

# What Debian's own build of the tools needs, less what is for hypervisor, firmware and QEMU.
install_needed() {
	need gcc=build-essential make=build-essential g++=build-essential patch=patch flex=flex \
		bison=bison autoconf=autoconf autoheader=autoconf pkg-config=pkg-config \
		python3=python3 msgfmt=gettext iasl=acpica-tools jq=jq podchecker=perl \
		/usr/share/misc/config.guess=autotools-dev dpkg-source=dpkg-dev \
		/usr/include/yajl/yajl_gen.h=libyajl-dev /usr/include/uuid/uuid.h=uuid-dev \
		/usr/include/zlib.h=zlib1g-dev /usr/include/ncurses.h=libncurses-dev \
		/usr/include/lzma.h=liblzma-dev /usr/include/zstd.h=libzstd-dev \
		/usr/include/glib-2.0/glib.h=libglib2.0-dev \
		/usr/include/pixman-1/pixman.h=libpixman-1-dev \
		"/usr/include/python3*/Python.h=libpython3-dev"
}

# The host's archives, but for source packages of the suite, and beside the host's own lists.
apt_sources() { # DIR
	mkdir -p "$1/lists/partial" "$1/parts" "$1/archives/partial"
	sources_for "$suite" | sed 's/^deb /deb-src /' > "$1/sources.list"
	[ -s "$1/sources.list" ] || { echo "no Debian archive in this host's apt sources"; return 1; }
}

apt_with() { # DIR COMMAND...
	local dir=$1 cmd=$2
	shift 2
	"$cmd" -q -o Dir::Etc::sourcelist="$dir/sources.list" -o Dir::Etc::sourceparts="$dir/parts" \
		-o Dir::State::lists="$dir/lists" -o Dir::Cache::archives="$dir/archives" \
		-o Dir::Cache::srcpkgcache= -o Dir::Cache::pkgcache= \
		-o APT::Sandbox::User="$(id -un)" "$@"
}

# Newest first; an archive may list a version that its mirror does not hold (any longer).
fetch_source() { # DIR
	local version
	ls "$1"/xen_*.dsc > /dev/null 2>&1 && return
	apt_sources "$1/apt" && apt_with "$1/apt" apt-get update || return 1
	for version in $(apt_with "$1/apt" apt-cache showsrc xen | sed -n 's/^Version: //p' | sort -urV); do
		(cd "$1" && apt_with "$1/apt" apt-get source --download-only "xen=$version") && return
		echo "version $version cannot be had, trying the one before"
		rm -f "$1"/xen_*
	done
	return 1
}

unpack() { # DIR; sets nothing: the tree is in DIR/tree
	rm -rf "$1/tree"
	if [ -n "${XEN_SRC:-}" ]; then
		mkdir -p "$1" && cp -a "$XEN_SRC" "$1/tree"
	else
		dpkg-source --no-check -x "$(ls "$1"/xen_*.dsc | sort -V | tail -n 1)" "$1/tree"
	fi
}

# --- building ----------------------------------------------------------------------------------

release_of() { # TREE
	sed -n 's/^\(export \)\?XEN_\(SUB\)\?VERSION *[:?]\?= *\([0-9]*\)$/\3/p' "$1/xen/Makefile" | paste -sd.
}

apply() {
	local p
	while read -r p; do
		echo "$p"
		patch -d "$tree" -p1 --fuzz=0 --no-backup-if-mismatch < "$here/$p" || return 1
	done < "$here/series-$release"
}

# The header of the patches is ring/vgpuif.h, written as Xen's other public headers are.
public_header() {
	awk '/^#ifdef __KERNEL__/ { linux = skip = 1; next }	# what is Linux only, and the lines around it
	     linux && /^#if/ { linux++ }
	     linux == 1 && /^#else/ { skip = 0; next }
	     linux && /^#endif/ && !--linux { skip = 0; next }
	     !skip' "$top/ring/vgpuif.h" |
	sed -e 's/ The prose version, with pictures, is README.md in this folder\.//' \
		-e 's/\(^#ifndef\|^#define\|^#endif .*\) VGPUIF_H/\1 __XEN_PUBLIC_IO_VGPUIF_H__/' \
		-e '/^#include <xen\/xen.h>/i #include "../xen.h"\n#include "ring.h"' \
		-e '/^#include <std\(int\|ring\).h>/d; /^#include <string.h>/d; /^#include <xen/d' \
		-e '/^\/\* Without this ring.h/,/^#endif/d' | cat -s
}
header_is_ours() { diff -u <(public_header) <(cat -s "$tree/xen/include/public/io/vgpuif.h"); }

# As xen/include/Makefile checks its headers.
header_compiles() {
	local how
	for how in "c -ansi" "c -std=c99" "c -std=c11" c++; do
		echo '#include "vgpuif.h"' | gcc -x $how -Wall -Werror -include stdint.h \
			-I "$tree/xen/include/public/io" -S -o /dev/null - || return 1
	done
}

go_is_generated() {
	local go=$tree/tools/golang/xenlight
	LIBXL_SRC_DIR=$tree/tools/libs/light python3 -B "$go/gengotypes.py" \
		"$tree/tools/libs/light/libxl_types.idl" "$work/types.go" "$work/helpers.go" &&
		diff -u "$go/types.gen.go" "$work/types.go" && diff -u "$go/helpers.gen.go" "$work/helpers.go"
}

# Debian's package has no generated configure scripts. All state that xl keeps goes below $state.
configure() {
	cd "$tree" || return 1
	cp /usr/share/misc/config.guess /usr/share/misc/config.sub . && ./autogen.sh &&
	./configure --prefix=/usr --sysconfdir="$state/etc" --localstatedir="$state/var" \
		--with-rundir="$state/run" --disable-xen --disable-docs --disable-stubdom \
		--disable-ocamltools --disable-golang --disable-xsmpolicy --disable-seabios \
		--disable-ovmf --disable-rombios --disable-ipxe --disable-pvshim --disable-systemd \
		--disable-qemu-traditional --with-system-qemu=/bin/true
}

quiet() { # COMMAND...: all of it to the log, the end of it when it fails
	"$@" >> "$log" 2>&1 || { grep -E 'error|Error|^E: ' "$log" | cut -c1-200 | tail -n 15; return 1; }
}

build() { # FOLDER
	nice -n 10 make -j"$J" -C "$tree/tools/$1"
}

standin() {
	gcc -std=gnu11 -Wall -Wextra -Wshadow -Werror -O2 -shared -fPIC -D__XEN_TOOLS__ \
		-I "$tree/tools/include" -o "$work/standin.so" "$here/standin.c"
}

# --- running xl --------------------------------------------------------------------------------

uuid=01010101-0101-0101-0101-010101010101	# as standin.c has it for domain 1
json=userdata-d.1.$uuid.libxl-json

xl() {
	LD_LIBRARY_PATH=$libs LD_PRELOAD=$work/standin.so STANDIN_STORE=$work/store \
		"$tree/tools/xl/xl" "$@"
}

config() { # LINE...: a guest's config with these lines in it
	printf '%s\n' 'name = "web"' 'type = "pv"' 'kernel = "/boot/vmlinuz"' 'memory = 64' "$@" > "$work/web.cfg"
}

parsed() { # LINE: what xl makes of it, as JSON
	config "$1"
	xl -N create "$work/web.cfg" 2> "$work/stderr" || { cat "$work/stderr"; return 1; }
}

same() { [ "$1" = "$2" ] || { diff <(echo "$1") <(echo "$2"); return 1; }; }

parses_to() { # LINE VGPUS
	local out
	out=$(parsed "$1") || { echo "$out"; return 1; }
	same "$(jq -c .vgpus <<< "$out")" "$2"
}

refuses() { # LINE WHY
	local out
	if out=$(parsed "$1"); then
		echo "accepted: $(jq -c .vgpus <<< "$out")"
		return 1
	fi
	grep -F -- "$2" "$work/stderr" || { cat "$work/stderr"; return 1; }
}

attach_refuses() { # ARGUMENT WHY
	local out
	out=$(xl vgpu-attach web "$1" 2>&1) && { echo "accepted"; return 1; }
	grep -F -- "$2" <<< "$out"
}

# Domain 0, and a domain 1 that was created without a vgpu.
fresh_domain() {
	rm -rf "$state" && mkdir -p "$state/etc/xen" "$state/var/lib/xen" "$state/var/lock" "$state/run/xen"
	: > "$state/etc/xen/xl.conf"
	printf '%s\n' "/local/domain/0/name	n0	Domain-0" "/local/domain/0/domid	n0	0" \
		"/local/domain/1/name	n0,r1	web" "/libxl/1/type	n0	pv" > "$work/store"
	parsed "" > "$work/web.json" && cp "$work/web.json" "$state/var/lib/xen/$json"
}

nodes() { # DIR: its nodes, with owner and reader
	grep -E "^$1(/|	)" "$work/store" | sort
}

expect_nodes() { # DIR, standard input: NODE PERMISSIONS [VALUE]
	local dir=$1
	same "$(nodes "$dir")" "$(sed "s,^\([^ ]*\) \([^ ]*\) \?,$dir/\1\t\2\t,; s,/\.,," | sort)"
}

limits='weight=512,cap=40,memory=256,contexts=64,resources=1000,pages=4096,sessions=8,inflight=32,max_fps=60,fps=30,gpu=auto'
front=/local/domain/1/device/vgpu/0
back=/local/domain/0/backend/vgpu/1/0

attaches() { xl vgpu-attach web "$limits,backend=dom0" 2>&1; }

back_nodes() {
	expect_nodes $back <<-EOF
		. n0,r1
		frontend n0,r1 $front
		frontend-id n0,r1 1
		online n0,r1 1
		state n0,r1 2
		handle n0,r1 0
		backend-id n0,r1 0
		weight n0,r1 512
		cap n0,r1 40
		memory n0,r1 256
		contexts n0,r1 64
		resources n0,r1 1000
		pages n0,r1 4096
		sessions n0,r1 8
		inflight n0,r1 32
		max_fps n0,r1 60
		fps n0,r1 30
		gpu n0,r1 auto
	EOF
}

front_nodes() {
	expect_nodes $front <<-EOF
		. n1,r0
		backend n1,r0 $back
		backend-id n1,r0 0
		state n1,r0 1
		handle n0,r1 0
	EOF
}

own_nodes() {
	nodes /libxl/1/device/vgpu/0 | grep -q "/frontend	n0	$front" &&
	nodes /libxl/1/device/vgpu/0 | grep -q "/backend	n0	$back" &&
	nodes /libxl/1/device/vgpu/0 | grep -q "/backend-id	n0	0" &&
	nodes /libxl/1/device/vgpu/0 | grep -q "/weight	n0	512"
}

kept_config() { # VGPUS: what xl reboot, save and migrate go by
	same "$(jq -c .vgpus "$state/var/lib/xen/$json")" "$1"
}

lists() {
	local out
	out=$(xl vgpu-list web) || return 1
	same "$(awk '{$1=$1; print}' <<< "$out")" "$(printf '%s\n' \
		'DevId BE state weight cap mem(MiB) contexts resources pages sessions inflight max_fps fps gpu BE-path' "$@")"
}

# The two commands on each other's devices: same nodes, same names.
xengpu() {
	LD_LIBRARY_PATH=$libs LD_PRELOAD=$work/standin.so STANDIN_STORE=$work/store \
		timeout 20 "$top/build/bin/xengpu" "$@"
}

xengpu_lists() { # DEVID...
	same "$(xengpu list --json | jq -c '[ .[].devid ]')" "[$(IFS=,; echo "$*")]"
}

# --- the checks --------------------------------------------------------------------------------

install_needed || bail "packages to build with"

dir=$cache/$suite
[ -z "${XEN_SRC:-}" ] || dir=$cache/given
work=$dir/work tree=$dir/tree state=$dir/state log=$dir/log
mkdir -p "$work"
export PYTHONDONTWRITEBYTECODE=1

if [ -z "${KEEP:-}" ] || [ ! -x "$tree/tools/xl/xl" ]; then
	: > "$log"
	[ -n "${XEN_SRC:-}" ] ||
		ok "Debian's Xen source, $suite" quiet fetch_source "$dir"
	[ $tap_bad = 0 ] && quiet unpack "$dir" || bail "unpacking Xen"
	release=$(release_of "$tree")
	note "Xen $release from ${XEN_SRC:-$(cd "$dir" && ls xen_*.dsc)}"
	[ -s "$here/series-$release" ] || bail "a series for Xen $release"
	ok "the series applies to Xen $release without fuzz" apply
	[ $tap_bad = 0 ] || done_testing
	note "configuring and compiling, log in $log ..."
	ok "configures" quiet configure
	ok "tools/include" quiet build include
	ok "tools/libs, libxl in it, compiles" quiet build libs
	ok "tools/xl compiles" quiet build xl
	[ $tap_bad = 0 ] || done_testing
	note "done"
fi
libs=$(ls -d "$tree"/tools/libs/*/ | sed 's,/$,,' | paste -sd:)

ok "vgpuif.h is ring/vgpuif.h" header_is_ours
ok "vgpuif.h compiles as C89, C99, C11 and C++" header_compiles
ok "the Go bindings are what the generator makes" go_is_generated
ok "man pages are valid" podchecker "$tree/docs/man/xl.cfg.5.pod.in" "$tree/docs/man/xl.1.pod.in"
ok "the stand-in for Xen compiles" standin
ok "a domain without vgpu parses" fresh_domain
[ $tap_bad = 0 ] || done_testing

d='"devid":0'
ok "config: no vgpu" parses_to '' null
ok "config: an empty list" parses_to 'vgpu = []' null
ok "config: a vgpu of defaults" parses_to 'vgpu = [ "" ]' "[{$d}]"
ok "config: the line of the manual" \
	parses_to 'vgpu = [ "weight=512,cap=40,memory=256,contexts=64,gpu=auto,backend=dom0" ]' \
	"[{\"backend_domname\":\"0\",$d,\"weight\":512,\"cap\":40,\"memory_mib\":256,\"contexts\":64,\"gpu\":\"auto\"}]"
ok "config: the other keys, spaces, a driver domain" \
	parses_to 'vgpu = [ " resources=1000 , pages=4096, sessions=8,devid=3,fps=25, inflight=4 ,max_fps=90,cap=0 , backend=drv" ]' \
	'[{"backend_domname":"drv","devid":3,"cap":0,"resources":1000,"pages":4096,"sessions":8,"inflight_mib":4,"max_fps":90,"fps":25}]'
ok "config: two vgpus" parses_to 'vgpu = [ "weight=1", "weight=65535" ]' \
	"[{$d,\"weight\":1},{\"devid\":1,\"weight\":65535}]"

ok "refused: an unknown key" refuses 'vgpu = [ "wieght=512" ]' 'Unknown string "wieght=512" in vgpu spec'
ok "refused: a key without a value" refuses 'vgpu = [ "weight" ]' 'Unknown string "weight"'
ok "refused: weight 0" refuses 'vgpu = [ "weight=0" ]' 'weight=0: a number from 1 to 65535'
ok "refused: weight 65536" refuses 'vgpu = [ "weight=65536" ]' 'from 1 to 65535'
ok "refused: a unit" refuses 'vgpu = [ "memory=256M" ]' 'memory=256M: a number'
ok "refused: a negative number" refuses 'vgpu = [ "contexts=-1" ]' 'contexts=-1: a number'
ok "refused: no number" refuses 'vgpu = [ "pages=" ]' 'pages=: a number'
ok "refused: more than 32 bits" refuses 'vgpu = [ "resources=4294967296" ]' 'from 1 to 4294967295'
ok "refused: more than 64 bits" refuses 'vgpu = [ "sessions=99999999999999999999" ]' 'sessions='
ok "refused: cap 101" refuses 'vgpu = [ "cap=101" ]' 'from 0 to 100'
ok "refused: devid 65536" refuses 'vgpu = [ "devid=65536" ]' 'from 0 to 65535'
ok "refused: no gpu" refuses 'vgpu = [ "gpu=" ]' 'gpu= needs a value'
ok "refused: the second of two" refuses 'vgpu = [ "weight=1", "cpa=1" ]' 'Unknown string "cpa=1"'
ok "refused: not a list" refuses 'vgpu = "weight=512"' 'should be a list'
ok "refused: a list in the list" refuses 'vgpu = [ [ "weight=512" ] ]' 'item 0 is not a string'

ok "attach: prints with -N" eval 'xl -N vgpu-attach web cap=40,weight=2 2> /dev/null | grep -q "\"cap\": 40"'
ok "attach: refuses an unknown key" attach_refuses "wait=1" 'Unknown string "wait=1"'
ok "attach: refuses an unknown backend domain" attach_refuses "backend=nobody" "failed"
ok "attach: nothing was made" expect_nodes $back < /dev/null
ok "attach" attaches
ok "attach: nodes of the backend" back_nodes
ok "attach: nodes of the frontend" front_nodes
ok "attach: libxl's own copy" own_nodes
ok "attach: the domain's kept config has it" kept_config \
	"[{\"backend_domname\":\"0\",$d,\"weight\":512,\"cap\":40,\"memory_mib\":256,\"contexts\":64,\"resources\":1000,\"pages\":4096,\"sessions\":8,\"inflight_mib\":32,\"max_fps\":60,\"fps\":30,\"gpu\":\"auto\"}]"
ok "attach: a second one, of defaults" xl vgpu-attach web
ok "attach: no limit given, no node" expect_nodes ${back%0}1 <<EOF
. n0,r1
frontend n0,r1 ${front%0}1
frontend-id n0,r1 1
online n0,r1 1
state n0,r1 2
handle n0,r1 1
backend-id n0,r1 0
EOF
ok "attach: refuses a number in use" attach_refuses devid=1 "already exists"
ok "list" lists "0 0 1 512 40 256 64 1000 4096 8 32 60 30 auto $back" "1 0 1 - - - - - - - - - - - ${back%0}1"
if [ -x "$top/build/bin/xengpu" ]; then
	ok "xengpu: lists what xl attached" xengpu_lists 0 1
	ok "xengpu: attaches a third" xengpu attach --no-save --no-wait web devid=2
	ok "xengpu: xl lists that, too" eval 'xl vgpu-list web | grep -q "^ *2 .* ${back%0}2$"'
	ok "xengpu: xl detaches it" xl vgpu-detach web 2
	ok "xengpu: detaches one of xl's" xengpu detach --no-save --force web 1
	ok "xengpu: both are gone" xengpu_lists 0
else
	skip "xengpu and xl on each other's devices" "build/bin/xengpu is not built"
fi
ok "detach: refuses what is not there" eval '! xl vgpu-detach web 7'
ok "detach" xl vgpu-detach web 0
ok "detach: no node is left" expect_nodes $back < /dev/null
ok "detach: no node of the frontend is left" expect_nodes $front < /dev/null
done_testing
