"""Fetching a feed from its https address.

Nothing of a patient is in such a call: a feed is fetched whole, and searched here.
"""

import socket
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urljoin

import requests

from plugin.directory.errors import FeedUnreachable, FeedUnreadable
from plugin.directory.sources import Fetched, most_unpacked
from smart_launch.addresses import address_allowed, origin_of

_CONNECT, _READ = 10.0, 60.0  # seconds
_MOST_REDIRECTS = 4
_CHUNK = 1 << 18
_NAME = "selfhelp-referral (meeting directory)"

Resolve = Callable[[str, int], list[str]]


def resolve(host: str, port: int) -> list[str]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise FeedUnreachable(f"{host} has no address: {error.strerror}") from None
    return [str(one[4][0]) for one in found]


@dataclass(frozen=True, slots=True)
class WebFetch:
    """Asks an address; goes to https alone, and to public hosts alone."""

    session: requests.Session
    resolve: Resolve = resolve

    def __call__(self, url: str, headers: Mapping[str, str]) -> Fetched:
        """Raises: FeedUnreachable."""
        for _ in range(_MOST_REDIRECTS):
            self._check(url)
            answer = self._get(url, headers)
            if not answer.is_redirect:
                return Fetched(
                    answer.status_code,
                    {name.lower(): value for name, value in answer.headers.items()},
                    _chunks(answer),
                )
            url = urljoin(url, answer.headers["Location"])
            answer.close()
        raise FeedUnreachable("its address redirects too often")

    def _get(self, url: str, headers: Mapping[str, str]) -> requests.Response:
        asked = {"User-Agent": _NAME, "Accept-Encoding": "gzip", **headers}
        try:
            return self.session.get(
                url,
                headers=asked,
                stream=True,
                allow_redirects=False,
                timeout=(_CONNECT, _READ),
            )
        except requests.RequestException as error:
            raise FeedUnreachable(f"its address: {_said(error)}") from None

    def _check(self, url: str) -> None:
        origin = origin_of(url)
        if origin is None or origin.scheme != "https":
            raise FeedUnreachable("only plain https addresses are fetched")
        for address in self.resolve(origin.host, origin.port):
            if not address_allowed(ip_address(address), (), loopback=False):
                raise FeedUnreachable(f"{origin.host} is not on the public internet")


def _chunks(answer: requests.Response) -> Iterator[bytes]:
    """The body, unpacked; one that breaks off, or would fill a disk, is refused."""
    unpacked = 0
    try:
        with answer:
            for chunk in answer.iter_content(_CHUNK):
                unpacked += len(chunk)
                if unpacked > most_unpacked(answer.raw.tell()):
                    raise FeedUnreadable("it unpacks to far more than a feed holds")
                yield chunk
    except requests.RequestException as error:
        raise FeedUnreachable(f"its answer broke off: {_said(error)}") from None


def _said(error: Exception) -> str:
    return type(error).__name__
