"""Where a feed's bytes come from: a file, or an https address.

What is fetched is first written to a temporary file, so that a feed that breaks off is
noticed before anything of it is stored. Compressed files are unpacked as they are read,
and not beyond reason.
"""

import gzip
import hashlib
import tempfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from io import BufferedReader, RawIOBase
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol

from plugin.directory.errors import FeedUnreachable, FeedUnreadable
from plugin.directory.progress import Done, Gauge, Progress, no_progress

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

# JSON packs to a tenth; a file that grows two hundred times is made to fill a disk.
_MOST_TIMES_PACKED = 200
_UNPACKED_FREELY = 16 * 2**20  # bytes
_LARGEST = 4 * 2**30  # bytes
_CHUNK = 2**20
_GZIP = b"\x1f\x8b"
_ZIP = b"PK\x03\x04"

# What a BMLT server is asked for; the first is the feed itself.
BMLT_PARTS = ("GetSearchResults", "GetFormats", "GetServiceBodies")


@dataclass(frozen=True, slots=True)
class Fetched:
    """An answer of a feed's address. The body is read once."""

    status: int
    headers: Mapping[str, str]  # names in small letters
    body: Iterator[bytes]


class Fetch(Protocol):
    """Asks an https address. Follows no redirect to anything but https.

    Raises: FeedUnreachable.
    """

    def __call__(self, url: str, headers: Mapping[str, str]) -> Fetched: ...


@dataclass(frozen=True, slots=True)
class FileSource:
    """A file, and its siblings in the same folder."""

    path: Path
    label: str = ""
    parts: Mapping[str, Path] = field(default_factory=dict)
    etag: str = ""
    last_modified: str = ""
    gauge: Gauge = field(default_factory=Gauge, repr=False, compare=False)

    @property
    def name(self) -> str:
        return self.label or self.path.name

    def open(self) -> BinaryIO:
        return _opened(self.path, self.gauge)

    def sibling(self, part: str) -> BinaryIO | None:
        path = self._sibling_path(part)
        return _opened(path) if path is not None else None

    def digest(self, also: str) -> str:
        """Of the bytes, of its siblings' bytes, and of whatever else decides."""
        total = hashlib.sha256(also.encode())
        paths = [self.path, *(self._sibling_path(part) for part in BMLT_PARTS[1:])]
        for path in paths:
            if path is None:
                continue
            with _opened(path) as stream:
                while chunk := stream.read(_CHUNK):
                    total.update(chunk)
        return total.hexdigest()

    def _sibling_path(self, part: str) -> Path | None:
        if self.parts:
            return self.parts.get(part)
        name = self.path.name
        own = next((one for one in BMLT_PARTS if one in name), "")
        other = name.replace(own, part) if own else f"{part}.json"
        path = self.path.with_name(other)
        return path if path.is_file() and path != self.path else None


def file_source(path: Path) -> FileSource:
    """Raises: FeedUnreadable where there is no such file."""
    if not path.is_file():
        raise FeedUnreadable(f"there is no file {path}")
    return FileSource(path)


@dataclass(frozen=True, slots=True)
class NotModified:
    """The address says that nothing changed since the last time."""


def fetched_source(
    url: str,
    fetch: Fetch,
    folder: Path,
    *,
    etag: str = "",
    last_modified: str = "",
    progress: Progress = no_progress,
) -> FileSource | NotModified:
    """Fetch a feed of one part into a folder.

    Raises: FeedUnreachable, FeedUnreadable.
    """
    asked = {"If-None-Match": etag, "If-Modified-Since": last_modified}
    answer = fetch(url, {name: value for name, value in asked.items() if value})
    if answer.status == 304:
        return NotModified()
    return FileSource(
        _kept(answer, folder / "feed", progress),
        label=_shown(url),
        etag=answer.headers.get("etag", ""),
        last_modified=answer.headers.get("last-modified", ""),
    )


def fetched_bmlt(
    url: str,
    fetch: Fetch,
    folder: Path,
    wait: Callable[[float], None],
    progress: Progress = no_progress,
) -> FileSource:
    """Ask a BMLT server for its three parts, one request a second.

    Raises: FeedUnreachable, FeedUnreadable.
    """
    parts = {}
    for number, (part, address) in enumerate(bmlt_addresses(url).items()):
        if number:
            wait(1.0)  # as the servers' operators ask
        parts[part] = _kept(fetch(address, {}), folder / part, progress)
    return FileSource(parts[BMLT_PARTS[0]], label=_shown(url), parts=parts)


def bmlt_addresses(url: str) -> dict[str, str]:
    """The address of each part, given a server's root or its GetSearchResults."""
    root = url.split("client_interface/", maxsplit=1)[0].rstrip("/")
    client = f"{root}/client_interface/json/?switcher="
    addresses = {part: client + part for part in BMLT_PARTS}
    if BMLT_PARTS[0] in url:
        addresses[BMLT_PARTS[0]] = url  # with the filters that were given
    return addresses


def _shown(url: str) -> str:
    """The address without what may be a sharing key."""
    return url.split("?", maxsplit=1)[0].split("#", maxsplit=1)[0]


def _kept(answer: Fetched, path: Path, progress: Progress) -> Path:
    if answer.status != 200:
        raise FeedUnreachable(f"its address answered with status {answer.status}")
    written, total = 0, _announced(answer)
    with path.open("wb") as target:
        for chunk in answer.body:
            written += len(chunk)
            if written > _LARGEST:
                raise FeedUnreadable("it is larger than 4 GB")
            target.write(chunk)
            share = min(1.0, written / total) if total else None
            progress(Done(share, fetched=written))
    return path


def _announced(answer: Fetched) -> int:
    """How many bytes will come; 0 where that is not known."""
    said = answer.headers.get("content-length", "")
    packed = answer.headers.get("content-encoding", "identity") != "identity"
    return 0 if packed or not said.isdecimal() else int(said)


def temporary_folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="selfhelp-feed-")


def _opened(path: Path, gauge: Gauge | None = None) -> BinaryIO:
    """The unpacked bytes of a file.

    Raises: FeedUnreadable for an archive, and for what unpacks beyond reason.
    """
    plain = path.open("rb")
    if gauge is not None:
        gauge.follow(plain, path.stat().st_size)
    start = plain.peek(4)[:4]
    if start.startswith(_ZIP):
        plain.close()
        raise FeedUnreadable("it is a zip archive: unpack it first")
    if not start.startswith(_GZIP):
        return plain
    limit = most_unpacked(path.stat().st_size)
    unpacked = _Bounded(gzip.GzipFile(fileobj=plain, mode="rb"), limit)
    return BufferedReader(unpacked, _CHUNK)


def most_unpacked(packed: int) -> int:
    """Bytes to which so many packed ones may grow."""
    return min(_LARGEST, max(_UNPACKED_FREELY, packed * _MOST_TIMES_PACKED))


class _Bounded(RawIOBase):
    """An unpacked stream that refuses to grow beyond a limit."""

    def __init__(self, packed: gzip.GzipFile, limit: int) -> None:
        super().__init__()
        self._packed = packed
        self._limit = limit

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, target: "WriteableBuffer") -> int:
        try:
            count = self._packed.readinto(target)
        except (gzip.BadGzipFile, zlib.error, EOFError) as error:
            raise FeedUnreadable(f"it cannot be unpacked: {error}") from None
        if self._packed.tell() > self._limit:
            raise FeedUnreadable("it unpacks to far more than a feed holds")
        return count

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._packed.seek(offset, whence)

    def tell(self) -> int:
        return self._packed.tell()

    def close(self) -> None:
        self._packed.close()
        super().close()
