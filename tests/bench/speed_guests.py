# SPDX-License-Identifier: GPL-2.0-only
"""Many guests: sixteen that draw at once, what an idle one costs, and what it costs the others."""
import subprocess
import time

import numpy as np

from group import Group
from local import B, Broken, Platform, Strangers, switches
from speed_fps import FEW, Run, add_ratio
from speed_program import MIB, pss
from speed_ways import MOUNT, Ours, Ways

MANY = 16
IDLE = (16, 64)


def guests_16(report, cfg, _):
    """Each draws frames of its own (tests/gl/spin.c) and looks at every pixel of each."""
    frames, ok, seconds, told = 20 if cfg.quick else 100, [], [], ""
    for _ in range(cfg.runs(3)):
        with Platform("soft", [""] * MANY) as p:
            for domain in range(1, MANY + 1):
                p.vtest(domain)
            begin = time.monotonic()
            running = [spin(p, domain, frames) for domain in range(1, MANY + 1)]
            said = [process.communicate(timeout=300)[0] for process in running]
            seconds.append(time.monotonic() - begin)
            right = [not r.returncode and s.count("frame ") == frames
                     for r, s in zip(running, said)]
            ok.append(sum(right))
            for domain, (good, s) in enumerate(zip(right, said)):
                if not good:
                    told = f"; domain {domain + 1}: {s[-120:].strip()}"
    report.add("guests_16", min(ok) == MANY, [n == MANY for n in ok],
               detail=f"{min(ok)} of {MANY} drew {frames} frames right, in "
                      f"{np.median(seconds):.1f} s{told}")


def spin(p, domain, frames):
    base = f"{p.dir}/vtest{domain}"
    return subprocess.Popen(["unshare", "-m", "sh", "-c", MOUNT, base + ".sock",
                             B + "/bin/xengpu-run", f"--status-file={base}.status",
                             B + "/guest/spin", str(frames)],
                            env=p.env(domain), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True)


def connect_ms(p, domain):
    """From xengpu-vtest's start until it serves."""
    begin = time.monotonic()
    p.vtest_start(domain)
    while not p.serves(domain):
        if time.monotonic() > begin + 20:
            raise Broken(f"domain {domain} does not connect: {p.log(f'vtest{domain}.log')}")
        time.sleep(.0005)
    return (time.monotonic() - begin) * 1e3


def idle(report, cfg, _):
    """Guests that are connected and have no program: memory, wake-ups, how long connecting takes."""
    n, seconds = MANY, cfg.window(10)
    with Platform("soft", [""] * (n + 1)) as p:
        connect = [connect_ms(p, 1)]
        time.sleep(1)
        before = memory(p)
        connect += [connect_ms(p, domain) for domain in range(2, n + 2)]
        time.sleep(3)	# the watchdog looks once more, 2.5 s after there was work
        after = memory(p)
        was = {pid: switches(pid) for pid in p.everything()}
        time.sleep(seconds)
        woken = {pid: switches(pid) - count for pid, count in was.items()}
    ends = [(b - a) / n / MIB for a, b in zip(before, after)]
    report.add("idle_guest_pss_mib", sum(ends), ends,
               detail=f"of each of {n} guests more; in xengpud {ends[0]:.3f}, its own "
                      f"xengpu-vtest {ends[1]:.3f} (spread: of these)")
    report.add("idle_wakeups_per_s", sum(woken.values()) / seconds,
               [v / seconds for v in woken.values()],
               detail=f"{n + 1} guests, {len(woken)} processes, {seconds:g} s; spread: of processes")
    report.add("connect_ms", np.median(connect), connect,
               detail=f"from xengpu-vtest's start until it serves, the {n + 1}th like the first: "
                      f"{connect[0]:.1f}, ..., {connect[-1]:.1f}")


def memory(p):
    """PSS of xengpud, and of what runs in guests. Warm workers are there for all guests."""
    backend = p.backend()
    return (pss(p.xengpud.pid), sum(pss(pid) for pid in p.everything() if pid not in backend))


