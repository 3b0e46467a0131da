"""deploy/uploader.sh as customers run it, with dash and with bash, over good lines and bad ones."""

import hashlib
import io
import os
import random
import shutil
import subprocess
import sys
import tarfile

import pytest
import requests

from lc.build import ROOT
from lc.flaky import FlakyProxy
from lc.process import free_port
from lc.tickets import seed_ticket

sys.path.insert(0, os.path.dirname(__file__))
from spool import held, in_progress, published  # noqa: E402

GATEWAY_ENV = {"RESUME_LEASE": "1s", "PUBLIC_URL": f"http://127.0.0.1:{free_port()}"}
SCRIPT = os.path.join(ROOT, "deploy", "uploader.sh")
SHELLS = [shell for shell in ("dash", "bash", "busybox") if shutil.which(shell)]


@pytest.fixture(params=SHELLS)
def shell(request):
    return ["busybox", "sh"] if request.param == "busybox" else [request.param]


@pytest.fixture
def ticket(redis_server):
    return seed_ticket(redis_server, attempts=10)


@pytest.fixture(scope="module", autouse=True)
def hurry(tmp_path_factory):
    """A sleep that does not wait as long as it is told to, in front of everything in PATH."""
    directory = tmp_path_factory.mktemp("bin")
    (directory / "sleep").write_text(f"#!/bin/sh\nexec {shutil.which('sleep')} 0.1\n")
    (directory / "sleep").chmod(0o755)
    before, os.environ["PATH"] = os.environ["PATH"], f"{directory}:{os.environ['PATH']}"
    yield
    os.environ["PATH"] = before


def run(shell, *args, stdin=None, env=None, timeout=120):
    base = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "no_proxy": "*", **(env or {})}
    return subprocess.run([*shell, SCRIPT, *args], input=stdin, stdin=None if stdin is not None else subprocess.DEVNULL,
                          capture_output=True, timeout=timeout, env=base, check=False)


def receipt(gateway, token):
    answer = requests.get(f"{gateway.url}/u/{token}", headers={"Accept": "application/json"}, timeout=10)
    return answer.json()["archives"]


def content(gateway, archive):
    return published(gateway)[archive["upload_id"]][0]


# Arguments of the script of 0.1.0, what it ended with, what ours ends with, and words that ours says on which stream. Where
# the two ends differ, the old one told nothing (0: curl's own failure was lost in a pipe) or made no difference (1).
OLD_WAYS = (
    ([], 2, 2, "stdout", "usage"),
    (["-h"], 0, 0, "stdout", "--file --token -d"),
    (["--help"], 0, 0, "stdout", "--dst"),
    (["-v"], 0, 0, "stdout", "1.0.0"),
    (["--version"], 0, 0, "stdout", "1.0.0"),
    (["-f", "FILE", "-v"], 0, 0, "stdout", "1.0.0"),
    (["--nonsense"], 2, 2, "stderr", "--nonsense usage"),
    (["-f", "FILE", "--nonsense"], 2, 2, "stderr", "--nonsense usage"),
    (["-f", "FILE", "-t", "TOKEN"], 1, 2, "stderr", "-d HOST"),
    (["-f", "FILE", "-d", "HOST"], 1, 2, "stderr", "-t TOKEN"),
    (["-t", "TOKEN", "-d", "HOST"], 1, 2, "stderr", "-f FILE"),
    (["-f", "", "-t", "TOKEN", "-d", "HOST"], 1, 6, "stderr", "cannot be read"),
    (["-f", "/nonexistent", "-t", "TOKEN", "-d", "HOST"], 0, 6, "stderr", "/nonexistent: cannot be read"),
    (["-f", "FILE", "-t", "00000000-0000-4000-8000-000000000000", "-d", "HOST"], 0, 1, "stderr", "is not valid"),
    (["-f", "FILE", "-t", "TOKEN", "-d", "HOST"], 0, 0, "stderr", "arrived"),
    (["-d", "HOST", "-t", "TOKEN", "-f", "FILE"], 0, 0, "stderr", "arrived"),
    (["--file", "FILE", "--token", "TOKEN", "--dst", "HOST"], 0, 0, "stderr", "arrived"),
    (["-f", "FILE", "-t", "TOKEN", "-u", "HOST/api/v1/archives/"], 0, 0, "stderr", "arrived"),
    (["--file", "FILE", "--token", "TOKEN", "--url", "HOST/api/v1/archives/"], 0, 0, "stderr", "arrived"))


