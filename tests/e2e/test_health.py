"""`health` of both programs: what a container's health check and a unit ask, by the same settings as the service."""

import socket

import pytest

from lc.process import free_port
from lc.wait import until


@pytest.fixture(name="service", params=["gateway", "admin"])
def _service(stack, request):
    return getattr(stack, request.param)


def not_well(done):
    return done if done.returncode == 1 else None


@pytest.mark.parametrize("words", [["health"], ["health", "--ready"]])
def test_running_service_is_well(service, words):
    done = service.run(*words)
    assert (done.returncode, done.stderr) == (0, ""), done
    assert '"status":"ok"' in done.stdout


def test_any_address_is_asked_at_loopback(service):
    port = service.env[service.status_variable].rsplit(":", 1)[1]
    done = service.run("health", env={service.status_variable: f"0.0.0.0:{port}"})
    assert done.returncode == 0, done


def test_live_without_redis_but_not_ready(service, stack):
    stack.redis.kill9()
    try:
        done = until(lambda: not_well(service.run("health", "--ready")), what="the service to miss Redis")
        assert '"redis":"unreachable"' in done.stderr, done
        assert service.run("health").returncode == 0
    finally:
        stack.redis.start()
    until(lambda: not not_well(service.run("health", "--ready")), what="the service to have Redis again")


def test_without_status_listener_the_service_itself_is_asked(service):
    off = {service.status_variable: "off"}
    assert service.run("health", env=off).returncode == 0
    done = service.run("health", "--ready", env=off)
    assert done.returncode == 1 and "status listener is off" in done.stderr, done


def test_nobody_there_is_not_well(service):
    done = service.run("health", env={service.status_variable: f"127.0.0.1:{free_port()}"})
    assert done.returncode == 1 and "Connection refused" in done.stderr, done


def test_who_says_nothing_is_not_well(service):
    with socket.create_server(("127.0.0.1", 0)) as mute:
        where = f"127.0.0.1:{mute.getsockname()[1]}"
        done = service.run("health", env={service.status_variable: where}, timeout=20)
    assert done.returncode == 1 and "no answer in time" in done.stderr, done


def test_other_words_are_refused(service):
    assert service.run("health", "--well").returncode == 2
    assert service.run("health", "--ready", "now").returncode == 2
    assert "health [--ready]" in service.run("--help").stdout
