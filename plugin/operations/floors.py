"""Versions below which a dependency has a known weakness; the app does not start there.

The pins are above them. This is for installations that were made by other means.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version

# The first version without the weakness, and the weakness.
FLOORS: Mapping[str, tuple[str, str]] = {
    "authlib": ("1.6.9", "CVE-2026-27962, CVE-2026-28498"),
    "joserfc": ("1.6.3", "CVE-2026-27932"),
    "pydantic-settings": ("2.14.2", "GHSA-4xgf-cpjx-pc3j"),
    "python-multipart": ("0.0.27", "CVE-2026-40347, CVE-2026-42561"),
    "starlette": ("1.0.1", "CVE-2025-62727, CVE-2026-48710"),
    "urllib3": ("2.7.0", "CVE-2025-66471, CVE-2026-21441, CVE-2026-44432"),
}


class DependencyTooOld(Exception):
    """`public` says which, and how to mend it."""

    def __init__(self, public: str) -> None:
        super().__init__(public)
        self.public = public


def check_floors(installed: Callable[[str], str] = version) -> None:
    """Look at what is installed.

    Takes:  the version of a package by its name; PackageNotFoundError for none.
    Raises: DependencyTooOld, naming every package.
    """
    found = list(_below(installed))
    if found:
        raise DependencyTooOld(
            f"Known weaknesses: {'; '.join(found)}. "
            "Install what requirements/runtime.txt pins"
        )


def _below(installed: Callable[[str], str]) -> Iterator[str]:
    for name, (floor, weakness) in FLOORS.items():
        try:
            at = installed(name)
        except PackageNotFoundError:
            continue  # not used here
        if numbers(at) < numbers(floor):
            yield f"{name} {at} is older than {floor} ({weakness})"


def numbers(text: str) -> tuple[int, ...]:
    """The release of a version, without zeros at its end: 1.10.0rc1 is (1, 10).

    Source: PEP 440, "Final releases", "Version specifiers" (zero padding).
    """
    found = re.match(r"\d+(?:\.\d+)*", text)
    release = [int(one) for one in found[0].split(".")] if found else []
    while release and release[-1] == 0:
        release.pop()
    return tuple(release)