def test_old_ways(shell, gateway, ticket, make_file):
    """Whatever worked with the script of 0.1.0 works with ours; what failed there fails here, and says so."""
    file = make_file(100_000)
    here = {"FILE": file.path, "TOKEN": ticket[0], "HOST": gateway.url,
            "HOST/api/v1/archives/": gateway.url + "/api/v1/archives/"}
    arrived = 0
    for args, old, code, stream, words in OLD_WAYS:
        done = run(shell, *(here.get(a, a) for a in args))
        assert done.returncode == code, (args, done)
        assert (old == 0) == (code == 0) or stream == "stderr", args
        text = getattr(done, stream).decode()
        assert all(word in text for word in (words,) * (words in text) or words.split()), (args, done)
        assert stream == "stderr" or not done.stderr, (args, done)
        arrived += "arrived" in words
        assert len(receipt(gateway, ticket[0])) == arrived, args
    assert {a["sha256"] for a in receipt(gateway, ticket[0])} == {file.sha256}


def test_a_name_alone_means_https(shell, make_file, tmp_path):
    """As it did in 0.1.0; and without curl the script says what is missing."""
    curl = tmp_path / "curl"
    curl.write_text(f"#!/bin/sh\nprintf '%s\\n' \"$@\" > '{tmp_path}/asked'\necho no certificate >&2\nexit 60\n")
    curl.chmod(0o755)
    file = make_file(10)
    args = ("-f", file.path, "-t", "x", "-d", "logs.example.com")
    done = run(shell, *args, env={"PATH": f"{tmp_path}:{os.environ['PATH']}"})
    assert done.returncode == 1
    assert (tmp_path / "asked").read_text().splitlines()[-1] == "https://logs.example.com/api/v1/uploads/"
    done = subprocess.run([shutil.which(shell[0]), *shell[1:], SCRIPT, *args], capture_output=True, timeout=60,
                          env={"PATH": str(tmp_path / "nothing")}, check=False, stdin=subprocess.DEVNULL)
    assert done.returncode == 3 and b"curl is not installed" in done.stderr, done


def test_names_that_cannot_be(shell, gateway, ticket, tmp_path):
    for name in (b"*", b"bad\xff\xfe.log"):
        path = os.path.join(os.fsencode(tmp_path), name)
        with open(path, "wb") as f:
            f.write(b"x")
        done = run(shell, "-t", ticket[0], "-d", gateway.url, path)
        assert done.returncode == 1 and b"-n NAME" in done.stderr, done
    assert run(shell, "-t", ticket[0], "-d", gateway.url, "-n", "good.log", path).returncode == 0


def test_wrong_usage(shell, gateway, ticket):
    for args in (["-x"], ["-d", "ftp://logs.example.com", "-t", ticket[0], "file"], ["--nonsense"], ["-t", ticket[0], "-d", gateway.url], ["-d", gateway.url, "file"],
                 ["-t", ticket[0], "file"], ["-f"]):
        assert (done := run(shell, *args)).returncode == 2, (args, done)
        assert done.stderr


@pytest.mark.parametrize("name", ["with space.log", "журнал 日志.zip", "a'b\"c$(x)`y`.log", "-f", "b{1,2}[3].log",
                                  "100% *?.txt"])
