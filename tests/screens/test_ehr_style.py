"""The EHR's own look, where a reader can still read it."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugin.screens.ehr_style import DRAWN, ENOUGH, contrast, sheet_of, tokens
from smart_launch.style import Style, style_of

LIGHT = {"color_background": "#fff", "color_text": "#1c2733"}
DARK = {"color_background": "#101418", "color_text": "#f0f0f0"}


def colours(sheet: str) -> dict[str, str]:
    return dict(re.findall(r"--([a-z0-9-]+): (#[0-9a-f]{6})", sheet))


def test_readable_style_is_taken() -> None:
    said = {
        **LIGHT,
        "color_highlight": "#1f4e79",
        "dim_border_radius": "8px",
        "font_family_body": "Papyrus, 'segoe ui', sans-serif",
    }
    sheet = sheet_of(style_of(said))
    taken = colours(sheet)
    assert taken["surface"] == "#ffffff"
    assert taken["ink"] == "#1c2733"
    assert taken["accent"] == "#1f4e79"
    assert "--r: 8px" in sheet
    assert '--font: "Segoe UI", sans-serif' in sheet


def test_dark_ground_brings_our_dark_colours_of_safety() -> None:
    taken = colours(sheet_of(style_of(DARK)))
    assert taken["red"] == tokens("dark")["red"]
    assert taken["red"] != tokens("light")["red"]


@pytest.mark.parametrize(
    "said",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"color_text": "#000000"}, id="no-ground"),
        pytest.param(
            {"color_background": "#ffffff", "color_text": "#cccccc"}, id="too-pale"
        ),
        pytest.param(
            {"color_background": "red;}body{display:none", "color_text": "#000"},
            id="not-a-colour",
        ),
        pytest.param({"dim_border_radius": "99px"}, id="too-round"),
        pytest.param({"font_family_body": "x; } a { color: red"}, id="not-a-font"),
        pytest.param({"font_family_body": "Wingdings"}, id="unknown-font"),
        pytest.param({"color_background": 7, "dim_border_radius": None}, id="no-text"),
    ],
)
def test_what_cannot_be_read_or_trusted_is_left_out(said: dict[str, Any]) -> None:
    assert sheet_of(style_of(said)) == ""


@pytest.mark.parametrize("document", [None, [], "style", 3])
def test_document_that_is_no_object_says_nothing(document: object) -> None:
    assert style_of(document) == Style()


COLOUR = st.integers(0, 0xFFFFFF).map(lambda n: f"#{n:06x}")


@given(COLOUR, COLOUR, COLOUR)
def test_whatever_is_taken_can_be_read(back: str, text: str, high: str) -> None:
    taken = colours(sheet_of(Style(back, text, high)))
    for ink, ground in (
        ("ink", "surface"),
        ("ink-2", "surface"),
        ("accent", "surface"),
        ("on-accent", "accent"),
        ("ink", "sunk"),
        *((name, "surface") for name in ("red", "amber", "ok", "wait")),
    ):
        if taken:
            assert contrast(taken[ink], taken[ground]) >= ENOUGH
    for line in ("edge", "focus"):
        if taken:
            assert contrast(taken[line], taken["surface"]) >= DRAWN


@given(st.dictionaries(st.text(), st.text() | st.none() | st.integers()))
def test_any_document_gives_a_sheet_of_known_form(said: dict[str, Any]) -> None:
    sheet = sheet_of(style_of(said))
    assert sheet.count("{") == sheet.count("}") <= 1


@pytest.mark.slow
def test_style_of_the_ehr_is_served_as_our_own_sheet(installed: Any) -> None:
    path = installed.launch()
    page = installed.client.get(path).text
    assert f'href="{path}style.css"' in page
    answer = installed.client.get(f"{path}style.css")
    assert answer.headers["content-type"].startswith("text/css")
    assert "#1f4e79" in answer.text
    assert installed.sandbox.url not in answer.text
