"""`selfhelp knowledge check` covers the texts."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from plugin.knowledge.check_texts import text_findings
from plugin.knowledge.load import load_knowledge
from plugin.knowledge.texts import read_texts

KNOWLEDGE = load_knowledge()
TEXTS = read_texts()
Json = dict[str, Any]


def no_spanish(texts: Json) -> None:
    del texts["handouts"]["programs"][0]["what"]["es"]


def no_text(texts: Json) -> None:
    rows = texts["handouts"]["programs"]
    texts["handouts"]["programs"] = [r for r in rows if r["id"] != "aa"]


def text_of_nobody(texts: Json) -> None:
    rows = texts["handouts"]["programs"]
    rows.append({**rows[0], "id": "nobody"})


def shared_part_that_is_not_there(texts: Json) -> None:
    texts["handouts"]["programs"][0]["cost"] = "gold"


def study_that_nobody_cites(texts: Json) -> None:
    studies = texts["evidence"]["studies"]
    studies["nobody2020"] = dict(studies["kelly2020"])


def answer_that_cites_nobody(texts: Json) -> None:
    answers = texts["evidence"]["concerns"]["spirituality"]["answers"]
    answers["0"]["citations"] = ["nobody2020"]


def guide_to_no_session(texts: Json) -> None:
    texts["guides"]["guides"][0]["session"] = "prayer"


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        pytest.param(no_spanish, "'es' is a required property", id="no-spanish"),
        pytest.param(no_text, "aa has no text", id="no-text"),
        pytest.param(text_of_nobody, "nobody is not known", id="text-of-nobody"),
        pytest.param(shared_part_that_is_not_there, "lacks 'gold'", id="no-part"),
        pytest.param(study_that_nobody_cites, "nobody2020 is not", id="study"),
        pytest.param(answer_that_cites_nobody, "nobody2020 is not", id="citation"),
        pytest.param(guide_to_no_session, "prayer is not known", id="session"),
    ],
)
def test_fault_of_a_text_is_found(spoil: Callable[[Json], None], says: str) -> None:
    texts = copy.deepcopy(TEXTS)
    spoil(texts)
    assert any(says in line for line in text_findings(texts, KNOWLEDGE))


def test_shipped_texts_have_no_findings() -> None:
    assert text_findings(TEXTS, KNOWLEDGE) == []
