"""A service under strace, which makes its system calls fail, hang, or kill it. It counts calls by thread."""

import glob
import subprocess

from lc.programs import need
from lc.wait import until


def _argv(call, what):
    need("strace")
    return ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={call}:{what}"]


def wrap(service, argv):
    """Before its start, which is by `argv`, a strace's."""
    service.env["ASAN_OPTIONS"] = "detect_leaks=0"  # LeakSanitizer does not work under ptrace
    service.process.argv = [*argv, *service.process.argv]
    return service


def inject(service, call, what):
    """Before its start: `what` is done to its calls, as in inject=call:what."""
    return wrap(service, [*_argv(call, what), "-D"])


def tracer(pid):
    """Of a thread too: the id of the process that traces it, 0: none."""
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("TracerPid:"))


def start_then_inject(service, call, what):
    """What it does at its start is not counted."""
    wrap(service, []).start()
    pid = service.process.pid
    subprocess.run(["setsid", "-f", *_argv(call, what), "-p", str(pid)], check=True, stdin=subprocess.DEVNULL)
    until(lambda: all(tracer(task.split("/")[-1]) for task in glob.glob(f"/proc/{pid}/task/*")), what="strace to be there")
    return service
