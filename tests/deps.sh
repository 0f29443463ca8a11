#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Install through apt what is missing to build ("build"), to build Debian packages ("deb"), to build
# and run benchmarks ("bench"), to look for inputs that break something ("fuzz"), to analyse the
# sources ("lint"), to compare piglit's results ("conformance"), to run real programs ("programs"),
# or to build and test (no argument).
# Says what it installs; does nothing, quickly, when all is there. Debian 12 or 13, as root.
set -eu
build="build-essential pkg-config libxen-dev libvirglrenderer-dev libdrm-dev libgbm-dev
	libepoxy-dev libegl-dev libgles-dev libjson-c-dev libncurses-dev libpng-dev
	libseccomp-dev"
# What the local platform's tests run: a stock Mesa, a stock benchmark, and an X server for it.
mesa="libgl1-mesa-dri libegl-mesa0 libegl1 libgles2"
test="$mesa libgl1 libopengl0 libglx-mesa0 xvfb
	glmark2-es2-x11 glmark2-data waffle-utils jq procps"
# And the packages' test.
test="$test lintian mandoc mmdebstrap"
deb="debhelper dpkg-dev dh-dkms"
bench="$mesa virgl-server glmark2-es2-x11 glmark2-data xvfb python3 python3-matplotlib python3-numpy"
fuzz="clang llvm python3"
lint="clang clang-tidy cppcheck"
conformance="$mesa libgl1 libglx-mesa0 piglit waffle-utils virgl-server xvfb jq procps python3"
programs="$mesa libgl1 libopengl0 libglx-mesa0 virgl-server xvfb jq procps glmark2-es2-x11 glmark2-x11 glmark2-data
	mesa-utils weston apitrace gtk-4-examples chromium extremetuxracer"
case ${1:-} in
build) want=$build ;;
deb) want="$build $deb" ;;
bench) want="$build $bench" ;;
fuzz) want="$build $fuzz" ;;
lint) want="$build $lint" ;;
conformance) want="$build $conformance" ;;
programs) want="$build $programs" ;;
*) want="$build $deb $test $conformance" ;;
esac

missing=
for p in $want; do
	dpkg-query -W -f '${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || missing="$missing $p"
done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" != 0 ]; then
	echo "deps: these packages are missing and installing them needs root:$missing" >&2
	exit 1
fi
start=$SECONDS
echo "deps: installing$missing"
export DEBIAN_FRONTEND=noninteractive
apt-get install -qq -y --no-install-recommends $missing >/dev/null 2>&1 || {
	apt-get update -qq
	apt-get install -qq -y --no-install-recommends $missing >/dev/null
}
echo "deps: installed in $((SECONDS - start)) s"
