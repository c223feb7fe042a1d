"""Where the parts of a drawing stand: bars by month, bars by name. Pure geometry.

Every number that is drawn is also written, so that no drawing needs its colours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 440.0, 150.0
_LEFT, _TOP, _BASE = 30.0, 18.0, 118.0
_ROW = 24.0
_NAMES, _END = 168.0, 400.0
# More ticks than this under the bars would run into one another.
_MOST_TICKS = 6
_MOST_LETTERS = 22


@dataclass(frozen=True, slots=True)
class Bar:
    x: float
    y: float
    width: float
    height: float
    value: str
    tick: str

    @property
    def middle(self) -> float:
        return round(self.x + self.width / 2, 1)


@dataclass(frozen=True, slots=True)
class Row:
    """A bar that lies. `mark` is where something published stands, None for nothing."""

    y: float
    name: str
    width: float
    value: str
    mark: float | None = None

    @property
    def short(self) -> str:
        """What fits before the bar; the whole name stands in the table."""
        if len(self.name) <= _MOST_LETTERS:
            return self.name
        return f"{self.name[: _MOST_LETTERS - 1].rstrip()}…"


@dataclass(frozen=True, slots=True)
class Table:
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class Plot:
    """A drawing with its table. `said` is the drawing in a sentence."""

    id: str
    title: str
    said: str
    caption: str
    table: Table
    bars: Sequence[Bar] = ()
    rows: Sequence[Row] = ()

    @property
    def height(self) -> float:
        return HEIGHT if self.bars else _TOP + _ROW * len(self.rows)

    @property
    def row_start(self) -> float:
        return _NAMES


def bars(values: Sequence[tuple[str, float, str]], top: float = 0.0) -> Sequence[Bar]:
    """Takes: (tick, value, value as it is written) each; `top`, the scale's end."""
    most = max([top, *(value for _, value, _ in values)]) or 1.0
    step = (WIDTH - _LEFT) / max(len(values), 1)
    every = -(-len(values) // _MOST_TICKS) or 1
    return [
        Bar(
            x=round(_LEFT + step * number + step * 0.12, 1),
            y=round(_BASE - (_BASE - _TOP) * value / most, 1),
            width=round(step * 0.76, 1),
            height=round((_BASE - _TOP) * value / most, 1),
            value=written,
            tick=tick if number % every == 0 else "",
        )
        for number, (tick, value, written) in enumerate(values)
    ]


def rows(
    values: Sequence[tuple[str, float, str]],
    top: float = 0.0,
    marks: Sequence[float | None] = (),
) -> Sequence[Row]:
    """The same, lying; `marks` are in the values' own unit."""
    most = max([top, *(value for _, value, _ in values)]) or 1.0
    room = _END - _NAMES
    marked = [*marks, *([None] * (len(values) - len(marks)))]
    return [
        Row(
            y=_ROW * number,
            name=name,
            width=round(room * value / most, 1),
            value=written,
            mark=None if mark is None else round(_NAMES + room * mark / most, 1),
        )
        for number, ((name, value, written), mark) in enumerate(
            zip(values, marked, strict=True)
        )
    ]
