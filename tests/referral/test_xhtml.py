"""The note as strict XHTML says what was signed, and nothing else."""

import base64
from datetime import UTC, datetime
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugin.fhir import checked
from plugin.referral.resources import document_reference
from plugin.referral.signed import SignedReferral, Site
from plugin.referral.text import clean_text
from plugin.referral.xhtml import CONTENT_TYPE, note_xhtml

SPACE = "{http://www.w3.org/1999/xhtml}"
NOTE = (
    "Self-help group referral\nBeside care.\n\nPlan:\n- Go.\n- Call < 9 & ask.\n\nEnd."
)


def read(text: str) -> ElementTree.Element:
    root = ElementTree.fromstring(note_xhtml(text, language="en", title="Note"))
    body = root.find(f"{SPACE}body")
    assert body is not None
    return body


def words(element: ElementTree.Element) -> list[str]:
    return " ".join(element.itertext()).split()


def test_note_has_its_blocks_and_lists() -> None:
    body = read(NOTE)
    assert [one.tag.removeprefix(SPACE) for one in body] == ["p", "p", "ul", "p"]
    items = [one.text for one in body.iter(f"{SPACE}li")]
    assert items == ["Go.", "Call < 9 & ask."]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("<script>alert(1)</script>", id="X01-script"),
        pytest.param("]]> <![CDATA[ &amp; &#0; <br>", id="X01-markup"),
        pytest.param("<!ENTITY x SYSTEM 'file:///etc/passwd'> &x;", id="X01-entity"),
    ],
)
def test_X01_markup_in_the_note_is_text(text: str) -> None:
    body = read(text)
    assert [one.tag for one in body.iter()] == [f"{SPACE}body", f"{SPACE}p"]
    assert words(body) == text.split()


@given(st.text(max_size=300))
def test_any_note_is_well_formed_and_says_the_same(text: str) -> None:
    note = clean_text(text)
    said = [line.removeprefix("- ") for line in note.split("\n")]
    assert words(read(note)) == " ".join(said).split()


@pytest.mark.parametrize("form", ["text", "xhtml"])
def test_attachment_is_in_the_form_that_the_site_takes(form: Any) -> None:
    site = Site("https://selfhelp.example.org", note_form=form)
    note = document_reference(signed(), site)
    checked(note)
    (content,) = note["content"]
    body = base64.b64decode(content["attachment"]["data"]).decode()
    if form == "text":
        assert body == NOTE
    else:
        assert content["attachment"]["contentType"] == CONTENT_TYPE
        assert body == note_xhtml(NOTE, language="en", title="Clinical note")


def signed() -> SignedReferral:
    return SignedReferral(
        id="0b9d2c1e-6f0e-4c39-9a51-2f7f3f0d8a11",
        tenant="general",
        patient="p-1",
        encounter="e-1",
        author="Practitioner/1",
        author_name="Dr. R. Lindqvist",
        choices=(),
        note=NOTE,
        agreement="named",
        acknowledged=(),
        signed_at=datetime(2026, 3, 2, 15, 27, 4, tzinfo=UTC),
    )
