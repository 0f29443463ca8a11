#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# systemd.sh ROOT: boot the systemd in ROOT, as the first process of name spaces that package.test
# made with unshare, in a control group of its own. As container managers do it, nothing of it
# reaches the machine: its device nodes are its own (a systemd changes owner and mode of some), and
# it can neither set the kernel's variables nor the clock, nor load modules.
set -e
mount --make-rprivate /
mount --bind "$1" "$1"
cd "$1"
mount -t proc proc proc
for f in proc/sys proc/sysrq-trigger; do
	[ -e $f ] || continue
	mount --bind $f $f
	mount -o remount,bind,ro $f
done
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
for d in run tmp dev; do mount -t tmpfs tmpfs $d; done
node() { mknod -m "$2" "dev/$1" c "$3" "$4"; }
node null 666 1 3
node zero 666 1 5
node full 666 1 7
node random 666 1 8
node urandom 666 1 9
node tty 666 5 0
node console 600 1 3	# the null device: nobody looks
ln -s /proc/self/fd dev/fd
mkdir dev/shm dev/pts	# PrivateDevices= takes pts over
mount -t devpts -o newinstance,ptmxmode=666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
pivot_root . mnt
umount -l /mnt
exec env -i container=other setpriv --bounding-set=-sys_module,-sys_time,-sys_rawio,-syslog \
	/lib/systemd/systemd --log-target=console --show-status=no
