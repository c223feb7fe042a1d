"""The sandbox starts fast, alone, and stops when it is told to."""

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest
import requests

from deploy.sandbox.__main__ import main
from deploy.sandbox.serving import RunningSandbox


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def ready(url: str, process: subprocess.Popen[bytes]) -> float:
    started = time.monotonic()
    while time.monotonic() - started < 10:
        assert process.poll() is None, "it ended by itself"
        try:
            if requests.get(url, timeout=1).status_code == 200:
                return time.monotonic() - started
        except requests.ConnectionError:
            time.sleep(0.02)
    raise AssertionError("it did not start")


@pytest.mark.slow
@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT], ids=["term", "int"])
def test_command_starts_and_stops(stop: signal.Signals) -> None:
    port = free_port()
    command = [sys.executable, "-m", "deploy.sandbox", "--port", str(port)]
    process = subprocess.Popen([*command, "--flavour", "epic"])
    try:
        took = ready(f"http://localhost:{port}/sandbox/health", process)
        issuer = f"http://localhost:{port}/r4"
        statement = requests.get(f"{issuer}/metadata", timeout=5).json()
        assert statement["implementation"]["url"] == issuer
        assert statement["publisher"] == "Lakeside Health"
        process.send_signal(stop)
        assert process.wait(5) == 0
        assert took < 5  # 0.6 s alone; the machine may be busy
    finally:
        process.kill()


def test_taken_port_is_refused_with_a_line(
    sandbox: RunningSandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    port = sandbox.url.rpartition(":")[2]
    assert main(["--host", "127.0.0.1", "--port", port]) == 3
    assert "--port" in capsys.readouterr().err


def test_localhost_serves_both_families(
    sandbox_factory: Callable[..., RunningSandbox],
) -> None:
    running = sandbox_factory(host="localhost", flavour="athena")
    assert running.url.startswith("http://localhost:")
    assert running.site().flavour.name == "athena"
    assert running.issuer("full") == f"{running.url}/general/r4"
    port = int(running.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=5):
        pass


def test_stopped_sandbox_frees_its_port(
    sandbox_factory: Callable[..., RunningSandbox],
) -> None:
    first = sandbox_factory()
    port = int(first.url.rpartition(":")[2])
    first.stop()
    again = sandbox_factory(port=port)
    assert requests.get(f"{again.url}/sandbox/health", timeout=5).status_code == 200


def test_many_calls_at_once_are_all_counted(app: Any) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(8) as pool:
        codes = list(pool.map(lambda _: app.code(), range(40)))
    assert len(set(codes)) == 40
    assert len(app.sandbox.counts.calls("authorize")) == 40


@pytest.mark.parametrize("name", ["", "r4", "epic", "sandbox"])
def test_site_name_must_be_free(sandbox: RunningSandbox, name: str) -> None:
    with pytest.raises(ValueError, match="cannot be named"):
        sandbox.add_issuer(name)


def test_unknown_flavour_and_patient_are_refused(sandbox: RunningSandbox) -> None:
    with pytest.raises(ValueError, match="no flavour"):
        sandbox.set_flavour("cerner")
    with pytest.raises(LookupError):
        sandbox.issuer("cerner")
    with pytest.raises(LookupError):
        sandbox.mint_launch("nobody")


def test_record_may_be_changed_from_outside(launched: Any) -> None:
    sandbox = launched.sandbox
    fever = {
        "resourceType": "Condition",
        "id": "p0417-fever",
        "subject": {"reference": "Patient/p0417"},
        "code": {"text": "fever"},
    }
    sandbox.put(fever)
    assert launched.get("Condition/p0417-fever").json()["code"] == fever["code"]
    sandbox.remove("Condition/p0417-fever")
    assert launched.get("Condition/p0417-fever").status_code == 404


def test_pages_may_be_made_shorter(launched: Any) -> None:
    launched.sandbox.limit_pages(2)
    try:
        assert len(launched.get("Condition", _count=50).json()["entry"]) == 2
    finally:
        launched.sandbox.limit_pages(None)


def test_calls_at_the_same_time_are_told(launched: Any) -> None:
    from concurrent.futures import ThreadPoolExecutor

    launched.sandbox.faults.add("delay", on="read", seconds=0.2)
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda _: launched.get("Patient/p0417"), range(3)))
    assert launched.sandbox.counts.most_at_once == 3
