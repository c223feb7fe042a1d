"""How far an import has come, for whoever is watching."""

from collections.abc import Callable
from typing import BinaryIO, NamedTuple


class Done(NamedTuple):
    """`share` is of all bytes, from 0 to 1; None where nobody said how many there are.

    `fetched` counts bytes while a feed is on its way, and is 0 from then on.
    """

    share: float | None
    rows: int = 0
    fetched: int = 0


Progress = Callable[[Done], None]


def no_progress(_done: Done) -> None:
    """No one is watching."""


class Gauge:
    """How much of a file has been read."""

    def __init__(self) -> None:
        self._file: BinaryIO | None = None
        self._size = 0

    def follow(self, file: BinaryIO, size: int) -> None:
        self._file, self._size = file, size

    def share(self) -> float | None:
        """None before the file is opened."""
        if self._file is None:
            return None
        if self._file.closed or not self._size:
            return 1.0
        return min(1.0, self._file.tell() / self._size)
