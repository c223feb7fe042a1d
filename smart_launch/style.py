"""How the EHR wants apps to look: read from it, checked, and kept for a while.

Only values of a known form are taken; nothing of what an EHR sends becomes part of a
page as it came.

Source: SMART App Launch 2.2, "Styling".
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from smart_launch.errors import SmartError
from smart_launch.outbound import Outbound
from smart_launch.registration import Registration

_log = logging.getLogger("smart_launch")

KEPT_FOR = 3600.0  # seconds
_FAILED_FOR = 300.0
_MOST_KEPT = 200
_DEADLINE = 3.0
_MAX_BYTES = 64 * 1024
_COLOUR = re.compile(r"#(?:[0-9a-fA-F]{3}|[0-9a-fA-F]{6})")
_PIXELS = re.compile(r"([0-9]{1,2})(?:\.[0-9]+)?px")
_FONT = re.compile(r"[A-Za-z0-9 ,'\"-]{1,200}")


@dataclass(frozen=True, slots=True)
class Style:
    """Colours as #rrggbb, the radius in pixels, font names in order; "" or () where
    the EHR says nothing that can be taken."""

    background: str = ""
    text: str = ""
    highlight: str = ""
    radius: int | None = None
    fonts: tuple[str, ...] = ()


def style_of(document: object) -> Style:
    """What of an EHR's style document is of a known form."""
    said = document if isinstance(document, dict) else {}
    radius = _PIXELS.fullmatch(_text(said, "dim_border_radius"))
    return Style(
        background=_colour(said, "color_background"),
        text=_colour(said, "color_text"),
        highlight=_colour(said, "color_highlight"),
        radius=int(radius[1]) if radius else None,
        fonts=_fonts(_text(said, "font_family_body")),
    )


@dataclass(slots=True)
class _Kept:
    reading: Future[Style | None]
    asked: float

    def is_old(self, now: float) -> bool:
        if not self.reading.done():
            return False
        failed = self.reading.result() is None
        return now - self.asked > (_FAILED_FOR if failed else KEPT_FOR)


@dataclass(slots=True)
class Styles:
    """The styles of all EHRs, each read in the background and at most once an hour."""

    outbound: Outbound
    monotonic: Callable[[], float] = time.monotonic
    _kept: dict[tuple[str, str], _Kept] = field(default_factory=dict, repr=False)
    _lock: Lock = field(default_factory=Lock, repr=False)

    def of(
        self, registration: Registration, url: str, *, patience: float = 0.0
    ) -> Style | None:
        """The style at an address of this EHR; None where it is not known in time.

        Takes: `patience`, seconds to wait for one that is being read.
        """
        reading = self._reading(registration, url)
        wait([reading], timeout=patience)
        return reading.result() if reading.done() else None

    def _reading(self, registration: Registration, url: str) -> Future[Style | None]:
        key, now = (registration.id, url), self.monotonic()
        with self._lock:
            kept = self._kept.get(key)
            if kept is None or kept.is_old(now):
                while len(self._kept) >= _MOST_KEPT:
                    self._kept.pop(next(iter(self._kept)))
                worker = ThreadPoolExecutor(1, thread_name_prefix="style")
                kept = _Kept(worker.submit(self._read, registration, url), now)
                worker.shutdown(wait=False)
                self._kept[key] = kept
            return kept.reading

    def _read(self, registration: Registration, url: str) -> Style | None:
        try:
            reply = self.outbound.request(
                registration, "GET", url, deadline=_DEADLINE, max_bytes=_MAX_BYTES
            )
            if reply.status != 200:
                return None
            return style_of(reply.json())
        except (SmartError, ValueError) as error:
            _log.warning("style.unread", extra={"error": type(error).__name__})
            return None


def _text(said: Mapping[Any, Any], name: str) -> str:
    value = said.get(name)
    return value.strip() if isinstance(value, str) else ""


def _colour(said: Mapping[Any, Any], name: str) -> str:
    text = _text(said, name).lower()
    if _COLOUR.fullmatch(text) is None:
        return ""
    if len(text) == 4:
        return "#" + "".join(digit * 2 for digit in text[1:])
    return text


def _fonts(text: str) -> tuple[str, ...]:
    if _FONT.fullmatch(text) is None:
        return ()
    names = (name.strip().strip("'\"").strip() for name in text.split(","))
    return tuple(name for name in names if name)
