#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""
`make bench-qos`: measures the figures of scheduling, prints them, and writes build/bench/qos.json
and two plots. A figure that cannot be measured is in there with the reason. Exits with 1 when
something broke, not when a target is missed.
"""
import argparse
import os
import sys
from contextlib import nullcontext

import local
import plot
import qos_gl
import qos_model
from report import Report
from scenario import Config, run


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="shorter windows, fewer runs")
    parser.add_argument("--only", help="names of scenarios or parts of them, with commas")
    args = parser.parse_args()
    os.makedirs(f"{local.B}/bench", exist_ok=True)
    # All that is started here inherits it: what else runs on this machine disturbs less.
    os.nice(-10)
    report, cfg, ok = Report(), Config(args.quick), True
    plots = {"shares": {}, "latency": {}}
    scenarios = list(qos_model.SCENARIOS)
    scenarios += [(scenario, [name + ".llvmpipe" for name in names])
                  for scenario, names in qos_gl.SCENARIOS]
    for scenario, names in scenarios:
        name = f"{scenario.__module__}.{scenario.__name__}"
        why_not = None
        if args.only and not any(part in name for part in args.only.split(",")):
            why_not = "left out by --only"
        elif args.quick and scenario.__module__ == "qos_gl" and \
                scenario.__name__ not in qos_gl.QUICK:
            why_not = "left out by --quick"
        if why_not:
            for row in names:
                report.missing(row, why_not)
            continue
        ok &= run(scenario, names, report, cfg, plots,
                  local.undisturbed if scenario in qos_model.UNDISTURBED else nullcontext)
    print(report.table())
    report.write(f"{local.B}/bench/qos.json")
    plot.shares(plots["shares"], f"{local.B}/bench/qos-shares.png")
    plot.latency(plots["latency"], f"{local.B}/bench/qos-latency.png")
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
