"""Which line of a TOML file set a value, so that a refusal can name it.

`tomllib` forgets where a value stood. This reads the file a second time, only for
headers and keys; it is never used to read a value.
"""

import re
from collections import Counter
from collections.abc import Mapping

Path = tuple[str | int, ...]

_ARRAY_HEADER = re.compile(r"\s*\[\[\s*([A-Za-z0-9_-]+)\s*\]\]")
_TABLE_HEADER = re.compile(r"\s*\[\s*([A-Za-z0-9_-]+)\s*\]")
_KEY = re.compile(r"""\s*["']?([A-Za-z0-9_-]+)["']?\s*[=.]""")


def key_lines(text: str) -> Mapping[Path, int]:
    """Find the line of each header and key.

    Gives:  1-based lines under paths such as `("ehr", 0, "issuer")`.
    """
    found: dict[Path, int] = {}
    seen: Counter[str] = Counter()
    table: Path = ()
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _ARRAY_HEADER.match(line):
            table = (header[1], seen[header[1]])
            seen[header[1]] += 1
            found[table] = number
        elif header := _TABLE_HEADER.match(line):
            table = (header[1],)
            found[table] = number
        elif key := _KEY.match(line):
            found.setdefault((*table, key[1]), number)
    return found


def line_of(path: Path, lines: Mapping[Path, int]) -> int | None:
    """The line of the value, else of the table that it stands in or is missing from."""
    for length in range(len(path), 0, -1):
        if path[:length] in lines:
            return lines[path[:length]]
    return None
