"""What a card says: short, sourced, escaped; it names nothing on its face."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugin.cds_hooks.markdown import plain
from plugin.knowledge.load import load_knowledge

HOOKS = ("patient-view", "encounter-discharge")
CHARTS = (
    "adolescent",
    "alcohol",
    "anxiety",
    "depression",
    "family",
    "gambling",
    "mania",
    "mecfs",
    "no-conditions",
    "odd-entries",
    "opioid",
    "psychosis",
    "remission",
    "spanish",
    "violence",
)
# What no summary may name: substances, medicines, violence; fellowships are added.
UNNAMED = (
    *("alcohol", "opioid", "drug", "substance", "drinking", "cannabis", "nicotine"),
    *("methadone", "buprenorphine", "naltrexone", "acamprosate", "disulfiram"),
    *("violence", "abuse", "assault", "partner", "gambling", "addiction", "sober"),
    *("anonymous", "suicid"),
)


@pytest.fixture(scope="module")
def cards(resident) -> list[dict]:
    """Every card of every chart; they are looked at and not changed."""
    found = [
        c for chart in CHARTS for hook in HOOKS for c in resident.cards(chart, hook)
    ]
    assert len(found) > 10
    return found


def test_every_card_has_what_the_specification_asks_for(cards) -> None:
    for card in cards:
        assert 0 < len(card["summary"]) < 140
        assert card["indicator"] in ("info", "warning")
        assert card["source"]["label"]
        topic = card["source"]["topic"]
        assert topic["system"] == "http://snomed.info/sct"
        assert topic["code"]
        assert re.fullmatch(r"[0-9a-f-]{36}", card["uuid"])
        assert "suggestions" not in card
    assert len({card["uuid"] for card in cards}) == len(cards)


def test_R2_no_summary_names_what_it_is_about(cards) -> None:
    programs = [p.name.lower() for p in load_knowledge().programs.values()]
    for card in cards:
        said = card["summary"].lower()
        assert not [word for word in UNNAMED if word in said]
        assert not [name for name in programs if name in said]


def test_C12_links_lead_to_our_launch_alone(cards) -> None:
    for card in cards:
        (link,) = card["links"]
        assert link["url"] == "https://app.test/launch"
        assert link["type"] == "smart"
        assert card["uuid"] in link["appContext"]
        assert "autolaunchable" not in link


def test_source_leads_to_a_rule_sheet(ehr, cards) -> None:
    for url in {card["source"]["url"] for card in cards}:
        assert url.startswith("https://app.test/rules/")
        answer = ehr.client.get(url.removeprefix("https://app.test"))
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/plain")
        for attribute in ("Version:", "Developer:", "Funding:", "Validation:"):
            assert attribute in answer.text


def test_unknown_rule_is_404(ehr) -> None:
    assert ehr.client.get("/rules/S999").status_code == 404


def test_information_cards_carry_the_four_reasons(cards) -> None:
    wanted = [
        "patient-refuses",
        "prefers-alternative",
        "service-not-available",
        "cultural-religious-reason",
    ]
    told = [c for c in cards if c["indicator"] == "info"]
    assert told
    for card in told:
        assert [reason["code"] for reason in card["overrideReasons"]] == wanted
        assert all(reason["display"] for reason in card["overrideReasons"])


def test_detail_gives_codes_reasons_and_citations(ehr) -> None:
    (card,) = ehr.cards("alcohol")
    assert "F10.20" in card["detail"]
    assert "Evidence" in card["detail"]
    assert "Source: " in card["detail"]


@pytest.mark.parametrize(
    ("chart", "rule"),
    [
        pytest.param("depression", "S1", id="suicide-risk"),
        pytest.param("mania", "S5", id="mania"),
    ],
)
def test_red_finding_comes_first_as_a_warning(ehr, chart, rule) -> None:
    first, *others = ehr.cards(chart)
    assert first["indicator"] == "warning"
    assert f"(rule {rule})" in first["detail"]
    assert first["source"]["url"].endswith(f"/rules/{rule}")
    assert all(card["indicator"] == "info" for card in others)


def test_group_that_has_to_wait_is_no_card(ehr) -> None:
    """In mania a group is a next step, when settled."""
    assert [card["indicator"] for card in ehr.cards("mania")] == ["warning"]


def test_R2_violence_is_named_on_no_card(ehr) -> None:
    cards = ehr.cards("violence")
    assert [card["indicator"] for card in cards] == ["warning", "info"]
    for card in cards:
        text = str(card).lower()
        for word in ("violen", "abuse", "partner", "t74", "z63", "domestic", "s11"):
            assert word not in text


@pytest.mark.parametrize("chart", ["no-conditions", "adolescent"])
def test_nothing_is_said_where_nothing_is_worth_saying(ehr, chart) -> None:
    assert ehr.cards(chart) == []


EVIL = (
    "<script>alert(1)</script> [click](https://evil.example) ![x](https://evil.example)"
    " <img src=x onerror=alert(1)> **bold** `code` javascript:alert(1) www.evil.example"
    " \n# heading\n| a | b | <!-- --> &lt;b&gt; a@evil.example ~~x~~ \x1b[31m \u202e"
)


def test_C12_text_of_the_chart_is_escaped(ehr) -> None:
    sent = ehr.prefetch("alcohol")
    for entry in sent["conditions"]["entry"]:
        code = entry["resource"]["code"] = {**entry["resource"]["code"]}
        code["text"] = EVIL
        code["coding"] = [{**one, "display": EVIL} for one in code["coding"]]
    (card,) = ehr.cards(prefetch=sent)
    detail = card["detail"]
    assert "In the chart: " in detail
    for raw in ("<script", "<img", "<!--", "](http", "https://evil", "www.evil"):
        assert raw not in detail
    assert "\n# heading" not in detail
    assert "\x1b" not in detail
    assert "evil" not in card["summary"]
    assert len(card["links"]) == 1


MARKUP = re.compile(r"(?<!\\)[`*_\[\]|~<>]")


@given(st.text(max_size=400))
def test_C12_any_text_becomes_plain_words(text: str) -> None:
    said = plain(text)
    assert "\n" not in said
    assert not MARKUP.search(said.replace("\\\\", ""))
    assert "<" not in said
    assert "://" not in said
    assert said.isprintable() or "\u2060" in said


@given(
    st.text("ahtpw1 (", max_size=20),
    st.sampled_from(["http://", "HTTPS://", "ftp://", "x://", "www.", "WWW.", "://"]),
    st.text("evil.example/ ", max_size=20),
)
def test_C12_no_bare_address_is_a_link(front: str, scheme: str, rest: str) -> None:
    said = plain(front + scheme + rest)
    assert "://" not in said
    assert "www." not in said.lower()


@given(st.text("abc ,;'()0123456789", max_size=100))
def test_harmless_text_stays_as_it_is(text: str) -> None:
    assert plain(text) == " ".join(text.split())
