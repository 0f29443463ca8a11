# SPDX-License-Identifier: GPL-2.0-only
"""How scenarios of a benchmark are run: each by itself, and none of its rows left out."""
import time
import traceback
from contextlib import nullcontext

from local import Broken


class Config:
    """How long and how often things are measured."""

    def __init__(self, quick):
        self.quick = quick

    def window(self, seconds):
        if not self.quick:
            return seconds
        return 3 if seconds >= 5 else seconds / 2

    def runs(self, n):
        return max(1, n // 3) if self.quick else n

    def left_out(self):
        """Why a scenario does not make all of its rows, where that is as it should be."""
        return "left out by --quick" if self.quick else None


def run(scenario, names, report, cfg, plots, around=nullcontext):
    """@names: the rows that it makes; @around: a context to run it in. Returns whether it went well."""
    start, reason = time.monotonic(), None
    try:
        with around():
            scenario(report, cfg, plots)
    except Broken as e:
        reason = str(e)
    except Exception as e:
        traceback.print_exc()
        reason = f"{type(e).__name__}: {e}"
    for name in names:
        if not report.has(name):
            report.missing(name, reason or cfg.left_out() or "the benchmark forgot it")
    print(f"# {scenario.__module__}.{scenario.__name__}: {time.monotonic() - start:.1f} s"
          + (f": {reason}" if reason else ""), flush=True)
    return reason is None
