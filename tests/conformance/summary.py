#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Compare piglit's results of three ways.

    summary.py --worse DIR    write DIR/worse-PART, the tests that are worse through us so far;
                              ends with 1 when there is none
    summary.py DIR OUT        write OUT/summary.{txt,json,html}; ends with 1 when one is worse

DIR has a folder of piglit's for each way and part, WAY-PART, and WAY-PART-againN for repetitions.
"""
import bz2
import collections
import fnmatch
import gzip
import html
import json
import lzma
import os
import re
import sys

WAYS = ("native", "peer", "ours")
# The further down, the worse. A test that is skipped says that it lacks something.
ORDER = ("pass", "warn", "skip", "fail", "crash", "timeout")
NEVER = ("notrun", "incomplete")
SAID_LINES = 12


def tests_of(folder):
    """What piglit wrote, by test."""
    openers = {"": open, ".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
    for suffix, opener in openers.items():
        path = os.path.join(folder, "results.json" + suffix)
        if os.path.exists(path):
            with opener(path, "rt", encoding="utf-8") as file:
                return json.load(file)["tests"]
    return {}


def load(folder):
    """Results by name; a test of several parts counts each part instead of itself."""
    found = {}
    for test, what in tests_of(folder).items():
        subtests = {k: v for k, v in what.get("subtests", {}).items() if k != "__type__"}
        for subtest, result in subtests.items():
            found[f"{test}@{subtest}"] = result
        if not subtests or what["result"] in ("crash", "timeout"):
            found[test] = what["result"]
    return found


def folders(directory, way):
    """(part, repetition, folder) of a way; repetition 0 is the first run."""
    for name in sorted(os.listdir(directory)):
        match = re.fullmatch(rf"{way}-([a-z0-9]+?)(?:-again(\d+))?", name)
        if match and os.path.isdir(os.path.join(directory, name)):
            yield match[1], int(match[2] or 0), os.path.join(directory, name)


def rank(result):
    """What a result is worth; None is a test, or a part of one, that is missing."""
    return ORDER.index(result) if result in ORDER else len(ORDER)


def read(directory):
    """Results by way and repetition: runs[way][n][part, name]."""
    runs = {way: collections.defaultdict(dict) for way in WAYS}
    for way in WAYS:
        for part, again, folder in folders(directory, way):
            for name, result in load(folder).items():
                if result not in NEVER:
                    runs[way][again][part, name] = result
    return runs


def worse_every_time(runs, key):
    """Whether it is worse through us than through the peer in each run that has it."""
    both = [n for n in runs["peer"] if key in runs["peer"][n] and n in runs["ours"]]
    return bool(both) and all(rank(runs["ours"][n].get(key)) > rank(runs["peer"][n][key]) for n in both)


def first_worse(runs):
    ours, peer = runs["ours"][0], runs["peer"][0]
    parts = {part for part, _ in ours}
    return [key for key in sorted(peer) if key[0] in parts and rank(ours.get(key)) > rank(peer[key])]


def known(kind):
    """Names (as shell patterns) and reasons out of known.txt."""
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "known.txt")
    with open(path, encoding="utf-8") as file:
        for line in file:
            if line.startswith(kind + "\t"):
                yield line.rstrip("\n").split("\t")[1:3]


def reason(kind, name):
    for pattern, why in known(kind):
        if fnmatch.fnmatchcase(name, pattern):
            return why
    return None


def summarise(runs):
    summary = {}
    for way in WAYS:
        counts = collections.Counter(runs[way][0].values())
        summary[way] = {"total": sum(counts.values()),
                        **{r: counts[r] for r in ORDER if counts[r]}}
    worse = [key for key in first_worse(runs) if worse_every_time(runs, key)]
    unsteady = [key for key in first_worse(runs) if key not in worse]

    def entry(key, way_a, way_b):
        return {"test": key[1], "part": key[0], way_a: runs[way_a][0].get(key),
                way_b: runs[way_b][0].get(key)}

    summary["worse_than_peer"] = [entry(k, "ours", "peer") for k in worse if not reason("flaky", k[1])]
    summary["flaky_known"] = [dict(entry(k, "ours", "peer"), reason=reason("flaky", k[1]))
                              for k in first_worse(runs) if reason("flaky", k[1])]
    summary["unsteady"] = [dict(entry(k, "ours", "peer"),
                                runs=[[runs[w][n].get(k) for w in ("ours", "peer")] for n in sorted(runs["ours"])
                                      if k in runs["ours"][n]])
                           for k in unsteady if not reason("flaky", k[1])]
    ours, peer, native = (runs[way][0] for way in ("ours", "peer", "native"))
    parts = {part for part, _ in ours}
    native = {key: result for key, result in native.items() if key[0] in parts}
    summary["better_than_peer"] = [entry(k, "ours", "peer") for k in sorted(ours)
                                   if k in peer and rank(ours[k]) < rank(peer[k])]
    summary["worse_than_native"] = [
        dict(entry(k, "ours", "native"), peer=peer.get(k), reason=reason("upstream", k[1]))
        for k in sorted(native) if rank(ours.get(k)) > rank(native[k])]
    summary["retries"] = max((n for n in runs["ours"]), default=0)
    return summary


def said(directory, part, name):
    """The last that a test said through us, for whoever has to find out why it is worse."""
    for _, folder in sorted(((again, folder) for p, again, folder in folders(directory, "ours") if p == part),
                            reverse=True):
        tests = tests_of(folder)
        test = tests.get(test_of(name, tests))
        if test:
            lines = [line for stream in ("out", "err") for line in test.get(stream, "").splitlines() if line.strip()]
            return [f"{test['result']}, exit status {test.get('returncode')}"] + lines[-SAID_LINES:]
    return []


def text(summary, title):
    lines = [title, ""]
    lines.append(f"{'':8}" + "".join(f"{r:>9}" for r in ("total",) + ORDER))
    for way in WAYS:
        lines.append(f"{way:8}" + "".join(f"{summary[way].get(r, 0):9}" for r in ("total",) + ORDER))
    names = {
        "worse_than_peer": "worse through us than through the peer, in every run",
        "unsteady": "worse at first, and not every time when tried again "
                    f"({summary['retries']} times)",
        "flaky_known": "worse, and known to be flaky",
        "better_than_peer": "better through us than through the peer",
        "worse_than_native": "worse through us than natively",
    }
    for key, what in names.items():
        lines += ["", f"{what}: {len(summary[key])}"]
        for e in summary[key]:
            results = ", ".join(f"{way} {e[way]}" for way in ("ours", "peer", "native") if e.get(way))
            runs = "".join(f"; again ours {a}, peer {b}" for a, b in e.get("runs", [])[1:])
            why = f" ({e['reason']})" if e.get("reason") else ""
            lines.append(f"  {e['test']}: {results}{runs}{why}")
            lines += [f"    {line}" for line in e.get("said", [])]
    return "\n".join(lines) + "\n"


def page(summary, title):
    cell = "".join
    rows = cell(f"<tr><th>{way}</th>" + cell(f"<td>{summary[way].get(r, 0)}</td>" for r in ("total",) + ORDER)
                + "</tr>" for way in WAYS)
    head = cell(f"<th>{r}</th>" for r in ("", "total") + ORDER)
    parts = []
    for key in ("worse_than_peer", "unsteady", "flaky_known", "better_than_peer", "worse_than_native"):
        items = cell(
            "<tr>" + cell(f"<td>{html.escape(str(e.get(c) or ''))}</td>"
                          for c in ("test", "ours", "peer", "native", "reason")) + "</tr>" for e in summary[key])
        parts.append(f"<h2>{key.replace('_', ' ')}: {len(summary[key])}</h2>"
                     f"<table><tr><th>test</th><th>ours</th><th>peer</th><th>native</th><th>why</th></tr>{items}"
                     "</table>")
    return ("<!doctype html><meta charset=utf-8><title>xengpu conformance</title>"
            "<style>body{font:14px sans-serif}td,th{padding:1px 10px;text-align:left}</style>"
            f"<h1>{html.escape(title)}</h1><table><tr>{head}</tr>{rows}</table>{cell(parts)}\n")


def write_worse(directory, runs):
    last = max(runs["ours"], default=0)
    parts = collections.defaultdict(set)
    for part, name in first_worse(runs):
        if last and not worse_every_time(runs, (part, name)):
            continue
        parts[part].add(name)
    for file in os.listdir(directory):
        if file.startswith("worse-"):
            os.unlink(os.path.join(directory, file))
    for part, names in parts.items():
        tests = set()
        for _, _, folder in folders(directory, "ours"):
            tests |= set(tests_of(folder))
        # A subtest is run again as its test: the longest name that piglit knows. Of shaders that were
        # many to a process each is a test of its own when it is run again.
        if not batched(directory, part):
            names = {test_of(name, tests) for name in names}
        with open(os.path.join(directory, f"worse-{part}"), "w", encoding="utf-8") as file:
            for name in sorted(names):
                file.write(name + "\n")
    return bool(parts)


def batched(directory, part):
    path = os.path.join(directory, part + ".profile")
    if not os.path.exists(path):
        return False
    with open(path, encoding="utf-8") as file:
        return file.read().startswith("quick_shader ")


def test_of(name, tests):
    while name not in tests and "@" in name:
        name = name.rsplit("@", 1)[0]
    return name


def main():
    if sys.argv[1] == "--worse":
        return 0 if write_worse(sys.argv[2], read(sys.argv[2])) else 1
    directory, out = sys.argv[1:3]
    summary = summarise(read(directory))
    for entry in summary["worse_than_peer"]:
        entry["said"] = said(directory, entry["part"], entry["test"])
    title = f"piglit, set {os.path.basename(directory)}"
    summary["set"] = os.path.basename(directory)
    for suffix, content in (("json", json.dumps(summary, indent=1) + "\n"), ("txt", text(summary, title)),
                            ("html", page(summary, title))):
        with open(os.path.join(out, "summary." + suffix), "w", encoding="utf-8") as file:
            file.write(content)
    sys.stdout.write(text(summary, title))
    return 1 if summary["worse_than_peer"] else 0


if __name__ == "__main__":
    sys.exit(main())
