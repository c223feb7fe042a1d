"""No trigger of a rule, no bound of a trigger and no weight can be lost unseen."""

import copy
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from plugin.directory.meeting import MeetingsWanted, Occurrence
from plugin.knowledge.load import Knowledge, knowledge_from, read_data
from plugin.matching.recommendation import Preferences

HERE = Path(__file__).parent
CASES = json.loads((HERE / "rule_cases.json").read_text())
VIGNETTES = json.loads((HERE / "vignettes_own.json").read_text())["vignettes"]
DATA = read_data()
# What a bound of a trigger becomes when it is lost.
UNBOUND = {
    "not_icd10cm": [],
    "within_days": None,
    "older_than_days": None,
    "with_group": None,
    "below": None,
    "min_age": None,
}
# An amber line beside the red one of the same entry changes nothing.
HARMLESS = {
    "S1-codes-4-older_than_days",
    "S1-scores-1-below",
    "S3-codes-2-older_than_days",
    "S3-codes-5-older_than_days",
    "S8-codes-1-older_than_days",
    "S8-codes-4-older_than_days",
}
Json = dict[str, Any]


def _losses() -> Iterator[Any]:
    """Of each rule: every trigger, and every bound of a trigger."""
    for row in DATA["rules"]["rules"]:
        for key in ("codes", "scores"):
            for place, trigger in enumerate(row[key]):
                where = (row["id"], key, place)
                yield pytest.param(*where, "", id=f"{row['id']}-{key}-{place}")
                for bound, unbound in UNBOUND.items():
                    name = f"{row['id']}-{key}-{place}-{bound}"
                    lost = trigger.get(bound, unbound) != unbound
                    if lost and name not in HARMLESS:
                        yield pytest.param(*where, bound, id=name)


@pytest.mark.slow
@pytest.mark.parametrize(("rule", "key", "place", "bound"), list(_losses()))
def test_lost_trigger_turns_a_case_red(
    rule: str, key: str, place: int, bound: str, answer: Any
) -> None:
    data = copy.deepcopy(DATA)
    row = next(r for r in data["rules"]["rules"] if r["id"] == rule)
    if bound:
        row[key][place][bound] = UNBOUND[bound]
    else:
        del row[key][place]
    poorer = knowledge_from(data)
    assert any(_is_red(case, answer, poorer) for case in _cases_of(rule))


def _cases_of(rule: str) -> list[Json]:
    rows = [*CASES["fires"], *CASES["silent"]]
    return [c for c in rows if rule in c.get("fires", c.get("silent", ()))]


def _is_red(case: Json, answer: Any, rules: Knowledge) -> bool:
    found = answer(
        case["conditions"],
        case.get("scores", {}),
        age=case.get("age", 40),
        rules=rules,
    )
    kept = found.levels.items() >= case.get("fires", {}).items()
    return not kept or bool(found.levels.keys() & set(case.get("silent", ())))


FEATURES = sorted(DATA["weights"]["features"])
SCALES = [
    *(("features", name) for name in FEATURES),
    *(("medication", name) for name in ("friendly", "unsupportive")),
    *(("role", name) for name in ("secondary", "adjunct")),
    *(("grade", name) for name in ("A", "B", "C")),
]


@pytest.mark.slow
@pytest.mark.parametrize(("part", "name"), SCALES, ids=[f"{p}-{n}" for p, n in SCALES])
def test_weight_moves_a_place_in_some_vignette(
    part: str, name: str, answer: Any
) -> None:
    data = copy.deepcopy(DATA)
    data["weights"][part][name] = 0
    reweighted = knowledge_from(data)
    assert any(
        _places(v["chart"], answer, None) != _places(v["chart"], answer, reweighted)
        for v in VIGNETTES
    )


def _places(chart: Json, answer: Any, rules: Knowledge | None) -> list[str]:
    found = answer(
        chart["conditions"],
        chart.get("scores", {}),
        chart.get("medicines", ()),
        age=chart["age"],
        country=chart.get("country", "US"),
        wishes=Preferences(**chart.get("wishes", {})),
        find=_every_second_meets_online,
        rules=rules,
    )
    places: list[str] = found.programs
    return places


def _every_second_meets_online(
    wanted: MeetingsWanted,
) -> Mapping[str, Sequence[Occurrence]]:
    starts = wanted.at + timedelta(days=1)
    return {
        program: (
            Occurrence(
                id=f"{program}-1", feed="f", key="k", program=program, name="Evening",
                starts=starts, minutes=60, attendance="online",
            ),
        )
        for program in sorted(wanted.programs)[::2]
    }  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("program", [p["id"] for p in DATA["programs"]["programs"]])
def test_site_weight_moves_a_programme_down(program: str, answer: Any) -> None:
    data = copy.deepcopy(DATA)
    row = next(p for p in data["programs"]["programs"] if p["id"] == program)
    row["weight"] = 0.1
    reweighted = knowledge_from(data)
    need = next(n["need"] for n in row["needs"])
    asks = {"added_needs": [need], "country": (row["countries"] or ["US"])[0]}
    wishes = Preferences(spiritual="faith", picks=(program,))
    age = row["age"]["min"] or 40
    before = answer([], age=age, asks=asks, wishes=wishes)
    after = answer([], age=age, asks=asks, wishes=wishes, rules=reweighted)
    light, heavy = after.r.program(program), before.r.program(program)
    assert light.score < heavy.score
    assert after.programs.index(program) >= before.programs.index(program)
