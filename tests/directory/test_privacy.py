"""Contacts and payments never reach the database: its bytes are searched."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

Row = Callable[..., dict[str, Any]]

CANARY = "Canary"
PERSONAL = {
    "contact_1_name": "Canary Person",
    "contact_1_email": "canary@example.org",
    "contact_1_phone": "+1-212-555-0142",
    "contact_2_name": "CanaryTwo",
    "contact_3_email": "canary3@example.org",
    "last_contact": "Canary Lately",
    "email": "canary.mail@example.org",
    "phone": "212-555-0143",
    "venmo": "@canary-venmo",
    "square": "$canarycash",
    "paypal": "canary-paypal",
    "homegroup_online": "canary-homegroup",
    "author": "canary-author",
    "edit_url": "https://canary.example.org/wp-admin",
    "mailing_address": "1 Canary Lane",
    "conference_phone": "+1-646-555-0144,,1234567890#",
    "conference_phone_notes": "PIN 4444 canary",
    "conference_url_notes": "Password canary",
    "feedback_emails": ["canary-feedback@example.org"],
}
NOTES = (
    "Ring the left bell. Call Canary at 212-555-0145 first.\n"
    "Write to canary@notes.example.org or text Canary (917) 555 0146. Venmo @canary-x."
)


def _bytes_of(folder: Path) -> Iterator[bytes]:
    for path in folder.glob("directory.db*"):
        yield path.read_bytes().lower()


def test_personal_fields_and_contacts_in_notes_are_dropped(
    filled: Any, row: Row
) -> None:
    rows = [row("a", notes=NOTES, location_notes=NOTES, **PERSONAL)]
    assert filled.give(rows).stored == 1
    stored = b"".join(_bytes_of(filled.folder))
    assert b"ring the left bell" in stored
    assert b"canary" not in stored
    assert b"555" not in stored


def test_bmlt_contacts_are_dropped(filled: Any) -> None:
    row = {
        "id_bigint": "7",
        "meeting_name": "Noon",
        "weekday_tinyint": "2",
        "start_time": "12:00:00",
        "latitude": "40.7",
        "longitude": "-73.9",
        "contact_name_1": "Canary",
        "contact_email_1": "canary@example.org",
        "contact_phone_1": "+1-212-555-0142",
        "contact_name_2": "Canary Two",
        "email_contact": "canary@example.org",
        "phone_meeting_number": "+1-212-555-0147",
        "comments": "Buzz 4. E-mail canary@example.org or call 212 555 0148.",
    }
    assert filled.give([row], "bmlt", program="na").stored == 1
    stored = b"".join(_bytes_of(filled.folder))
    assert b"buzz 4" in stored
    assert b"canary" not in stored
    assert b"555" not in stored


@pytest.mark.parametrize(
    ("name", "format_"),
    [
        pytest.param("meeting_guide_aa_san_francisco_marin", "meeting-guide", id="sf"),
        pytest.param("meeting_guide_aa_edmonton", "meeting-guide", id="edmonton"),
        pytest.param("meeting_guide_aa_kansas_city", "meeting-guide", id="kc"),
        pytest.param("meeting_guide_al_anon", "meeting-guide", id="al-anon"),
        pytest.param("meeting_guide_eda", "meeting-guide", id="eda"),
        pytest.param("meeting_guide_times", "meeting-guide", id="times"),
        pytest.param("bmlt_new_york_GetSearchResults", "bmlt", id="bmlt"),
        pytest.param("oiaa_online", "oiaa", id="oiaa"),
    ],
)
def test_contacts_of_published_feeds_are_dropped(
    filled: Any, shared_data: Path, name: str, format_: str
) -> None:
    filled.take(shared_data / "meetings" / f"{name}.json", format_)
    stored = b"".join(_bytes_of(filled.folder))
    for canary in (b"contact@example.org", b"contact name", b"@example", b"555-0100"):
        assert canary not in stored, canary


def test_rejected_row_keeps_no_contact(filled: Any, row: Row) -> None:
    bad = row("a", day=9, **PERSONAL)
    bad["name"] = "Canary 212-555-0149"
    filled.give(json.dumps([bad, row("b")]))
    stored = b"".join(_bytes_of(filled.folder))
    assert b"canary" not in stored


def test_demo_directory_ships_no_contact() -> None:
    import gzip

    import plugin.directory.demo as demo

    folder = Path(demo.__file__).parent
    for path in folder.glob("*.csv.gz"):
        text = gzip.decompress(path.read_bytes()).decode().lower()
        for sign in ("@example", "contact@", "zoom.us", "pwd=", "555-0", "passcode"):
            assert sign not in text, (path.name, sign)
