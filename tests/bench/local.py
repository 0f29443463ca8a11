# SPDX-License-Identifier: GPL-2.0-only
"""The local platform for benchmarks: a hub, an xengpud, and domains that are processes here."""
import json
import mmap
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import numpy as np

import measure

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
B = os.path.join(TOP, os.environ.get("B", "build"))


class Broken(Exception):
    """Something did not start, or ended; the text is for a person."""


def until(what, test, seconds=10):
    end = time.monotonic() + seconds
    while not test():
        if time.monotonic() > end:
            raise Broken(f"{what}: not within {seconds} s")
        time.sleep(.01)


def read(path, otherwise=None):
    """A file of /proc, which may go away: then what the caller says."""
    try:
        with open(path) as f:
            return f.read()
    except (FileNotFoundError, ProcessLookupError):
        if otherwise is None:
            raise
        return otherwise


def end(process):
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class Load:
    """A process in a domain that says ready, begins and ends at a line, and prints JSON last."""

    def __init__(self, args, env, record, log, runs_until_line=True):
        self.record, self.log, self.args = record, log, args
        self.process = subprocess.Popen(args, env=env, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=open(log, "w"), text=True)

    def broken(self, what):
        end(self.process)
        return Broken(f"{os.path.basename(self.args[0])} {what}: {read(self.log, '')[-300:].strip()}")

    def ready(self):
        if self.process.stdout.readline().strip() != "ready":
            raise self.broken("did not become ready")
        return self

    def line(self):
        try:
            self.process.stdin.write("\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise self.broken("ended by itself") from None

    def result(self):
        """To be called after line(), or when the load ends by itself. What it printed."""
        text = self.process.stdout.readline()
        if self.process.wait(60) or not text:
            raise self.broken(f"ended with status {self.process.returncode}")
        return json.loads(text)

    def records(self):
        """A row for each frame or fenced submit: due, submitted, done, length."""
        data = np.loadtxt(self.record, dtype=np.int64, ndmin=2)
        return data if data.size else np.empty((0, 4), np.int64)


class Platform:
    """@options: xengpu attach's words for each domain, the first of which is domain 1."""

    def __init__(self, gpu, options, args=()):
        self.dir = tempfile.mkdtemp(prefix="xengpu-bench-")
        self.loads, self.others, self.n_loads, self.domains = [], [], 0, len(options)
        os.chmod(self.dir, 0o755)
        try:
            self.start(gpu, options, args)
        except BaseException:
            self.close()
            raise

    def start(self, gpu, options, args):
        hub, control = self.dir + "/hub.sock", self.dir + "/control"
        # Workers have users of their own, who may not be able to reach a build tree.
        shutil.copy(f"{B}/bin/xengpu-worker", self.dir)
        domains = ",".join(str(d) for d in range(self.domains + 1))
        self.hub = self.spawn([f"{B}/bin/xengpu-localhub", "--socket", hub, "--domains", domains],
                              "hub.log", {})
        self.others.append(self.hub)
        until("xengpu-localhub", lambda: os.path.exists(hub))
        self.xengpud = self.spawn(
            [f"{B}/bin/xengpud", "--worker", self.dir + "/xengpu-worker", "--control", control,
             "--state-dir", self.dir + "/state", "--gpu", gpu, *args], "xengpud.log", self.env(0))
        self.others.append(self.xengpud)
        until("xengpud: " + self.log("xengpud.log"), lambda: os.path.exists(control))
        for i, option in enumerate(options):
            run = subprocess.run([f"{B}/bin/xengpu", "attach", "--no-save", str(i + 1)] +
                                 ([option] if option else []), env=self.env(0),
                                 capture_output=True, text=True)
            if run.returncode:
                raise Broken(f"xengpu attach {i + 1} {option}: {run.stderr.strip()}")
        self.arbiter = self.ask("sched-gpu policy=credit") == "ok"
        until("two warm workers", lambda: self.stats()["supervisor"]["workers_warm"] >= 2, 30)

    def spawn(self, args, log, env):
        with open(f"{self.dir}/{log}", "w") as out:
            return subprocess.Popen(args, env={**os.environ, **env}, stdin=subprocess.DEVNULL,
                                    stdout=out, stderr=subprocess.STDOUT)

    def env(self, domain):
        return {**os.environ, "XENGPU_PLATFORM": f"local:{self.dir}/hub.sock:{domain}",
                "XENGPU_CONTROL": self.dir + "/control", "XENGPU_ROOT": self.dir + "/root"}

    def log(self, name):
        return read(f"{self.dir}/{name}", "")[-300:].strip()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        for load in self.loads:
            end(load.process)
        for process in reversed(self.others):
            end(process)
        if os.environ.get("KEEP"):
            print(f"# kept: {self.dir}")
        else:
            shutil.rmtree(self.dir, ignore_errors=True)

    # --- xengpud -----------------------------------------------------------------------------

    def ask(self, line):
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(self.dir + "/control")
            s.sendall((line + "\n").encode())
            parts = []
            while part := s.recv(1 << 16):
                parts.append(part)
        return b"".join(parts).decode().strip()

    def stats(self):
        return json.loads(self.ask("stats"))

    def policy(self, policy):
        """What `xengpu sched -s policy=...` asks for. Raises where there is no arbiter."""
        answer = self.ask(f"sched-gpu policy={policy}")
        if answer != "ok":
            raise Broken(f"xengpud cannot switch its policy: it answered '{answer}'")

    def trace(self):
        """Who had the model's engine when: start, end, tag; in order (backend/gpu_model.h)."""
        fds = f"/proc/{self.xengpud.pid}/fd"
        dtype = np.dtype([("serial", "u8"), ("start", "i8"), ("end", "i8"), ("pid", "u4"),
                          ("tag", "u4")])
        for fd in os.listdir(fds):
            if os.readlink(f"{fds}/{fd}").startswith("/memfd:xengpu-model "):
                break
        else:
            raise Broken("xengpud has no model GPU")
        with open(f"{fds}/{fd}", "r+b") as f, mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ) as m:
            magic, slots, _, serial = np.frombuffer(m, "u8", 4).tolist()
            if magic != 0x316c65646f6d7867:
                raise Broken("the model GPU's memory is of another version")
            runs = np.frombuffer(m, dtype, slots, 32).copy()
        first = max(1, serial - slots + 1)
        runs = runs[(runs["serial"] >= first) & (runs["serial"] <= serial)]
        runs = runs[np.argsort(runs["start"], kind="stable")]
        if (runs["start"][1:] < runs["end"][:-1]).any():
            raise Broken("two had the engine at the same time")
        return runs

    def drain(self):
        """Until nothing is queued at the model's engine: what ended left its last submits there."""
        until("an idle engine", lambda: self.trace()["end"].max(initial=0) < time.monotonic_ns(), 60)

    def usages(self, tags):
        """Each domain's use of the engine, so far."""
        runs = self.trace()
        return [measure.Usage.of_runs(r["start"], r["end"])
                for r in (runs[runs["tag"] == tag] for tag in tags)]

    # --- processes ---------------------------------------------------------------------------

    def load(self, domain, *args):
        """The program `load` in a domain, set up and not begun."""
        self.n_loads += 1
        record = f"{self.dir}/record{self.n_loads}"
        load = Load([f"{B}/bench/load", "--record", record, *(str(a) for a in args)],
                    self.env(domain), record, f"{self.dir}/load{self.n_loads}.log")
        self.loads.append(load)
        return load.ready()

    def workers(self):
        pid = self.xengpud.pid
        return [int(p) for p in read(f"/proc/{pid}/task/{pid}/children").split()]

    def backend(self):
        return [self.xengpud.pid, *self.workers()]


def cpu_ns(pid):
    """Processor time of a process and its threads."""
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        total += int(read(f"/proc/{pid}/task/{task}/schedstat", "0").split()[0])
    return total


def switches(pid):
    """How often the threads of a process came to a processor, or were taken off one."""
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        for line in read(f"/proc/{pid}/task/{task}/status", "").splitlines():
            if "ctxt_switches" in line:
                total += int(line.split()[1])
    return total
