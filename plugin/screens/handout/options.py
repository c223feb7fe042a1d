"""How a hand-out is to be: language, names, reasons. It stands in the address."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from plugin.screens.words import languages, nearest


@dataclass(frozen=True, slots=True)
class Options:
    """`restricted` where the paper may be read by whoever harms the patient."""

    language: str
    named: bool  # the groups
    why: bool = False  # what the groups are for
    patient: bool = False  # the patient's name
    safe: bool = False  # the patient named a safe way to be reached
    large: bool = False  # for weak eyes: 17 point, on two pages if need be
    restricted: bool = False

    @property
    def may_lead_back(self) -> bool:
        """Whether a code, a calendar file, a text to send and calls are offered."""
        return self.safe or not self.restricted

    @property
    def query(self) -> str:
        """The same, as an address has it."""
        said = {"lang": self.language, "names": "on" if self.named else "off"}
        ticks = ("why", "patient", "safe", "large")
        return urlencode(said | {name: "on" for name in ticks if getattr(self, name)})


def options_of(query: Mapping[str, str], spoken: str, *, restricted: bool) -> Options:
    """What was asked for. Names are on unless left off; where restricted, the reverse.

    Takes: `spoken`, the patient's language.
    """
    asked, names = query.get("lang", ""), query.get("names", "")
    return Options(
        language=asked if asked in languages() else nearest(spoken),
        named=names == "on" if restricted else names != "off",
        why=query.get("why") == "on",
        patient=query.get("patient") == "on",
        safe=restricted and query.get("safe") == "on",
        large=query.get("large") == "on",
        restricted=restricted,
    )
