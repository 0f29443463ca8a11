# SPDX-License-Identifier: GPL-2.0-only
#
# machine.sh - the emulated machine of one rig: host packages, QEMU with its display
# and watchdog, ssh into dom0 and guests. Sourced by rig. All state is in RIG_DIR:
#   qemu.pid xvfb.pid watchdog.pid   processes, with start times (lib.sh)
#   serial.log qemu.log              console of Xen and dom0; QEMU's own words
#   ssh_config *.sock                one ssh connection per machine, shared by all commands
#   share/                           dom0's /host: guests' initrd, their consoles in log/
#   options                          what `rig up` was asked for; there when it succeeded
#   kernel                           the release of the kernel that the guests boot
#   stage/ stage.tar                 what `rig sync` installed; stage-guest, where guests are of another suite
#   guest-suite                      the guests' suite
#   disk-dom0 disk-guest1 ...        with systemd: what lies over the image, kept over a reboot

RIG_DIR=$(realpath -m "${RIG_DIR:-$RIG_TOP/build/rig}")
RIG_CACHE=${XENGPU_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/xengpu}/rig

default_suite() {
	case $(host_suite) in
	trixie) echo trixie ;;
	*) echo bookworm ;;
	esac
}

host_packages() {
	need qemu-system-x86_64=qemu-system-x86 mke2fs=e2fsprogs ssh=openssh-client mmdebstrap=mmdebstrap \
		xz=xz-utils zstd=zstd
	[ "$GPU" = virtio ] || return 0
	local gl=qemu-system-gui	# in Debian 13 the device has a package of its own
	[ -z "$(apt-cache pkgnames qemu-system-modules-opengl)" ] || gl=qemu-system-modules-opengl
	need Xvfb=xvfb "/usr/lib/*/qemu/ui-sdl.so=qemu-system-gui" \
		"/usr/lib/*/qemu/hw-display-virtio-gpu-gl.so=$gl" \
		"/usr/lib/*/libGLX_mesa.so.0=libglx-mesa0" "/usr/lib/*/dri/swrast_dri.so=libgl1-mesa-dri"
}

# The recipe decides the image's name, so an edit of it builds a new one.
image_dir() { # SUITE [PACKAGE...]: with these as well
	local suite=$1
	shift
	echo "$RIG_CACHE/$suite-$({ cat "$RIG_SRC/image.sh" "$RIG_SRC/packages"; [ $# = 0 ] || echo "$@"; } |
		sha256sum | cut -c 1-12)"
}

image_kernel() { # IMAGE; the release of the kernel that it boots
	grep -a -o -m 1 'Linux version [^ ]*' "$1/vmlinux" | head -n 1 | cut -d ' ' -f 3
}

image_build() { # SUITE [PACKAGE...]
	local dir suite=$1
	shift
	dir=$(image_dir "$suite" "$@")
	mkdir -p "$RIG_CACHE"
	(
		flock 7
		[ -e "$dir/root.ext4" ] || as_root env HOME="$HOME" "$RIG_SRC/image.sh" "$suite" "$dir" "$@"
	) 7> "$RIG_CACHE/lock"
}

# The guests' kernel module, for a suite's kernel; for the host's its headers have to be there.
module_install() { # SUITE KVER DESTDIR
	if [ "$1" = "$(host_suite)" ]; then
		make -C "$RIG_TOP" install-module DESTDIR="$3" KVER="$2"
	else
		"$RIG_SRC/buildroot.sh" "$1" "$3" install-module KVER="$2"
	fi
}

# Kernel options that save emulated cycles and change nothing a driver could see.
# Names of network interfaces are the kernel's, because the rig's set-up does not wait for udev.
QUICK="mitigations=off init_on_alloc=0 rodata=off apparmor=0 audit=0 nowatchdog net.ifnames=0"

rig_up() { pid_ours "$RIG_DIR/qemu.pid" > /dev/null; }
must_be_up() { rig_up || die "no rig is up in $RIG_DIR; first: rig up"; }

quoted() { # each argument quoted for a POSIX shell
	local a
	for a; do printf "'%s' " "${a//\'/\'\\\'\'}"; done
}

# --- ssh -------------------------------------------------------------------------
# ssh runs with RIG_DIR as its working directory, so that sockets' names stay short.

