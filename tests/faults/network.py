"""A customer behind a bad line: a network namespace with one veth to here, whose own rules lose or reset packets. Must
change nothing outside the namespace."""

import random
import secrets
import subprocess

from lc.programs import missing, need


class BadLine:
    """`here` and `there`: the addresses of both ends. argv(...) is a command behind the line."""

    def __enter__(self):
        need("ip", "iptables-legacy")
        self.name = f"lc{secrets.token_hex(4)}"
        net = f"10.{random.randint(100, 250)}.{random.randint(0, 255)}"
        self.here, self.there = f"{net}.1", f"{net}.2"
        made = subprocess.run(["ip", "netns", "add", self.name], capture_output=True, text=True, check=False)
        if made.returncode != 0:
            missing(f"no network namespaces here: {made.stderr.strip()}")
        self._run("ip", "link", "add", self.name, "type", "veth", "peer", "name", "line", "netns", self.name)
        self._run("ip", "addr", "add", f"{self.here}/30", "dev", self.name)
        self._run("ip", "link", "set", self.name, "up")
        for command in ("ip addr add {}/30 dev line".format(self.there), "ip link set line up", "ip link set lo up"):
            self._run(*self.argv(*command.split()))
        return self

    def argv(self, *command):
        return ["ip", "netns", "exec", self.name, *command]

    def rule(self, *words):
        self._run(*self.argv("iptables-legacy", "-A", *words))

    def lose(self, share):
        """Each packet, either way."""
        for chain in ("INPUT", "OUTPUT"):
            self.rule(chain, "-m", "statistic", "--mode", "random", "--probability", str(share), "-j", "DROP")

    def reset_every(self, packets):
        """One of so many packets to the gateway ends its connection on both sides."""
        self.rule("INPUT", "-p", "tcp", "-m", "statistic", "--mode", "nth", "--every", str(packets), "--packet", "0", "-j", "REJECT",
                  "--reject-with", "tcp-reset")

    def cut(self):
        """Nothing goes through any more, either way; nobody is told."""
        for chain in ("INPUT", "OUTPUT"):
            self.rule(chain, "-j", "DROP")

    def heal(self):
        self._run(*self.argv("iptables-legacy", "-F"))

    @staticmethod
    def _run(*argv):
        subprocess.run(argv, check=True, capture_output=True, timeout=30)

    def __exit__(self, *exc):
        subprocess.run(["ip", "netns", "del", self.name], check=False, capture_output=True, timeout=30)
