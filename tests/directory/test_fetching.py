"""Feeds from https addresses: politely, safely, and not again without need."""

import gzip
import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
import requests
from urllib3.response import HTTPResponse

from plugin.directory.errors import FeedUnreachable, FeedUnreadable
from plugin.directory.fetching import WebFetch
from plugin.directory.importing import Importer
from plugin.directory.listing import FeedOptions
from plugin.directory.refreshing import Refresher
from plugin.directory.sources import Fetched, bmlt_addresses

Row = Callable[..., dict[str, Any]]
URL = "https://feeds.example.org/meetings.json?key=secret-canary"


@dataclass
class FakeSite:
    """Answers as it is told, and counts what it is asked."""

    pages: dict[str, bytes]
    etag: str = '"v1"'
    status: int = 200
    asked: list[tuple[str, Mapping[str, str]]] = field(default_factory=list)

    def __call__(self, url: str, headers: Mapping[str, str]) -> Fetched:
        self.asked.append((url, headers))
        if headers.get("If-None-Match") == self.etag:
            return Fetched(304, {}, iter(()))
        body = next((b for part, b in self.pages.items() if part in url), b"[]")
        return Fetched(self.status, {"etag": self.etag}, iter([body]))


@dataclass
class Bringing:
    refresher: Refresher
    site: FakeSite
    waited: list[float]

    def __call__(self, url: str = URL, **options: str) -> Any:
        usual = {"feed": "web", "program": "aa", "format": "meeting-guide"}
        named = FeedOptions(**(usual | options), timezone="America/New_York")  # type: ignore[arg-type]
        return self.refresher.bring(url, named)


@pytest.fixture
def bring(filled: Any, row: Row) -> Bringing:
    site = FakeSite({"meetings.json": json.dumps([row("a"), row("b")]).encode()})
    waited: list[float] = []
    importer = Importer(filled.engine, filled.clock)
    refresher = Refresher(filled.engine, filled.clock, site, importer, waited.append)
    return Bringing(refresher, site, waited)


def test_unchanged_address_is_asked_for_no_body(bring: Bringing) -> None:
    assert bring().changed == 2
    report = bring()
    assert (report.read, report.stored, report.unchanged) == (2, 2, 2)
    assert bring.site.asked[1][1]["If-None-Match"] == '"v1"'


def test_sharing_key_of_an_address_is_not_kept(bring: Bringing, filled: Any) -> None:
    bring()
    (status,) = filled.directory.status()
    assert status.source == "https://feeds.example.org/meetings.json"
    for path in filled.folder.glob("directory.db*"):
        assert b"secret-canary" not in path.read_bytes()


def test_failing_address_leaves_the_last_good_version(
    bring: Bringing, filled: Any
) -> None:
    bring()
    bring.site.status, bring.site.etag = 500, '"v2"'
    with pytest.raises(FeedUnreachable, match="status 500"):
        bring()
    (status,) = filled.directory.status()
    assert (status.state, status.meetings) == ("failed", 2)
    bring.site.status = 200
    assert bring().unchanged == 2
    assert filled.directory.status()[0].state == "good"


def test_staleness_grows_from_the_last_good_reading(
    bring: Bringing, filled: Any
) -> None:
    bring()
    filled.clock.forward(days=34)
    bring.site.status, bring.site.etag = 500, '"v2"'
    with pytest.raises(FeedUnreachable):
        bring()
    (status,) = filled.directory.status()
    assert (status.age_days, status.stale) == (34, True)


def test_bmlt_server_is_asked_for_three_parts_one_a_second(bring: Bringing) -> None:
    rows = [{"id_bigint": "1", "meeting_name": "A"}]
    bring.site.pages = {"GetSearchResults": json.dumps(rows).encode()}
    report = bring("https://bmlt.example.org/main_server/", format="bmlt")
    assert report.stored == 1
    assert [url.split("switcher=")[1] for url, _ in bring.site.asked] == [
        "GetSearchResults",
        "GetFormats",
        "GetServiceBodies",
    ]
    assert bring.waited == [1.0, 1.0]


def test_filters_of_a_bmlt_address_are_kept() -> None:
    url = (
        "https://b.example/client_interface/json/?switcher=GetSearchResults&services=5"
    )
    assert bmlt_addresses(url)["GetSearchResults"] == url
    assert bmlt_addresses(url)["GetFormats"] == (
        "https://b.example/client_interface/json/?switcher=GetFormats"
    )


def test_http_address_is_refused(bring: Bringing) -> None:
    with pytest.raises(FeedUnreadable, match="https"):
        bring("http://feeds.example.org/meetings.json")


ADDRESSES = [
    pytest.param("https://inside.example", ["10.0.0.1"], id="private"),
    pytest.param("https://meta.example", ["169.254.169.254"], id="metadata"),
    pytest.param("https://both.example", ["93.184.216.34", "127.0.0.1"], id="one-of"),
    pytest.param("https://user@x.example", ["93.184.216.34"], id="user"),
    pytest.param("ftp://x.example", ["93.184.216.34"], id="scheme"),
]


@pytest.mark.parametrize(("url", "resolved"), ADDRESSES)
def test_address_inside_the_network_is_not_called(
    url: str, resolved: list[str]
) -> None:
    class NeverCalled(requests.Session):
        def get(self, *_: Any, **__: Any) -> Any:
            raise AssertionError("it was called")

    fetch = WebFetch(NeverCalled(), lambda _host, _port: resolved)
    with pytest.raises(FeedUnreachable):
        fetch(url, {})


def test_redirect_into_the_network_is_not_followed() -> None:
    class Redirecting(requests.Session):
        asked = 0

        def get(self, url: Any, **_: Any) -> Any:
            self.asked += 1
            answer = requests.Response()
            answer.status_code = 302
            answer.raw = io.BytesIO()
            answer.headers["Location"] = "https://inside.example/"
            return answer

    session = Redirecting()
    hosts = {"feeds.example.org": ["93.184.216.34"], "inside.example": ["10.1.1.1"]}
    fetch = WebFetch(session, lambda host, _port: hosts[host])
    with pytest.raises(FeedUnreachable, match="public internet"):
        fetch("https://feeds.example.org/", {})
    assert session.asked == 1


def test_T05_zip_bomb_of_a_web_server_is_refused() -> None:
    bomb = gzip.compress(b"[" + b" " * (18 * 2**20), 1)

    class Packing(requests.Session):
        def get(self, *_: Any, **__: Any) -> Any:
            answer = requests.Response()
            answer.status_code = 200
            answer.raw = HTTPResponse(
                io.BytesIO(bomb), {"content-encoding": "gzip"}, preload_content=False
            )
            return answer

    fetch = WebFetch(Packing(), lambda _host, _port: ["93.184.216.34"])
    with pytest.raises(FeedUnreadable, match="far more"):
        for _ in fetch("https://feeds.example.org/", {}).body:
            pass
