#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# buildroot.sh SUITE OUT [TARGET [VARIABLE=VALUE]...] - make for a suite that is not the
# host's: in a chroot of that suite, kept in the cache, with a compiler and the libraries'
# headers. OUT gets the tree that "install" (the preset) makes, or the packages of "deb".
# The source tree is copied in (not mounted, nothing is left behind in it), so objects
# of the host's build and of this one never mix; unchanged files keep their time, and
# make builds only what changed.
set -eEuo pipefail
. "$(dirname "$(readlink -f "$0")")/lib.sh"
. "$RIG_SRC/machine.sh"

suite=$1
out=$2
target=${3:-install}
shift $(($# < 3 ? $# : 3))
case $target in
install | install-module) result=stage ;;
deb) result=deb ;;
*) die "buildroot.sh makes \"install\", \"install-module\" and \"deb\", not \"$target\"" ;;
esac
# What tests/deps.sh would install for either.
packages=build-essential,make,pkg-config,debhelper,dpkg-dev,libxen-dev,libvirglrenderer-dev,libdrm-dev,libgbm-dev,libepoxy-dev,libegl-dev,libgles-dev,libjson-c-dev,libncurses-dev,libseccomp-dev,libpng-dev,dh-dkms,linux-headers-amd64
root=$RIG_CACHE/buildroot-$suite-$(echo "$packages" | cat - "$RIG_SRC/buildroot.sh" | sha256sum | cut -c 1-12)

buildroot() {
	local new=$root.new list conf
	list=$(mktemp)
	conf=$(mktemp)
	sources_for "$suite" > "$list"
	apt_options > "$conf"
	as_root rm -rf --one-file-system "$new"
	as_root mmdebstrap --mode=root --variant=apt --include="$packages" --aptopt="$conf" \
		--aptopt='APT::Install-Recommends "false"' --aptopt='Acquire::Languages "none"' \
		--dpkgopt=force-unsafe-io --dpkgopt='path-exclude=/usr/share/doc/*' \
		--dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
		"$suite" "$new" "$list"
	rm -f "$list" "$conf"
	mv "$new" "$root"
}

mkdir -p "$RIG_CACHE"
exec 6> "$root.lock"
flock 6
[ -d "$root" ] || buildroot
tree=src$(echo "$RIG_TOP" | sha256sum | cut -c 1-8)	# one per checkout
as_root mkdir -p "$root/$tree"
as_root find "$root/$tree" -mindepth 1 -maxdepth 1 ! -name build -exec rm -rf {} +
tar -C "$RIG_TOP" --exclude=./build --exclude=./.git -c . | as_root tar -C "$root/$tree" -x --no-same-owner
as_root rm -rf "$root/$tree/build/$result"
as_root chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C \
	make -C "/$tree" "$target" DESTDIR="/$tree/build/stage" PREFIX=/usr "$@"
if [ "$target" = deb ]; then
	mkdir -p "$out"
	cp "$root/$tree"/build/deb/*.deb "$out/"
else
	tar -C "$root/$tree/build/stage" -c . | tar -C "$out" -x --no-same-owner
fi
as_root rm -rf "$root/$tree/build/$result"
