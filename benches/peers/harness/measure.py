"""What a command and everything it starts cost: wall time, CPU seconds, peak memory. Linux only.

CPU seconds are what the kernel charged to each process when it ended, orphans included: this process adopts them, so
that a JVM that outlives its parent is counted as well. Peak memory is the largest sum of resident sets that was seen,
ten times a second; pages that processes share are counted in each.
"""

import ctypes
import os
import subprocess
import threading
import time

PR_SET_CHILD_SUBREAPER = 36
SAMPLE_S = 0.1
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class Failed(Exception):
    """The command did not end well; the text says how."""


def measure(command, environment, output):
    if ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise Failed("can't adopt orphans: prctl failed")
    peak, stop = _Peak(), threading.Event()
    with open(output, "wb") as out:
        started = time.monotonic()
        child = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        sampler = threading.Thread(target=peak.sample, args=(stop,))
        sampler.start()
        cpu_s, code = 0.0, None
        while True:
            try:
                pid, status, usage = os.wait4(-1, 0)
            except ChildProcessError:
                break
            cpu_s += usage.ru_utime + usage.ru_stime
            peak.at_least(usage.ru_maxrss * 1024)
            if pid == child.pid:
                child.returncode = code = os.waitstatus_to_exitcode(status)
                wall_s = time.monotonic() - started
        stop.set()
        sampler.join()
    if code != 0:
        with open(output, encoding="utf-8", errors="replace") as out:
            raise Failed(f"{' '.join(command)} ended with {code}:\n{out.read()[-4000:]}")
    return {"wall_s": wall_s, "cpu_s": cpu_s, "peak_bytes": peak.bytes}


class _Peak:
    def __init__(self):
        self.bytes = 0

    def at_least(self, count):
        self.bytes = max(self.bytes, count)

    def sample(self, stop):
        while not stop.wait(SAMPLE_S):
            self.at_least(sum(_resident(pid) for pid in _below(os.getpid())))


def _below(pid):
    """All descendants of `pid` that live."""
    found, parents = [], [pid]
    while parents:
        parent = parents.pop()
        try:
            for task in os.listdir(f"/proc/{parent}/task"):
                with open(f"/proc/{parent}/task/{task}/children", encoding="ascii") as children:
                    below = [int(child) for child in children.read().split()]
                found += below
                parents += below
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


def _resident(pid):
    try:
        with open(f"/proc/{pid}/statm", encoding="ascii") as statm:
            return int(statm.read().split()[1]) * PAGE_BYTES
    except (FileNotFoundError, ProcessLookupError):
        return 0
