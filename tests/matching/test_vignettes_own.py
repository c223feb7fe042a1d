"""Worked examples of our own: each names the rules and the needs that it guards."""

import json
from pathlib import Path
from typing import Any

import pytest

from plugin.matching.recommendation import Preferences

VIGNETTES = json.loads(
    (Path(__file__).parent / "vignettes_own.json").read_text("utf-8")
)["vignettes"]
EXPECTED = {
    "needs", "not_needs", "warnings", "no_warnings", "text", "answers", "offered",
    "programs", "not_programs", "deferred", "sessions", "not_sessions", "unmapped",
    "notes",
}  # fmt: skip


@pytest.fixture
def examined(answer: Any) -> Any:
    def examine(chart: dict[str, Any]) -> Any:
        return answer(
            chart["conditions"],
            chart.get("scores", {}),
            chart.get("medicines", ()),
            age=chart["age"],
            gender=chart.get("gender", "male"),
            country=chart.get("country", "US"),
            wishes=Preferences(**chart.get("wishes", {})),
            asks={
                "added_needs": chart.get("added", ()),
                "language": chart.get("language", "en"),
            },
        )

    return examine


@pytest.mark.parametrize("vignette", [pytest.param(v, id=v["id"]) for v in VIGNETTES])
def test_own_vignette(vignette: dict[str, Any], examined: Any) -> None:
    found, expect = examined(vignette["chart"]), vignette["expect"]
    assert set(expect) <= EXPECTED, "an expectation that nothing checks"
    _check_needs_and_warnings(found, expect)
    _check_programs(found, expect)
    assert set(expect.get("sessions", ())) <= set(found.sessions)
    assert not set(expect.get("not_sessions", ())) & set(found.sessions)
    shown = {u.resource for u in found.r.unmapped}
    assert set(expect.get("unmapped", ())) <= shown
    for note in expect.get("notes", ()):
        assert any(note in line for line in found.r.notes), note


def _check_needs_and_warnings(found: Any, expect: dict[str, Any]) -> None:
    for key, held in (("needs", found.stages), ("warnings", found.levels)):
        wanted = expect.get(key)
        if wanted == {}:
            assert held == {}
        assert held.items() >= (wanted or {}).items()
    assert not set(expect.get("not_needs", ())) & set(found.stages)
    assert not set(expect.get("no_warnings", ())) & set(found.levels)
    if "text" in expect:
        assert any(expect["text"] in w.text for w in found.r.warnings)
    for rule in expect.get("answers", ()):
        warning = found.warning(rule)
        assert warning.needs_answer
        assert warning.needs_follow_up


def _check_programs(found: Any, expect: dict[str, Any]) -> None:
    if expect.get("offered") == []:
        assert found.r.offered == ()
    assert set(expect.get("offered", ())) <= set(found.r.offered)
    assert set(expect.get("programs", ())) <= set(found.programs)
    assert not set(expect.get("not_programs", ())) & set(found.programs)
    if "deferred" in expect:
        assert found.r.programs
        assert {p.deferred for p in found.r.programs} == {expect["deferred"]}


def test_there_are_at_least_sixty_and_no_two_alike() -> None:
    charts = {json.dumps(v["chart"], sort_keys=True) for v in VIGNETTES}
    assert len(charts) == len(VIGNETTES) >= 60


def test_every_rule_and_every_need_is_guarded(knowledge: Any) -> None:
    guarded = {name for v in VIGNETTES for name in v["guards"]}
    assert guarded == {*knowledge.rules, *knowledge.needs}
