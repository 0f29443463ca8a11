#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# deb.sh OUT [VERSION]: the Debian packages, into the folder OUT; what `make deb` runs. The tree is
# copied to OUT/xengpu-VERSION with debian/ at its top, where Debian's tools look for it, and built
# there, so nothing of this build and of one in the tree mixes. With a VERSION that is not the
# changelog's, the copy's changelog gets an entry for it.
set -eu
cd "$(dirname "$0")/.."
out=$1
log=xen-config/debian/changelog
have=$(sed -n '1s/.*(\(.*\)).*/\1/p' $log)
version=${2:-$have}
start=$SECONDS

mkdir -p "$out"
out=$(cd "$out" && pwd)
tree=$out/xengpu-$version
rm -rf "$tree" "$out"/*.deb "$out"/*.buildinfo "$out"/*.changes
mkdir "$tree"
# New files are part of it before they are committed, what is ignored is not. Without git (a copy of
# the tree in a build root), everything but build/.
if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
	git ls-files -z --cached --others --exclude-standard
else
	find . -path ./build -prune -o -type f -print0
fi | while IFS= read -r -d '' file; do
	[ ! -e "$file" ] || printf '%s\0' "$file"
done | tar --null -T - -c | tar -x -C "$tree"
mv "$tree/xen-config/debian" "$tree/debian"
if [ "$version" != "$have" ]; then
	{
		printf 'xengpu (%s) UNRELEASED; urgency=medium\n\n  * A build between releases.\n\n' "$version"
		sed -n "/^ -- /{s/  .*/  $(date -R)/p;q}" $log
		echo
		cat $log
	} >"$tree/debian/changelog"
fi

# The caller may be make: its options and variables are not for the package's own make.
if ! (cd "$tree" && unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES B VERSION DESTDIR PREFIX CI &&
      dpkg-buildpackage -us -uc -b) >"$out/build.log" 2>&1; then
	tail -n 40 "$out/build.log" >&2
	echo "deb: dpkg-buildpackage failed; the whole log is $out/build.log" >&2
	exit 1
fi
rm -rf "$tree"
echo "deb: built in $((SECONDS - start)) s:"
ls -1 "$out"/*.deb
