# SPDX-License-Identifier: GPL-2.0-only
"""
Stock glmark2, its scenes: frames a second and processor time of a frame natively, through the peer
and through xengpu, in turns; and what is counted for a frame. A frame's figures are those of a long
run less those of one of a few frames, so that starting and compiling shaders are in neither.
"""
import re

import numpy as np

import measure
from local import Broken, Strangers
from speed_ways import Ways

SCENES = {
    "texture": "texture", "build": "build", "shading": "shading:shading=phong",
    "effect2d": "effect2d", "bump": "bump", "desktop": "desktop", "ideas": "ideas",
    "jellyfish": "jellyfish", "buffer-map": "buffer:update-method=map",
    "buffer-subdata": "buffer:update-method=subdata",
}
SIZES = ("128x128", "800x600")
SECONDS = .8		# of a run, natively; where its processes settle changes from run to run
ROUNDS = 12
FEW = 50		# frames of a short run
LIMIT = 120

COUNTERS = {
    # name: (counters that are added up, guest's and backend's)
    "waits": ("guest.busy_waits_blocked",),
    "to_backend": ("guest.notifications_sent",),
    "to_frontend": ("backend.notifies_out",),
    "grants": ("guest.share_ops", "guest.unshare_ops", "backend.map_ops", "backend.unmap_ops"),
    "surfaces": ("guest.surface_bytes_copied", "backend.surface_bytes_copied"),
}


class Run:
    """Of n frames: seconds they took, processor time of all processes, what was counted."""

    def __init__(self, way, display, scene, size, frames):
        way.rest()
        cpu, before = way.group.cpu_ns(), way.counters()
        process = way.start(["glmark2-es2", "--off-screen", "--frame-end", "finish", "--size",
                             size, "-b", f"{SCENES[scene]}:nframes={frames}:duration={LIMIT}"],
                            {"DISPLAY": display})
        said = process.communicate(timeout=LIMIT + 60)[0]
        found = re.search(r"FPS: (\d+) FrameTime: ([\d.]+) ms", said)
        if process.returncode or not found:
            raise Broken(f"glmark2 {scene} {size} {way.name}: {said[-300:].strip()}")
        way.rest()
        fps, ms = int(found[1]), float(found[2])
        # Both are rounded; the one with more digits.
        self.frames, self.seconds = frames, frames / fps if fps > 1000 else frames * ms / 1000
        self.cpu_ns = way.group.cpu_ns() - cpu
        self.counted = {k: v - before.get(k, 0) for k, v in way.counters().items()}

    def less(self, few):
        """(ms, processor time in ms, counters) of a frame."""
        n = self.frames - few.frames
        return ((self.seconds - few.seconds) / n * 1e3, (self.cpu_ns - few.cpu_ns) / n / 1e6,
                {k: (v - few.counted.get(k, 0)) / n for k, v in self.counted.items()})


class Scene:
    """Rounds of all ways of a scene: rows are native, peer, ours."""

    def __init__(self, ways, display, scene, size, rounds, seconds):
        self.ms, self.cpu_ms, self.counted = [], [], []
        names = [w.name for w in ways.all]
        few = {}
        for way in ways.all:
            three = [Run(way, display, scene, size, FEW) for _ in range(3)]
            few[way.name] = sorted(three, key=lambda r: r.cpu_ns)[1]
        pilot = Run(ways.all[0], display, scene, size, FEW * 3).less(few[names[0]])
        frames = FEW + max(FEW * 2, min(int(seconds * 1e3 / max(pilot[0], .02)), 60000))
        others = Strangers(ways.group.seconds)
        for n in range(rounds):
            this = {way.name: Run(way, display, scene, size, frames).less(few[way.name])
                    for way in ways.in_turn(n)}
            self.ms.append([this[name][0] for name in names])
            self.cpu_ms.append([this[name][1] for name in names])
            self.counted.append(this["ours"][2])
            self.long = frames
        self.excuse = others.excuse()
        self.ms, self.cpu_ms = np.array(self.ms), np.array(self.cpu_ms)
        self.names = names

    def column(self, data, name):
        return data[:, self.names.index(name)]

    def fps_ratio(self, base):
        return self.column(self.ms, base) / self.column(self.ms, "ours")

    def cpu_ratio(self, base):
        return self.column(self.cpu_ms, "ours") / self.column(self.cpu_ms, base)

    def median(self, data):
        return dict(zip(self.names, np.median(data, axis=0)))

    def count(self, what):
        return [sum(c.get(k, 0) for k in COUNTERS[what]) for c in self.counted]


