#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Choose a small corpus: choose.py TARGET TO FROM...

Of all inputs in TO and FROM, those that together reach every edge any of them reaches, small ones
first, at most MOST of them, are in TO afterwards. Inputs named "was-*" broke something once, those
named "by-hand-*" somebody wrote: they stay. TARGET is one of libFuzzer's; its merge tells what each
input reaches.
"""
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile

MOST = 40
MOST_BYTES = 4096


def gather(folders, into):
    """Copy all inputs: a fuzzer that runs replaces its own by smaller ones at any time."""
    for folder in folders:
        for name in os.listdir(folder):
            try:
                shutil.copy(os.path.join(folder, name), into)
            except FileNotFoundError:
                pass


def reached(target, folder, scratch):
    """Yield (path, octets, edges) of every input."""
    control = os.path.join(scratch, "control")
    into = os.path.join(scratch, "into")
    os.mkdir(into)
    subprocess.run([target, "-merge=1", "-merge_control_file=" + control, into, folder],
                   check=True, stderr=subprocess.DEVNULL)
    with open(control, encoding="utf-8") as lines:
        words = [line.split() for line in lines]
    n_files = int(words[0][0])
    paths = [" ".join(w) for w in words[2:2 + n_files]]
    sizes = {}
    for w in words[2 + n_files:]:
        if w[0] == "STARTED":
            sizes[int(w[1])] = int(w[2])
        elif w[0] == "COV":
            yield paths[int(w[1])], sizes[int(w[1])], {int(edge) for edge in w[2:]}


def choose(inputs):
    """Greedily: what reaches most that is new; the smaller one of equals."""
    chosen, have = [], set()
    left = [i for i in inputs if i[1] <= MOST_BYTES]
    while left and len(chosen) < MOST:
        best = max(left, key=lambda i: (len(i[2] - have), -i[1]))
        if not best[2] - have:
            break
        chosen.append(best[0])
        have |= best[2]
        left.remove(best)
    return chosen, len(have)


def main():
    target, to, found = sys.argv[1], sys.argv[2], sys.argv[3:]
    os.makedirs(to, exist_ok=True)
    chosen = {}
    with tempfile.TemporaryDirectory() as scratch:
        every = os.path.join(scratch, "every")
        os.mkdir(every)
        gather([to] + [f for f in found if os.path.isdir(f)], every)
        inputs = list(reached(target, every, scratch))
        paths, n_edges = choose(inputs)
        for path in paths:
            with open(path, "rb") as file:
                data = file.read()
            chosen[hashlib.sha1(data).hexdigest()[:12]] = data
    kept = 0
    for name in os.listdir(to):
        if name.startswith(("was-", "by-hand-")):
            kept += 1
        elif name not in chosen:
            os.unlink(os.path.join(to, name))
    for name, data in chosen.items():
        with open(os.path.join(to, name), "wb") as file:
            file.write(data)
    print(f"{to}: {len(chosen)} of {len(inputs)} inputs, {n_edges} edges; {kept} more that stay")


if __name__ == "__main__":
    main()