def test_any_name(shell, gateway, ticket, tmp_path, name):
    (tmp_path / name).write_bytes(b"content of " + name.encode())
    done = subprocess.run([*shell, SCRIPT, "-q", "-t", ticket[0], "-d", gateway.url, "--", name], cwd=tmp_path,
                          capture_output=True, timeout=60, stdin=subprocess.DEVNULL, check=False,
                          env={"PATH": os.environ["PATH"], "no_proxy": "*"})
    assert (done.returncode, done.stderr, done.stdout) == (0, b"", b"")
    archive, = receipt(gateway, ticket[0])
    assert content(gateway, archive) == b"content of " + name.encode()


def test_several_files_a_directory_and_stdin(shell, gateway, ticket, make_file, tmp_path):
    one, two = make_file(1000), make_file(70_000)
    logs = tmp_path / "журналы за май"
    (logs / "deep").mkdir(parents=True)
    (logs / "deep" / "a b.log").write_bytes(b"hello")
    done = run(shell, "-t", ticket[0], "-d", gateway.url, one.path, str(logs), two.path)
    assert done.returncode == 0, done.stderr
    last, packed, first = receipt(gateway, ticket[0])
    assert (first["sha256"], last["sha256"]) == (one.sha256, two.sha256)
    assert packed["name"] == "журналы_за_май.tar.gz"
    with tarfile.open(fileobj=io.BytesIO(content(gateway, packed))) as tar:
        assert tar.extractfile("./журналы за май/deep/a b.log").read() == b"hello"
    data = os.urandom(3_000_000)
    assert run(shell, "-t", ticket[0], "-d", gateway.url, "-n", "stream.bin", "-", stdin=data).returncode == 0
    stream = receipt(gateway, ticket[0])[0]
    assert stream["name"] == "stream.bin" and content(gateway, stream) == data


def test_names_longer_than_the_server_takes(shell, gateway, ticket, make_file, tmp_path):
    """A directory may have a name that leaves no room for .tar.gz; -n may be given anything."""
    logs = tmp_path / ("я" * 127)
    logs.mkdir()
    (logs / "a.log").write_bytes(b"hello")
    done = run(shell, "-t", ticket[0], "-d", gateway.url, str(logs))
    assert done.returncode == 0, done.stderr
    file = make_file(10)
    names = ["x" + "я" * 300 + ".log", "日" * 300, "𝒜" * 70 + ".bin", "n" * 300 + ".txt", "z" * 300 + "." + "e" * 50]
    for name in names:
        done = run(shell, "-t", ticket[0], "-d", gateway.url, "-n", name, file.path)
        assert done.returncode == 0, done.stderr
    assert [archive["name"] for archive in reversed(receipt(gateway, ticket[0]))] == [
        "я" * 97 + ".gz", "x" + "я" * 95 + ".log", "日" * 85, "𝒜" * 62 + ".bin", "n" * 96 + ".txt", "z" * 100]


def test_refusals(shell, gateway, redis_server, make_file, tmp_path):
    file = make_file(1000)
    token = "00000000-0000-4000-8000-000000000000"
    done = run(shell, "-t", token, "-d", gateway.url, file.path)
    assert done.returncode == 1 and b"is not valid" in done.stderr
    token, _ = seed_ticket(redis_server, resolved=1)
    done = run(shell, "-t", token, "-d", gateway.url, file.path)
    assert done.returncode == 1 and b"already resolved" in done.stderr
    token, ticket = seed_ticket(redis_server)
    empty = tmp_path / "empty"
    empty.write_bytes(b"")
    done = run(shell, "-t", token, "-d", gateway.url, str(empty), "/nonexistent", file.path)
    assert done.returncode == 6 and b"/nonexistent: cannot be read" in done.stderr and b"it is empty" in done.stderr
    assert [a["sha256"] for a in receipt(gateway, token)] == [file.sha256], "the others are sent all the same"
    assert held(redis_server, ticket) == 1


