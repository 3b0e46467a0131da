"""Waiting for a condition with a deadline; no test sleeps for a guessed time."""

import time


def until(condition, timeout=10.0, what="condition", step=0.02):
    """Polls condition() until it is true and gives what it returned; its exceptions count as not yet."""
    deadline = time.monotonic() + timeout
    last = None
    while True:
        try:
            value = condition()
            if value:
                return value
            last = None
        except Exception as e:  # pylint: disable=broad-except
            last = e
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {timeout} s in vain for {what}" + (f": {last!r}" if last else ""))
        time.sleep(step)
