# SPDX-License-Identifier: GPL-2.0-only
"""The round trip of an empty fenced submit, and opening a session."""
import json
import os
import subprocess
from contextlib import ExitStack

import numpy as np

from group import Group
from local import B, Broken, Platform, Strangers


def rtt(report, cfg, _, drm=None, suffix=""):
    found, opened = {"sleeping": [], "polling": []}, []
    with ExitStack() as stack:
        group = Group(f"xengpu-bench-{os.getpid()}")
        stack.callback(group.close)
        with group.entered():
            p = stack.enter_context(Platform(drm or "soft", [""]))
        others = Strangers(group.seconds)
        for _ in range(cfg.runs(9)):
            for mode, rounds in found.items():
                p.settle()
                rounds.append(once(group, p, mode))
                opened.append(rounds[-1]["open_ms"])
        excuse = others.excuse()
    for mode, rounds in found.items():
        p50, p99 = [r["p50"] for r in rounds], [r["p99"] for r in rounds]
        report.add(f"rtt_{mode}_us{suffix}", np.median(p50), p50,
                   detail=f"p99 {np.median(p99):.1f} us; {rounds[0]['n']} round trips a run, "
                          "median of runs' p50", excuse=excuse)
    report.add("session_open_ms" + suffix, np.median(opened), opened,
               excuse=excuse,
               detail="fe_session_open(), a warm worker being there")


def once(group, p, mode):
    with group.entered():
        run = subprocess.run([B + "/bench/rtt", mode, "1000" if mode == "sleeping" else "20000"],
                             env=p.env(1), capture_output=True, text=True, timeout=120)
    if run.returncode:
        raise Broken(f"rtt {mode}: {run.stderr.strip()}")
    return json.loads(run.stdout)


SCENARIOS = ((rtt, ("rtt_sleeping_us", "rtt_polling_us", "session_open_ms")),)
