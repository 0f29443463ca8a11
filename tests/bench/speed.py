#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""
`make bench-speed`: measures the figures of speed, prints them, and writes build/bench/speed.json and
a plot. A figure that cannot be measured is in there with the reason. Exits with 1 when something
broke, not when a target is missed.
"""
import argparse
import functools
import glob
import os
import sys

import local
import plot
import scenario
import speed_fps
import speed_guests
import speed_program
import speed_rig
import speed_rtt
from report import Report
from speed_rows import ROWS

# What is measured on a render node as well, if there is one.
ON_NODE = ("fps", "frame_3ms", "program_start", "session_memory", "rtt")
DRM = ".drm"
NO_NATIVE = "glmark2 does not draw natively on a render node without a display"


class Config(scenario.Config):
    def __init__(self, args):
        super().__init__(args.quick)
        self.rig = args.rig
        self.scenes = args.scenes.split(",") if args.scenes else None
        for name in self.scenes or ():
            if name not in speed_fps.SCENES:
                raise SystemExit(f"--scenes: one of {', '.join(speed_fps.SCENES)}, not '{name}'")

    def left_out(self):
        return "left out by --scenes" if self.scenes else super().left_out()


def scenarios():
    """(function, its rows, its name), in order."""
    every = [pair for module in (speed_fps, speed_program, speed_rtt, speed_guests, speed_rig)
             for pair in module.SCENARIOS]
    for function, names in every:
        yield function, names, f"{function.__module__}.{function.__name__}"
    for node in sorted(glob.glob("/dev/dri/renderD*"))[:1]:
        for function, names in every:
            if function.__name__ not in ON_NODE:
                continue
            there = functools.wraps(function)(
                functools.partial(function, drm=node, suffix=DRM))
            yield (there, [name + DRM for name in names],
                   f"{function.__module__}.{function.__name__}{DRM}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="shorter runs, fewer, one size")
    parser.add_argument("--only", help="names of scenarios or parts of them, with commas")
    parser.add_argument("--scenes", help="of glmark2, these only")
    parser.add_argument("--rig", action="store_true", help="also what is measured on real Xen")
    args = parser.parse_args()
    os.makedirs(f"{local.B}/bench", exist_ok=True)
    # All that is started here inherits it: what else runs on this machine disturbs less.
    os.nice(-10)
    report, cfg, ok, plots = Report(ROWS, (DRM, ".xen")), Config(args), True, {}
    for function, names, name in scenarios():
        if args.only and not any(part in name for part in args.only.split(",")):
            for row in names:
                report.missing(row, "left out by --only")
        elif function.__name__ == "rig" and not args.rig:
            for row in names:
                report.missing(row, "not asked: RIG=1")
        else:
            ok &= scenario.run(function, names, report, cfg, plots)
    for row in report.rows:
        if row["value"] is None and row["name"] == "fps_vs_native.geomean_128" + DRM:
            row["reason"] = NO_NATIVE
    print(report.table())
    report.write(f"{local.B}/bench/speed.json")
    for suffix in ("", DRM):
        if plots.get("fps" + suffix):
            plot.scenes(plots["fps" + suffix], f"{local.B}/bench/speed{suffix}.png")
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
