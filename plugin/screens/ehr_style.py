"""The EHR's own colours, where a reader can still read them.

Served as a style sheet of ours: colours, a radius and fonts of a list. A pair with too
little contrast is not taken. The colours of safety and of what was written stay ours,
so that they mean the same in every EHR.
"""

from __future__ import annotations

import re
from functools import cache

from fastapi import APIRouter
from starlette.responses import Response

from plugin.screens.assets import HERE
from plugin.screens.gate import Launch
from smart_launch.style import Style

router = APIRouter(include_in_schema=False)

ENOUGH = 4.5  # Source: WCAG 2.2, 1.4.3
DRAWN = 3.0  # Source: WCAG 2.2, 1.4.11
# What of ours stands on the EHR's ground, and how well it must be seen there.
OF_OURS = {
    **dict.fromkeys(("ink-2", "red", "amber", "ok", "wait"), ENOUGH),
    **dict.fromkeys(("edge", "focus"), DRAWN),
}
PATIENCE = 0.1  # seconds that the first page may wait for it
KEPT = "private, max-age=600"
MOST_ROUND = 12  # pixels
# What a browser has, or a system brings along: nothing is loaded.
FONTS = {
    name.casefold(): name
    for name in (
        "Arial",
        "Helvetica",
        "Helvetica Neue",
        "Segoe UI",
        "Roboto",
        "Open Sans",
        "Noto Sans",
        "Lato",
        "Source Sans Pro",
        "Inter",
        "Verdana",
        "Tahoma",
        "Calibri",
    )
}
GENERIC = ("sans-serif", "system-ui", "ui-sans-serif")


@router.get("/launches/{launch_id}/style.css")
def style_sheet(launch: Launch) -> Response:
    style = launch.house.smart.style(launch.context, patience=PATIENCE)
    headers = {"content-type": "text/css; charset=utf-8"}
    if style is not None:
        headers["cache-control"] = KEPT
    return Response(sheet_of(style) if style else "", headers=headers)


def sheet_of(style: Style) -> str:
    """The rules that the EHR's style comes to; "" where nothing of it can be taken."""
    rules = _colours(style)
    if style.radius is not None and style.radius <= MOST_ROUND:
        rules += [f"--r: {style.radius}px", f"--r2: {style.radius}px"]
    fonts = _fonts(style.fonts)
    if fonts:
        rules.append(f"--font: {fonts}")
    return f":root:root:root {{ {'; '.join(rules)} }}\n" if rules else ""


def _colours(style: Style) -> list[str]:
    """Ours for a light or dark ground, with the EHR's where they can be read."""
    back, text, high = style.background, style.text, style.highlight
    if not back:
        return []
    light = luminance(back) > 0.5
    ours = tokens("light" if light else "dark")
    soft = (ours["accent-soft"], ours["sunk"])
    if not text:
        text = ours["ink"]
    if any(contrast(text, on) < ENOUGH for on in (back, *soft)):
        return []
    if any(contrast(ours[name], back) < enough for name, enough in OF_OURS.items()):
        return []
    taken = {**ours, "ground": back, "surface": back, "ink": text}
    if high and all(contrast(high, on) >= ENOUGH for on in (back, *soft)):
        on_it = max(("#ffffff", "#000000"), key=lambda on: contrast(high, on))
        taken |= {"accent": high, "accent-hover": high, "on-accent": on_it}
        taken["accent-line"] = high
    if contrast(taken["accent"], back) < ENOUGH:
        return []
    scheme = "light" if light else "dark"
    return [f"color-scheme: {scheme}", *(f"--{n}: {c}" for n, c in taken.items())]


def _fonts(names: tuple[str, ...]) -> str:
    known = [f'"{FONTS[n.casefold()]}"' for n in names if n.casefold() in FONTS]
    generic = [n for n in names if n.casefold() in GENERIC][:1]
    return ", ".join([*known, *(generic or ["sans-serif"])]) if known else ""


@cache
def tokens(scheme: str) -> dict[str, str]:
    """The colours of our own style sheet, `light` or `dark`, by their names."""
    sheet = (HERE / "screens.css").read_text()
    blocks = re.findall(r":root[^{]*\{([^}]*--ground[^}]*)\}", sheet)
    block = blocks[0] if scheme == "light" else blocks[1]
    return dict(re.findall(r"--([a-z0-9-]+):\s*(#[0-9a-f]{6})", block))


def contrast(one: str, other: str) -> float:
    """Between 1 and 21. Source: WCAG 2.2, "contrast ratio"."""
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def luminance(colour: str) -> float:
    """Between 0 and 1, of #rrggbb. Source: WCAG 2.2, "relative luminance"."""
    shares = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (
        share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4
        for share in shares
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
