#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Run tests and count them. Arguments: "unit", "fuzz", "fault", "e2e", "conformance", "package", "xen", "soak" (kinds), or names
# of cases: "ring", "ring/wrap" (unit), "fuzz/vtest", "e2e/pictures", "xen/kill". Everything prints TAP; the last line is
# "N passed, N failed, N skipped", and the exit status is 1 when anything failed.
set -u
cd "$(dirname "$0")/.." || exit 1
B=${B:-build}
log=$B/tests/log
mkdir -p "$log"
passed=0 failed=0 skipped=0

# count FILE NAME STATUS: add up one TAP output; a program that dies without a plan has failed.
count() {
	local ok bad skip
	skip=$(grep -cE '^ok .*# SKIP' "$1")
	ok=$(($(grep -c '^ok ' "$1") - skip))
	bad=$(grep -c '^not ok ' "$1")
	if ! grep -q '^1\.\.' "$1" || { [ "$3" -ne 0 ] && [ "$bad" -eq 0 ]; }; then
		echo "not ok - $2 ended early (status $3)"
		tail -n 20 "$1" | sed 's/^/# /'
		bad=$((bad + 1))
	fi
	passed=$((passed + ok)) failed=$((failed + bad)) skipped=$((skipped + skip))
}

# run NAME COMMAND...: run one TAP program, show what it says as it says it.
run() {
	local name=$1 status start=$SECONDS
	shift
	"$@" 2>&1 </dev/null | tee "$log/$name.tap"
	status=${PIPESTATUS[0]}
	[ $((SECONDS - start)) -lt 10 ] || echo "# $name took $((SECONDS - start)) s"
	count "$log/$name.tap" "$name" "$status"
}

unit_programs() {
	local src
	for src in tests/unit/*.c; do
		src=$(basename "$src" .c)
		[ "$src" = harness ] || [ ! -x "$B/tests/$src" ] || echo "$src"
	done
}

# XEN_BY_S: scripts of real Xen that would begin later, counted from here, are left out, and said (.ci/run).
too_late() { [ "$1" = xen ] && [ $SECONDS -gt "${XEN_BY_S:-999999}" ]; }
left_out() { printf "ok 1 - %s # SKIP too slow a machine for the time there is: make check T=%s\n1..1\n" "$1" "$1"; }

# A kind of test that is a folder of scripts: tests/e2e/*.test, tests/xen/*.test.
scripts() { # scripts e2e|conformance|package|xen [NAME]
	local t name
	for t in tests/"$1"/${2:-*}.test; do
		[ -e "$t" ] || continue
		name=$(basename "$t" .test)
		if too_late "$1"; then run "$1-$name" left_out "$1/$name"; else run "$1-$name" bash "$t"; fi
	done
}

# Fuzz targets try the inputs that are kept.
fuzz() { # fuzz [NAME]
	local src
	for src in tests/fuzz/${1:-*}.c; do
		src=$(basename "$src" .c)
		[ ! -x "$B/fuzz/$src" ] || run "fuzz-$src" "$B/fuzz/$src" "tests/fuzz/corpus/$src"
	done
}

# Programs with one call after the other made to fail.
fault() { # fault [NAME]
	local src
	for src in tests/fault/${1:-*}.c; do
		src=$(basename "$src" .c)
		[ "$src" = fault ] || [ ! -x "$B/fault/$src" ] || run "fault-$src" "$B/fault/$src"
	done
}

for want in "$@"; do
	case $want in
	fault) fault ;;
	fault/*) fault "${want#*/}" ;;
	fuzz) fuzz ;;
	fuzz/*) fuzz "${want#*/}" ;;
	unit) for p in $(unit_programs); do run "$p" "$B/tests/$p"; done ;;
	e2e | conformance | package | xen | soak) scripts "$want" ;;
	e2e/* | conformance/* | package/* | xen/* | soak/*) scripts "${want%%/*}" "${want#*/}" ;;
	*)
		found=
		for p in $(unit_programs); do
			"$B/tests/$p" --list | grep -qE "^$want(/|\$)" || continue
			found=1
			run "$p" "$B/tests/$p" "$want"
		done
		if [ -z "$found" ]; then
			echo "no test is called $want; suites: $(for p in $(unit_programs); do
				"$B/tests/$p" --list; done | cut -d/ -f1 | sort -u | tr '\n' ' ')fuzz fault e2e conformance package xen soak" >&2
			exit 2
		fi
		;;
	esac
done
if [ $((passed + failed + skipped)) -eq 0 ]; then
	echo "no test ran" >&2
	exit 1
fi
if [ "$skipped" -gt 0 ]; then
	echo "$passed passed, $failed failed, $skipped skipped"
else
	echo "$passed passed, $failed failed"
fi
[ "$failed" -eq 0 ]
