# SPDX-License-Identifier: GPL-2.0-only
"""What is measured on real Xen, in the rig, by speed_rig.sh; only when it is asked for."""
import json
import os
import subprocess

from group import Group
from local import B, Broken, Strangers, TOP

COUNTED = ("notifications_per_frame.to_backend", "notifications_per_frame.to_frontend",
           "grant_ops_per_frame", "surface_bytes_copied_per_frame", "command_copies")
NAMES = ("xen_rtt_vs_vchan", "xen_guests_4", *(name + ".xen" for name in COUNTED))


def rig(report, cfg, _):
    if not cfg.rig:
        raise Broken("not asked: RIG=1")
    group = Group(f"xengpu-bench-{os.getpid()}")
    others = Strangers(group.seconds)
    try:
        # A rig that was up already is not in the group, so it counts as others.
        with group.entered():
            run = subprocess.run([TOP + "/tests/bench/speed_rig.sh"], text=True,
                                 stdout=subprocess.PIPE, env={**os.environ, "B": B})
        excuse = others.excuse()
    finally:
        group.close()
    for line in run.stdout.splitlines():
        if line.startswith("{"):
            row = json.loads(line)
            report.add(row["name"], row["value"], row["runs"], detail=row.get("detail"),
                       excuse=excuse if row["name"] == NAMES[0] else None)
        else:
            print("# " + line)
    if run.returncode:
        raise Broken(f"speed_rig.sh ended with {run.returncode}")


SCENARIOS = ((rig, NAMES),)