def add_ratio(report, name, ratios, excuse=None, detail=None):
    """
    The median. A target that is missed by less than two of the median's standard errors cannot be
    told, nor any that is missed on a machine that others use: workers that draw on the processors
    yield to these (they are nice), which the peer does not.
    """
    unit, target = report.of(name)
    how, limit = target.split()
    middle, error = float(np.median(ratios)), measure.median_error(ratios)
    if len(ratios) > 3 and abs(middle - float(limit)) < 2 * error:
        excuse = excuse or f"within two standard errors of the median ({error:.3f}) of the target"
    report.add(name, middle, ratios, excuse=excuse, detail=detail)


def fps(report, cfg, plots, drm=None, suffix=""):
    rounds, seconds = (2, .5) if cfg.quick else (ROUNDS, SECONDS)
    measured = {}
    with Ways(drm, ("peer", "ours") if drm else ("native", "peer", "ours")) as ways:
        display = ways.display()
        for size in SIZES[:1] if cfg.quick else SIZES:
            for scene in cfg.scenes or SCENES:
                s = Scene(ways, display, scene, size, rounds, seconds)
                measured[scene, size] = s
                add_scene(report, f"{scene}.{size}{suffix}", s)
    plots["fps" + suffix] = measured
    small = {scene: s for (scene, size), s in measured.items() if size == SIZES[0]}
    if set(small) != set(SCENES):
        return
    add_counted(report, small, suffix)
    if not drm:
        each = np.array([s.fps_ratio("native") for s in small.values()])
        geomeans = np.exp(np.log(each).mean(axis=0))
        peer = np.array([s.column(s.ms, "native") / s.column(s.ms, "peer")
                         for s in small.values()])
        add_ratio(report, "fps_vs_native.geomean_128", geomeans,
                  next((s.excuse for s in small.values() if s.excuse), None),
                  f"the peer {np.median(np.exp(np.log(peer).mean(axis=0))):.3f}; ours by scene: " +
                  ", ".join(f"{k} {np.median(v):.2f}" for k, v in zip(small, each)))


def add_scene(report, name, s):
    ms, cpu = s.median(s.ms), s.median(s.cpu_ms)
    add_ratio(report, "fps_vs_peer." + name, s.fps_ratio("peer"), s.excuse, "a frame takes " +
              ", ".join(f"{way} {v:.3f}" for way, v in ms.items()) + f" ms; {s.long} frames a run")
    add_ratio(report, "cpu_vs_peer." + name, s.cpu_ratio("peer"), s.excuse, "a frame costs " +
              ", ".join(f"{way} {v:.3f}" for way, v in cpu.items()) + " ms of processors")
    print(f"# {name}: ms " + " ".join(f"{w} {v:.3f}" for w, v in ms.items()) + "; cpu " +
          " ".join(f"{w} {v:.3f}" for w, v in cpu.items()), flush=True)


def add_counted(report, small, suffix):
    """Counters of a frame; where there is one row for all scenes it is the worst of them."""
    for scene, s in small.items():
        waits = s.count("waits")
        asked = np.median([c.get("guest.busy_waits", 0) for c in s.counted])
        report.add(f"sync_waits_per_frame.{scene}{suffix}", np.median(waits).round(2), waits,
                   detail=f"the program asked {asked:.2f} times whether something is done")
    rows = (("notifications_per_frame.to_backend", "to_backend"),
            ("notifications_per_frame.to_frontend", "to_frontend"),
            ("grant_ops_per_frame", "grants"), ("surface_bytes_copied_per_frame", "surfaces"))
    for name, what in rows:
        each = {scene: np.median(s.count(what)) for scene, s in small.items()}
        report.add(name + suffix, round(max(each.values()), 2), list(each.values()),
                   detail=", ".join(f"{k} {v:.2f}" for k, v in each.items()))
    copies = {}
    for scene, s in small.items():
        sent = sum(c["guest.command_bytes"] for c in s.counted)
        copies[scene] = sum(c["backend.command_bytes_copied"] + c["guest.command_bytes_moved"]
                            for c in s.counted) / sent
    report.add("command_copies" + suffix, max(copies.values()), list(copies.values()),
               detail=", ".join(f"{k} {v:.3f}" for k, v in copies.items()))


def names():
    rows = [f"{row}.{scene}.{size}" for row in ("fps_vs_peer", "cpu_vs_peer")
            for size in SIZES for scene in SCENES]
    return rows + ["fps_vs_native.geomean_128"] + [
        f"sync_waits_per_frame.{scene}" for scene in SCENES] + [
        "notifications_per_frame.to_backend", "notifications_per_frame.to_frontend",
        "grant_ops_per_frame", "surface_bytes_copied_per_frame", "command_copies"]


SCENARIOS = ((fps, names()),)
