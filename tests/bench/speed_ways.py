# SPDX-License-Identifier: GPL-2.0-only
"""
The three ways in which a GL program draws here: natively on the host's driver, through the peer
(stock virgl_test_server), and through xengpu. All processes of a way are in a control group.
"""
import json
import os
import shutil
import subprocess
import tempfile
import time
from contextlib import ExitStack

import local
from group import Group
from local import B, Broken, Load, Platform, children, mount_point, read, until

# Mesa before 23.3 knows one socket's path: each server has its own behind it. "go" is when the
# program itself starts.
MOUNT = 'mount --bind "$0" /tmp/.virgl_test && echo go && exec "$@"'
GO = 'echo go && exec "$@"'


class Way:
    """@name: native, peer, ours. Programs' standard output begins with a line "go"."""

    wrap, env = ["sh", "-c", GO, "-"], {}

    def __init__(self, name, group):
        self.name, self.group = name, group

    def args(self, args, run=True):
        return [*self.wrap, *map(str, args)]

    def start(self, args, env, **kw):
        with self.group.entered():
            return subprocess.Popen(self.args(args), env={**os.environ, **self.env, **env},
                                    stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                    stderr=subprocess.STDOUT, text=True, **kw)

    def load(self, folder, *args):
        """The GL program `load`, set up and not begun."""
        with self.group.entered():
            load = Load(self.args([f"{B}/guest/load", *args]),
                        {**os.environ, **self.env, "EGL_PLATFORM": "surfaceless"}, None,
                        f"{folder}/load-{self.name}.log")
        return load.ready()

    def rest(self):
        """Wait until nothing of an ended program is left."""

    def counters(self):
        """What was counted so far, where there is something that counts."""
        return {}

    def sessions(self):
        """The processes that draw for programs now, in the driver domain."""
        return []

    def close(self):
        pass


class Native(Way):
    def __init__(self, group, drm):
        super().__init__("native", group)
        self.env = {} if drm else {"LIBGL_ALWAYS_SOFTWARE": "1"}


class Peer(Way):
    """Debian's virgl_test_server, which forks for each program."""

    def __init__(self, group, folder, drm):
        super().__init__("peer", group)
        socket = folder + "/peer.sock"
        self.wrap = ["unshare", "-m", "sh", "-c", MOUNT, socket]
        self.env = {"LIBGL_ALWAYS_SOFTWARE": "1", "GALLIUM_DRIVER": "virpipe",
                    "VTEST_SOCKET_NAME": socket}
        program = shutil.which("virgl_test_server")
        if not program:
            raise Broken("virgl_test_server is not installed (package virgl-server)")
        with group.entered():
            self.server = subprocess.Popen(
                [program, "--socket-path=" + socket,
                 *(["--rendernode", drm] if drm else ["--use-egl-surfaceless"])],
                env={**os.environ, **({} if drm else {"LIBGL_ALWAYS_SOFTWARE": "1"})},
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=open(folder + "/peer.log", "w"))
        try:
            until("virgl_test_server", lambda: os.path.exists(socket))
        except Broken:
            self.close()
            raise

    def rest(self):
        until("the end of virgl_test_server's child", lambda: not self.sessions(), 20)

    def sessions(self):
        return children(self.server.pid)

    def close(self):
        local.end(self.server)


class Ours(Way):
    """Domain 1 of a platform; there may be more guests in it, with nothing to do."""

    def __init__(self, group, drm=None, idle_guests=0):
        super().__init__("ours", group)
        self.backend, self.domains = Group("backend", group), Group("domains", group)
        with self.backend.entered():
            self.p = Platform(drm or "soft", [""] * (1 + idle_guests))
        try:
            with self.domains.entered():
                for domain in range(1, 2 + idle_guests):
                    self.p.vtest(domain)
            self.p.settle()
        except BaseException:
            self.close()
            raise
        base = self.p.dir + "/vtest1"
        self.wrap = ["unshare", "-m", "sh", "-c", MOUNT, base + ".sock", B + "/bin/xengpu-run",
                     f"--status-file={base}.status"]
        self.vtest, self.stats = self.p.others[2].pid, base + ".stats"

    def rest(self):
        until("the end of the sessions", self.at_rest, 20)

    def at_rest(self):
        return (not children(self.vtest) and self.p.settled()
                and not self.p.stats()["supervisor"]["workers_bound"])

    def counters(self):
        """The guest's figures (of sessions that ended), and the driver domain's."""
        device = next(d for d in self.p.stats()["devices"] if d["domid"] == 1)
        sums = {"backend." + k: v for k, v in device.items() if isinstance(v, int)}
        for line in read(self.stats, "").splitlines():
            for k, v in json.loads(line).items():
                if isinstance(v, int):
                    sums["guest." + k] = sums.get("guest." + k, 0) + v
        return sums

    def sessions(self):
        return [s["pid"] for d in self.p.stats()["devices"] for s in d["session_list"]
                if "pid" in s]

    def close(self):
        self.p.close()
        self.domains.close()
        self.backend.close()


class Ways(ExitStack):
    """All three, and an X server, which programs need and which draws nothing."""

    def __init__(self, drm=None, names=("native", "peer", "ours")):
        super().__init__()
        self.folder = tempfile.mkdtemp(prefix="xengpu-speed-")
        self.callback(shutil.rmtree, self.folder, ignore_errors=True)
        try:
            self.start(drm, names)
        except BaseException:
            self.close()
            raise

    def start(self, drm, names):
        os.chmod(self.folder, 0o755)
        self.group = Group(f"xengpu-bench-{os.getpid()}")
        self.callback(self.group.close)
        make = {"native": lambda g: Native(g, drm), "peer": lambda g: Peer(g, self.folder, drm),
                "ours": lambda g: Ours(g, drm)}
        mount_point()
        for name in names:
            group = Group(name, self.group)
            self.callback(group.close)
            way = make[name](group)
            self.callback(way.close)
            setattr(self, name, way)
        self.all = [getattr(self, name) for name in names]

    def display(self):
        """An X server's name; started when it is asked for."""
        number, to = os.pipe()
        xvfb = subprocess.Popen(["Xvfb", "-displayfd", str(to), "-screen", "0", "1024x768x24",
                                 "-nolisten", "tcp", "-noreset"], pass_fds=[to],
                                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                stderr=subprocess.DEVNULL)
        self.callback(local.end, xvfb)
        os.close(to)
        with open(number) as f:
            text = f.readline().strip()
        if not text:
            raise Broken("Xvfb did not start")
        return ":" + text

    def in_turn(self, n):
        """The ways, another one first each time."""
        return self.all[n % len(self.all):] + self.all[:n % len(self.all)]


def first_line(process, wanted, seconds=60):
    """When a line that begins so comes, and when "go" came: monotonic seconds."""
    began, said = None, []
    for line in process.stdout:
        now = time.monotonic()
        said.append(line)
        if line.strip() == "go":
            began = now
        elif line.startswith(wanted):
            return began, now
    raise Broken("a program ended: " + "".join(said)[-300:].strip())