remote() { # WHERE SHELL-COMMAND-LINE
	(cd "$RIG_DIR" && exec ssh -F ssh_config -T "$1" "$2")
}

ssh_end() { (cd "$RIG_DIR" && ssh -F ssh_config -O exit "$1" 2> /dev/null); }

ssh_config() { # PORT: dom0's, the guests' follow
	local i
	cat <<-CONFIG
	Host *
	    HostName 127.0.0.1
	    User root
	    IdentityFile "$RIG_DIR/key"
	    IdentityFile "$RIG_DIR/key-guest"
	    IdentitiesOnly yes
	    IdentityAgent none
	    UserKnownHostsFile /dev/null
	    GlobalKnownHostsFile /dev/null
	    StrictHostKeyChecking no
	    LogLevel ERROR
	    Ciphers aes128-ctr
	    MACs umac-64-etm@openssh.com
	    ConnectTimeout 20
	    ServerAliveInterval 10
	    ServerAliveCountMax 6
	    ControlMaster auto
	    ControlPersist yes
	    ControlPath %n.sock
	Host dom0
	    Port $1
	CONFIG
	for i in 1 2 3 4 5 6; do
		printf 'Host guest%d\n    Port %d\n' "$i" $(($1 + i))
	done
}

# --- start -----------------------------------------------------------------------

# dom0's and the guests' initrd: the image's base, init/ as it is in this checkout,
# and what was synced last. The kernel unpacks concatenated archives one by one.
share_initrd() {
	initrd_of base.cpio stage initrd
	[ ! -e "$RIG_DIR/base-guest.cpio" ] || initrd_of base-guest.cpio stage-guest initrd-guest
}