def test_directory_that_cannot_be_packed(shell, gateway, redis_server, ticket, tmp_path):
    """tar fails in the middle: nothing is handed in, no attempt is taken, and the exit code says so."""
    (tmp_path / "bin").mkdir()
    tar = tmp_path / "bin" / "tar"
    tar.write_text("#!/bin/sh\nhead -c 100000 /dev/zero\nexit 2\n")
    tar.chmod(0o755)
    (tmp_path / "logs").mkdir()
    done = run(shell, "-t", ticket[0], "-d", gateway.url, str(tmp_path / "logs"),
               env={"PATH": f"{tmp_path}/bin:{os.environ['PATH']}"})
    assert done.returncode == 6 and b"could not be read whole" in done.stderr, done
    assert receipt(gateway, ticket[0]) == [] and held(redis_server, ticket[1]) == 0


def test_resumes_over_a_bad_line(shell, gateway, redis_server, ticket, make_file):
    rng = random.Random(7)
    file = make_file(4_000_000)

    def plan(number):
        return (None, True) if number % 2 else (rng.randint(700, 1_500_000), True)

    with FlakyProxy(gateway.port, plan) as line:
        done = run(shell, "-t", ticket[0], "-d", line.url, file.path)
    assert done.returncode == 0, done.stderr
    assert line.breaks >= 2 and b"trying again" in done.stderr
    assert [a["sha256"] for a in receipt(gateway, ticket[0])] == [file.sha256]
    assert held(redis_server, ticket[1]) == 1


def test_stream_resumes_over_a_bad_line(shell, gateway, ticket):
    rng = random.Random(8)
    data = os.urandom(5_000_000)
    with FlakyProxy(gateway.port, lambda n: (None, True) if n % 2 else (rng.randint(100_000, 3_000_000), True)) as line:
        done = run(shell, "-t", ticket[0], "-d", line.url, "-n", "s.bin", "-", stdin=data)
    assert done.returncode == 0, done.stderr
    assert line.breaks >= 1
    archive, = receipt(gateway, ticket[0])
    assert content(gateway, archive) == data


def test_lost_answers_make_no_second_archive(shell, gateway, redis_server, ticket, make_file):
    """The answer to the last part never comes: the upload itself tells, and where it is forgotten, the receipt."""
    file = make_file(50_000)
    with FlakyProxy(gateway.port, lambda n: (None, n != 2)) as line:
        done = run(shell, "-t", ticket[0], "-d", line.url, file.path)
    assert done.returncode == 0 and line.breaks == 1, done.stderr
    assert [a["sha256"] for a in receipt(gateway, ticket[0])] == [file.sha256]

    def forget(number):
        if number == 3:  # between the lost answer and the question for the upload
            for key in redis_server.client.keys("lc:up:*"):
                redis_server.client.delete(key)
        return None, number != 2

    other = make_file(60_000)
    with FlakyProxy(gateway.port, forget) as line:
        done = run(shell, "-t", ticket[0], "-d", line.url, other.path)
    assert done.returncode == 0, done.stderr
    assert [a["sha256"] for a in receipt(gateway, ticket[0])] == [other.sha256, file.sha256]
    assert held(redis_server, ticket[1]) == 2 and not in_progress(gateway)


def test_gives_up_honestly(shell, ticket, make_file):
    """Nobody answers: 4, after a dozen tries."""
    done = run(shell, "-t", ticket[0], "-d", f"http://127.0.0.1:{free_port()}", make_file(10).path)
    assert done.returncode == 4 and b"gave up" in done.stderr, done


def test_a_file_that_grows(shell, gateway, ticket, make_file, tmp_path):
    """A log goes on being written: what was there at the beginning is what arrives."""
    file = make_file(300_000)
    with open(file.path, "rb") as f:
        before = f.read()
    curl = tmp_path / "curl"
    curl.write_text(f"#!/bin/sh\nprintf more >> '{file.path}'\nexec {shutil.which('curl')} \"$@\"\n")
    curl.chmod(0o755)
    done = run(shell, "-t", ticket[0], "-d", gateway.url, file.path, env={"PATH": f"{tmp_path}:{os.environ['PATH']}"})
    assert done.returncode == 0, done.stderr
    archive, = receipt(gateway, ticket[0])
    assert content(gateway, archive) == before


