"""A clinic whose language is Spanish sees no rule, reason or caution in English."""

import html
import re
from collections.abc import Iterator
from typing import Any

import pytest

from plugin.knowledge.load import load_knowledge
from plugin.screens.words import catalogue

# Each runs the whole app against a sandbox EHR.
pytestmark = pytest.mark.slow

# What the knowledge base and matching say in English, and no Spanish page may.
SAID_IN_ENGLISH = (
    *("Built for", "Often serves", "Can stand beside", "in remission", "also for"),
    *("Evidence A", "Evidence B", "Evidence C", "Evidence D", "Next meeting"),
    *("the patient", "Offered when", "not verified", "not known", "is it so"),
    *("rule S", "grade ", "next meetings", "Asked for by", "Serves the need"),
    *("Could not check", "Ask what", "could not be read", "could not be checked"),
    *("clinician", "clinic staff", "when settled", "it has no code", "modifier"),
)


def rule_texts() -> Iterator[str]:
    known = load_knowledge()
    for need in known.needs.values():
        yield need.name
    for rule in known.rules.values():
        yield from (rule.title, rule.text, *rule.must)
    for program in known.programs.values():
        yield from (*program.cautions, program.psychiatric.text, program.moud.text)
        yield from (study.note for study in program.evidence.values())
        yield from (exclusion.reason for exclusion in program.exclusions)
    for session in known.single_sessions.values():
        yield session.note
    yield from known.always


def english_in(page: str) -> list[str]:
    """The English that a reader would see; the chart's own words are none of it."""
    body = re.sub(r"<(style|script)\b.*?</\1>", " ", page, flags=re.S)
    body = re.sub(r'<span class="cite">.*?</span>|<p class="cite">.*?</p>', " ", body)
    text = " ".join(html.unescape(re.sub(r"<[^>]+>", " ", body)).split())
    say = catalogue("es").gettext
    wanted = {t for t in rule_texts() if " " in t and say(t) != t}
    found = [t for t in wanted if re.search(rf"\b{re.escape(t)}", text)]
    found += [t for t in SAID_IN_ENGLISH if re.search(rf"\b{re.escape(t)}", text)]
    return sorted(found)


@pytest.mark.parametrize("patient", ["alcohol", "violence", "odd-entries"])
def test_spanish_clinic_reads_no_rule_in_english(installed: Any, patient: str) -> None:
    path = installed.launch(patient, tenant="oracle")
    page = installed.client.get(path).text
    assert '<html lang="es' in page
    assert english_in(page) == []
    groups = re.findall(r'name="program" value="([^"]+)"', page)[:2]
    if not groups:
        return
    evidence = installed.client.get(f"{path}evidence/{groups[0]}").text
    assert english_in(evidence) == []
    shown = re.search(r'name="patient" value="([^"]*)"', page)
    assert shown
    fields = [("patient", shown[1]), ("do", "review")]
    installed.post(f"{path}choices", fields + [("program", g) for g in groups])
    assert english_in(installed.client.get(f"{path}sign").text) == []


def test_english_clinic_is_told_apart(installed: Any) -> None:
    """The same look at an English page finds plenty: the test can fail."""
    page = installed.client.get(installed.launch("alcohol")).text
    assert len(english_in(page)) > 10
