"""`selfhelp serve`: listens, answers, and ends when it is told to."""

import asyncio
import json
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.error import URLError

import pytest

from deploy.sandbox.serving import RunningSandbox
from plugin.commands.serve import _listener

SELFHELP = str(Path(sys.executable).with_name("selfhelp"))
pytestmark = pytest.mark.slow


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def status_of(url: str, seconds: float = 5.0) -> int:
    try:
        named = urllib.request.Request(url, headers={"Host": "localhost:8000"})
        with urllib.request.urlopen(named, timeout=seconds) as answer:
            return int(answer.status)
    except URLError as error:
        return int(getattr(error, "code", 0))


class Served:
    def __init__(self, config: Path, key: str, log: Path, *more: str) -> None:
        self.port, self.log = free_port(), log
        with log.open("wb") as kept:
            self.process = subprocess.Popen(
                [SELFHELP, "serve", "--port", str(self.port), *more],
                env={"SELFHELP_CONFIG": str(config), "SELFHELP_MASTER_KEY": key},
                stdout=subprocess.PIPE,
                stderr=kept,
            )
        self.url = f"http://127.0.0.1:{self.port}"

    def ready(self) -> None:
        until = time.monotonic() + 30
        while status_of(f"{self.url}/readyz") != 200:
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < until
            time.sleep(0.05)

    def ended(self, number: int) -> int:
        self.process.send_signal(number)
        return self.process.wait(40)


@pytest.fixture
def serve(installation, tmp_path: Path) -> Iterator[Callable[..., Served]]:
    from base64 import b64encode

    running: list[Served] = []

    def _serve(issuer: str = "http://127.0.0.1:9/r4", *more: str) -> Served:
        installation.write(issuer)
        key = b64encode(bytes(range(32))).decode()
        served = Served(installation.config, key, tmp_path / "log", *more)
        running.append(served)
        return served

    yield _serve
    for served in running:
        if served.process.poll() is None:
            served.process.kill()
        served.process.wait()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["term", "int"])
def test_W19_it_ends_with_0_when_told_to(serve, number: int) -> None:
    served = serve()
    served.ready()
    assert served.ended(number) == 0
    events = [json.loads(line) for line in served.log.read_text().splitlines()]
    assert [e["event"] for e in events if e["event"].startswith("app.")] == [
        "app.ready",
        "app.stopped",
    ]
    assert served.process.stdout is not None
    assert served.process.stdout.read() == b""


def test_page_does_not_wait_for_its_head_to_be_acknowledged() -> None:
    async def accepted() -> int:
        opened: asyncio.Future[asyncio.StreamWriter] = asyncio.Future()
        listener = _listener("127.0.0.1", 0)
        server = await asyncio.start_server(
            lambda _reader, writer: opened.set_result(writer), sock=listener
        )
        async with server:
            _, client = await asyncio.open_connection(*listener.getsockname())
            writer = await opened
            said = writer.get_extra_info("socket")
            for end in (client, writer):
                end.close()
            return int(said.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))

    assert asyncio.run(accepted()) == 1


def test_two_processes_answer_and_end(serve) -> None:
    served = serve("http://127.0.0.1:9/r4", "--workers", "2")
    served.ready()
    assert status_of(f"{served.url}/.well-known/jwks.json") == 200
    assert served.ended(signal.SIGTERM) == 0
    assert status_of(f"{served.url}/healthz") == 0


def test_a_port_in_use_is_3_and_one_line(installation) -> None:
    installation.write("http://127.0.0.1:9/r4")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ended = installation.run("serve", "--port", str(taken.getsockname()[1]))
    assert ended.code == 3
    assert ended.err.count("\n") == 1
    assert "Stop what listens there, or give --port" in ended.err


def test_a_mistake_in_the_settings_is_2_before_anything_listens(serve) -> None:
    served = serve("http://ehr.example/r4")
    assert served.process.wait(20) == 2
    assert "selfhelp.toml:6: issuer is plain http" in served.log.read_text()


def test_T08_healthz_answers_while_an_ehr_hangs(serve, sandbox: RunningSandbox) -> None:
    served = serve(sandbox.issuer())
    served.ready()
    sandbox.faults.add("hang", on="discovery", seconds=60)
    launch = f"/launch?iss={sandbox.issuer()}&launch=abc"
    with ThreadPoolExecutor(60) as clinicians:
        waiting = [
            clinicians.submit(status_of, served.url + launch, 30) for _ in range(60)
        ]
        time.sleep(0.5)
        assert status_of(f"{served.url}/healthz") == 200
        assert status_of(f"{served.url}/readyz") == 200
        assert not all(one.done() for one in waiting)
        served.process.kill()  # nobody waits for the end of it
