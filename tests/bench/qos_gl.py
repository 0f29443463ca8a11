# SPDX-License-Identifier: GPL-2.0-only
"""
The same figures on real rendering, where this machine's processors are the GPU: stock Mesa in
domains, xengpu-vtest, llvmpipe in the workers. GPU time is what xengpud counts (gpu_ns), read all
the time.
"""
import functools
import os
import time

import numpy as np

import measure
from local import Platform, Strangers, gl_turns, seconds_of
from measure import MS, S
from qos_model import (SETTLE, add_latency, add_overhead, count_switches, frame_ms, policy_in_turns,
                       pooled)

DRAW = 1.5				# ms of a draw, calibrated natively
DEPTH = 4				# frames in flight of who is backlogged
PROCESSORS = os.sysconf("SC_NPROCESSORS_ONLN")	# 100 % of the GPU is all of them
SHARES = {2: [1, 2], 3: [1, 2, 4], 4: [1, 1, 2, 4]}


@functools.cache
def turns(ms=DRAW):
    return gl_turns(ms)


def gl(options):
    p = Platform("soft", options)
    try:
        for d in range(len(options)):
            p.vtest(d + 1)
    except BaseException:
        p.close()
        raise
    return p


def backlogged(p, domain, *args):
    return p.gl_load(domain, "--turns", turns(), "--depth", DEPTH, *args)


def run_together(p, loads, seconds):
    """
    Begin all, sample, end all. The domains' usages, when all were drawing, and the excuse of a busy
    machine.
    """
    p.settle()
    for load in loads:
        load.line()
    time.sleep(SETTLE)
    strangers, begin = Strangers(seconds_of(p)), time.monotonic_ns()
    usages = p.sampled(seconds)
    finish, excuse = time.monotonic_ns(), strangers.excuse()
    for load in loads:
        load.line()
    for load in loads:
        load.result()
    return usages, begin + 20 * MS, finish - 20 * MS, excuse


def shares(report, cfg, plots):
    errors, ratios, jains, domains = {1000: [], 100: []}, [], [], (3,) if cfg.quick else SHARES
    excuse = None
    for n in domains:
        weights = SHARES[n]
        with gl([f"weight={128 * w}" for w in weights]) as p:
            loads = [backlogged(p, d + 1) for d in range(n)]
            usages, begin, end, why = run_together(p, loads, cfg.window(5))
            excuse = excuse or why
        for width in errors:
            starts = measure.windows(begin, end, width * MS, 5 * MS)
            errors[width].append(measure.share_error_pp(
                measure.shares(usages, starts, width * MS), weights))
        had = [u.between(begin, end) for u in usages]
        ratios.append(measure.min_max_ratio(had, weights))
        jains.append(measure.jain(had, weights))
        if n == 3:
            starts = measure.windows(begin, end, 100 * MS, 20 * MS)
            plots["shares"]["llvmpipe"] = ((starts - begin) / S, weights,
                                           measure.shares(usages, starts, 100 * MS))
    detail = (f"{', '.join(map(str, domains))} domains, each with {DEPTH} frames of one draw of "
              f"{DRAW} ms in flight")
    for name, width in (("share_error_1s_pp", 1000), ("share_error_100ms_pp", 100)):
        report.add(name + ".llvmpipe", max(errors[width]), errors[width], detail=detail,
                   excuse=excuse)
    report.add("min_max_ratio.llvmpipe", min(ratios), ratios, excuse=excuse)
    report.add("jain.llvmpipe", min(jains), jains, excuse=excuse)


def caps(report, cfg, _):
    for cap in (25,) if cfg.quick else (10, 25, 50):
        with gl([f"cap={cap}"]) as p:
            (usage,), begin, end, excuse = run_together(p, [backlogged(p, 1)], cfg.window(5))
        used = usage.between(begin, end) / (end - begin) * 100 / PROCESSORS
        thirds = np.linspace(begin, end, 4)
        each = usage.between(thirds[:-1], thirds[1:]) / np.diff(thirds) * 100 / PROCESSORS
        over = measure.most_in_window(usage, begin, end, 100 * MS) - cap * PROCESSORS * MS
        report.add(f"cap_error_pp.{cap}.llvmpipe", abs(used - cap), np.abs(each - cap),
                   excuse=excuse,
                   detail=f"used {used:.2f} % of {PROCESSORS} processors; most in any 100 ms: "
                          f"{over / MS:+.2f} ms against the cap (read every 10 ms, so not "
                          f"judged); spread: of thirds")


def client(p, neighbours, draws, seconds):
    others = [backlogged(p, d + 2) for d in range(neighbours)]
    one = p.gl_load(1, "--turns", turns(1), "--draws", draws, "--hz", 60,
                    "--seconds", seconds + SETTLE)
    p.settle()
    for load in others:
        load.line()
    time.sleep(SETTLE if others else 0)
    one.line()
    strangers = Strangers(seconds_of(p))
    time.sleep(seconds)
    excuse = strangers.excuse()
    result = one.result()
    for load in others:
        load.line()
        load.result()
    ms, first = frame_ms(one, result["begin_ns"])
    return (ms, first.max()), excuse


