"""Worked examples of our own: each names the rules and the needs that it guards."""

import copy
import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from plugin.knowledge.load import Knowledge, knowledge_from, read_data
from plugin.matching.recommendation import Preferences

Json = dict[str, Any]

VIGNETTES = json.loads(
    (Path(__file__).parent / "vignettes_own.json").read_text("utf-8")
)["vignettes"]
DATA = read_data()
EXPECTED = {
    "needs", "not_needs", "warnings", "no_warnings", "text", "answers", "offered",
    "programs", "not_programs", "deferred", "sessions", "not_sessions", "unmapped",
    "notes", "asked_sessions",
}  # fmt: skip


@pytest.fixture
def examined(answer: Any) -> Any:
    def examine(chart: Json, rules: Knowledge | None = None) -> Any:
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
            rules=rules,
        )

    return examine


@pytest.mark.parametrize("vignette", [pytest.param(v, id=v["id"]) for v in VIGNETTES])
def test_own_vignette(vignette: Json, examined: Any) -> None:
    assert set(vignette["expect"]) <= EXPECTED, "an expectation that nothing checks"
    _check(vignette, examined(vignette["chart"]))


def _check(vignette: Json, found: Any) -> None:
    expect = vignette["expect"]
    _check_needs_and_warnings(found, expect)
    _check_programs(found, expect)
    assert set(expect.get("sessions", ())) <= set(found.sessions)
    assert not set(expect.get("not_sessions", ())) & set(found.sessions)
    for session, rule in expect.get("asked_sessions", {}).items():
        asked = {s.id: s.reasons[0] for s in found.r.single_sessions}
        assert f"(rule {rule})" in asked.get(session, "")
    shown = {u.resource for u in found.r.unmapped}
    assert set(expect.get("unmapped", ())) <= shown
    for note in expect.get("notes", ()):
        assert any(note in line for line in found.r.notes), note


def _check_needs_and_warnings(found: Any, expect: Json) -> None:
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


def _check_programs(found: Any, expect: Json) -> None:
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


# What may be lost of the knowledge base: each loss must turn a vignette red.


def _without_rule(rule: str, data: Json) -> None:
    data["rules"]["rules"] = [r for r in data["rules"]["rules"] if r["id"] != rule]
    for name in ("programs", "single_sessions"):
        for row in data[name][name]:
            row["exclusions"] = [e for e in row["exclusions"] if e.get("rule") != rule]


def _without_need(need: str, data: Json) -> None:
    """The need stays known by its name; nothing speaks for it any more."""
    row = next(n for n in data["needs"]["needs"] if n["id"] == need)
    for key in ("icd10cm", "snomed", "remission_icd10cm", "remission_snomed"):
        row[key] = []
    row.update(words=[], screens=[], derived=None)


def _without_part(rule: str, key: str, place: int | None, data: Json) -> None:
    row = next(r for r in data["rules"]["rules"] if r["id"] == rule)
    if place is None:
        row[key] = type(row[key])()
    else:
        del row[key][place]


def _without_removal(rule: str, key: str, name: str, data: Json) -> None:
    removes = next(r for r in data["rules"]["rules"] if r["id"] == rule)["removes"]
    removes[key] = None if key == "audience" else [n for n in removes[key] if n != name]


def _bare_of_exclusions(name: str, data: Json) -> None:
    """So that the rule alone holds something back that excludes itself, too."""
    for key in ("programs", "single_sessions"):
        for row in data[key][key]:
            if row["id"] == name:
                row["exclusions"] = []


def _losses() -> Iterator[Any]:
    """What is guarded, what is taken away beforehand, and what is then lost."""
    data = read_data()
    for row in data["rules"]["rules"]:
        rule = row["id"]
        yield pytest.param(rule, _nothing, partial(_without_rule, rule), id=rule)
        for key in ("defers", "follow_up", "acute", "adds_sessions"):
            if row.get(key):
                yield _part(rule, key, None)
        for key in ("together", "medicines"):
            for place in range(len(row[key])):
                yield _part(rule, key, place)
        for key, names in row["removes"].items():
            for name in [names] if isinstance(names, str) else names or []:
                yield pytest.param(
                    rule,
                    partial(_bare_of_exclusions, name),
                    partial(_without_removal, rule, key, name),
                    id=f"{rule}-removes-{name}",
                )
    for row in data["needs"]["needs"]:
        need = row["id"]
        yield pytest.param(need, _nothing, partial(_without_need, need), id=need)


def _part(rule: str, key: str, place: int | None) -> Any:
    name = f"{rule}-{key}" + ("" if place is None else f"-{place}")
    lose = partial(_without_part, rule, key, place)
    return pytest.param(rule, _nothing, lose, id=name)


def _nothing(_data: Json) -> None:
    pass


@pytest.mark.slow
@pytest.mark.parametrize(("guarded", "prepare", "lose"), list(_losses()))
def test_what_is_lost_turns_a_vignette_red(
    guarded: str,
    prepare: Callable[[Json], None],
    lose: Callable[[Json], None],
    examined: Any,
) -> None:
    data = copy.deepcopy(DATA)
    prepare(data)
    whole = knowledge_from(data)
    lose(data)
    poorer = knowledge_from(data)
    guards = [
        v
        for v in VIGNETTES
        if guarded in v["guards"] and not _is_red(v, examined(v["chart"], whole))
    ]
    assert guards
    assert any(_is_red(v, examined(v["chart"], poorer)) for v in guards)


def _is_red(vignette: Json, found: Any) -> bool:
    try:
        _check(vignette, found)
    except AssertionError:
        return True
    return False
