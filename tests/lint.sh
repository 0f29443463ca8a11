#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Static analysis of what is installed: clang-tidy (.clang-tidy says which checks), gcc -fanalyzer
# and cppcheck. Exit status 1 when any of them has something to say. Arguments: tools to run (tidy,
# gcc, cppcheck), or files; none: everything.
set -u
cd "$(dirname "$0")/.." || exit 1
out=${B:-build}/lint
mkdir -p "$out"
common="-std=gnu11 -D_GNU_SOURCE -Wall -Wextra"

flags() { # the include paths of a file's folder, as in the Makefile
	case $1 in
	ring/*) echo "-I ring" ;;
	grant/*) echo "-I ring -I grant" ;;
	xen-config/*) echo "-I ring -I grant -I xen-config $(pkg-config --cflags ncursesw) -DXENGPU_VERSION=\"0\"" ;;
	backend/*) echo "-I ring -I grant -I xen-config -I backend $(pkg-config --cflags virglrenderer libdrm gbm epoxy egl)" ;;
	frontend/*) echo "-I ring -I grant -I xen-config -I frontend" ;;
	esac
}

tidy() {
	clang-tidy --quiet "$1" -- $common $(flags "$1") 2>/dev/null
}

# -O1: without it the analyzer sees inline functions and macros as calls into the unknown. Not asked
# for is what gcc 12 says of every container_of() and sys/queue.h list (leaks, use after free), and of
# what is set on success only, where the error is "-errno" (uninitialized); see .clang-tidy.
analyze() {
	gcc $common -O1 -fanalyzer -Wno-analyzer-malloc-leak -Wno-analyzer-use-after-free \
		-Wno-analyzer-use-of-uninitialized-value -Wno-analyzer-too-complex $(flags "$1") \
		-c "$1" -o /dev/null 2>&1
}

# one TOOL FILE: run it, say what it says; the file in $out is what there was to say.
one() {
	local log
	log=$out/$(echo "$2" | tr / _).$1
	"$1" "$2" >"$log"
	[ ! -s "$log" ] || {
		echo "--- $1 $2"
		cat "$log"
	}
}

if [ "${1:-}" = --one ]; then
	one "$2" "$3"
	exit
fi

tools= files=
for want in "$@"; do
	case $want in
	tidy | gcc | cppcheck) tools="$tools $want" ;;
	*) files="$files $want" ;;
	esac
done
all=$(ls ring/*.c grant/*.c xen-config/*.c backend/*.c frontend/*.c)
rm -f "$out"/*
for tool in ${tools:-tidy gcc cppcheck}; do
	case $tool in
	tidy) printf 'tidy %s\n' ${files:-$all} ;;
	gcc) printf 'analyze %s\n' ${files:-$all} ;;
	esac
done | xargs -r -P "${JOBS:-$(nproc)}" -n 2 tests/lint.sh --one
case " ${tools:-cppcheck} " in
*" cppcheck "*)
	cppcheck --quiet --std=c11 --enable=warning,portability,performance --inline-suppr \
		--suppressions-list=tests/cppcheck.txt -D_GNU_SOURCE -D__x86_64__ -I ring -I grant \
		-I xen-config -I backend -I frontend ${files:-ring grant xen-config backend frontend} \
		2>&1 | tee "$out/cppcheck"
	;;
esac
n=$(cat "$out"/* | grep -cE ': (error|warning|style|performance|portability):')
echo "lint: $n findings"
[ "$n" -eq 0 ]
