"""A line that shows on a terminal how far an import has come."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from plugin.directory.progress import Done, Progress

_BAR = 30  # signs
_CLEARED = "\r\x1b[K"


@contextmanager
def progress_on_terminal(*, shown: bool) -> Iterator["Progress"]:
    """Shows the share of the feed that is done; says nothing but on a terminal."""
    if not (shown and sys.stderr.isatty()):
        yield lambda _done: None
        return

    def show(done: "Done") -> None:
        sys.stderr.write(f"{_CLEARED}{progress_line(done)}")
        sys.stderr.flush()

    try:
        yield show
    finally:
        sys.stderr.write(_CLEARED)
        sys.stderr.flush()


def progress_line(done: "Done") -> str:
    """As `[#########                     ]  30 %  15,000 rows read`."""
    if done.fetched:
        counted = f"{done.fetched / 1_000_000:,.1f} MB fetched"
    else:
        counted = f"{done.rows:,} rows read"
    if done.share is None:
        return counted
    full = round(done.share * _BAR)
    return f"[{'#' * full:<{_BAR}}] {done.share:4.0%}  {counted}".replace("%", " %")