def scale(report, cfg, _):
    """glmark2's texture in one guest beside idle ones: processor time and length of a frame."""
    names = ("alone", *map(str, IDLE))
    ms, cpu = [], []
    with Ways(names=()) as ways:
        display = ways.display()
        platforms = {}
        for name in names:
            group = Group("with-" + name, ways.group)
            ways.callback(group.close)
            platforms[name] = Ours(group, idle_guests=0 if name == "alone" else int(name))
            ways.callback(platforms[name].close)
        few = {name: Run(way, display, "texture", "128x128", FEW)
               for name, way in platforms.items()}
        frames = 2000 if cfg.quick else 6000
        others = Strangers(ways.group.seconds)
        for n in range(cfg.runs(9)):
            order = names[n % 3:] + names[:n % 3]
            this = {name: Run(platforms[name], display, "texture", "128x128", frames).less(
                few[name]) for name in order}
            ms.append([this[name][0] for name in names])
            cpu.append([this[name][1] for name in names])
        excuse = others.excuse()
    ms, cpu = np.array(ms), np.array(cpu)
    for i, n in enumerate(IDLE):
        for row, data, what in (("frame_vs_alone", ms, "takes"), ("cpu_vs_alone", cpu, "costs")):
            add_ratio(report, f"{row}.{n}_idle", data[:, i + 1] / data[:, 0], excuse,
                      f"a frame {what} {np.median(data[:, 0]):.4f} ms alone, "
                      f"{np.median(data[:, i + 1]):.4f} beside {n} idle guests")


HOARDS = (("10000_resources", "10000:16"), ("512_mib", "512:512"))


def hoards(report, cfg, _):
    """
    A guest with 10 000 textures, and one with 512 MiB of them in granted pages: what a frame takes
    there, by one with 4 textures of that size; and when both draw at once, by two guests of the latter.
    Each frame fills a corner of the next texture.
    """
    kinds = ["few", *(name for name, _ in HOARDS), "few_2"]
    made = dict(HOARDS, few="4:16", few_2="4:512")
    turns = [[k] for k in kinds] + [[kinds[0], kinds[3]], kinds[1:3]]
    ms = {}
    with Ways(names=()) as ways, ways.group.entered(), Platform(
            "soft", ["pages=200000,memory=1024"] * len(kinds),
            ["--max-pages", "400000", "--worker-memory", "4096"]) as p:
        for i in range(len(kinds)):
            p.vtest(i + 1)
        p.settle()
        others = Strangers(ways.group.seconds)
        for _ in range(cfg.runs(7)):
            for names in turns:
                for k, v in together(p, kinds, names, made, cfg.window(1.5)).items():
                    ms.setdefault(k if len(names) == 1 else k + "+", []).append(v)
        excuse = others.excuse()
    ms = {k: np.array(v) for k, v in ms.items()}
    for (name, _), few in zip(HOARDS, ("few", "few_2")):
        add_ratio(report, "frame_vs_few." + name, ms[name] / ms[few], excuse,
                  f"a frame takes {np.median(ms[name]):.3f} ms, with 4 such textures "
                  f"{np.median(ms[few]):.3f}")
    pair = (ms[HOARDS[0][0] + "+"] + ms[HOARDS[1][0] + "+"]) / (ms["few+"] + ms["few_2+"])
    add_ratio(report, "frame_vs_few.both", pair, excuse,
              "both at once: " + ", ".join(f"{k[:-1]} {np.median(v):.3f} ms"
                                           for k, v in ms.items() if k.endswith("+")))


def together(p, kinds, names, made, seconds):
    """The mean length of a frame in ms for each of these guests, drawing at the same time."""
    loads = {}
    for name in names:
        domain = kinds.index(name) + 1
        loads[name] = p.gl_load(domain, "--turns", 50, "--size", 128, "--hoard", made[name])
    for load in loads.values():
        load.line()
    time.sleep(seconds)
    for load in loads.values():
        load.line()
    said = {name: load.result() for name, load in loads.items()}
    return {k: (r["end_ns"] - r["begin_ns"]) / r["frames"] / 1e6 for k, r in said.items()}


SCENARIOS = (
    (guests_16, ("guests_16",)),
    (idle, ("idle_guest_pss_mib", "idle_wakeups_per_s", "connect_ms")),
    (hoards, tuple("frame_vs_few." + name for name in [*dict(HOARDS), "both"])),
    (scale, tuple(f"{row}.{n}_idle" for n in IDLE for row in ("frame_vs_alone", "cpu_vs_alone"))),
)
