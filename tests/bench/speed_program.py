# SPDX-License-Identifier: GPL-2.0-only
"""One program: frames of 3 ms, from its start to its first frame, and the memory behind it."""
import os

import numpy as np

from local import B, Broken, Strangers, gl_turns, read
from speed_fps import add_ratio
from speed_ways import Ways, first_line

MIB = 1 << 20


def frame_3ms(report, cfg, _, drm=None, suffix=""):
    """tests/gl/load.c: one draw of 3 ms a frame, each finished before the next."""
    turns, seconds = gl_turns(3), .5 if cfg.quick else 1.5
    rate = {}
    with Ways(drm) as ways:
        others = Strangers(ways.group.seconds)
        for n in range(cfg.runs(12)):
            for way in ways.in_turn(n):
                load = way.load(ways.folder, "--turns", turns, "--seconds", seconds)
                load.line()
                result = load.result()
                ns = result["end_ns"] - result["begin_ns"]
                rate.setdefault(way.name, []).append(result["frames"] / ns * 1e9)
                way.rest()
        excuse = others.excuse()
    rate = {k: np.array(v) for k, v in rate.items()}
    add_ratio(report, "fps_vs_native.frame_3ms" + suffix, rate["ours"] / rate["native"], excuse,
              f"native {np.median(rate['native']):.1f} frames a second, ours "
              f"{np.median(rate['ours']):.1f}; the peer's ratio is "
              f"{np.median(rate['peer'] / rate['native']):.3f}")


def start_ms(way):
    """From the program's execution, xengpu-run included, to its first frame's pixels."""
    way.rest()
    process = way.start([B + "/guest/spin", "1"], {})
    try:
        began, done = first_line(process, "frame 0")
        process.communicate(timeout=30)
    finally:
        process.kill()
        process.wait()
    return (done - began) * 1e3


def starts(rounds, drm):
    """(ms of each way's starts, one way's after another's; a busy machine's excuse)"""
    ms = {}
    with Ways(drm) as ways:
        for way in ways.all:	# whatever is cached, is
            start_ms(way)
        others = Strangers(ways.group.seconds)
        for n in range(rounds):
            for way in ways.in_turn(n):
                ms.setdefault(way.name, []).append(start_ms(way))
        excuse = others.excuse()
    return {k: np.array(v) for k, v in ms.items()}, excuse


def program_start(report, cfg, _, drm=None, suffix=""):
    ms, excuse = starts(cfg.runs(30), drm)
    os.environ["MESA_SHADER_CACHE_DISABLE"] = "true"
    try:
        fresh, _ = starts(cfg.runs(9), drm)
    finally:
        del os.environ["MESA_SHADER_CACHE_DISABLE"]
    say = ", ".join(f"{k} {np.median(v):.1f} ms" for k, v in ms.items())
    add_ratio(report, "program_start_vs_peer" + suffix, ms["ours"] / ms["peer"], excuse,
              f"{say}; ours with xengpu-run. Without anybody's shader cache {ratio_of(fresh):.3f}: " +
              ", ".join(f"{k} {np.median(v):.1f}" for k, v in fresh.items()))


def ratio_of(ms):
    return np.median(ms["ours"] / ms["peer"])


def pss(pid):
    """What a process has of memory, its part of what is shared, in octets."""
    for line in read(f"/proc/{pid}/smaps_rollup").splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    raise Broken(f"/proc/{pid}/smaps_rollup has no Pss")


def session_memory(report, cfg, _, drm=None, suffix=""):
    """Each way by itself: a library's pages count less the more processes have them mapped."""
    had = {}
    for _ in range(cfg.runs(6)):
        for name in ("peer", "ours"):
            with Ways(drm, (name,)) as ways:
                way = ways.all[0]
                load = way.load(ways.folder)
                pids = way.sessions()
                if len(pids) != 1:
                    raise Broken(f"{name}: {len(pids)} sessions for one program")
                had.setdefault(name, []).append(pss(pids[0]))
                load.line()
                load.line()
                load.result()
    had = {k: np.array(v) for k, v in had.items()}
    add_ratio(report, "session_pss_vs_peer" + suffix, had["ours"] / had["peer"], None,
              ", ".join(f"{k} {np.median(v) / MIB:.1f} MiB" for k, v in had.items()))


SCENARIOS = (
    (frame_3ms, ("fps_vs_native.frame_3ms",)),
    (program_start, ("program_start_vs_peer",)),
    (session_memory, ("session_pss_vs_peer",)),
)
