#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# image.sh SUITE DIR [PACKAGE...] - build what the rig boots, into DIR (which appears only
# when complete):
#   xen         the hypervisor, gunzipped, for QEMU's -kernel
#   vmlinux     Debian's kernel, for dom0 and guests, unpacked
#   base.cpio   initrd without our scripts: busybox and the modules to reach the root
#   root.ext4   read-only root file system of dom0 and guests
#   key         for ssh into both; the image holds the public half
#   build.log   what mmdebstrap said
#
# Needs root (mmdebstrap makes device nodes and chroots) but neither loop devices
# nor mounts: mke2fs -d fills the file system. The kernel package is only unpacked,
# not installed: its postinst would build an initrd (20 s) that the rig has no use
# for, and nine of ten modules are for hardware that QEMU does not have.
set -eEuo pipefail
. "$(dirname "$(readlink -f "$0")")/lib.sh"

suite=$1
dir=$2
shift 2
more=$*	# packages beyond those of the recipe
work=$(mktemp -d "$(dirname "$dir")/build.XXXXXX")
chmod 755 "$work"
out=$work/out
root=$work/root
log=$out/build.log
mkdir -p "$out"

cleanup() {
	local rc=$?
	if [ $rc -ne 0 ] && [ -s "$log" ]; then
		note "image build failed; the last lines of its log:"
		tail -n 25 "$log" >&2
	fi
	rm -rf --one-file-system "$work"
	exit $rc
}
trap cleanup EXIT
trap 'exit 130' INT TERM HUP
trap 'echo "failed: $BASH_COMMAND" >> "$log"' ERR

# Loaded by the initrd, dependencies first. The rest of the image's modules is there
# for modprobe.
MODULES_DOM0="virtio_pci virtio_blk ext4 overlay virtio_net bridge 9p 9pnet_virtio
	xen-privcmd xenfs xen-evtchn xen-gntdev xen-gntalloc xen-blkback xen-netback"
MODULES_GUEST="xen-blkfront ext4 overlay xen-netfront
	xenfs xen-evtchn xen-gntdev xen-gntalloc"

packages() {
	sed -n "s/^$suite: *//p; /^[a-z0-9.+-]*\$/p" "$RIG_SRC/packages" | cat - <(printf '%s\n' $more) | xargs | tr ' ' ,
}

debian() {
	sources_for "$suite" > "$work/sources.list"
	[ -s "$work/sources.list" ] || { echo "no Debian source in this host's apt sources"; return 1; }
	apt_options > "$work/apt.conf"
	mmdebstrap --mode=root --variant=apt --format=directory \
		--include="$(packages)" --aptopt="$work/apt.conf" \
		--aptopt='APT::Install-Recommends "false"' \
		--aptopt='Acquire::Languages "none"' \
		--dpkgopt=force-unsafe-io \
		--dpkgopt='path-exclude=/usr/share/doc/*' \
		--dpkgopt='path-exclude=/usr/share/man/*' \
		--dpkgopt='path-exclude=/usr/share/info/*' \
		--dpkgopt='path-exclude=/usr/share/locale/*' \
		--dpkgopt='path-exclude=/usr/share/lintian/*' \
		--dpkgopt='path-exclude=/usr/share/bug/*' \
		--dpkgopt='path-exclude=/usr/lib/xen-*/boot/*' \
		--customize-hook="$(kernel_hook)" \
		"$suite" "$root" "$work/sources.list" >> "$log" 2>&1
}

# Runs inside mmdebstrap, while its package lists are still there.
kernel_hook() {
	cat <<-HOOK
	set -eu
	cd '$work'
	export APT_CONFIG="\$MMDEBSTRAP_APT_CONFIG"
	pkg=\$(apt-cache depends linux-image-amd64 | sed -n 's/.*Depends: \(linux-image-[0-9].*\)/\1/p' | head -n 1)
	apt-get download "\$pkg"
	HOOK
}

# The ELF file inside a bzImage. Xen and xl take either, but unpacking xz in the
# emulated machine costs 4 s at each boot of dom0 and of a guest.
# Source: Documentation/x86/boot.rst, setup_sects, payload_offset, payload_length.
unpack_kernel() { # BZIMAGE
	local sects offset length
	sects=$(od -An -tu1 -j 497 -N 1 "$1")
	offset=$(od -An -tu4 -j 584 -N 4 "$1")
	length=$(od -An -tu4 -j 588 -N 4 "$1")
	dd if="$1" of="$work/payload" bs=1M iflag=skip_bytes,count_bytes status=none \
		skip=$(((sects + 1) * 512 + offset)) count=$((length))
	case $(od -An -tx1 -N 4 "$work/payload" | tr -d ' ') in
	fd377a58) head -c -4 "$work/payload" | xz -dc ;;	# the last 4 bytes are its unpacked size
	28b52ffd) head -c -4 "$work/payload" | zstd -dc ;;
	1f8b*) gzip -dc "$work/payload" ;;
	*) echo "kernel packed in a way not known here" >&2; return 1 ;;
	esac
}

