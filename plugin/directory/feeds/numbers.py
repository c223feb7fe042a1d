"""Numbers of JSON that the stream's parser would give up on.

A whole number beyond 64 bits, or one beyond any double, makes that parser refuse all
that follows. It is written otherwise beforehand, still so large that whatever reads it
refuses it: the row that needs it is lost, and no other.
"""

import re
from math import isfinite

# Beyond it a double does not hold every whole number: no name of a row can be that.
EXACT = 2**53
# The parsers do not agree on whole numbers from here on.
TOO_LARGE = 2**63

_INSTEAD = b"1e300"
_DIGITS = 18  # so many fit
_SUSPECT = re.compile(rb"\d{19}|\d[eE]\+?\d{3}")
# A text, also one that the chunk breaks off; or a number.
_PIECE = re.compile(
    rb'("(?:[^"\\]|\\.)*(?:"|\\?\Z))|-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?', re.DOTALL
)


def tamed(chunk: bytes, before: bytes) -> bytes:
    """The chunk without such numbers.

    Takes: a chunk that ends within no number; `before`, the beginning of the text that
           the last one broke off.
    """
    if not _SUSPECT.search(chunk):
        return chunk
    return _PIECE.sub(_smaller, before + chunk)[len(before) :]


def _smaller(found: re.Match[bytes]) -> bytes:
    said = found[0]
    if found[1] is not None:
        return said
    if said.lstrip(b"-").isdigit():
        fits = len(said) <= _DIGITS or (
            len(said) <= _DIGITS + 2 and -TOO_LARGE <= int(said) < TOO_LARGE
        )
    else:
        fits = isfinite(float(said))
    return said if fits else _INSTEAD
