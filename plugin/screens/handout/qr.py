"""A QR code as one path of an inline SVG: no style, no picture to load."""

from __future__ import annotations

from dataclasses import dataclass

import segno

QUIET = 4  # modules of white around it. Source: ISO/IEC 18004, 6.3.8


@dataclass(frozen=True, slots=True)
class Qr:
    address: str
    size: int  # modules a side, the white around it included
    path: str


def qr_of(address: str) -> Qr:
    """The code of an address, with a tenth and a half of it to spare for dirt."""
    code = segno.make_qr(address, error="m")
    rows = [[bool(dark) for dark in row] for row in code.matrix]
    path = "".join(
        f"M{x + QUIET} {y + QUIET}h{length}v1h-{length}z"
        for y, row in enumerate(rows)
        for x, length in _runs(row)
    )
    return Qr(address, len(rows) + 2 * QUIET, path)


def _runs(row: list[bool]) -> list[tuple[int, int]]:
    """Where each run of dark modules begins, and how long it is."""
    found: list[tuple[int, int]] = []
    for x, dark in enumerate(row):
        if dark and x and row[x - 1]:
            start, length = found[-1]
            found[-1] = (start, length + 1)
        elif dark:
            found.append((x, 1))
    return found
