# SPDX-License-Identifier: GPL-2.0-only
"""The local platform for benchmarks: a hub, an xengpud, and domains that are processes here."""
import json
import mmap
import os
import shutil
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager

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


def mount_point():
    """Where Mesa looks for its socket: something to mount one on."""
    if not os.path.exists("/tmp/.virgl_test"):
        open("/tmp/.virgl_test", "w").close()


@contextmanager
def undisturbed():
    """
    What is started in here comes before everything else on this machine that wants a processor. For
    loads that hardly want one: those that do would wait for each other for whole time slices.
    """
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    except PermissionError:
        print("# no SCHED_RR here: what else runs on this machine is in the figures")
        yield
        return
    try:
        yield
    finally:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


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

    def __init__(self, args, env, record, log):
        self.record, self.log, self.args = record, log, args
        self.process = subprocess.Popen(args, env=env, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=open(log, "w"), text=True)

    def broken(self, what):
        end(self.process)
        return Broken(f"a load {what}: {read(self.log, '')[-300:].strip()}")

    def ready(self):
        for text in self.process.stdout:
            if text.strip() == "ready":
                return self
        raise self.broken("did not become ready")

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
        mount_point()
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
        self.settle()

    def settled(self):
        """Whether as many workers are warm as are kept, and none begins or ends."""
        s = self.stats()["supervisor"]
        return (s["workers_warm"] >= s["workers_kept"] and not s["workers_starting"]
                and not s["workers_dying"])

    def settle(self):
        """Until no worker is being started: on llvmpipe that takes the GPU from others."""
        until("warm workers", self.settled, 60)

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
        """Until nothing is queued at the model's engine: what ended left submits there."""
        until("an idle engine",
              lambda: self.trace()["end"].max(initial=0) < time.monotonic_ns(), 60)

    def usages(self, tags):
        """Each domain's use of the engine, so far."""
        runs = self.trace()
        return [measure.Usage.of_runs(r["start"], r["end"])
                for r in (runs[runs["tag"] == tag] for tag in tags)]

    # --- GL programs in domains --------------------------------------------------------------

    def vtest_start(self, domain):
        """xengpu-vtest, which GL programs of a domain need; not waited for."""
        base = f"{self.dir}/vtest{domain}"
        self.others.append(self.spawn(
            [f"{B}/bin/xengpu-vtest", f"--socket={base}.sock", f"--status-file={base}.status",
             f"--stats-file={base}.stats"], f"vtest{domain}.log", self.env(domain)))

    def serves(self, domain):
        return read(f"{self.dir}/vtest{domain}.status", "").startswith("state: connected")

    def vtest(self, domain):
        self.vtest_start(domain)
        until(f"xengpu-vtest of domain {domain}", lambda: self.serves(domain), 20)

    def gl_load(self, domain, *args):
        """The GL program `load` in a domain, set up and not begun."""
        self.n_loads += 1
        record, base = f"{self.dir}/record{self.n_loads}", f"{self.dir}/vtest{domain}"
        # Mesa before 23.3 knows one socket's path: each domain has its own behind it.
        mount = 'mount --bind "$0" /tmp/.virgl_test && exec "$@"'
        load = Load(["unshare", "-m", "sh", "-c", mount, base + ".sock",
                     f"{B}/bin/xengpu-run", f"--status-file={base}.status", f"{B}/guest/load",
                     "--record", record, *(str(a) for a in args)],
                    {**self.env(domain), "EGL_PLATFORM": "surfaceless"}, record,
                    f"{self.dir}/load{self.n_loads}.log")
        self.loads.append(load)
        return load.ready()

    def sampled(self, seconds, every=.01):
        """Each domain's GPU time as xengpud counts it, read for a while: their usages."""
        samples, end = [], time.monotonic() + seconds
        while time.monotonic() < end:
            devices = self.stats()["devices"]
            at = time.monotonic_ns()
            samples.append([at] + [sum(d["gpu_ns"] for d in devices if d["domid"] == i + 1)
                                   for i in range(self.domains)])
            time.sleep(every)
        data = np.array(samples)
        if not data[-1, 1:].any():
            raise Broken("xengpud counts no gpu_ns")
        return [measure.Usage(data[:, 0], data[:, i + 1]) for i in range(self.domains)]

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
        return children(self.xengpud.pid)

    def backend(self):
        return [self.xengpud.pid, *self.workers()]

    def everything(self):
        """The backend, and whatever runs in domains."""
        known = [p.pid for p in self.others if p.poll() is None and p is not self.hub]
        known += [l.process.pid for l in self.loads if l.process.poll() is None]
        for pid in known:
            known += children(pid)
        return sorted(set(known))


def children(pid):
    return [int(p) for p in read(f"/proc/{pid}/task/{pid}/children", "").split()]


def gl_turns(ms):
    """How many turns of the GL program `load` make a draw of so long, drawn natively here."""
    env = {**os.environ, "EGL_PLATFORM": "surfaceless", "LIBGL_ALWAYS_SOFTWARE": "1"}
    found = []
    for _ in range(3):
        run = subprocess.run([f"{B}/guest/load", "--calibrate", str(ms)], env=env,
                             capture_output=True, text=True)
        words = run.stdout.split()
        if run.returncode or "turns" not in words:
            raise Broken(f"drawing natively: {run.stderr.strip()}")
        found.append(int(words[words.index("turns") + 1]))
    return sorted(found)[1]


class Strangers:
    """
    How much of the processors was used by none of ours, from one moment to another. @ours: a function
    that says how many seconds ours have used: seconds_of(), Group.seconds.
    """

    def __init__(self, ours):
        self.ours = ours
        self.before = self.read()

    def read(self):
        user, nice, system, _, _, irq, softirq, steal = (
            int(n) for n in read("/proc/stat").split("\n", 1)[0].split()[1:9])
        busy = (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")
        return busy, self.ours(), time.monotonic()

    def excuse(self):
        """A sentence, when it was more than a twentieth; else None."""
        busy, ours, seconds = (after - before for after, before in zip(self.read(), self.before))
        part = (busy - ours) / seconds / os.sysconf("SC_NPROCESSORS_ONLN")
        return (f"this machine is too busy: others use {part * 100:.0f} % of its processors"
                if part > .05 else None)


def seconds_of(p):
    """For Strangers: what runs on a platform now, and this process."""
    pids = [*p.everything(), p.hub.pid, os.getpid()]
    return lambda: sum(map(cpu_ns, pids)) / measure.S


def tasks(pid):
    try:
        return os.listdir(f"/proc/{pid}/task")
    except FileNotFoundError:
        raise Broken(f"process {pid} ended while it was measured") from None


def cpu_ns(pid):
    """Processor time of a process and its threads."""
    total = 0
    for task in tasks(pid):
        total += int(read(f"/proc/{pid}/task/{task}/schedstat", "0").split()[0])
    return total


def switches(pid):
    """How often the threads of a process came to a processor, or were taken off one."""
    total = 0
    for task in tasks(pid):
        for line in read(f"/proc/{pid}/task/{task}/status", "").splitlines():
            if "ctxt_switches" in line:
                total += int(line.split()[1])
    return total
