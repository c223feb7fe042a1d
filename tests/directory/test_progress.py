"""How far an import has come: a share of what is known to come."""

import gzip
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from plugin.commands.directory_progress import progress_line
from plugin.directory import versions
from plugin.directory.feeds import json_rows
from plugin.directory.listing import FeedOptions
from plugin.directory.progress import Done
from plugin.directory.sources import Fetched, fetched_source, file_source

Row = Callable[..., dict[str, Any]]
ROWS = 600  # more than two batches of the test


@pytest.mark.parametrize("whole", [True, False], ids=["small", "streamed"])
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
def test_share_of_the_file_grows_to_all_of_it(
    filled, row: Row, monkeypatch: pytest.MonkeyPatch, whole: bool, packed: bool
) -> None:
    monkeypatch.setattr(versions, "_BATCH", 250)
    if not whole:
        monkeypatch.setattr(json_rows, "WHOLE", 10)
    body = json.dumps([row(f"m{n}", day=None) for n in range(ROWS)]).encode()
    path = filled.folder / "feed.json"
    path.write_bytes(gzip.compress(body) if packed else body)
    told: list[Done] = []
    options = FeedOptions("f", "aa", "meeting-guide")
    filled.directory.import_feed(file_source(path), options, progress=told.append)
    shares = [done.share for done in told if done.share is not None]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert [done.rows for done in told] == [0, 250, 500, ROWS]
    if whole and not packed:
        assert shares[:2] == pytest.approx([200 / ROWS, 400 / ROWS], abs=0.01)


@pytest.mark.parametrize(
    ("headers", "shares"),
    [
        pytest.param({"content-length": "8"}, [0.5, 1.0], id="announced"),
        pytest.param({}, [None, None], id="unknown"),
        pytest.param(
            {"content-length": "5", "content-encoding": "gzip"},
            [None, None],
            id="packed-on-the-way",
        ),
        pytest.param({"content-length": "4"}, [1.0, 1.0], id="too-little-announced"),
    ],
)
def test_share_of_what_the_address_announced(
    tmp_path: Path, headers: dict[str, str], shares: list[float | None]
) -> None:
    def body() -> Iterator[bytes]:
        yield b"[{}]"
        yield b"    "

    told: list[Done] = []
    fetched_source(
        "https://feed.example/",
        lambda _url, _headers: Fetched(200, headers, body()),
        tmp_path,
        progress=told.append,
    )
    assert [done.share for done in told] == shares
    assert [done.fetched for done in told] == [4, 8]


@pytest.mark.parametrize(
    ("done", "line"),
    [
        pytest.param(
            Done(0.5, 15000), f"[{'#' * 15}{' ' * 15}]  50 %  15,000 rows read"
        ),
        pytest.param(Done(1.0, 7), f"[{'#' * 30}] 100 %  7 rows read"),
        pytest.param(Done(None, 7), "7 rows read"),
        pytest.param(Done(None, fetched=2_500_000), "2.5 MB fetched"),
    ],
    ids=["half", "all", "unknown", "fetched"],
)
def test_progress_line_shows_share_and_count(done: Done, line: str) -> None:
    assert progress_line(done) == line
