"""The first screen as its parts become known: the frame, then the chart, then groups.

A browser shows what has arrived. Where the EHR answers at once the page comes whole and
with its own status; where it does not, the frame is sent at once and the rest follows
in the same answer. The skeleton is hidden by style alone as soon as something follows
it, so nothing that stands there moves, and no script is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from queue import SimpleQueue

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response, StreamingResponse

from plugin.logs import log

# A page that is ready by then is sent whole.
AT_ONCE = 0.05  # seconds
# Where the templates may be cut: before the patient's line, and before what follows.
CHART, GROUPS = "<!--chart-->", "<!--groups-->"


@dataclass(frozen=True, slots=True)
class Parts:
    """The page of a launch in its stages.

    `frame` and `failed` give whole pages, cut at the marks above; `read` is handed what
    takes the patient's line as soon as the chart is known, and gives the whole page.
    """

    frame: Callable[[], str]
    read: Callable[[Callable[[str], None]], str]
    failed: Callable[[BaseException], str]
    _told: SimpleQueue[str | None] = field(default_factory=SimpleQueue, init=False)


def shows_as_it_comes(request: Request) -> bool:
    """Whether a browser asks for the page to show it, and not a program.

    Source: Fetch Metadata, Sec-Fetch-Dest.
    """
    return request.headers.get("sec-fetch-dest") in ("document", "iframe")


def page_as_it_comes(parts: Parts, at_once: float = AT_ONCE) -> Response:
    """The page, whole where it is ready within `at_once` seconds.

    Raises: what `read` raises, where that is known by then.
    """
    worker = ThreadPoolExecutor(1, thread_name_prefix="first-screen")
    told = parts._told
    reading = worker.submit(parts.read, told.put)
    reading.add_done_callback(lambda _done: told.put(None))
    worker.shutdown(wait=False)
    wait([reading], timeout=at_once)
    if reading.done():
        return HTMLResponse(reading.result())

    def pieces() -> Iterator[str]:
        yield _before(parts.frame(), CHART)
        sent = CHART
        patient = told.get()
        if patient is not None:
            yield patient
            sent = GROUPS
            told.get()
        error = reading.exception()
        if error is None:
            yield _after(reading.result(), sent)
        else:
            log().error(
                "first_screen.failed", error=type(error).__name__, exc_info=error
            )
            yield _after(parts.failed(error), sent)

    return StreamingResponse(pieces(), media_type="text/html")


def _before(page: str, mark: str) -> str:
    return page.split(mark, 1)[0]


def _after(page: str, mark: str) -> str:
    return page.split(mark, 1)[1]