# What of the kernel package goes into the image.
kernel() {
	local d=kernel/drivers f=kernel
	mkdir "$work/kernel"
	dpkg-deb --fsys-tarfile "$work"/linux-image-*.deb | tar -C "$work/kernel" -x --wildcards \
		'./boot/vmlinuz-*' './boot/config-*' \
		"*/modules.builtin*" "*/modules.order" \
		"*/$d/xen/*" "*/$d/block/*" "*/$d/virtio/*" "*/$d/net/xen*" \
		"*/$d/net/virtio_net*" "*/$d/net/net_failover*" \
		"*/$d/gpu/drm/drm*" "*/$d/gpu/drm/virtio/*" "*/$d/gpu/drm/ttm/*" \
		"*/$d/gpu/drm/vgem/*" "*/$d/gpu/drm/vkms/*" "*/$d/dma-buf/*" "*/$d/video/*" \
		"*/$f/fs/ext4/*" "*/$f/fs/jbd2/*" "*/$f/fs/mbcache*" "*/$f/fs/overlayfs/*" \
		"*/$f/fs/9p/*" "*/$f/fs/netfs/*" "*/$f/fs/fscache/*" "*/$f/fs/fuse/*" \
		"*/$f/lib/*" "*/$f/crypto/*" "*/$f/arch/*" \
		"*/$f/net/bridge/*" "*/$f/net/802/*" "*/$f/net/llc/*" "*/$f/net/9p/*" \
		"*/$f/net/core/*" "*/$f/net/ipv6/ipv6*" 2> "$work/tar.log" || true  # patterns without a match
	version=$(ls "$work"/kernel/boot/vmlinuz-*)
	version=${version##*/vmlinuz-}
	unpack_kernel "$work/kernel/boot/vmlinuz-$version" > "$out/vmlinux"
	cp "$work/kernel/boot/config-$version" "$root/boot/"
	cp "$out/vmlinux" "$root/boot/vmlinux"	# for xl, quicker to read than a 9p share
	mods=$(find "$work/kernel" -type d -path "*/modules/$version")
	mkdir -p "$root/lib/modules"
	cp -a "$mods" "$root/lib/modules/"
	chroot "$root" depmod "$version" 2>> "$log"
	local m
	for m in $MODULES_DOM0 $MODULES_GUEST virtio_gpu; do
		chroot "$root" modprobe -S "$version" --show-depends "$m" >> "$log" 2>&1 ||
			{ echo "module $m or what it needs is not in the image" >> "$log"; return 1; }
	done
}

# busybox, and the modules, uncompressed (busybox's insmod knows no xz), with their
# loading order for each role.
initrd() {
	local i=$work/initrd
	mkdir -p "$i"/{bin,dev,proc,sys,root,lower,upper,modules}
	cp "$root/bin/busybox" "$i/bin/"
	cp "$root/bin/busybox" "$out/busybox"
	ln -s busybox "$i/bin/sh"
	initrd_modules dom0 $MODULES_DOM0
	initrd_modules guest $MODULES_GUEST
	(cd "$i" && find . | "$root/bin/busybox" cpio -o -H newc > "$out/base.cpio") 2>> "$log"
}

initrd_modules() { # ROLE MODULE...
	local to=$work/initrd/modules role=$1 m file name
	shift
	for m; do
		chroot "$root" modprobe -S "$version" --show-depends "$m"
	done | sed -n 's/^insmod \([^ ]*\).*/\1/p' | awk '!seen[$0]++' | while read -r file; do
		name=$(basename "$file")
		name=${name%.[xz]*}
		case $file in
		*.xz) xz -dc "$root$file" > "$to/$name" ;;
		*.zst) zstd -qdc "$root$file" > "$to/$name" ;;
		*) cp "$root$file" "$to/" ;;
		esac
		echo "$name" >> "$to/order-$role"
	done
}

# What our own init (init/) needs of the root, beyond packages.
prepare() {
	rm -f "$root"/etc/ssh/ssh_host_*
	ssh-keygen -q -t ed25519 -N '' -C xengpu-rig -f "$out/key"
	ssh-keygen -q -t ed25519 -N '' -C xengpu-rig -f "$root/etc/ssh/ssh_host_ed25519_key"
	mkdir -p -m 700 "$root/root/.ssh"
	cp "$out/key.pub" "$root/root/.ssh/authorized_keys"
	mkdir -p "$root"/{rig,host,proc/xen}
	rm -rf "$root"/var/cache/apt/*.bin "$root"/var/lib/apt/lists/* "$root"/var/log/*.log \
		"$root"/etc/{fstab,resolv.conf,hostname}
	cp "$root"/boot/xen-*-amd64.gz "$work/xen.gz"
	gzip -dc "$work/xen.gz" > "$out/xen"
	(cd "$root" && dpkg-query --admindir=var/lib/dpkg -W -f '${Package} ${Version}\n') > "$out/packages"
}

# The file system is as large as its contents; it never is written to.
filesystem() {
	local kib inodes
	kib=$(du -sk --apparent-size "$root" | cut -f1)
	inodes=$(find "$root" | wc -l)
	mke2fs -q -t ext4 -O ^has_journal,^metadata_csum,^resize_inode -m 0 -b 4096 \
		-N $((inodes + inodes / 20 + 1000)) -L xengpu-rig -d "$root" \
		"$out/root.ext4" $((kib + kib / 8 + inodes * 2 + 32768))k >> "$log" 2>&1
}

note "image for $suite: $(packages | tr , ' ' | wc -w) packages and what they need"
step "image: Debian $suite root file system" debian
step "image: kernel modules" kernel
step "image: initrd" initrd
step "image: configuration" prepare
step "image: ext4 file system" filesystem
rm -rf "$dir"
mv "$out" "$dir"
note "image: $(du -sh "$dir/root.ext4" | cut -f1) in $dir"
