"""Templates to pages. Autoescape is on for every template; nothing is marked safe."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.responses import HTMLResponse

from plugin.screens.assets import asset_path
from plugin.screens.words import Words, catalogue

TEMPLATES = Path(__file__).parent / "templates"


@cache
def environment(language: str) -> Environment:
    """One environment a language, since translations belong to the environment."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    translations = catalogue(language)
    made.install_gettext_callables(  # type: ignore[attr-defined]
        translations.gettext, translations.ngettext, newstyle=True
    )
    made.globals["asset"] = asset_path
    made.filters["coded"] = coded
    return made


def render(template: str, words: Words, values: Mapping[str, object]) -> str:
    page = environment(words.language).get_template(template)
    return page.render({"words": words, **values})


def page(
    template: str,
    words: Words,
    values: Mapping[str, object],
    *,
    status: int = 200,
) -> HTMLResponse:
    return HTMLResponse(render(template, words, values), status_code=status)


# A code of ICD-10-CM as it stands in a sentence, or a chapter of it such as F17.
_CODE = re.compile(r"\b([A-TV-Z]\d[0-9AB](?:\.[0-9A-Z]{1,4})?)\b")


def coded(text: str) -> Markup:
    """Codes such as F10.20 in a sentence are set in the code face."""
    pieces = _CODE.split(text)
    return Markup("").join(
        Markup('<span class="code">{}</span>').format(piece) if odd else escape(piece)
        for odd, piece in zip(_alternating(len(pieces)), pieces, strict=True)
    )


def _alternating(length: int) -> list[bool]:
    return [bool(number % 2) for number in range(length)]
