"""curl as customers run it, with what it reports of itself."""

import json
import subprocess
from dataclasses import dataclass

JSON = ("-H", "Accept: application/json")  # without it, what lies under /u/ answers as for a terminal
WRITE_OUT = '\n{"status":"%{http_code}","sent":"%{size_upload}","time":"%{time_total}","retry":"%header{retry-after}"}'


@dataclass
class Result:
    """code: curl's exit status; status: HTTP's; sent: body bytes curl handed to its socket."""

    code: int
    status: int
    sent: int
    time: float
    body: str
    error: str
    retry_after: str = ""

    def json(self):
        return json.loads(self.body)


def _argv(args):
    return ["curl", "-q", "-sS", "--noproxy", "*", "-w", WRITE_OUT, *args]


def _result(code, out, err):
    body, _, report = out.rpartition("\n")
    numbers = json.loads(report) if report.startswith("{") else {"status": 0, "sent": 0, "time": 0.0, "retry": ""}
    return Result(code, int(numbers["status"]), int(numbers["sent"]), float(numbers["time"]), body, err, numbers["retry"])


def run(*args, timeout=300, input=None):  # pylint: disable=redefined-builtin
    done = subprocess.run(_argv(args), capture_output=True, input=input, timeout=timeout, check=False)
    return _result(done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace"))


class Background:
    """A curl under way; result() waits for it, kill() ends it as a customer's Ctrl-C at the worst moment does."""

    def __init__(self, *args):
        # pylint: disable=consider-using-with
        self.popen = subprocess.Popen(_argv(args), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                      stderr=subprocess.PIPE)

    def result(self, timeout=120):
        try:
            out, err = self.popen.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise
        return _result(self.popen.returncode, out.decode("utf-8", "replace"), err.decode("utf-8", "replace"))

    def running(self):
        return self.popen.poll() is None

    def kill(self):
        self.popen.kill()
        self.popen.communicate()