def test_a_file_that_becomes_shorter(shell, gateway, redis_server, ticket, make_file, tmp_path):
    """A log that is cut back while the line is broken: said, and nothing of it counts."""
    file = make_file(300_000)
    sleep = tmp_path / "sleep"
    sleep.write_text(f"#!/bin/sh\nhead -c 1000 '{file.path}' > '{file.path}.new' && cat '{file.path}.new' > '{file.path}'\n")
    sleep.chmod(0o755)
    with FlakyProxy(gateway.port, lambda n: (None if n != 2 else 100_000, True)) as line:
        done = run(shell, "-t", ticket[0], "-d", line.url, file.path, env={"PATH": f"{tmp_path}:{os.environ['PATH']}"})
    assert done.returncode == 6 and b"became shorter" in done.stderr, done
    assert receipt(gateway, ticket[0]) == [] and held(redis_server, ticket[1]) == 0 and not in_progress(gateway)


def test_a_file_without_a_size(shell, gateway, ticket):
    done = run(shell, "-t", ticket[0], "-d", gateway.url, "/proc/version")
    assert done.returncode == 0, done.stderr
    archive, = receipt(gateway, ticket[0])
    with open("/proc/version", "rb") as f:
        assert content(gateway, archive) == f.read()


def test_served_by_the_gateway(shell, scratch, redis_server, tmp_path, make_file, gateway):
    """curl -sS https://host/u/<token>.sh | sh -s -- file; a script cut anywhere runs nothing."""
    token, _ = seed_ticket(redis_server)
    text = requests.get(f"{gateway.url}/u/{token}.sh", timeout=10).text
    with FlakyProxy(gateway.port, lambda n: (None, True)) as line:
        text = text.replace(GATEWAY_ENV["PUBLIC_URL"], line.url)  # its own address, as the test can reach it
        file = make_file(2000)
        done = subprocess.run([*shell, "-s", "--", file.path], input=text.encode(), capture_output=True, timeout=60,
                              env={"PATH": os.environ["PATH"], "no_proxy": "*"}, check=False)
        assert done.returncode == 0, done.stderr
        assert [a["sha256"] for a in receipt(gateway, token)] == [file.sha256]
        before = line.count
        cut = text[:random.Random(3).randrange(len(text) // 2, len(text) - len('uploader "$@"\n'))]
        subprocess.run([*shell, "-s", "--", file.path], input=cut.encode(), capture_output=True, timeout=60,
                       env={"PATH": os.environ["PATH"], "no_proxy": "*"}, check=False)
        assert line.count == before


def test_proxy(shell, gateway, ticket, make_file):
    file = make_file(10)
    open_air = {"no_proxy": ""}
    done = run(shell, "-t", ticket[0], "-d", "http://logs.invalid", "-x", "http://proxy.invalid:1", file.path, env=open_air)
    assert done.returncode == 1 and b"proxy" in done.stderr.lower(), done
    with FlakyProxy(gateway.port, lambda n: (None, True), (b" http://logs.invalid/", b" /")) as proxy:
        done = run(shell, "-t", ticket[0], "-d", "http://logs.invalid", "-x", f"127.0.0.1:{proxy.port}", file.path,
                   env=open_air)
    assert done.returncode == 0, done.stderr
    assert [a["sha256"] for a in receipt(gateway, ticket[0])] == [file.sha256]


def test_digest_is_checked_end_to_end(shell, gateway, ticket, make_file, tmp_path):
    """A line that changes bytes: found, and 5."""
    (tmp_path / "sha256sum").write_text("#!/bin/sh\ncat > /dev/null\necho 0000  -\n")
    (tmp_path / "sha256sum").chmod(0o755)
    file = make_file(1000)
    done = run(shell, "-t", ticket[0], "-d", gateway.url, file.path, env={"PATH": f"{tmp_path}:{os.environ['PATH']}"})
    assert done.returncode == 5 and file.sha256.encode() in done.stderr
    assert hashlib.sha256(content(gateway, receipt(gateway, ticket[0])[0])).hexdigest() == file.sha256
