"""wrk: how many requests a second a server answers over kept connections."""

import re
import subprocess


def rate(url, seconds, connections=16, script=None, others=False):
    """Requests a second; `script`: the path of a Lua script of wrk's; `others`: answers other than 2xx and 3xx are right,
    and there must be no 2xx then."""
    argv = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", *(["-s", script] if script else []), url]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    total = int(re.search(r"(\d+) requests in", done.stdout).group(1))
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", done.stdout)
    assert (int(refused.group(1)) if refused else 0) == (total if others else 0), done.stdout
    assert "Socket errors" not in done.stdout, done.stdout
    return float(re.search(r"Requests/sec:\s+([\d.]+)", done.stdout).group(1))