def latency(report, cfg, plots):
    for neighbours, draws in ((1, 6),) if cfg.quick else ((1, 6), (3, 3)):
        alone, beside, doubt = [], [], None
        weight = neighbours + 1
        with gl([f"weight={128 * weight}"] + ["weight=128"] * neighbours) as p:
            for _ in range(cfg.runs(2)):
                for rounds, n in ((alone, 0), (beside, neighbours)):
                    frames, excuse = client(p, n, draws, cfg.window(2))
                    rounds.append(frames)
                    doubt = doubt or excuse
        plots["latency"][f"llvmpipe, {neighbours}"] = pooled(alone), pooled(beside)
        add_latency(report, f"p99_ratio.{neighbours}.llvmpipe", alone, beside,
                    f"a 60 Hz client of weight {weight}, {draws} draws of 1 ms a frame",
                    f"{neighbours} of weight 1 with {DRAW} ms", doubt)


def overhead(report, cfg, _):
    with gl([""]) as p:
        load = p.gl_load(1, "--turns", turns())
        add_overhead(report, "overhead_pct.llvmpipe",
                     *policy_in_turns(p, load, cfg.runs(12), cfg.window(1)))


def idle(report, cfg, _):
    seconds = cfg.window(10)
    with gl([""]) as p:
        # It drew once, to be set up, and waits for a line.
        load = p.gl_load(1)
        # The watchdog looks once more, 2.5 s after there was work.
        time.sleep(3)
        woken = count_switches(p, seconds)
        report.add("idle_timer_wakeups_per_s.llvmpipe", sum(woken.values()) / seconds,
                   [n / seconds for n in woken.values()],
                   detail=f"xengpud {woken[p.xengpud.pid]}, its {len(woken) - 1} workers "
                          f"{sum(woken.values()) - woken[p.xengpud.pid]} times in {seconds:g} s; a "
                          f"GL program that waits is connected; spread: of processes")
        load.line()
        load.line()
        load.result()


def conservation(report, cfg, _):
    cases = {"idle": ["--hz", .01], "20 %": ["--turns", turns(1), "--draws", 3, "--hz", 60]}
    busy, doubt = {name: {"off": [], "credit": []} for name in cases}, None
    with gl(["weight=1024", "weight=64"]) as p:
        for name, args in list(cases.items()) * cfg.runs(3):
            for policy, rounds in busy[name].items():
                p.policy(policy)
                loads = [backlogged(p, 2), p.gl_load(1, *args)]
                usages, begin, end, why = run_together(p, loads[:1] if name == "idle" else loads,
                                                       cfg.window(3))
                doubt = doubt or why
                rounds.append(sum(u.between(begin, end) for u in usages) / (end - begin))
                if name == "idle":
                    loads[1].line()
                    loads[1].line()
                    loads[1].result()
    middle = {name: {policy: np.median(rounds) for policy, rounds in ways.items()}
              for name, ways in busy.items()}
    ratios = [ways["credit"] / ways["off"] for ways in middle.values()]
    report.add("work_conservation.llvmpipe", min(ratios), ratios, doubt=doubt,
               detail="GPU time a second with the arbiter and without: " + ", ".join(
                   f"{ways['credit']:.3f} and {ways['off']:.3f} s {where}" for ways, where in zip(
                       middle.values(), ("beside an idle domain of 16 times the weight",
                                       "with one that uses about 20 %"))))


GAMES = {
    "tick": [[["--tick", "30:3"]]],
    "contexts": [[[]] * 4],
    "fences": [[["--fences", 32]]],
}


def share_of(p, programs, seconds):
    """What domain 1 gets with these programs beside domain 2, of the same weight, with one."""
    loads = [backlogged(p, 1, *args) for args in programs] + [backlogged(p, 2)]
    usages, begin, end, _ = run_together(p, loads, seconds)
    had = [u.between(begin, end) for u in usages]
    return had[0] / sum(had) * 100


def gaming(report, cfg, _):
    seconds = cfg.window(2)
    with gl(["weight=256", "weight=256"]) as p:
        honest = share_of(p, [[]], seconds)
        for game, ways in GAMES.items():
            got = [share_of(p, programs, seconds) for programs in ways]
            report.add(f"gaming_gain_pp.{game}.llvmpipe", max(got) - honest,
                       [g - honest for g in got],
                       detail=f"{honest:.2f} % behaving; " + ", ".join(
                           f"{g:.2f} %" + (f" with {' '.join(map(str, w[0]))}" if w[0] else
                                           f" with {len(w)} programs") for g, w in zip(got, ways)))


SCENARIOS = (
    (shares, ("share_error_1s_pp", "share_error_100ms_pp", "min_max_ratio", "jain")),
    (caps, ("cap_error_pp.10", "cap_error_pp.25", "cap_error_pp.50")),
    (latency, ("p99_ratio.1", "p99_ratio.3")),
    (overhead, ("overhead_pct",)),
    (idle, ("idle_timer_wakeups_per_s",)),
    (conservation, ("work_conservation",)),
    (gaming, ("gaming_gain_pp.tick", "gaming_gain_pp.contexts", "gaming_gain_pp.fences")),
)
QUICK = ("shares", "caps", "latency")	# the others are left out by --quick
