#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# watchdog.sh RIG_DIR SECONDS - ends a rig that outlived its owner: after SECONDS
# (0: never), when its state directory is removed, or, of what is left, when QEMU ended.
. "$(dirname "$(readlink -f "$0")")/lib.sh"
RIG_DIR=$1
. "$RIG_SRC/machine.sh"
qemu=$(cat "$RIG_DIR/qemu.pid")
while [ -d "$RIG_DIR" ] && rig_up; do
	[ "$2" = 0 ] || [ $SECONDS -lt "$2" ] || { note "lifetime of $2 s is over"; break; }
	sleep 2
done
mv "$RIG_DIR/watchdog.pid" "$RIG_DIR/watchdog.done" 2> /dev/null	# we are not to end ourselves
if [ -d "$RIG_DIR" ]; then
	machine_end
else
	set -- $qemu
	[ "$(proc_start "$1")" = "$2" ] && kill "$1"
fi
