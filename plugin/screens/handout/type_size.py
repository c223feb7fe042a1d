"""How large the type may be so that the hand-out stays one page, on Letter and on A4.

A browser prints without asking us, so the size is chosen beforehand, by the lines that
the words will fill. A wide typeface is reckoned with; in a narrower one there is room
to spare.
"""

from __future__ import annotations

from plugin.screens.handout.view import Go, Paper

# Characters to a line of 12 point, in the page's parts.
WHOLE, BESIDE_CODE, LEFT, RIGHT = 76, 60, 50, 25
# Lines that each kind of page holds; one with more is set in the next smaller type.
SIZES = (("", 37), ("long", 44), ("longer", 52))
SMALLEST = "longest"


def type_size(paper: Paper) -> str:
    """The class of the page: "" is 13 point; `large` is 17, on two pages if need be."""
    if paper.options.large:
        return "large"
    needed = lines_of(paper)
    return next((name for name, held in SIZES if needed <= held), SMALLEST)


def lines_of(paper: Paper) -> int:
    """The lines that a page of 12 point would have."""
    return (
        5  # the title, its lead and the foot
        + bool(paper.name)
        + _wrapped(paper.about, WHOLE)
        + sum(_going(go) for go in paper.steps)
        + 2
        + sum(_wrapped(line, WHOLE) for line in (*paper.medicine, paper.safety))
        + _both(paper)
        + bool(paper.crisis) * 2
        + sum(_wrapped(f"{line.name} {line.reach}", WHOLE) for line in paper.crisis)
    )


def _going(go: Go) -> int:
    wide = BESIDE_CODE if go.qr else WHOLE
    said = (go.name, go.where, go.address, f"{go.about} {go.cost}", go.phone)
    lines = 3 + sum(_wrapped(text, wide) for text in said) + go.demo + go.old
    return max(lines, 8 if go.qr else 0)


def _both(paper: Paper) -> int:
    """The two columns: what to expect, and what then."""
    left = _wrapped(" ".join(paper.first_time), LEFT)
    right = 8 + _wrapped(paper.promise, RIGHT)
    return 2 + max(left, right)


def _wrapped(text: str, width: int) -> int:
    return -(-len(text) // width)
