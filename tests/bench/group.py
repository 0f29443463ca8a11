# SPDX-License-Identifier: GPL-2.0-only
"""
Control groups, for their processor time alone: it counts processes that have ended meanwhile, and
their children, to the microsecond. Source: Linux Documentation/admin-guide/cgroup-v2.rst.
"""
import os
import time
from contextlib import contextmanager

from local import Broken, read
from measure import S


def own():
    """The folder of this process's group, of version 2; it need not have a controller."""
    for line in read("/proc/self/mountinfo").splitlines():
        before, _, after = line.partition(" - ")
        if after.startswith("cgroup2 ") and before.split()[3] == "/":
            break
    else:
        raise Broken("no control groups of version 2 are mounted: processor time of programs that "
                     "ended is not known")
    path = next((r[3:] for r in read("/proc/self/cgroup").splitlines() if r.startswith("0::")), "/")
    return before.split()[4] + path.rstrip("/")


class Group:
    """A group below this process's own, or below another one."""

    def __init__(self, name, within=None):
        self.home = within.home if within else own()
        self.path = f"{within.path if within else self.home}/{name}"
        try:
            os.mkdir(self.path)
        except OSError as e:
            raise Broken(f"a control group cannot be made: {e}") from None

    def cpu_ns(self):
        """Processor time of all that was ever in it or below it."""
        for line in read(self.path + "/cpu.stat").splitlines():
            if line.startswith("usage_usec "):
                return int(line.split()[1]) * 1000
        raise Broken(f"{self.path}/cpu.stat has no usage_usec")

    def seconds(self):
        """For Strangers: its processor time, and this process's."""
        return self.cpu_ns() / S + time.process_time()

    @contextmanager
    def entered(self):
        """What is started in here is in the group."""
        self.move(self.path)
        try:
            yield self
        finally:
            self.move(self.home)

    @staticmethod
    def move(path):
        with open(path + "/cgroup.procs", "w") as f:
            f.write(str(os.getpid()))

    def close(self):
        """What was in it must have ended; groups below it that others made go as well."""
        for folder, _, _ in os.walk(self.path, topdown=False):
            for _ in range(50):
                try:
                    os.rmdir(folder)
                    break
                except OSError:
                    time.sleep(.02)
