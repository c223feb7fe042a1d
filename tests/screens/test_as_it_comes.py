"""The first screen is sent as it becomes known, and whole where it is known at once."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import HTMLResponse, StreamingResponse

from plugin.screens.as_it_comes import Parts, page_as_it_comes, shows_as_it_comes

FRAME = "<top><wait><!--chart--><!--groups-->"
WHOLE = "<top><!--chart--><patient><!--groups--><main>"
FAILED = "<top><!--chart--><!--groups--><sorry>"


def sent(answer: StreamingResponse) -> list[str]:
    """The pieces, read in a thread of their own: a browser may hold this one's loop."""

    async def read() -> list[str]:
        return [str(piece) async for piece in answer.body_iterator]

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, read()).result()


def parts(read: Callable[[Callable[[str], None]], str]) -> Parts:
    return Parts(lambda: FRAME, read, lambda _error: FAILED)


def test_page_that_is_ready_at_once_is_whole() -> None:
    answer = page_as_it_comes(parts(lambda _tell: WHOLE), at_once=30)
    assert isinstance(answer, HTMLResponse)
    assert answer.body.decode() == WHOLE


def test_error_that_is_known_at_once_keeps_its_status() -> None:
    def read(_tell: Callable[[str], None]) -> str:
        raise KeyError("gone")

    with pytest.raises(KeyError):
        page_as_it_comes(parts(read), at_once=30)


@pytest.mark.parametrize(
    ("tells", "fails", "pieces"),
    [
        pytest.param(
            True,
            False,
            ["<top><wait>", "<patient><wait>", "<main>"],
            id="frame-chart-groups",
        ),
        pytest.param(
            False,
            False,
            ["<top><wait>", "<patient><!--groups--><main>"],
            id="chart-in-memory",
        ),
        pytest.param(False, True, ["<top><wait>", "<!--groups--><sorry>"], id="unread"),
        pytest.param(
            True, True, ["<top><wait>", "<patient><wait>", "<sorry>"], id="no-groups"
        ),
    ],
)
def test_parts_are_sent_in_the_order_in_which_they_are_known(
    tells: bool, fails: bool, pieces: list[str]
) -> None:
    go = threading.Event()

    def read(tell: Callable[[str], None]) -> str:
        go.wait()
        if tells:
            tell("<patient><wait>")
        if fails:
            raise KeyError("gone")
        return WHOLE

    answer = page_as_it_comes(parts(read))
    assert isinstance(answer, StreamingResponse)
    go.set()
    assert sent(answer) == pieces


@pytest.mark.parametrize(
    ("destination", "streams"),
    [
        pytest.param("document", True, id="window"),
        pytest.param("iframe", True, id="frame-of-the-ehr"),
        pytest.param("empty", False, id="script"),
        pytest.param("", False, id="program"),
    ],
)
def test_only_a_browser_that_shows_it_gets_it_in_parts(
    destination: str, streams: bool
) -> None:
    headers = [(b"sec-fetch-dest", destination.encode())] if destination else []
    assert shows_as_it_comes(Request({"type": "http", "headers": headers})) is streams


@pytest.mark.slow
def test_slow_ehr_that_fails_is_told_in_the_page(installed: Any) -> None:
    path = installed.launch()
    installed.house.visits.forget(path.split("/")[2])
    installed.sandbox.faults.add("status", on="read", type="Patient", code=500)
    whole = installed.client.get(path)
    assert whole.status_code >= 500
    shown = installed.client.get(path, headers={"sec-fetch-dest": "iframe"})
    assert "Try again" in shown.text
    assert "Marcus" not in shown.text