initrd_of() { # BASE STAGE NAME
	local tmp=$RIG_DIR/initrd.tmp bb=$RIG_DIR/busybox
	rm -rf "$tmp"
	mkdir -p "$tmp/rig"
	cp -a "$RIG_SRC"/init/* "$tmp/rig/"
	cp "$RIG_SRC/init/initrd" "$tmp/init"
	[ ! -d "$RIG_DIR/$2" ] || cp -a "$RIG_DIR/$2" "$tmp/stage"
	{
		cat "$RIG_DIR/$1"
		(cd "$tmp" && find . | "$bb" cpio -o -H newc -R 0:0 2> /dev/null)
	} > "$RIG_DIR/share/initrd.new"
	rm -rf "$tmp"
	mv "$RIG_DIR/share/initrd.new" "$RIG_DIR/share/$3"
}

free_ports() { # COUNT; the first of COUNT adjacent ports nobody listens on
	local base i try
	for ((try = 0; try < 200; try++)); do
		base=$((20000 + (RANDOM * 32768 + RANDOM) % 12000))
		for ((i = 0; i < $1; i++)); do
			(: < /dev/tcp/127.0.0.1/$((base + i))) 2> /dev/null && continue 2
		done
		echo $base
		return
	done
	return 1
}

# Sparse, with a journal: `xl destroy` is a power failure.
disks() {
	local name
	for name in dom0 guest1 guest2; do
		truncate -s 4G "$RIG_DIR/disk-$name" &&
			mke2fs -q -t ext4 -L "rig-$name" "$RIG_DIR/disk-$name" || return 1
	done
}

qemu_args() { # IMAGE GUEST-IMAGE PORT
	local image=$1 guest_image=$2 port=$3 fwd i accel mem
	fwd=hostfwd=tcp:127.0.0.1:$port-10.0.2.15:22
	for i in 1 2 3 4 5 6; do fwd+=,hostfwd=tcp:127.0.0.1:$((port + i))-10.0.2.2$i:22; done
	# One CPU for dom0: with two they wait for each other's TLB flushes, which on a busy
	# host takes ten times the cycles (xl create: 185 s instead of 23 s).
	# Memory of guests that do not run is never touched, and so costs nothing.
	mem=$((DOM0_MEM + 6 * GUEST_MEM + 400))
	# No AVX: QEMU 7.2 mistakes in emulating gathers of AVX2 crashed llvmpipe, natively in dom0
	# just as in a worker (glmark2's terrain, vpgatherdd).
	# Xen's lazy switching of FPU registers loses them under TCG (one exec in 20 of
	# dom0 crashed while a guest ran), hence eager-fpu; the rest of spec-ctrl and xpti
	# only cost time. Plain "max" crashes dom0 in its first page fault.
	case $ACCEL in
	kvm) accel=(-accel kvm -cpu host) ;;
	*) accel=(-accel "tcg,thread=multi" -cpu "${RIG_CPU:-max,-avx,-avx2,-f16c,-fma,-vaes,-vpclmulqdq,-smap,-smep,-pku,-pks,-la57,-umip}") ;;
	esac
	QEMU=(qemu-system-x86_64 -name "xengpu-rig" -nodefaults -no-user-config
		-machine q35 "${accel[@]}" -smp "$CPUS" -m "$mem"
		-serial "file:$RIG_DIR/serial.log" -monitor none
		-kernel "$image/xen"
		-append "console=com1 com1=115200,8n1 dom0_mem=${DOM0_MEM}M,max:${DOM0_MEM}M dom0_max_vcpus=$DOM0_CPUS bootscrub=0 spec-ctrl=no,eager-fpu xpti=no loglvl=all guest_loglvl=all noreboot $XEN_ARGS"
		-initrd "$image/vmlinux console=hvc0 $QUICK rig.role=dom0 rig.gpu=$GPU rig.init=$INIT,$RIG_DIR/share/initrd"
		-drive "if=none,id=root,file=$image/root.ext4,format=raw,readonly=on"
		-device virtio-blk-pci,disable-legacy=on,iommu_platform=on,drive=root
		-netdev "user,id=net,restrict=on,$fwd"
		-device virtio-net-pci,disable-legacy=on,iommu_platform=on,netdev=net
		-fsdev "local,id=host,path=$RIG_DIR/share,security_model=none"
		-device virtio-9p-pci,disable-legacy=on,iommu_platform=on,fsdev=host,mount_tag=host)
	# A machine whose dom0 forgets everything ends where it would begin again.
	case $INIT in
	busybox) QEMU+=(-no-reboot) ;;
	systemd)
		for i in dom0 guest1 guest2; do	# vdb, vdc, vdd
			QEMU+=(-drive "if=none,id=$i,file=$RIG_DIR/disk-$i,format=raw,cache=unsafe"
				-device "virtio-blk-pci,disable-legacy=on,iommu_platform=on,drive=$i")
		done ;;
	esac
	# After all others, for the names of those: vdb, or vde.
	[ "$guest_image" = "$image" ] || QEMU+=(-drive "if=none,id=guests,file=$guest_image/root.ext4,format=raw,readonly=on"
		-device "virtio-blk-pci,disable-legacy=on,iommu_platform=on,drive=guests")
	case $GPU in
	virtio) QEMU+=(-device virtio-gpu-gl-pci,iommu_platform=on -display sdl,gl=on) ;;
	soft) QEMU+=(-display none) ;;
	esac
}

machine_start() { # IMAGE GUEST-IMAGE
	local image=$1 guest_image=$2 port try cpus
	cpus=$(nproc)
	CPUS=${CPUS:-$((cpus > 4 ? 4 : cpus))}
	rm -rf "$RIG_DIR"/{share,stage*,*.log,*.sock,options,base*.cpio,key-guest,disk-*}
	mkdir -p "$RIG_DIR/share/log"
	cp "$image/base.cpio" "$RIG_DIR/base.cpio"
	image_kernel "$guest_image" > "$RIG_DIR/kernel"
	key_copy "$image" key
	key_copy "$guest_image" key-guest
	cp "$image/busybox" "$RIG_DIR/busybox"
	printf 'guest_mem=%d\nguest_vcpus=1\nquick="%s"\nguest_args="%s"\nguest_disk=\n' "$GUEST_MEM" "$QUICK" "$GUEST_ARGS" \
		> "$RIG_DIR/share/rig.env"
	echo "$GUEST_SUITE" > "$RIG_DIR/guest-suite"
	if [ "$guest_image" != "$image" ]; then
		cp "$guest_image/base.cpio" "$RIG_DIR/base-guest.cpio"
		echo "guest_disk=/dev/$([ "$INIT" = systemd ] && echo vde || echo vdb)" >> "$RIG_DIR/share/rig.env"
	fi
	[ "$INIT" != systemd ] || disks || return 1
	printf '%s' "$GUEST_CFG" > "$RIG_DIR/share/guest.cfg"
	share_initrd
	[ "$GPU" = soft ] || xvfb_start || return 1
	for try in 1 2 3; do	# another program may take a port between our look and QEMU's
		port=$(free_ports 7)
		ssh_config "$port" > "$RIG_DIR/ssh_config"
		qemu_args "$image" "$guest_image" "$port"
		qemu_start && break
		[ $try -lt 3 ] && grep -q hostfwd "$RIG_DIR/qemu.log" || return 1
	done
	setsid "$RIG_SRC/watchdog.sh" "$RIG_DIR" "$LIFETIME" < /dev/null > "$RIG_DIR/watchdog.log" 2>&1 9>&- &
	pid_save "$RIG_DIR/watchdog.pid" $!
}

key_copy() { # IMAGE NAME; each image has a key of its own
	as_root cat "$1/key" > "$RIG_DIR/key.new"
	chmod 600 "$RIG_DIR/key.new"
	mv -f "$RIG_DIR/key.new" "$RIG_DIR/$2"
}

# The display whose GL draws for dom0's virtio GPU: an X server of ours, with llvmpipe.
# It chooses a free number itself and says it on descriptor 3.
xvfb_start() {
	local i
	setsid Xvfb -displayfd 3 -screen 0 1280x800x24 -nolisten tcp \
		3> "$RIG_DIR/display" < /dev/null > "$RIG_DIR/xvfb.log" 2>&1 9>&- &
	pid_save "$RIG_DIR/xvfb.pid" $!
	for ((i = 0; i < 100; i++)); do
		[ -s "$RIG_DIR/display" ] && break
		sleep 0.1
	done
	[ -s "$RIG_DIR/display" ] || { note "Xvfb did not start"; return 1; }
	export DISPLAY=:$(< "$RIG_DIR/display") SDL_VIDEODRIVER=x11
}

qemu_start() {
	setsid "${QEMU[@]}" < /dev/null > "$RIG_DIR/qemu.log" 2>&1 9>&- &
	pid_save "$RIG_DIR/qemu.pid" $!
	sleep 0.3
	rig_up
}

# --- wait, with reasons --------------------------------------------------------------

machine_wait() { # [SECONDS]
	local t0 limit=${1:-180}
	t0=$(now_ms)
	until [ -e "$RIG_DIR/share/ready" ]; do
		rig_up || { note "QEMU ended"; return 1; }
		grep -qaE 'Panic on CPU|Kernel panic|rig: .* failed' "$RIG_DIR/serial.log" && return 1
		[ $(($(now_ms) - t0)) -lt $((limit * 1000)) ] || { note "dom0 was not ready after $limit s"; return 1; }
		sleep 0.1
	done
	remote dom0 true < /dev/null
}

guests_create() { # NAME...
	local name
	for name; do ssh_end "$name"; done
	remote dom0 "/rig/guest create $(quoted "$@")" < /dev/null || return 1
	local pids=
	for name; do
		remote "$name" true < /dev/null &	# opens the connection that commands will share
		pids="$pids $!"
	done
	for name in $pids; do wait "$name" || return 1; done
}

stage_push() { # WHERE
	local tar=stage.tar
	[ "$1" = dom0 ] || [ ! -e "$RIG_DIR/stage-guest.tar" ] || tar=stage-guest.tar
	remote "$1" "tar -C / -x --no-same-owner --keep-directory-symlink && ldconfig" < "$RIG_DIR/$tar"
}

up_failed() {
	local f
	note "rig up failed"
	for f in "$RIG_DIR"/qemu.log "$RIG_DIR"/xvfb.log "$RIG_DIR"/serial.log "$RIG_DIR"/share/log/guest-*.log; do
		[ -s "$f" ] || continue
		echo "--- ${f#"$RIG_DIR"/}, its last lines:" >&2
		tail -n 20 "$f" | tr -d '\r' >&2
	done
}

# --- end -------------------------------------------------------------------------

machine_end() {
	local sock
	for sock in "$RIG_DIR"/*.sock; do
		[ -S "$sock" ] || continue
		sock=${sock##*/}
		ssh_end "${sock%.sock}"
	done
	pid_end "$RIG_DIR/watchdog.pid"
	pid_end "$RIG_DIR/qemu.pid"
	pid_end "$RIG_DIR/xvfb.pid"
	rm -f "$RIG_DIR"/*.sock "$RIG_DIR/options" "$RIG_DIR"/disk-*
}
