# SPDX-License-Identifier: GPL-2.0-only
"""Rows of a benchmark: the list that becomes JSON, and the table for people."""
import json
import operator

COMPARE = {"<=": operator.le, ">=": operator.ge}

# Unit and target of each figure; ".llvmpipe" is the same figure on real rendering.
ROWS = {
    "share_error_1s_pp": ("points", "<= 2"),
    "share_error_100ms_pp": ("points", "<= 5"),
    "min_max_ratio": ("", ">= .98"),
    "jain": ("", ">= .999"),
    "cap_error_pp.10": ("points", "<= 1"),
    "cap_error_pp.25": ("points", "<= 1"),
    "cap_error_pp.50": ("points", "<= 1"),
    "p99_ratio.1": ("", "<= 1.3"),
    "p99_ratio.3": ("", "<= 1.5"),
    "overhead_pct": ("%", "<= 1"),
    "idle_timer_wakeups_per_s": ("/s", "<= 0"),
    "work_conservation": ("", ">= .98"),
    "gaming_gain_pp.tick": ("points", "<= 2"),
    "gaming_gain_pp.contexts": ("points", "<= 2"),
    "gaming_gain_pp.fences": ("points", "<= 2"),
}


class Report:
    """@known: unit and target of each name. @suffixes: names may end so, and mean the same."""

    def __init__(self, known=None, suffixes=(".llvmpipe",)):
        self.rows, self.known, self.suffixes = [], known or ROWS, suffixes

    def of(self, name):
        for suffix in self.suffixes:
            name = name.removesuffix(suffix)
        return self.known[name]

    def add(self, name, value, runs, also_ok=True, detail=None, doubt=None, excuse=None):
        """
        @runs: the value of each run, of which there may be a few. @also_ok: what else must hold.
        @doubt: why the value tells nothing about the target, if so; @excuse: why it tells nothing
        if the target is missed.
        """
        unit, target = self.of(name)
        how, limit = target.split()
        value = round(float(value), 4)
        row = {"name": name, "value": value, "unit": unit, "target": target,
               "ok": bool(COMPARE[how](value, float(limit)) and also_ok), "runs": len(runs),
               "spread": [round(float(min(runs)), 4), round(float(max(runs)), 4)]}
        if detail:
            row["detail"] = detail
        if doubt or (excuse and not row["ok"]):
            row.update(ok=None, reason=doubt or excuse)
        self.rows.append(row)

    def missing(self, name, reason):
        unit, target = self.of(name)
        self.rows.append({"name": name, "value": None, "unit": unit, "target": target, "ok": None,
                          "runs": 0, "spread": None, "reason": reason})

    def has(self, name):
        return any(row["name"] == name for row in self.rows)

    def write(self, path):
        with open(path, "w") as f:
            json.dump(self.rows, f, indent=1)
            f.write("\n")

    def table(self):
        say = {True: "ok", False: "MISSED", None: "cannot tell"}
        lines = [f"{'figure':<34}{'value':>10} {'unit':<8}{'target':<10}{'':<13}"
                 f"{'runs':>4}  spread"]
        for r in self.rows:
            value = "" if r["value"] is None else f"{r['value']:.3f}"
            spread = "" if r["spread"] is None else f"{r['spread'][0]:.3f} .. {r['spread'][1]:.3f}"
            lines.append(f"{r['name']:<34}{value:>10} {r['unit']:<8}{r['target']:<10}"
                         f"{say[r['ok']]:<13}{r['runs']:>4}  {spread}")
            for key in ("detail", "reason"):
                if r.get(key):
                    lines.append(f"    {r[key]}")
        return "\n".join(lines)
